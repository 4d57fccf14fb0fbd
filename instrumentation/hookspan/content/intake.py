"""Takes transcripts in as they grow: their messages into the index, their lines into the archive."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from hookspan.clients.conversations import Conversation, client_of, conversation, subagent_of
from hookspan.clients.message import Message
from hookspan.observe.transcript_paths import Source, journal_source
from hookspan.reading import MAX_LINE, RefusedError, is_at_limit, open_regular, read_on
from hookspan.store.schema import INTEGER_MAX

from .archive import Archive
from .database import ContentDb, File, Kept, Row
from .hook_events import HookEvents

CHUNK: Final = 1 << 20
STEP: Final = 4 << 20
"""Bytes of one transaction: some 0.3 s, in which nobody else waits."""
REMEMBERED: Final = 64
"""Transcripts whose turn and calls are remembered."""
EVENTS: Final = 500
"""Hook events of one transaction."""
CALLS: Final = 256
"""Calls of a transcript whose results are still to come."""


class _Reading:
    """What a transcript's next lines depend on."""

    def __init__(self, source: Source, *, of_events: bool = False) -> None:
        self.conversation: Conversation = conversation(client_of(source.path), source.subagent, of_events=of_events)
        self.tools: OrderedDict[str, str] = OrderedDict()

    def rows(self, line: bytes, offset: int, file: File, session: str) -> Iterator[Row]:
        """A line's messages."""
        for message in self.conversation.feed(line, offset):
            file.turn = message.turn or file.turn
            if message.tool:
                self.tools[message.tool_call] = message.tool
                while len(self.tools) > CALLS:
                    self.tools.popitem(last=False)
            # The id of a line is that of every copy of it; one without is its place, which only its session has.
            name = message.id if "-" in message.id else f"{session}:{file.key}:{message.id}"
            yield Row(
                name=name,
                at=message.at,
                kind=message.kind,
                text=text_of(message),
                turn=file.turn,
                call=message.call,
                tool_call=message.tool_call,
                tool=message.tool or self.tools.get(message.tool_call, ""),
                failed=message.failed or message.kind == "error",
            )


def text_of(message: Message) -> str:
    """What is found of a message: what it says and, of a call, all texts of its input."""
    if message.given is None:
        return message.text
    texts = dict.fromkeys(filter(None, (message.text, *_texts(message.given))))
    return "\n".join(texts)


def _texts(value: Any, depth: int = 8) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one, depth - 1)


