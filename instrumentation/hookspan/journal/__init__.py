"""The journal: append-only files, which are hookspan's only queue. Append, tail, rotate, compact, quarantine."""

from hookspan.journal.journal import Journal
from hookspan.journal.position import Line, Position
from hookspan.journal.segments import Segment
from hookspan.journal.tail import Tail
from hookspan.journal.writer import JournalBusyError, Writer

__all__ = ["Journal", "JournalBusyError", "Line", "Position", "Segment", "Tail", "Writer"]
