"""What the page reads and the exporter drains: schema, one writer, queries, retention."""

from .database import StoreDamaged, StoreTooNew, set_aside
from .reader import Counts, Reader, SeriesSnapshot, Summary, ToolCount, Total
from .retention import Policy, Pruned
from .schema import SpanKey
from .store import Commit, Store, StoreMoved

__all__ = [
    "Commit",
    "Counts",
    "Policy",
    "Pruned",
    "Reader",
    "SeriesSnapshot",
    "SpanKey",
    "Store",
    "StoreDamaged",
    "StoreMoved",
    "StoreTooNew",
    "Summary",
    "ToolCount",
    "Total",
    "set_aside",
]
