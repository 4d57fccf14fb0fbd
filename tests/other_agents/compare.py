"""hookspan held against Codex and Copilot CLI: `python -m tests.other_agents.compare AGENT [--version V] [NAME ...]`.

Plays scenarios on a version of the agent with its own telemetry on, and prints what is wrong, which names in what it
tells are others than in the version that the tests use, how far hookspan's times are from the agent's own, and what
hookspan's hooks cost by the agent's word. What the machine itself needs to start a process is measured in the same
minutes and stands beside them. `--write` puts the tables into docs/accuracy-agents.md, `--keep` makes what was told the
known shape.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests import npm
from tests.claude.lag import MS, Control, cores
from tests.codex import client as codex_client
from tests.codex import verdict as codex
from tests.copilot import client as copilot_client
from tests.copilot import verdict as copilot
from tests.other_agents import shape
from tests.other_agents.shape import Shape
from tests.times import rows, table

PAGE = Path(__file__).parents[2] / "docs" / "accuracy-agents.md"
CONTROL = "control: asking for the relay .. its first instruction"


class Judge(Protocol):
    """A module that holds hookspan against an agent."""

    SCENARIOS: Mapping[str, Any]
    KINDS: Mapping[str, str]
    """What is compared, and in words."""
    COST: str
    """What the agent takes for the time of a hook."""
    METER: str
    """What `metered` is, in a word."""
    Model: Callable[[], Any]

    def run(self, name: str, model: Any, root: Path) -> Any:
        """A scenario that was played."""

    def faults(self, of: Any) -> Iterator[str]:
        """What is wrong."""

    def lags(self, of: Any) -> Iterator[tuple[str, float]]:
        """Differences, ms."""

    def hooks(self, of: Any) -> Iterator[tuple[str, float]]:
        """What each hook cost by the agent's word, ms, by event."""

    def metered(self, of: Any) -> tuple[int, float]:
        """How many hooks another word of the agent's has, such as a metric, and their ms in all."""

    def told(self, of: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """What the agent told."""


class Client(Protocol):
    """A module that installs an agent."""

    PACKAGE: str
    DEFAULT_VERSION: str

    def version(self) -> str:
        """The one that tests drive."""

    def executable(self) -> Path:
        """Its program."""


@dataclass(frozen=True)
class Agent:
    """An agent, and who judges it."""

    title: str
    variable: str
    client: Client
    judge: Judge


AGENTS: Mapping[str, Agent] = {
    "codex": Agent("Codex", "HOOKSPAN_CODEX_VERSION", codex_client, codex),
    "copilot": Agent("Copilot CLI", "HOOKSPAN_COPILOT_VERSION", copilot_client, copilot),
}


@dataclass
class Found:
    """What one scenario, or all of them, came to."""

    faults: list[str] = field(default_factory=list)
    times: dict[str, list[float]] = field(default_factory=dict)
    hooks: dict[str, list[float]] = field(default_factory=dict)
    metered: tuple[int, float] = (0, 0.0)
    shape: Shape = field(default_factory=dict)
    control: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    def add(self, other: Found) -> None:
        """Take in another one's."""
        self.faults += other.faults
        self.control += other.control
        self.busy += other.busy
        for mine, others in ((self.times, other.times), (self.hooks, other.hooks)):
            for what, values in others.items():
                mine.setdefault(what, []).extend(values)
        self.metered = (self.metered[0] + other.metered[0], self.metered[1] + other.metered[1])
        for kind, names in other.shape.items():
            self.shape[kind] = sorted({*self.shape.get(kind, ()), *names})


def play(agent: str, name: str) -> Found:
    """One scenario. An agent that can't even be brought into the situation is a fault like any other."""
    judge, found = AGENTS[agent].judge, Found()
    model = judge.Model()
    try:
        with tempfile.TemporaryDirectory(prefix=f"hookspan-{agent}-") as folder, Control() as control:
            done = judge.run(name, model, Path(folder))
            found.faults = [f"{name}: {fault}" for fault in judge.faults(done)]
            found.shape = shape.of(judge.told(done))
            for what, ms in judge.lags(done):
                found.times.setdefault(what, []).append(ms)
            for event, ms in judge.hooks(done):
                found.hooks.setdefault(event, []).append(ms)
            found.metered = judge.metered(done)
        found.control = [value / MS for value in control.lags]
        found.busy = [control.busy]
    except (AssertionError, LookupError, OSError, RuntimeError, subprocess.SubprocessError) as broken:
        found.faults.append(f"{name}: could not be played: {repr(broken)[:300]}")
    finally:
        model.close()
    return found


def report(agent: str, total: Found, *, markdown: bool) -> Iterator[str]:
    """The table of times, with its conditions above."""
    of, busy = AGENTS[agent], statistics.mean(total.busy) if total.busy else 0.0
    played = len(total.busy)
    yield (
        f"{of.title} {of.client.version()}, {played} scenarios, {cores()} cores. "
        f"Some process waited for a core in {busy:.0%} of the time."
    )
    yield ""
    words = {**of.judge.KINDS, CONTROL: "what this machine needs to start a process"}
    values = {**total.times, CONTROL: total.control} if total.control else total.times
    body = [(*row, words.get(row[0], "") if markdown else "") for row in rows(values, list(words))]
    yield from table(("ms", "n", "p50", "p95 of sizes", "max", "what"), body, markdown=markdown)
    if total.hooks:
        yield from ("", of.judge.COST, "")
        yield from table(
            ("ms", "n", "mean", "p50", "p95", "max"), list(costs(total, of.judge.METER)), markdown=markdown
        )


def costs(total: Found, meter: str) -> Iterator[tuple[str, ...]]:
    """Of each event's hooks, of all, and what else the agent says of all."""
    everything = {**total.hooks, "all": [ms for values in total.hooks.values() for ms in values]}
    for name, *numbers in rows(everything, sorted(total.hooks)):
        yield (name, numbers[0], f"{statistics.mean(everything[name]):.1f}", *numbers[1:])
    count, ms = total.metered
    if count:
        yield (meter, str(count), f"{ms / count:.1f}", "", "", "")


def write(agent: str, lines: Sequence[str], page: Path = PAGE) -> None:
    """Put the lines between the agent's marks on the page."""
    begin, end = f"<!-- times: {agent} -->", f"<!-- end of times: {agent} -->"
    text, count = re.subn(
        f"(?s){re.escape(begin)}.*?{re.escape(end)}",
        lambda _: "\n".join([begin, "", *lines, "", end]),
        page.read_text(encoding="utf-8"),
    )
    if count != 1:
        raise ValueError(f"{page} has no place for {agent}")
    page.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Play scenarios and print all differences; 1 if something is wrong or has another name."""
    parser = argparse.ArgumentParser(prog="python -m tests.other_agents.compare")
    parser.add_argument("agent", choices=AGENTS)
    parser.add_argument("--version", help="the agent's, or `latest`")
    parser.add_argument("--jobs", type=int, default=1, help="scenarios at a time; more than one disturbs the times")
    parser.add_argument("--write", action="store_true", help="write the table into docs/accuracy-agents.md")
    parser.add_argument("--keep", action="store_true", help="make what was told the known shape")
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios; none: all")
    options = parser.parse_args(arguments)
    agent = AGENTS[options.agent]
    version = options.version or agent.client.version()
    os.environ[agent.variable] = npm.newest(agent.client.PACKAGE) if version == "latest" else version
    agent.client.executable()
    total, names = Found(), options.names or list(agent.judge.SCENARIOS)
    with ProcessPoolExecutor(options.jobs) as pool:
        for one in pool.map(play, [options.agent] * len(names), names):
            total.add(one)
            sys.stderr.writelines(f"{line}\n" for line in one.faults)
    if options.keep:
        shape.keep(options.agent, total.shape)
    changed = list(shape.differences(shape.known(options.agent), total.shape, whole=not options.names))
    for head, lines in {"Wrong": total.faults, "Told by other names": changed}.items():
        sys.stdout.write("\n".join([f"{head}: {len(lines)}", *(f"- {line}" for line in lines), "", ""]))
    if options.write:
        write(options.agent, list(report(options.agent, total, markdown=True)))
    sys.stdout.write("\n".join([*report(options.agent, total, markdown=False), ""]))
    return 1 if total.faults or changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
