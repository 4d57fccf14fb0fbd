"""Where in a growing file what stands: each line is read once, and what is kept of it is told by a subclass."""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, NamedTuple, TypeVar

from hookspan.reading import MAX_LINE, open_regular, read_on

CHUNK: Final = 1 << 20


class Place(NamedTuple):
    """Offset and length of a line, without its LF."""

    offset: int
    size: int

    def read(self, descriptor: int) -> bytes:
        """The line, from its file."""
        return os.pread(descriptor, self.size, self.offset)


class LineIndex:
    """Of one file, as far as it is read."""

    def __init__(self) -> None:
        self.identity = (0, 0)  # device and inode
        self.offset = 0

    def line(self, data: bytes, place: Place) -> None:
        """For subclasses: keep what is to be found again of the next line."""
        raise NotImplementedError

    def grow(self, descriptor: int) -> None:
        """Read on to the file's end. A half-written line is left for the next time."""
        rest = b""
        while data := read_on(descriptor, CHUNK, self.offset + len(rest)):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self.line(line, Place(self.offset, len(line)))
                self.offset += len(line) + 1
            if len(rest) > MAX_LINE:
                return


Index = TypeVar("Index", bound=LineIndex)


class LineIndexes(Generic[Index]):
    """Those of the files that were asked for last, each made anew for a file that was replaced or cut."""

    def __init__(self, kept: int, opener: Callable[[str], int] = open_regular, most: float = math.inf) -> None:
        """`opener`: gives a descriptor of a file by its path. `most`: bytes of all these files but the newest one."""
        self._kept, self._opener, self._most = kept, opener, most
        self._indexes: OrderedDict[tuple[str, str], Index] = OrderedDict()

    def of(self, path: str, make: Callable[[], Index], part: str = "") -> Index:
        """The index of a file, or of a part of it by that name, read to its end.

        Raises:
            RefusedError: It is no regular file of ours.
            OSError: It can't be read.
        """
        descriptor = self._opener(path)
        try:
            status = os.fstat(descriptor)
            identity = (status.st_dev, status.st_ino)
            index = self._indexes.get((path, part))
            if index is None or index.identity != identity or status.st_size < index.offset:
                index = self._indexes[path, part] = make()
                index.identity = identity
            self._indexes.move_to_end((path, part))
            index.grow(descriptor)
            self._bound()
        finally:
            os.close(descriptor)
        return index

    def _bound(self) -> None:
        size = sum(index.offset for index in self._indexes.values())
        while len(self._indexes) > self._kept or (size > self._most and len(self._indexes) > 1):
            size -= self._indexes.popitem(last=False)[1].offset
