"""The relay under AFL++: `python -m tests.fuzz.relay [--minutes N]`, or `make fuzz`; needs the package afl++.

What the fuzzer varies is told in `relay_harness.c`. Findings are kept in the folder that is named at the end; one that
is mended goes to `tests/fuzz/findings`, where the tests run it for ever.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hookspan.relay import DROP_REASONS, drop_line

HERE = Path(__file__).parent
HARNESS = HERE / "relay_harness.c"
SAMPLES = HERE.parent / "samples" / "hook-payloads.jsonl"
FLAGS = {"no_journal": 1, "no_heartbeat": 2, "old_heartbeat": 4, "locked": 8, "huge": 16, "no_drops": 32, "no_room": 64}
HUGE_PAYLOAD = 128
WARNINGS = ("-std=gnu11", "-Wall", "-Wextra", "-Werror")
SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
END = b"\x1e"
CONF = b"cap_bytes 134217800\nautostart 1\narg /usr/bin/true\narg --state\narg /x\n"
DROPS = b"".join(drop_line(reason, number, 10**18) for number, reason in enumerate(DROP_REASONS))
VARIABLES = (b"4711", b"0b0e", b"cli", b"/home/u/shop", b"", b"high", b"00-4bf92f3577b34da6-01", b"a=b")
WORDS = (
    *("cap_bytes ", "autostart 1", "arg /", "\\x1e", "\\r\\n", "\\x00", "\\xc3\\xa9", "\\xed\\xa0\\x80", '\\"', "\\\\"),
    *('{\\"hook_event_name\\":', "99999999999999999999", "-1", ',\\"event\\":'),
)
CALM = ("AFL_NO_UI", "AFL_SKIP_CPUFREQ", "AFL_NO_AFFINITY", "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES", "AFL_QUIET")


def case(
    payload: bytes,
    *,
    flags: int = 0,
    conf: bytes = CONF,
    drops: bytes = DROPS,
    lock: bytes = b"",
    end: bytes = b'{"v":1}\n',
    variables: tuple[bytes, ...] = VARIABLES,
) -> bytes:
    """An input of the harness."""
    return END.join([bytes([flags]), conf, drops, lock, end, *variables, payload])


def seeds() -> Iterator[bytes]:
    """Where the fuzzer starts: each flag, each kind of file at fault, and payloads that Claude Code really sent."""
    for line in SAMPLES.read_bytes().splitlines()[:6]:
        yield case(line[:2000])
    for flag in (*FLAGS.values(), HUGE_PAYLOAD):
        yield case(b'{"a":1}', flags=flag)
    yield case(b"", flags=FLAGS["huge"] | FLAGS["locked"], drops=b"")
    yield case(b" \r\n\t ", end=b'{"torn', lock=b"1799999990 3\n")
    yield case(b"{}", drops=b"x" * 448, conf=b"arg relative\ncap_bytes -1\n", variables=(b'"\\\x01\xc3\xa9\xff',) * 8)
    yield case(b"{}", drops=DROPS[:100], conf=b"x" * 16384, flags=FLAGS["no_room"])


def compile_harness(target: Path, *command: str) -> None:
    """Raises subprocess.CalledProcessError."""
    subprocess.run([*command, *WARNINGS, str(HARNESS), "-o", str(target)], check=True)


def fuzz(folder: Path, minutes: float) -> dict[str, str]:
    """Run AFL++; its statistics."""
    harness, inputs, state, words = (folder / name for name in ("harness", "inputs", "state", "words"))
    compile_harness(harness, "env", "AFL_USE_ASAN=1", "AFL_USE_UBSAN=1", "AFL_QUIET=1", "afl-clang-fast", "-O1", "-g")
    inputs.mkdir()
    state.mkdir(mode=0o700)
    for number, seed in enumerate(seeds()):
        (inputs / f"seed{number}").write_bytes(seed)
    words.write_text("".join(f'"{word}"\n' for word in WORDS))
    command = ["afl-fuzz", "-i", inputs, "-o", folder / "found", "-x", words, "-m", "none", "-t", "5000"]
    command += ["-V", str(int(minutes * 60)), "--", harness, state]
    with (folder / "log").open("wb") as log:
        subprocess.run(command, env=os.environ | dict.fromkeys(CALM, "1"), stdout=log, stderr=log, check=True)
    lines = (folder / "found" / "default" / "fuzzer_stats").read_text().splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    given = parser.parse_args()
    if not shutil.which("afl-fuzz"):
        print("afl-fuzz is missing: apt-get install afl++")
        return 1
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="hookspan-fuzz-", dir=memory if memory.is_dir() else None))
    stats = fuzz(folder, given.minutes)
    for name in ("run_time", "execs_done", "execs_per_sec", "corpus_count", "edges_found", "total_edges", "bitmap_cvg"):
        print(f"{name:<14}{stats.get(name, '?')}")
    found = sum(int(stats[name]) for name in ("saved_crashes", "saved_hangs"))
    print(f"findings      {found}, in {folder}/found/default" if found else "findings      0")
    if not found:
        shutil.rmtree(folder)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
