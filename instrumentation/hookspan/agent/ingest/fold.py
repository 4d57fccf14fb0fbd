"""Decodes lines into records and folds the records into the rows of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from hookspan.agent.ingest.prerequisites import Prerequisites
from hookspan.agent.ingest.state import FoldState
from hookspan.agent.ingest.unusable import UnusableLines
from hookspan.agent.loop import Loop
from hookspan.agent.settings import AgentSettings
from hookspan.clients.decode import decode
from hookspan.hooktime import HookTime
from hookspan.journal import Line
from hookspan.model.fold import fold_behind
from hookspan.model.rows import Rows
from hookspan.opted_out import OptedOut
from hookspan.wire import Fact, Record, Unreadable
from hookspan.wire.facts import StatusLine
from hookspan.wire.reduced import Reduced

BATCH: Final = 1000  # lines a transaction: a commit costs about as much as folding 100 of them
CAREFUL_BATCH: Final = 25  # while records make the fold raise, because each of those costs a fold of its batch again


class Batch(msgspec.Struct):
    """What is committed in one transaction."""

    rows: list[Rows] = msgspec.field(default_factory=list)
    hooks: list[HookTime] = msgspec.field(default_factory=list)
    touched: set[str] = msgspec.field(default_factory=set)
    told: set[str] = msgspec.field(default_factory=set)
    removed: set[str] = msgspec.field(default_factory=set)
    world: bool = False


class _RaisedError(Exception):
    """The fold raised on the record at `index` of the batch."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class BatchFold:
    """Makes batches of lines; `size` is how many lines the next one should have."""

    def __init__(
        self,
        settings: AgentSettings,
        key: bytes,
        *,
        state: FoldState,
        prerequisites: Prerequisites,
        unusable: UnusableLines,
        loop: Loop,
    ) -> None:
        self._settings = settings
        self._key = key
        self._state = state
        self._prerequisites = prerequisites
        self._unusable = unusable
        self._loop = loop
        self._opted_out = OptedOut({})
        self.size = BATCH

    def batch(self, lines: Sequence[Line]) -> Batch:
        """The rows of all lines that can be used; one that can't is set aside, the rest folded again without it."""
        records = self._decode(lines)
        failed = 0
        while True:
            try:
                batch = self._fold_all(records)
            except _RaisedError as raised:
                failed += 1
                self._unusable.add("fold", records.pop(raised.index)[0], "raised")
                self._state.load()
            else:
                self.size = CAREFUL_BATCH if failed > 1 else BATCH
                return batch

    def opted_out_folders(self) -> list[Fact]:
        """Facts that the journal is to have of projects that are not recorded; each once."""
        return self._opted_out.new_facts()

    def _decode(self, lines: Sequence[Line]) -> list[tuple[Line, Record]]:
        labels = self._settings.now.content.local
        records = []
        for line in lines:
            if not line.data:
                continue  # it was set aside when it was read first; compaction left its number only
            try:
                records.append((line, decode(line.data, self._key, labels=labels)))
            except Unreadable as error:
                self._unusable.add("journal", line, error.reason)
            except Exception as error:  # noqa: BLE001 - a bug met by one line must not stop the others
                self._loop.failed(error)
                self._unusable.add("journal", line, "raised")
        return records

    def _fold_all(self, records: Sequence[tuple[Line, Record]]) -> Batch:
        batch = Batch()
        self._prerequisites.begin()
        if self._opted_out.projects is not (projects := self._settings.now.projects):
            self._opted_out = OptedOut(projects, self._state.now.world.repositories)
        for index, (line, record) in enumerate(records):
            self._state.load_session(record.session)
            try:
                for rows in self._fold(line.number, record):
                    batch.rows.append(rows)
                    if rows.events and isinstance(record, Reduced) and record.took:  # made-up events took no time
                        batch.hooks.append(HookTime(record.took, record.age))
                    batch.touched |= rows.touched
                    batch.removed |= rows.removed
                    batch.world |= rows.world
                if isinstance(record, StatusLine):
                    batch.told.add(record.session)
            except Exception as error:
                self._loop.failed(error)
                raise _RaisedError(index) from error
        return batch

    def _fold(self, number: int, record: Record) -> list[Rows]:
        state = self._state.now
        if self._opted_out.has(record):
            return [self._leave_out(record.session)]
        if self._prerequisites.has_moved(record, state):
            return []
        return fold_behind(state, number, self._prerequisites.of(number, record, state), record)

    def _leave_out(self, id_: str) -> Rows:
        """Take in nothing of a session, and let go of what was taken in before its project was not to be recorded."""
        return Rows(removed={id_} if self._state.now.sessions.pop(id_, None) else set())
