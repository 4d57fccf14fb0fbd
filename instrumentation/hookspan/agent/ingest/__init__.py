"""From the journal to the store, on one thread: read, decode, fold, commit, notify subscribers, observe.

A batch is one transaction. Whatever happens between two of them (kill -9, a full disk, a fold that raises) ends in a
state that the store and the journal agree on, and the same lines give the same rows again.
"""

from __future__ import annotations

from .feed import Committed, Feed
from .ingest import Ingest
from .keeper import Mended
from .watermark import Watermark

__all__ = ["Committed", "Feed", "Ingest", "Mended", "Watermark"]
