"""What a client's own telemetry told of a session: facts beside spans, which are written before they come."""

from __future__ import annotations

from typing import Final

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.clients import EVENTS
from hookspan.wire.facts import ClientTold

from . import waste
from .rows import ToldRow
from .step import NANO, Step

ONE_BY_ONE: Final = "Stop"
"""Of this event's hooks the transcript tells, each by itself."""
FELT: Final = NANO // 10
"""Nanoseconds from which on somebody can feel that hooks are waited for: less is no waste."""
_OTHER: Final = "other"


def told(step: Step, fact: ClientTold) -> None:
    """Keep it for the page, and count what hooks cost."""
    for ran in fact.hooks:
        event = ran.name.partition(":")[0]
        if event != ONE_BY_ONE:
            seconds = ran.took / NANO
            step.add("hookspan.client_hook.time", seconds, (sc.HOOK_EVENT, event if event in EVENTS else _OTHER))
            if ran.took >= FELT:
                waste.hooks_ran(step, ran.name, seconds, min(ran.at, fact.at))
    step.rows.told.append(ToldRow(session=step.session.id, fact=fact))
