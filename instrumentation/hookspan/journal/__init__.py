"""The journal: append-only files, which are hookspan's only queue. Append, tail, rotate, compact, quarantine."""

from typing import TYPE_CHECKING

from hookspan import lazy
from hookspan.journal.position import Line, Position

if TYPE_CHECKING:
    from hookspan.journal.journal import Journal
    from hookspan.journal.segments import Segment
    from hookspan.journal.tail import Tail
    from hookspan.journal.writer import JournalBusyError, Writer

__getattr__ = lazy.names(
    __name__, {"journal": "Journal", "segments": "Segment", "tail": "Tail", "writer": "JournalBusyError Writer"}
)

__all__ = ["Journal", "JournalBusyError", "Line", "Position", "Segment", "Tail", "Writer"]
