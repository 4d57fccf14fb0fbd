"""Programs that run in turns, so that what the machine does meanwhile hits all of them alike.

Of each run there is the time until its end, and the time of a processor that it used, which other work on the machine
changes little.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hookspan.bench.machine import machine, versions


class Program(NamedTuple):
    """Something to start: what it is called, its command, environment and input, in every how many rounds.

    `codes`: those that it may exit with.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    given: bytes = b""
    every: int = 1
    codes: tuple[int, ...] = (0,)


@dataclass
class Took:
    """Milliseconds of each run: until its end, and of a processor."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def compare(programs: Sequence[Program], rounds: int, after: Callable[[], object] = lambda: None) -> dict[str, Took]:
    """Runs all of them so often, in an order that turns; `after` is called after each run."""
    took = {program.name: Took() for program in programs}
    for number in range(rounds):
        for place in range(len(programs)):
            program = programs[(number + place) % len(programs)]
            if number % program.every == 0:
                run(program, took[program.name])
                after()
    return took


def run(program: Program, took: Took) -> None:
    """Runs it once. A pipe must hold what it is given; what it prints is dropped. RuntimeError for another code."""
    reader, writer = os.pipe()
    try:
        os.write(writer, program.given)
        os.close(writer)
        actions: list[tuple[int, ...]] = [(os.POSIX_SPAWN_DUP2, reader, 0)]
        actions += [(os.POSIX_SPAWN_DUP2, _null(), descriptor) for descriptor in (1, 2)]
        began = time.monotonic_ns()
        child = os.posix_spawn(program.command[0], program.command, program.env, file_actions=actions)
        _, status, used = os.wait4(child, 0)
        took.wall.append((time.monotonic_ns() - began) / 1e6)
        took.processor.append((used.ru_utime + used.ru_stime) * 1e3)
    finally:
        os.close(reader)
    if (code := os.waitstatus_to_exitcode(status)) not in program.codes:
        raise RuntimeError(f"{program.name} ended with {code}")


def _null(opened: list[int] = []) -> int:  # noqa: B006 - opened once
    if not opened:
        opened.append(os.open(os.devnull, os.O_WRONLY))
    return opened[0]


def lines(took: Mapping[str, Took], base: str) -> Iterator[str]:
    """A table: p50 of a processor's time and p50 and p99 of the whole time, each also to the base's; the machine."""
    of_base = took[base]
    width = max(map(len, took)) + 2
    yield f"{'':{width}}{'processor, p50':>22}{'until its end, p50':>24}{'until its end, p99':>24}"
    for name, one in took.items():
        cells = [
            f"{cut(mine):.3f} ms {cut(mine) / cut(its):6.3f} x"
            for mine, its, cut in (
                (one.processor, of_base.processor, statistics.median),
                (one.wall, of_base.wall, statistics.median),
                (one.wall, of_base.wall, p99),
            )
        ]
        yield f"{name:{width}}{cells[0]:>22}{cells[1]:>24}{cells[2]:>24}"
    yield f"\n{', '.join([*machine().values(), *versions(None).values()])}; x: of {base}, in turns."


def judged(figures: Mapping[str, tuple[float, float, str]]) -> Iterator[str]:
    """A line for each: the figure, the most that it is to be, the unit."""
    for name, (figure, most, unit) in figures.items():
        yield f"{name}: {figure:.3g} {unit}, at most {most:g} {unit}: {'kept' if figure <= most else 'MISSED'}"


def p99(samples: Sequence[float]) -> float:
    """Below it are 99 of 100."""
    return statistics.quantiles(samples, n=100, method="inclusive")[98]
