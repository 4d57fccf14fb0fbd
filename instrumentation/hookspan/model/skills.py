"""Shell commands of skills and /commands, whose output the model reads as a part of their text.

Such a command is no call of the model's, and nothing tells when it ended: it is an event of the span of whoever loaded
the skill, and no span.
"""

from __future__ import annotations

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.spans import SKILL_COMMAND
from hookspan.wire.reduced import Reduced

from . import turns
from .rows import SpanEvent
from .state import KEPT_EVENTS
from .step import Step


def command(step: Step, event: Reduced) -> None:
    """PreSkillShellCommand."""
    owner = step.session.agents.get(event.agent_id) if event.agent_id else turns.active(step, event)
    if owner is None or len(owner.events) >= KEPT_EVENTS:
        return
    attributes = {
        sc.COMMAND_NAME: event.command_name,
        sc.COMMAND_SOURCE: event.source,
        sc.COMMAND_INVOKED_BY: event.invoked_by if event.invoked_by in {"user", "claude"} else "",
        sc.COMMAND_PROGRAM: event.program,
    }
    told = {key: value for key, value in attributes.items() if value}
    owner.events.append(SpanEvent(SKILL_COMMAND.name, event.at, {**told}))
