"""Checks coding agents other than Claude Code for which hookspan is installed: whether they run our hooks."""

from __future__ import annotations

from collections.abc import Iterator

from hookspan.agent.health import Status
from hookspan.cli.doctor.context import Context
from hookspan.cli.doctor.result import Fix, Result
from hookspan.setup.others import Hooks
from hookspan.setup.problem import Area
from hookspan.units import counted


def others(context: Context) -> Iterator[Result]:
    """Their hooks are whole, and a person has trusted them where the agent asks for that."""
    for hooks in context.agents.others:
        problems = [problem for problem in hooks.problems if problem.area is Area.OTHERS]
        for problem in problems:
            yield Result.of_problem(problem, fix=install_fix(hooks) if problem.mends else None)
        if not problems:
            events = counted(len(hooks.ours), "events")
            yield Result(Status.HEALTHY, f"{hooks.client.title}: {events} in `{hooks.file}`{hooks.other.well}")


def install_fix(hooks: Hooks) -> Fix:
    """`hookspan install` for that agent."""

    def do() -> None:
        from hookspan.cli.install.other import install

        install(hooks.client.name, yes=True)

    return Fix(hooks.install, do)
