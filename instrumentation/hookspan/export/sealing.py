"""Seals log records before they are sent: each names the hash of the one before, and is signed.

A seal depends on nothing but the records since the last that is settled, so what is sent again after a kill or an
outage has the same one, and is the same record. How far the chain is settled moves in the transaction of the cursor;
how far it may have been sent is noted before it is. If the same rows give other records by then, since settings
changed, the places that were used are withdrawn, which the chain tells.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue import logs
from hookspan.catalogue.enums import AuditGap, AuditStart
from hookspan.evidence import Key, Seal, canonical, digest, plain
from hookspan.evidence.form import Json
from hookspan.model.ids import log_uid
from hookspan.model.rows import Attributes, LogRow
from hookspan.store import SpanKey

from .db import ExportDb
from .plan import Outcome, Refusal, Sent, Step

NOTE: Final = "audit"
"""Under which export.db keeps it, with the cursor of log records."""
GAPS_KEPT: Final = 64
"""Gaps that wait to be told; what comes on top is told with the last of them."""


class Gap(msgspec.Struct, frozen=True):
    """Places `first` to `last` of a chain, of which `count` are missing; not to be told before place `due`.

    `at`: when that was found, Unix nanoseconds; 0 if an earlier version did.
    """

    chain: str
    first: int
    last: int
    count: int
    reason: AuditGap
    due: int = 0
    at: int = 0


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far a chain is.

    Attributes:
        chain: Its name.
        key: Public key that it is signed with.
        began: When, Unix nanoseconds.
        reason: Why.
        before: The chain before it, and its last place; empty and 0 without one.
        sequence: The last place that is settled, 0 at the beginning.
        hash: SHA-256 of the record there; at the beginning that of the chain before.
        flown: The last place that may have been sent.
        flown_hash: SHA-256 of that record.
        flown_key: Its row (SpanKey.pack).
        gaps: Those not told yet.
        off: Records were sent without a seal since.
    """

    chain: str
    key: str
    began: int
    reason: AuditStart
    before: tuple[str, int] = ("", 0)
    sequence: int = 0
    hash: str = ""
    flown: int = 0
    flown_hash: str = ""
    flown_key: int = 0
    gaps: tuple[Gap, ...] = ()
    off: bool = False


_state = msgspec.json.Decoder(State).decode


class _Link(NamedTuple):
    """A sealed record: place and hash, the row that it is of, the gap that it tells, whether it is the row's last."""

    sequence: int
    hash: str
    key: SpanKey
    gap: Gap | None = None
    ends: bool = True


