"""Opens a conversation wherever it is.

In the client's own file; or, once that is deleted, in its copy in the archive; or, where there is none, in the hook
events that the journal still has whole.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from hookspan.clients.conversations import subagent_of
from hookspan.observe.transcript_paths import Source, exists, in_journal, journal_source
from hookspan.reading import open_regular

from .archive import archived_files, archived_lines
from .hook_events import HookEvents
from .search import Search

KEPT: Final = 2  # copies that are kept open, in memory where the system can


class Copies:
    """Thread-safe."""

    def __init__(self, search: Search, events: HookEvents) -> None:
        self._search, self._events = search, events
        self._open: OrderedDict[tuple[str, int], int] = OrderedDict()  # by path, and of events the newest's record
        self._lock = threading.Lock()

    def sources(self, session: str, known: Sequence[Source]) -> list[Source]:
        """Where a session's conversations are, the main one first. `known`: the client's files, also deleted ones."""
        if any(map(exists, known)):
            return list(known)
        with self._search.reading() as db:
            files = [] if db is None else archived_files(db, session)
        if files:
            return list(dict.fromkeys((*known, *(Source(file.path, file.subagent) for file in files))))
        subagents = self._events.subagents(session) if "/" not in session else []
        return [journal_source(session, subagent) for subagent in subagents] or list(known)

    def open(self, path: str) -> int:
        """A descriptor of the transcript or its copy, which is the caller's.

        Raises:
            RefusedError: The path is something else, or somebody else's.
            OSError: It can't be read, and there is no copy.
        """
        if session := in_journal(path):
            return self._of_events(path, session)
        try:
            return open_regular(path)
        except FileNotFoundError:
            with self._lock:
                descriptor = self._open.get((path, 0)) or self._copy(path)
                if descriptor is None:
                    raise
                return self._keep((path, 0), descriptor)

    def place(self, path: str) -> str:
        """Where what `open` gives is from, in words."""
        if in_journal(path):
            return (
                "hook events, which are kept for `journal.raw_hours`: there is no transcript of it (any more), and "
                "what was said between tool calls is not in them"
            )
        return f"the archive's copy of {path}" if not os.path.lexists(path) and self._find(path) else path

    def close(self) -> None:
        """Let go of all copies."""
        with self._lock:
            while self._open:
                os.close(self._open.popitem()[1])

    def _keep(self, key: tuple[str, int], descriptor: int) -> int:
        self._open[key] = descriptor
        self._open.move_to_end(key)
        while len(self._open) > KEPT:
            os.close(self._open.popitem(last=False)[1])
        return os.dup(descriptor)

    def _of_events(self, path: str, session: str) -> int:
        subagent = subagent_of(path, session)
        newest = self._events.newest(session, subagent)
        if newest is None:
            raise FileNotFoundError(path)
        with self._lock:
            key = (path, newest)
            descriptor = self._open.get(key)
            if descriptor is None:
                events = self._events.read(session)
                descriptor = _file_of(event.line for event in events if event.subagent == subagent)
            return self._keep(key, descriptor)

    def _find(self, path: str) -> tuple[int, str] | None:
        with self._search.reading() as db:
            if db is None:
                return None
            row: tuple[int, str] | None = db.execute(
                "SELECT file, id FROM file JOIN session USING (session) WHERE path = ? AND archived "
                "ORDER BY file DESC LIMIT 1",
                (path,),
            ).fetchone()
            return row

    def _copy(self, path: str) -> int | None:
        found = self._find(path)
        if found is None:
            return None
        file, session = found
        with self._search.reading() as db:
            return _file_of(archived_lines(db, session, file) if db is not None else ())


def _file_of(lines: Iterable[bytes]) -> int:
    """A descriptor of a file without a name."""
    in_memory = getattr(os, "memfd_create", None)
    with os.fdopen(in_memory("transcript"), "w+b") if in_memory else tempfile.TemporaryFile() as file:
        file.writelines(lines)
        file.flush()
        return os.dup(file.fileno())
