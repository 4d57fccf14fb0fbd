"""What a hook costs: `.venv/bin/python -m tests.bench.relay [--rounds N] [--busy] [--alone] [--beside CHECKOUT]`.

The relay as `hookspan install` makes it runs in turns with `/bin/true`, with a static program that does nothing, and
with main.py and a Python that does nothing; another checkout's relays in the same turns. Prints how many system calls a
hook takes (strace), and times. `--busy`: an agent is at work on what they append, and on 100 events/s of others.
`--alone`: on one processor, with real-time priority (root).
"""

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from hookspan.bench.events import events, lines
from hookspan.bench.hooks import bare_socket, payload
from hookspan.clients import relay_command
from hookspan.journal import Writer
from hookspan.sandbox import Sandbox, sandbox
from hookspan.setup.relay import BUILDS, interpreters
from tests.bench import turns
from tests.bench.turns import Program, Took

HERE = Path(__file__).parents[2]
PYTHON_EVERY = 4  # Python takes ten times as long, and needs fewer samples
RATE = 100  # events/s that the agent has to do besides
TICK = 0.05  # seconds
TRACED = 5
IN_PYTHON = "python3 -I -S -c pass"
NOTHING = "int main(void) { return 0; }\n"


def nothing(folder: Path) -> str:
    """A static program that does nothing, made as the relay is."""
    source, target, build = folder / "nothing.c", folder / "nothing", BUILDS[0]
    source.write_text(NOTHING)
    sources = [str(HERE / "hooks" / "libc.c"), str(source)]
    subprocess.run([build.compiler, "-O3", *build.compiling, *build.linking, "-o", str(target), *sources], check=True)
    return str(target)


def other_relay(checkout: Path, home: Sandbox) -> str:
    """The relay of another checkout, made as it makes it."""
    code = (
        "import sys, pathlib\nfrom hookspan.paths import Paths\nfrom hookspan.setup import relay\n"
        "paths = Paths.from_environment()\nmade = relay.prepare(paths)\nmade.install(paths)\nprint(made.command[0])"
    )
    other = home.folder / "other"
    env = {**home.env, "HOOKSPAN_HOME": str(other), "PYTHONPATH": str(checkout / "instrumentation")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def programs(home: Sandbox, beside: Path | None) -> list[Program]:
    """All that is measured, with the same event as input."""
    env = {"HOME": "/nonexistent"}
    given = payload(next(events(1)), "0a1b2c3d-0000-4000-8000-000000000001")
    state, python = str(home.paths.state), interpreters()[0]
    found = [
        Program("/bin/true", ["/bin/true"], env, given),
        Program("a static program that does nothing", [nothing(home.folder)], env, given),
        Program("relay", home.relay, env, given),
        Program(IN_PYTHON, [python, *relay_command.OPTIONS, "-c", "pass"], env, given, PYTHON_EVERY),
    ]
    scripts = {"main.py": HERE}
    if beside is not None:
        found.append(Program(f"relay, {beside.name}", [other_relay(beside, home), state], env, given))
        scripts[f"main.py, {beside.name}"] = beside
    for name, checkout in scripts.items():
        command = relay_command.in_python(python, script=checkout / "hooks" / "main.py")
        found.append(Program(name, [*command, state], env, given, PYTHON_EVERY))
    return found


def system_calls(program: Program, folder: Path) -> int:
    """How many system calls it makes, execve and exit among them; the fewest, as waiting for a lock takes more."""
    trace, counts = folder / "trace", []
    command = ["strace", "-f", "-qq", "-o", str(trace), *program.command]
    for _ in range(TRACED):
        subprocess.run(command, input=program.given, env=program.env, check=True, capture_output=True)
        counts.append(sum("(" in line for line in trace.read_text().splitlines()))
    return min(counts)


def figures(took: Mapping[str, Took]) -> dict[str, tuple[float, float, str]]:
    """What has a bar, with it."""
    p50 = {name: statistics.median(one.wall) for name, one in took.items()}
    p99 = {name: turns.p99(one.wall) for name, one in took.items()}
    return {
        "relay's p50": (p50["relay"] / p50["/bin/true"], 0.40, "of /bin/true's"),
        "relay's p99": (p99["relay"] / p99["/bin/true"], 1.0, "of /bin/true's"),
        "main.py's p50": (p50["main.py"] / p50[IN_PYTHON], 1.1, f"of {IN_PYTHON}'s"),
    }


@contextlib.contextmanager
def at_work(home: Sandbox) -> Iterator[None]:
    """An agent that has RATE events/s to do."""
    home.cli("up")
    over = threading.Event()

    def write() -> None:
        writer = Writer(home.paths)
        made_up = lines(10_000_000, time.time_ns(), 10**9 // RATE)
        while not over.wait(TICK):
            writer.append([next(made_up) for _ in range(int(RATE * TICK))])

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--busy", action="store_true", help="with an agent at work")
    parser.add_argument("--alone", action="store_true", help="on one processor with real-time priority")
    parser.add_argument("--beside", type=Path, help="another checkout")
    options = parser.parse_args()
    with sandbox("bench", {"DASHBOARD_PORT": str(40_000 + os.getpid() % 20_000)}) as home:
        found = programs(home, options.beside and options.beside.resolve())
        with at_work(home) if options.busy else contextlib.nullcontext(), bare_socket(home) as drain:
            for program in found:
                turns.run(program, Took())
                if shutil.which("strace") and not program.every > 1:
                    print(f"{program.name}: {system_calls(program, home.folder)} system calls")
            drain()
            if options.alone:
                os.sched_setaffinity(0, {os.cpu_count() - 1})  # type: ignore[operator]
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
            took = turns.compare(found, options.rounds, drain)
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    print("\n".join(turns.lines(took, "/bin/true")))
    print("\n".join(turns.judged(figures(took))))


if __name__ == "__main__":
    main()