class Sealer:
    """Of one thread. What it knows is in `export.db`, read at each plan, so that what failed to be noted never was."""

    def __init__(self, db: ExportDb, path: Path, clock: Callable[[], int]) -> None:
        """`path`: of the key, made when the first record is sealed."""
        self._db, self._path, self._clock = db, path, clock
        self._key: Key | None = None
        self._state: State | None = None
        self._links: deque[_Link] = deque()  # of what is planned and not settled
        self._open: list[tuple[_Link, Outcome | Refusal]] = []  # settled, of a row that is not done

    def plain(self) -> None:
        """What is planned next has no seal."""
        self._state = self._read()
        self._links.clear()
        self._open.clear()

    def steps(self, rows: Iterable[tuple[LogRow, bool]]) -> list[Step[LogRow]]:
        """What is to be sent of rows, sealed. A row is as it would be sent otherwise; False: it is not sent.

        Raises KeyTrouble and OSError where there is no key.
        """
        had_key = self._path.exists()
        self._key = self._key or Key.of(self._path)
        rows, state = list(rows), self._read()
        if state is None or state.off or state.key != self._key.public:
            state = self._begin(state, had_key=had_key)
        self._links.clear()
        self._open.clear()
        steps = self._sealed(rows, state)
        if self._differs(state, rows):
            gaps = _added(state.gaps, self._withdrawn(state))
            state = msgspec.structs.replace(state, sequence=state.flown, hash=state.flown_hash, gaps=gaps)
            self._links.clear()
            steps = self._sealed(rows, state)
        self._state = state
        return steps

    def flies(self, last: LogRow) -> None:
        """All up to this sealed record may reach the endpoint from now on. Raises sqlite3.Error."""
        state, place = self._state, last.attributes.get(sc.AUDIT_SEQUENCE)
        if state is None or not isinstance(place, int) or place <= state.flown:
            return
        link = next(link for link in self._links if link.sequence == place)
        state = msgspec.structs.replace(state, flown=link.sequence, flown_hash=link.hash, flown_key=link.key.pack())
        self._db.note("logs", self._note(state))
        self._state = state

    def settled(self, became: Sequence[Outcome | Refusal]) -> Mapping[str, str]:
        """These became of the next records: what is to be noted with the cursor."""
        state = self._state
        if state is None:
            return {}
        if not self._links:
            return {} if state.off or not became else self._note(msgspec.structs.replace(state, off=True))
        due = self._links[-1].sequence
        here = [(self._links.popleft(), outcome) for outcome in became]
        self._open += here
        done = max((place + 1 for place, (link, _) in enumerate(self._open) if link.ends), default=0)
        ended, self._open = self._open[:done], self._open[done:]
        if not ended:
            return {}
        told = {link.gap for link, _ in ended}
        gaps = tuple(gap for gap in state.gaps if gap not in told)
        for gap in _missing(state.chain, ended, due, self._clock()):
            gaps = _added(gaps, gap)
        last = ended[-1][0]
        state = msgspec.structs.replace(state, sequence=last.sequence, hash=last.hash, gaps=gaps)
        self._state = state
        return self._note(state)

    # --- Inside

    def _read(self) -> State | None:
        text = self._db.noted("logs", NOTE)
        return _state(text) if text else None

    def _note(self, state: State) -> dict[str, str]:
        return {NOTE: msgspec.json.encode(state).decode()}

    def _begin(self, former: State | None, *, had_key: bool) -> State:
        assert self._key is not None  # noqa: S101 - steps made it
        chain, now = secrets.token_hex(8), self._clock()
        if former is None:
            reason = AuditStart.LOST if had_key else AuditStart.FIRST
            return State(chain=chain, key=self._key.public, began=now, reason=reason)
        last, hash_, gaps = former.sequence, former.hash, former.gaps
        if former.flown > last:
            last, hash_, gaps = former.flown, former.flown_hash, _added(gaps, self._withdrawn(former))
        return State(
            chain=chain,
            key=self._key.public,
            began=now,
            reason=AuditStart.SWITCHED_ON if former.off else AuditStart.KEY,
            before=(former.chain, last),
            hash=hash_,
            gaps=tuple(msgspec.structs.replace(gap, due=0) for gap in gaps),
        )

    def _withdrawn(self, state: State) -> Gap:
        first, last = state.sequence + 1, state.flown
        return Gap(state.chain, first, last, last - first + 1, AuditGap.WITHDRAWN, at=self._clock())

    def _differs(self, state: State, rows: Sequence[tuple[LogRow, bool]]) -> bool:
        """Whether these rows are now other records than those that were sent of them."""
        if state.flown <= state.sequence or not rows or _key(rows[-1][0]).pack() < state.flown_key:
            return False
        return not any(link.sequence == state.flown and link.hash == state.flown_hash for link in self._links)

    def _sealed(self, rows: Iterable[tuple[LogRow, bool]], state: State) -> list[Step[LogRow]]:
        steps = []
        at, hash_ = state.sequence, state.hash
        waiting = deque(gap for gap in state.gaps if gap.due <= state.sequence)
        for row, is_sent in rows:
            told: list[tuple[LogRow, Gap | None]] = []
            if is_sent:
                told += [(_start(row, state), None)] if not at else []
                told += [(_gap(row, gap), gap) for gap in waiting]
                told.append((row, None))
                waiting.clear()
            sends = []
            for place, (one, gap) in enumerate(told, 1):
                at += 1
                sealed, hash_ = self._seal(one, state.chain, at, hash_)
                self._links.append(_Link(at, hash_, _key(row), gap, ends=place == len(told)))
                sends.append(Sent(sealed))
            steps.append(Step(_key(row), sends))
        return steps

    def _seal(self, row: LogRow, chain: str, at: int, previous: str) -> tuple[LogRow, str]:
        """A record with its seal, and its hash."""
        assert self._key is not None  # noqa: S101 - steps made it
        attributes: Attributes = dict(row.attributes)
        if row.event in {logs.AUDIT_START.name, logs.AUDIT_GAP.name}:
            attributes[sc.LOG_RECORD_UID] = log_uid(row.event, chain, at)
        attributes |= Seal(chain, at, previous).attributes()
        form = canonical(_plain(row, attributes))
        attributes[sc.AUDIT_SIGNATURE] = self._key.sign(form)
        return msgspec.structs.replace(row, attributes=attributes), digest(form)


