"""The relay under AFL++: `python -m tests.fuzz.relay [--minutes N] [--write FILE]`, or `make fuzz`.

Needs the packages afl++ and the sanitizers of its clang. What the fuzzer varies is told in `relay_harness.c`. Findings
are kept in the folder that is named at the end; one that is mended goes to `tests/fuzz/findings`, where the tests run
it for ever, and into MENDED. `--write` makes the page of the documentation.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hookspan.setup.relay import DROP_REASONS, drop_line

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
VARIABLES = (
    *(b"4711", b"0b0e", b"cli", b"/home/u/shop", b"", b"high", b"00-4bf92f3577b34da6-01", b"a=b"),
    *(b"1", b" True\n", b"sk-ant-0", b"1" * 90),
)
WORDS = (
    *("cap_bytes ", "autostart 1", "arg /", "\\x1e", "\\r\\n", "\\x00", "\\xc3\\xa9", "\\xed\\xa0\\x80", '\\"', "\\\\"),
    *('{\\"hook_event_name\\":', "99999999999999999999", "-1", ',\\"event\\":'),
)
CALM = ("AFL_NO_UI", "AFL_SKIP_CPUFREQ", "AFL_NO_AFFINITY", "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES", "AFL_QUIET")

MENDED = {
    "start-lock-tries": "a start lock that no relay wrote made the attempt count overflow; it now counts as none",
}
"""What was found once, by its file in `findings`."""
PAGE = """\
# Fuzzing

## The relay

`make fuzz` ran `hooks/relay.c`, built with AddressSanitizer and UBSan, under AFL++ for {minutes:g} minutes, on a
machine with {cores} cores and a load of {load:.1f}. Each run is a hook in a state folder that the input describes:
`relay.conf`, the file of counts, the start lock, the journal's end, a journal near its cap, no journal, a lock that is
held, a full disk, the twelve variables that are recorded, and the payload. After each run its outcome is checked, not
only that it did not crash: the event is written once, as one clean line, and what was in the journal stays; or it is
counted.

| what | number |
|---|---|
{rows}

Every fault that the fuzzer found is fixed, and the tests run its input:

{mended}

`tests/fuzz/test_relay.py` runs the seeds, these inputs and some mutations in every run of the tests.

## The decoder and the fold

Hypothesis changes real payloads and transcript lines of Claude Code (other types, other values, missing and new fields,
at any depth), and replays recorded sessions with events lost, repeated and in another order. `make fuzz` runs ten times
as many examples as the tests do:

| property | tests |
|---|---|
| Whatever an event contains, it is read or skipped; nothing is open after the session's end, no span ends before it begins. | `clients/test_events_of_another_shape` |
| Whatever a transcript's line contains, it is read or skipped. | `clients/test_transcript_lines_of_another_shape` |
| Bytes that are no record are reported as unreadable, and nothing else happens. | `clients/test_lines_that_are_nothing` |
| Events in any order within two seconds, with any of them lost or repeated: no exception, nothing open after the end, no span or call twice, the same ids. | `model/test_any_order_within_two_seconds_any_loss_any_repeat` |
| A session may end after any of its events. | `model/test_any_prefix_can_end` |

This page is written by `python -m tests.fuzz.relay --write docs/fuzzing.md`.
"""  # noqa: E501 - rows of a table


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
    yield case(b"{}", drops=b"x" * 448, conf=b"arg relative\ncap_bytes -1\n", variables=(b'"\\\x01\xc3\xa9\xff',) * 12)
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


def covered(folder: Path) -> str:
    """The share of the relay's lines that the fuzzer's inputs reach, as gcov says it."""
    compile_harness(folder / "measured", "gcc", "-O0", "--coverage")
    for path in sorted((folder / "found" / "default" / "queue").glob("id*")):
        subprocess.run(["./measured", folder / "state"], cwd=folder, input=path.read_bytes(), check=False)
    (data,) = folder.glob("*.gcda")
    said = subprocess.run(["gcov", "-n", data.name], cwd=folder, capture_output=True, text=True, check=True).stdout
    found = re.search(r"relay\.c'\nLines executed:([\d.]+)% of (\d+)", said)
    assert found, said
    return f"{float(found[1]):.0f} % of {found[2]}"


def hangs(folder: Path) -> list[Path]:
    """Inputs whose run takes long again: on a busy machine any run may once."""
    found = []
    for path in sorted((folder / "found" / "default" / "hangs").glob("id*")):
        with path.open("rb") as file:
            try:
                subprocess.run([folder / "harness", folder / "state"], stdin=file, timeout=60, check=False)
            except subprocess.TimeoutExpired:
                found.append(path)
    return found


def report(stats: dict[str, str], lines: str, hanging: int) -> str:
    """The page."""
    minutes = int(stats["run_time"]) / 60
    rows = {
        "runs": f"{int(stats['execs_done']):,}, {float(stats['execs_per_sec']):.0f} a second",
        "inputs that reached new code": f"{int(stats['corpus_count']):,}",
        "edges of relay and harness that were reached": f"{stats['edges_found']} of {stats['total_edges']}",
        "lines of `relay.c` that were reached": lines,
        "crashes and wrong outcomes": stats["saved_crashes"],
        "runs that took over 5 s, and how many of these hang when they are repeated": (
            f"{stats['saved_hangs']}, {hanging}"
        ),
    }
    return PAGE.format(
        minutes=round(minutes),
        cores=os.cpu_count(),
        load=os.getloadavg()[2],  # of the last 15 minutes
        rows="\n".join(f"| {what} | {number} |" for what, number in rows.items()),
        mended="\n".join(f"- `{name}`: {what}" for name, what in MENDED.items()),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--write", type=Path, help="the page of the documentation")
    given = parser.parse_args()
    if not shutil.which("afl-fuzz"):
        print("afl-fuzz is missing: apt-get install afl++ libclang-rt-14-dev")
        return 1
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="hookspan-fuzz-", dir=memory if memory.is_dir() else None))
    stats = fuzz(folder, given.minutes)
    for name in ("run_time", "execs_done", "execs_per_sec", "corpus_count", "edges_found", "total_edges", "bitmap_cvg"):
        print(f"{name:<14}{stats.get(name, '?')}")
    lines, hanging = covered(folder), len(hangs(folder))
    print(f"lines         {lines}")
    if given.write:
        given.write.write_text(report(stats, lines, hanging))
    found = int(stats["saved_crashes"]) + hanging
    print(f"findings      {found}, in {folder}/found/default" if found else "findings      0")
    if not found:
        shutil.rmtree(folder)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
