"""What a client told of itself: how it is kept, and what is asked of it."""

# ruff: noqa: S608 - statements are put together from names of our own; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from hookspan.wire.facts import ClientTold
from hookspan.wire.told import CallDecided, CallTimed, HookRegistered, RequestTimed

from .database import Reading
from .schema import OF_SESSION

_INSERT: Final = "INSERT OR REPLACE INTO told (session, kind, key, at, data) VALUES (?, ?, ?, ?, ?)"
_ADD: Final = (
    "INSERT INTO hook_time (session, name, runs, hooks, failed, took, longest) VALUES (?, ?, 1, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET runs = runs + 1, hooks = max(hooks, excluded.hooks), failed = failed + excluded.failed, "
    "took = took + excluded.took, longest = max(longest, excluded.longest)"
)
_SELECT_HOOKS: Final = "SELECT name, runs, hooks, failed, took, longest FROM hook_time"
DECISION: Final = "decision"
REGISTERED: Final = "registered"
REQUEST: Final = "request"
_encode = msgspec.json.Encoder().encode
_decided = msgspec.json.Decoder(CallDecided).decode
_registered = msgspec.json.Decoder(HookRegistered).decode
_requested = msgspec.json.Decoder(RequestTimed).decode
_called = msgspec.json.Decoder(CallTimed).decode


class HookTime(msgspec.Struct, frozen=True):
    """What all hooks of one name took in a session, nanoseconds. `hooks`: most that ran side by side."""

    name: str
    runs: int
    hooks: int
    failed: int
    took: int
    longest: int


class Told(msgspec.Struct, kw_only=True):
    """All that a client told of one session."""

    hooks: list[HookTime] = []
    registered: list[HookRegistered] = []
    decisions: list[CallDecided] = []
    calls: list[CallTimed] = []
    requests: list[RequestTimed] = []


def write(db: sqlite3.Connection, session: int, fact: ClientTold) -> None:
    """Keep a fact; what it adds to sums is added, so that it must be new."""
    db.executemany(_ADD, [(session, ran.name, ran.hooks, ran.failed, ran.took, ran.took) for ran in fact.hooks])
    db.executemany(_INSERT, [(session, kind, key, at, _encode(one)) for kind, key, at, one in _kept(fact)])


def of_session(db: Reading, id_: str) -> Told:
    """What was told of a session, the dearest hooks first and all else in order of time."""
    hooks = db.execute(f"{_SELECT_HOOKS} WHERE {OF_SESSION} ORDER BY took DESC, name", (id_,))
    told = Told(hooks=[HookTime(*row) for row in hooks])
    for kind, data in db.execute(f"SELECT kind, data FROM told WHERE {OF_SESSION} ORDER BY at, key", (id_,)):
        if kind == DECISION:
            told.decisions.append(_decided(data))
        elif kind == REGISTERED:
            told.registered.append(_registered(data))
        elif kind == REQUEST:
            told.requests.append(_requested(data))
        else:
            told.calls.append(_called(data))
    return told


def _kept(fact: ClientTold) -> Iterator[tuple[str, str, int, Any]]:
    """Kind, key, time, and what is kept."""
    for hook in fact.registered:
        yield REGISTERED, f"{hook.event}/{hook.source}/{hook.plugin}", fact.at, hook
    for decided in fact.decisions:
        yield DECISION, decided.tool_use_id, decided.at, decided
    for call in fact.calls:
        yield call.part, call.tool_use_id, call.start, call
    for request in fact.requests:
        yield REQUEST, request.request_id, request.start, request
