"""Facts from silence: a turn that is over, a session that nothing else will end."""

from __future__ import annotations

from typing import Final

from hookspan.catalogue import clients
from hookspan.catalogue.enums import EndReason
from hookspan.model.registry import foremost
from hookspan.model.sessions import in_lull
from hookspan.model.state import SessionState, Turn
from hookspan.model.turns import may_be_over
from hookspan.wire.facts import ClientStatus, Fact, Lull, Settled, Silent

NANO: Final = 1_000_000_000
SETTLE: Final = 5 * NANO
"""Silence after a Stop that makes it final: if a quick Stop hook blocks, the turn continues within a second or two."""
GIVEN_UP: Final = 90 * NANO
"""The same after a failed request of a client that may make it again when its server says; its transcript tells of the
end, mostly."""
HELD: Final = 600 * NANO
"""How long a Stop may wait for a slow hook, such as one that runs tests: the client's own limit for a command."""


def step(now: int, sessions: list[SessionState], idle: int, *, goes_on: str = "") -> list[Fact]:
    """Judgements about silence; `idle` is `session.idle_hours` in nanoseconds, `goes_on` a prompt that is worked on."""
    facts: list[Fact] = []
    for session in sessions:
        for turn in session.turns.values():
            silent = may_be_over(turn) and not turn.fixed and now > max(turn.stop, turn.last) + _patience(turn)
            if silent and turn.prompt != goes_on and not (_is_busy(session, turn) and now < turn.stop + HELD):
                key = f"settled:{turn.prompt}:{turn.stop}"
                facts.append(Settled(at=now, key=key, session=session.id, prompt=turn.prompt, stop=turn.stop))
        if not session.ended and not session.unhooked and now > session.last + idle:
            key = f"silent:{session.last}"
            facts.append(Silent(at=now, key=key, session=session.id, judged_at=session.last_record))
    return facts


def lulls(now: int, sessions: list[SessionState]) -> list[Fact]:
    """Says which sessions do not work any more, as far as hooks tell."""
    return [
        Lull(at=now, key=f"lull:{now}", session=session.id, judged_at=session.last_record)
        for session in sessions
        if in_lull(session, now)
    ]


def _patience(turn: Turn) -> int:
    """Nanoseconds of silence that make what may be the end of a turn final."""
    is_tried_again = turn.stop_reason is EndReason.STOP_FAILURE and clients.of(turn.agent).retries
    return GIVEN_UP if is_tried_again else SETTLE


def _is_busy(session: SessionState, turn: Turn) -> bool:
    """Whether the client says that it works, and nothing but hooks of the session's newest turn can be meant."""
    client = foremost(session)
    others_work = turn.prompt != session.current or not all(agent.stop for agent in session.agents.values())
    return client is not None and client.status == ClientStatus.BUSY and not others_work
