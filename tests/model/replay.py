"""Plays a recorded session through reduce, observers and fold, in virtual time: what the agent does, without one.

The transcripts grow as they did when the session was recorded: a line is there once its timestamp has passed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hookspan import wire
from hookspan.agent.ingest.prerequisites import Prerequisites
from hookspan.clients.decode import decode
from hookspan.model.fold import fold
from hookspan.model.rows import Increment, LogRow, Span, Waste
from hookspan.model.state import State
from hookspan.observe import Observers
from hookspan.wire.facts import ClientGone, Policy
from hookspan.wire.fields import timestamp_ns

SESSIONS = Path(__file__).parent.parent / "sessions"
KEY = b"k" * 32
MS = 1_000_000
TICK = 200 * MS
AFTER = 20_000 * MS
SETTLED = 5_000 * MS  # at least, behind the last line of a transcript
LATER = 3_600_000 * MS
HOME = "/home/u"


@dataclass
class Played:
    """All that came out of one recording."""

    state: State
    spans: list[Span] = field(default_factory=list)
    increments: list[Increment] = field(default_factory=list)
    waste: list[Waste] = field(default_factory=list)
    logs: list[LogRow] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)
    phases: list[tuple[int, str, str]] = field(default_factory=list)
    now: int = 0
    prerequisites: Prerequisites = field(default_factory=lambda: Prerequisites(tuple, lambda _session, _event: []))

    def take(self, data: Iterable[bytes]) -> None:
        """Folds more journal lines, each after what is told of its folder."""
        for line in data:
            record = decode(line, KEY)
            for fact in self.prerequisites.of(len(self.records) + 1, record, self.state):
                self._fold(fact, wire.encode(fact))
            self._fold(record, line)

    def _fold(self, record: wire.Record, line: bytes) -> None:
        self.records.append(line)
        rows = fold(self.state, len(self.records), record)
        self.spans += rows.spans
        self.increments += rows.increments
        self.waste += rows.waste
        self.logs += rows.logs
        for session in rows.touched:
            known = self.state.sessions.get(session)
            if known:
                self.phases.append((known.phase_since, session, known.phase.value))

    def named(self, name: str) -> list[Span]:
        """Spans whose name begins so, by start."""
        return sorted((span for span in self.spans if span.name.startswith(name)), key=lambda span: span.start)

    def total(self, instrument: str, **attributes: str) -> float:
        """Sum of all values of an instrument whose attributes include these (`_` for `.` in keys)."""
        wanted = {key.replace("_", "."): value for key, value in attributes.items()}
        return sum(
            i.value
            for i in self.increments
            if i.instrument == instrument and wanted.items() <= dict(i.attributes).items()
        )

    def wasted(self) -> dict[tuple[str, str], tuple[int, int, int, int]]:
        """Waste by kind and what it is of: how often, of which with a price, tokens, nano-USD."""
        sums: dict[tuple[str, str], tuple[int, int, int, int]] = {}
        for one in self.waste:
            count, priced, tokens, nano = sums.get((one.kind, one.what), (0, 0, 0, 0))
            sums[one.kind, one.what] = (
                count + one.count,
                priced + one.priced,
                tokens + one.tokens,
                nano + one.nano,
            )
        return sums


def names() -> list[str]:
    """All recordings."""
    return sorted(path.parent.name for path in SESSIONS.glob("*/journal.jsonl"))


def expected(name: str) -> dict[str, Any] | None:
    """What is true of a recording, computed from its script when it was made."""
    path = SESSIONS / name / "expected.json"
    return json.loads(path.read_text()) if path.exists() else None


class _Growing:
    """The recorded transcripts, written to a folder as time goes by."""

    def __init__(self, *folders: tuple[Path, Path]) -> None:
        self._pending: list[tuple[int, int, Path, bytes]] = []
        for source, target in folders:
            self._add(source, target)
        self._pending.sort(key=lambda entry: (entry[0], str(entry[2]), entry[1]))

    def _add(self, source: Path, target: Path) -> None:
        for path in sorted(source.rglob("*.jsonl")):
            at = 0
            for number, line in enumerate(path.read_bytes().splitlines(keepends=True)):
                fields = json.loads(line)
                at = max(at, timestamp_ns(str(fields.get("timestamp", ""))))
                self._pending.append((at, number, target / path.relative_to(source), line))
        for path in sorted(source.rglob("*.meta.json")):
            agent = path.with_name(path.name.replace(".meta.json", ".jsonl"))
            first = json.loads(agent.read_bytes().splitlines()[0]) if agent.exists() else {}
            at = timestamp_ns(str(first.get("timestamp", "")))
            self._pending.append((at, 0, target / path.relative_to(source), path.read_bytes()))

    def until(self, now: int) -> None:
        while self._pending and self._pending[0][0] <= now:
            at, _, path, line = self._pending.pop(0)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(line)
            os.utime(path, ns=(at, at))

    def is_over(self) -> bool:
        """Whether all of it is written: a client whose transcripts still grow is not gone."""
        return not self._pending


def lines_of(name: str, root: Path) -> list[bytes]:
    """The recording's journal lines, its home folder moved to `root`."""
    data = (SESSIONS / name / "journal.jsonl").read_bytes()
    for folder in (b"/.claude", b"/.codex", b"/.copilot"):
        data = data.replace(HOME.encode() + folder, str(root).encode() + folder)
    return data.splitlines()