class Intake:
    """For the thread that writes the database."""

    def __init__(self, content: ContentDb) -> None:
        self._content = content
        self._archive = Archive(content)
        self._readings: OrderedDict[int, _Reading] = OrderedDict()
        self._left: int | None = None  # bytes that a round still takes; None outside of one

    @contextlib.contextmanager
    def round(self) -> Iterator[None]:
        """One transaction for all that is taken within, STEP bytes at most.

        A transaction costs each reader its cached pages, and the index a segment that is to be merged.
        """
        if self._left is not None:
            yield
            return
        self._left = STEP
        try:
            with self._content.transaction():
                yield
        except BaseException:
            self._readings.clear()  # they are ahead of what is committed
            self._archive = Archive(self._content)
            raise
        finally:
            self._left = None

    def take(self, kept: Kept, found: Sequence[Source], *, archive: bool, since: int) -> bool:
        """Take in what is new in a session's transcripts, as much as a round takes; True if there may be more.

        Args:
            kept: What is known of the session.
            found: Its transcripts.
            archive: Whether their lines are kept as well.
            since: Messages before this time (Unix ns) are not taken into the index.

        Raises:
            OSError: Too many files are open.
        """
        content = self._content
        with self.round():
            if not self._left:
                return True
            session = content.session(kept)
            for file in content.drop_events(session) if found else ():
                self._readings.pop(file, None)
            for source in found:
                try:
                    read = self._file(session, kept, source, self._left, archive=archive, since=since)
                    self._left = max(0, self._left - read)
                except (OSError, RefusedError) as error:  # it can't be opened
                    if is_at_limit(error):
                        raise
                if not self._left:
                    return True
        return False

    def take_events(self, kept: Kept, events: HookEvents, since: int) -> bool:
        """Take in the messages of a session's new hook events, for want of transcripts; True if there are more.

        They give way to those of a transcript, which `take` finds later.
        """
        content = self._content
        with self.round():
            if not self._left:
                return True
            session = content.session(kept)
            if content.has_files(session):
                return False
            files: dict[str, File] = {}

            def file_of(subagent: str) -> File:
                if subagent not in files:
                    files[subagent] = content.file(session, *journal_source(kept.id, subagent), 0, INTEGER_MAX)
                return files[subagent]

            taken, record = 0, (start := file_of("").indexed)
            reading = self._reading(files[""], start, journal_source(kept.id), of_events=True)
            for record, subagent, line in itertools.islice(events.read(kept.id, start), EVENTS):
                taken += 1
                file = file_of(subagent)
                for row in reading.rows(line, record, file, kept.id):
                    if row.at >= since:
                        content.add(session, file.key, kept, row)
                self._left = max(0, self._left - len(line))
                if not self._left:
                    break
            files[""].indexed = record
            for file in files.values() if taken else ():
                content.save(file)
            return taken == EVENTS or not self._left

    def settle(self, before: int) -> bool:
        """Pack what the archive has of sessions that rest since then (Unix ns); True if there may be more."""
        with self.round():
            return self._archive.settle(before)

    def _file(self, session: int, kept: Kept, source: Source, budget: int, *, archive: bool, since: int) -> int:
        archive = archive and source.subagent == subagent_of(source.path, kept.id)  # a file of several is kept once
        descriptor = open_regular(source.path)
        try:
            status = os.fstat(descriptor)
            file = self._content.file(session, source.path, source.subagent, status.st_ino, status.st_size)
            start = at = min(file.indexed, file.archived) if archive else file.indexed
            if at >= status.st_size:
                return 0
            reading = self._reading(file, at, source, of_events=False)
            for line in _lines(descriptor, at, budget):
                for row in reading.rows(line, at, file, kept.id) if len(line) <= MAX_LINE else ():
                    if row.at >= since:
                        self._content.add(session, file.key, kept, row)
                if archive and at >= file.archived:
                    self._archive.add(file, kept.id, line)
                at += len(line)
            file.indexed = max(file.indexed, at)
            if archive:
                self._archive.end(file)
                file.archived = max(file.archived, at)
            if at > start:
                self._content.save(file)
            return at - start
        finally:
            os.close(descriptor)

    def _reading(self, file: File, start: int, source: Source, *, of_events: bool) -> _Reading:
        if not start:  # there may be one of a file that was deleted, whose key this one has now
            self._readings.pop(file.key, None)
        reading = self._readings.setdefault(file.key, _Reading(source, of_events=of_events))
        self._readings.move_to_end(file.key)
        while len(self._readings) > REMEMBERED:
            self._readings.popitem(last=False)
        return reading


def _lines(descriptor: int, offset: int, budget: int) -> Iterator[bytes]:
    """Whole lines with their LFs from `offset` on, until they are `budget` bytes or the file ends.

    Where it can't be read on it ends, too: the lines before are whole, and those behind are tried at the next look.
    """
    parts: list[bytes] = []
    while budget > 0 and (data := _read(descriptor, offset)):
        offset += len(data)
        *whole, rest = data.split(b"\n")
        for line in whole:
            done = b"".join((*parts, line, b"\n"))
            parts = []
            yield done
            budget -= len(done)
            if budget <= 0:
                return
        if rest:
            parts.append(rest)


def _read(descriptor: int, offset: int) -> bytes:
    try:
        return read_on(descriptor, CHUNK, offset)
    except OSError:
        return b""
