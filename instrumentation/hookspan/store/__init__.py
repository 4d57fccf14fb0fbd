"""The store, which the page reads and the exporter drains: schema, one writer, queries, retention."""

from typing import TYPE_CHECKING

from hookspan import lazy

from .costs import UNSEEN, Cost, Grouping
from .database import FilesLost, Identity, StoreDamaged, StoreTooNew, is_damage, set_aside
from .days import Day, earlier
from .found import SpanQuery, Sums
from .questions import Questions
from .quota import QuotaUse
from .reader import Counts, Reader, SeriesSnapshot
from .schema import SpanKey
from .summary import Summary, ToolCount, Total
from .waste import WastedSession, WasteQuery, WasteSum

if TYPE_CHECKING:
    from .receipts import Pull, Receipt, Receipts, Stayed
    from .retention import Pruned, Retention
    from .store import Commit, Store, StoreMoved
    from .work import Work

__getattr__ = lazy.names(
    __name__,
    {
        "receipts": "Pull Receipt Receipts Stayed",
        "retention": "Pruned Retention",
        "store": "Commit Store StoreMoved",
        "work": "Work",
    },
)

__all__ = [
    "UNSEEN",
    "Commit",
    "Cost",
    "Counts",
    "Day",
    "FilesLost",
    "Grouping",
    "Identity",
    "Pruned",
    "Pull",
    "Questions",
    "QuotaUse",
    "Reader",
    "Receipt",
    "Receipts",
    "Retention",
    "SeriesSnapshot",
    "SpanKey",
    "SpanQuery",
    "Stayed",
    "Store",
    "StoreDamaged",
    "StoreMoved",
    "StoreTooNew",
    "Summary",
    "Sums",
    "ToolCount",
    "Total",
    "WasteQuery",
    "WasteSum",
    "WastedSession",
    "Work",
    "earlier",
    "is_damage",
    "set_aside",
]