def play(
    name: str,
    root: Path,
    *,
    change: Callable[[list[bytes]], list[bytes]] = lambda lines: lines,
    observers: Observers | None = None,
    policy: Policy | None = None,
) -> Played:
    """Plays one recording.

    Args:
        name: Folder in tests/sessions.
        root: An empty folder to put the transcripts in.
        change: Changes the journal's lines first (drop, double, reorder).
        observers: Other than the usual ones.
        policy: In force from the beginning.
    """
    growing = grow(name, root)
    watch = observers or Observers(roots=roots(root), policy=policy, other_roots=other_roots(root), key=KEY)
    played = Played(State(), prerequisites=Prerequisites(lambda: roots(root), watch.before))
    take = played.take
    take(watch.step(0, played.state) if policy else [])
    lines = change(lines_of(name, root))
    now = 0
    for line in lines:
        at = json.loads(line)["at"]
        while now and now + TICK < at:
            now += TICK
            growing.until(now)
            take(watch.step(now, played.state))
        now = max(now, at)
        growing.until(now)
        take([line])
    end = now + AFTER
    while now < end:
        now += TICK
        growing.until(now)
        take(watch.step(now, played.state))
        if growing.is_over():
            take(gone_clients(name, played.state, now))
        else:
            end = max(end, now + SETTLED)
    return played


def play_late(
    name: str,
    root: Path,
    *,
    change: Callable[[list[bytes]], list[bytes]] = lambda lines: lines,
    later: int = LATER,
    policy: Policy | None = None,
) -> Played:
    """The same for an agent that starts when all is over, that many nanoseconds after the last event."""
    lines = change(lines_of(name, root))
    now = max(json.loads(line)["at"] for line in lines) + later
    grow(name, root).until(now)
    watch = Observers(roots=roots(root), policy=policy, other_roots=other_roots(root), key=KEY)
    played = Played(State(), prerequisites=Prerequisites(lambda: roots(root), watch.before))
    played.take(watch.step(0, played.state) if policy else [])
    played.take(lines)
    for _ in range(AFTER // TICK):
        now += TICK
        played.take(watch.step(now, played.state))
        played.take(gone_clients(name, played.state, now))
    return played


def roots(root: Path) -> tuple[str, ...]:
    """Where the transcripts of a recording are that is played below `root`."""
    return (str((root / ".claude" / "projects").resolve()),)


def other_roots(root: Path) -> dict[str, tuple[str, ...]]:
    """The same of other agents than Claude Code."""
    folders = {"codex": ".codex/sessions", "copilot": ".copilot/session-state"}
    return {agent: (str((root / folder).resolve()),) for agent, folder in folders.items()}


def grow(name: str, root: Path) -> _Growing:
    """The recording's transcripts, to be written below `root` as time goes by."""
    return _Growing(
        (SESSIONS / name / "projects", root / ".claude" / "projects"),
        (SESSIONS / name / ".codex" / "sessions", root / ".codex" / "sessions"),
        (SESSIONS / name / ".copilot" / "session-state", root / ".copilot" / "session-state"),
    )


def gone_clients(name: str, state: State, now: int) -> list[bytes]:
    """What a look at the process table would tell of the recording's clients that were killed."""
    left = [json.loads(path.read_text()) for path in (SESSIONS / name / "sessions").glob("*.json")]
    return [line for one in left for line in _gone(state, one, now)]


def _gone(state: State, left: dict[str, Any], now: int) -> list[bytes]:
    """The judgement that a look at the process table would give about a client that was killed."""
    session = state.sessions.get(left["sessionId"])
    if session is None or session.ended or session.pid != left["pid"] or now < session.last + 2_000 * MS:
        return []
    fact = ClientGone(
        at=session.last,
        key=f"gone:{session.pid}:{session.opened}",
        session=session.id,
        judged_at=session.last_record,
        pid=session.pid,
    )
    return [wire.encode(fact)]
