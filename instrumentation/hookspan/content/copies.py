"""Opens a transcript wherever it is: the client's own file, or, once that is deleted, its copy in the archive."""

from __future__ import annotations

import os
import tempfile
import threading
from collections import OrderedDict
from typing import Final

from hookspan.reading import open_regular

from .archive import archived_lines
from .search import Search

KEPT: Final = 2  # copies that are kept open, in memory where the system can


class Copies:
    """Thread-safe."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._open: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, path: str) -> int:
        """A descriptor of the transcript or its copy, which is the caller's.

        Raises:
            RefusedError: The path is something else, or somebody else's.
            OSError: It can't be read, and there is no copy.
        """
        try:
            return open_regular(path)
        except FileNotFoundError:
            with self._lock:
                descriptor = self._open.pop(path, None)
                if descriptor is None:
                    descriptor = self._copy(path)
                if descriptor is None:
                    raise
                self._open[path] = descriptor
                while len(self._open) > KEPT:
                    os.close(self._open.popitem(last=False)[1])
                return os.dup(descriptor)

    def has(self, path: str) -> bool:
        """Whether it is a copy that `open` would give."""
        return not os.path.lexists(path) and self._find(path) is not None

    def close(self) -> None:
        """Let go of all copies."""
        with self._lock:
            while self._open:
                os.close(self._open.popitem()[1])

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
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("transcript", os.MFD_CLOEXEC)
        else:
            with tempfile.TemporaryFile() as unnamed:
                descriptor = os.dup(unnamed.fileno())
        with self._search.reading() as db:
            for line in archived_lines(db, session, file) if db is not None else ():
                os.write(descriptor, line)
        return descriptor
