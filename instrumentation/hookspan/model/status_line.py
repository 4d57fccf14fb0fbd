"""What a status line tells: the account's quota, and of its session what no hook and no transcript has.

It is told several times a second while answers come, so what says nothing new changes no row; and it is no sign of the
session's life, since a client may tell it while nobody is there.
"""

from __future__ import annotations

from hookspan.wire.facts import StatusLine

from . import commits, quota
from .rows import Rows
from .state import SessionState, State


def told(state: State, fact: StatusLine) -> Rows:
    """Takes in a status line's input."""
    rows = Rows(world=quota.learn(state.world.quotas, fact.limits, fact.at))
    session = state.sessions.get(fact.session)
    if session is None or session.local or fact.at < session.status_at:
        return rows
    commits.pull_request(rows, session, fact.pull_request, fact.at)
    before = _known(session)
    session.context_window = fact.context_window or session.context_window
    session.told_tokens = fact.context_tokens or session.told_tokens
    session.told_cost_nano = fact.cost_nano if fact.cost_nano >= 0 else session.told_cost_nano
    session.title = fact.label or session.title
    if fact.cache is not None:
        session.cache_misses = fact.cache.misses
        session.cache_cause = ", ".join(fact.cache.last_causes)
        session.cache_expires = fact.cache.expires_at
    if _known(session) != before or not session.status_at:
        session.status_at = fact.at
        rows.touched.add(session.id)
    return rows


def _known(session: SessionState) -> tuple[int | str, ...]:
    return (
        session.context_window,
        session.told_tokens,
        session.told_cost_nano,
        session.title,
        session.cache_misses,
        session.cache_cause,
        session.cache_expires,
    )
