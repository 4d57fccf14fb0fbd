"""Facts from silence: a turn that is over, a session that nothing else will end."""

from __future__ import annotations

from typing import Final

from hookspan.model.state import SessionState
from hookspan.wire.facts import Fact, Settled, Silent

NANO: Final = 1_000_000_000
SETTLE: Final = 5 * NANO
"""Silence after a Stop that makes it final: if a Stop hook blocks, the turn continues within a second or two."""


def step(now: int, sessions: list[SessionState], idle: int) -> list[Fact]:
    """Judgements about silence; `idle` is `session.idle_hours` in nanoseconds."""
    facts: list[Fact] = []
    for session in sessions:
        for turn in session.turns.values():
            if turn.stop and not turn.fixed and turn.last <= turn.stop and now > turn.stop + SETTLE:
                key = f"settled:{turn.prompt}:{turn.stop}"
                facts.append(Settled(at=now, key=key, session=session.id, prompt=turn.prompt, stop=turn.stop))
        if not session.ended and not session.unhooked and now > session.last + idle:
            key = f"silent:{session.last}"
            facts.append(Silent(at=now, key=key, session=session.id, judged_at=session.last_record))
    return facts
