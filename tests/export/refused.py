"""The spans that an endpoint refused, as `export.db` has them."""

from hookspan.export.db import ExportDb
from hookspan.export.sampling import Refusal
from hookspan.store import SpanKey


def refusals(db: ExportDb) -> list[Refusal]:
    """All of them, the newest first."""
    rows = db._db.execute("SELECT key, at, status, reason FROM refused ORDER BY key DESC")
    return [Refusal(SpanKey.unpack(key), at, status, reason) for key, at, status, reason in rows]
