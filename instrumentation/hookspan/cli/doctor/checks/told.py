"""Checks whether those that `[[notify]]` names can be told anything."""

from __future__ import annotations

from collections.abc import Iterator

from hookspan.agent.health import Status
from hookspan.agent.notify import obstacle
from hookspan.cli.doctor.context import Context
from hookspan.cli.doctor.result import Result
from hookspan.units import counted


def notify(context: Context) -> Iterator[Result]:
    """What their notifications need is there."""
    targets = context.settings.notify
    if not targets:
        return
    if problem := obstacle(targets, context.env):
        yield Result(Status.WARNING, problem, "until then `[[notify]]` can't tell all whom it names")
    else:
        yield Result(Status.HEALTHY, counted(len(targets), "targets"))
