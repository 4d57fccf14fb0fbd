"""Copilot CLI's sessions from before hookspan: its files of events, as the observers read them.

All but the hook's own event stands there, also how a run ended; only where one was resumed is told by that event alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hookspan.catalogue.copilot import COPILOT
from hookspan.clients.copilot.events import EventsParser, read
from hookspan.observe.transcript_file import priced
from hookspan.wire import Record, Reduced
from hookspan.wire.facts import ClientVersion, Silent, TranscriptEvent, TranscriptRead
from hookspan.wire.fields import as_object, as_path, timestamp_ns
from hookspan.wire.reduced import SERVED_BY_GITHUB

from .lines import Records, without_digests

_SOURCES: Final = {"session.start": "startup", "session.resume": "resume"}


class CopilotHistory(Records):
    """Turns the events of one session into records."""

    def _records(self) -> Iterator[Record]:
        parser = EventsParser(self._session, self._sources[0].path, labels=self._labels)
        held: list[Record] = []  # what is known before there is any work
        for data in self._sources[0].lines:
            if isinstance(data, int):
                parser.skip(data)
                self.unreadable += 1
                continue
            found = [*self._run(data), *priced(parser.feed(data), SERVED_BY_GITHUB)]
            for fact in found:
                if isinstance(fact, TranscriptEvent):
                    without_digests(fact.event)
            self.first = self.first or next((one.at for one in found if _is_work(one)), 0)
            held += found
            if self.first:
                yield from held
                held = []
        if self.first:
            yield Silent(at=self._last, key=f"silent:{self._last}")
            yield TranscriptRead(at=self._last, key=f"end:{self._last}")

    def _run(self, data: bytes) -> Iterator[Record]:
        """The beginning of a run, as the hook tells it."""
        line = read(data)
        self.unreadable += line is None
        source = _SOURCES.get(line.type) if line else None
        if line is None or source is None or not (at := timestamp_ns(line.timestamp)):
            return
        cwd = as_path(as_object(line.data.get("context")).get("cwd"))
        yield Reduced(
            at=at,
            agent=COPILOT.name,
            served_by=SERVED_BY_GITHUB,
            event="SessionStart",
            source=source,
            cwd=cwd,
            project_dir=self._project_dir or cwd,
            transcript=self._sources[0].path,
        )


def _is_work(record: Record) -> bool:
    return not isinstance(record, Reduced | ClientVersion)
