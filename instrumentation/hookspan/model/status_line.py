"""What a status line tells: the account's quota, and of its session what no hook and no transcript has.

It is told several times a second while answers come, so what says nothing new changes no row; and it is no sign of the
session's life, since a client may tell it while nobody is there.
"""

from __future__ import annotations

from hookspan.wire.facts import StatusLine

from . import quota
from .rows import Rows
from .state import State


def told(state: State, fact: StatusLine) -> Rows:
    """Takes in a status line's input."""
    rows = Rows(world=quota.learn(state.world.quotas, fact.limits, fact.at))
    session = state.sessions.get(fact.session)
    if session is None or session.local or fact.at < session.status_at:
        return rows
    before = (session.context_window, session.cache_misses, session.cache_cause, session.cache_expires, session.title)
    session.context_window = fact.context_window or session.context_window
    session.title = fact.label or session.title
    if fact.cache is not None:
        session.cache_misses = fact.cache.misses
        session.cache_cause = ", ".join(fact.cache.last_causes)
        session.cache_expires = fact.cache.expires_at
    now = (session.context_window, session.cache_misses, session.cache_cause, session.cache_expires, session.title)
    if now != before or not session.status_at:
        session.status_at = fact.at
        rows.touched.add(session.id)
    return rows
