"""The spans and log records that an endpoint refused, as `export.db` has them."""

from hookspan.export.db import ExportDb
from hookspan.export.plan import Refusal
from hookspan.store import SpanKey


def refusals(db: ExportDb, table: str = "refused") -> list[Refusal]:
    """All of them, the newest first; those of log records with `refused_log`."""
    rows = db._db.execute(f"SELECT key, at, status, reason FROM {table} ORDER BY key DESC")
    return [Refusal(SpanKey.unpack(key), at, status, reason) for key, at, status, reason in rows]
