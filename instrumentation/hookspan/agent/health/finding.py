"""The result of a health check."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from hookspan.record import Record


class Status(StrEnum):
    """From best to worst."""

    HEALTHY = "healthy"
    UNKNOWN = "unknown"
    WARNING = "warning"
    CRITICAL = "critical"


RANK: Final = {status: rank for rank, status in enumerate(Status)}


class Finding(Record):
    """What one check found. `value` and `threshold` are in `unit`; `todo` says what to do, empty when all is well."""

    status: Status
    message: str
    value: float | None = None
    threshold: float | None = None
    unit: str = ""
    todo: str = ""


def graded(value: float, warning: float, critical: float) -> Status:
    """The status of a value for which less is better."""
    return Status.CRITICAL if value > critical else Status.WARNING if value > warning else Status.HEALTHY


def worst(*statuses: Status) -> Status:
    """The worst of them."""
    return max(statuses, key=RANK.__getitem__)