def _plain(row: LogRow, attributes: Attributes) -> Json:
    # `service.name` becomes the resource's.
    own = {key: value for key, value in attributes.items() if key != sc.SERVICE_NAME and value is not None}
    return plain(
        at=row.at,
        event=row.event,
        severity=row.severity,
        trace_id=row.trace_id,
        span_id=row.span_id,
        attributes=own,
    )


def _key(row: LogRow) -> SpanKey:
    return SpanKey(row.record, row.ordinal)


def _start(row: LogRow, state: State) -> LogRow:
    attributes: Attributes = {sc.AUDIT_REASON: state.reason.value, sc.AUDIT_KEY: state.key}
    if state.before[0]:
        attributes |= {sc.AUDIT_BEFORE: state.before[0], sc.AUDIT_BEFORE_SEQUENCE: state.before[1]}
    return _own(row, logs.AUDIT_START, state.began, attributes)


def _gap(row: LogRow, gap: Gap) -> LogRow:
    attributes: Attributes = {
        sc.AUDIT_REASON: gap.reason.value,
        sc.AUDIT_BEFORE: gap.chain,
        sc.AUDIT_FIRST: gap.first,
        sc.AUDIT_LAST: gap.last,
        sc.AUDIT_MISSING: gap.count,
    }
    # A row is as old as what it tells of, of which days may have gone by; who looks for gaps looks at the last hours.
    return _own(row, logs.AUDIT_GAP, max(row.at, gap.at), attributes)


def _own(row: LogRow, event: logs.LogEvent, at: int, attributes: Attributes) -> LogRow:
    """A record of the chain itself, before a row's own."""
    return LogRow(
        record=row.record, ordinal=row.ordinal, at=at, event=event.name, severity=event.severity, attributes=attributes
    )


def _missing(chain: str, ended: Sequence[tuple[_Link, Outcome | Refusal]], due: int, now: int) -> list[Gap]:
    """What is to be told of records that did not get through, and again if they told of others."""
    found = []
    rejected = [link for link, outcome in ended if outcome == "rejected"]
    if rejected:  # the endpoint says how many, not which
        first, last = ended[0][0].sequence, ended[-1][0].sequence
        found.append(Gap(chain, first, last, len(rejected), AuditGap.REJECTED, due, now))
        found += [_again(link.gap, now) for link, _ in ended if link.gap is not None]
    for link, outcome in ended:
        if outcome == "expired" or isinstance(outcome, Refusal):
            reason = AuditGap.EXPIRED if outcome == "expired" else AuditGap.REFUSED
            found += [_again(link.gap, now)] if link.gap is not None else []
            found.append(Gap(chain, link.sequence, link.sequence, 1, reason, due, now))
    return found


def _again(gap: Gap, now: int) -> Gap:
    """One whose record did not get through, as if it were found now."""
    return msgspec.structs.replace(gap, at=now)


def _added(gaps: tuple[Gap, ...], gap: Gap) -> tuple[Gap, ...]:
    """With one more; one that goes on where the last one ended is one with it."""
    if gaps:
        last = gaps[-1]
        follows = last.chain == gap.chain and last.reason == gap.reason and last.last + 1 == gap.first
        whole = all(one.count == one.last - one.first + 1 for one in (last, gap))
        if (follows and whole) or (len(gaps) >= GAPS_KEPT and last.chain == gap.chain):
            first, end = min(last.first, gap.first), max(last.last, gap.last)
            due, at = max(last.due, gap.due), max(last.at, gap.at)
            return (*gaps[:-1], Gap(last.chain, first, end, last.count + gap.count, gap.reason, due, at))
    return (*gaps, gap)
