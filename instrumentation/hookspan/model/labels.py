"""Names that people give as labels of metrics: so many of each, what comes after them is `_OTHER`."""

from __future__ import annotations

from typing import Final

from .step import Step

OTHER: Final = "_OTHER"
"""OpenTelemetry's word for what has no value of its own."""
LABELS_MAX: Final = 64
"""Distinct values of one label on this machine. A series is kept for good, and all of them share 2,000."""


def bounded(step: Step, key: str, value: str) -> str:
    """The value, or `_OTHER` if this label has as many as it may have; empty stays empty."""
    if not value or step.session.local:
        return value
    known = step.state.world.labels.setdefault(key, [])
    if value in known:
        return value
    if len(known) >= LABELS_MAX:
        return OTHER
    known.append(value)
    step.rows.world = True
    return value
