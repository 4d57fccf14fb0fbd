"""What the page reads and the exporter drains: schema, one writer, queries, retention."""

from .database import FilesLost, Identity, StoreDamaged, StoreTooNew, is_damage, set_aside
from .questions import Questions
from .reader import Counts, Reader, SeriesSnapshot, Summary, ToolCount, Total
from .retention import Pruned, Retention
from .schema import SpanKey
from .store import Commit, Store, StoreMoved

__all__ = [
    "Commit",
    "Counts",
    "FilesLost",
    "Identity",
    "Pruned",
    "Questions",
    "Reader",
    "Retention",
    "SeriesSnapshot",
    "SpanKey",
    "Store",
    "StoreDamaged",
    "StoreMoved",
    "StoreTooNew",
    "Summary",
    "ToolCount",
    "Total",
    "is_damage",
    "set_aside",
]
