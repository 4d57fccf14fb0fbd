"""What needs somebody's attention, as the store tells it: the account's quota, and what the watchdog noticed.

The agent answers with it. Without an agent, `status` asks the store itself, which takes longer than all else that it
does.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from hookspan.store import Reader, StoreDamaged


def of(reader: Reader) -> dict[str, list[dict[str, Any]]]:
    """Both by name, as JSON types; nothing where the store can't be read, of which its own line says why."""
    try:
        return {"quota": quota(reader), "alarms": alarms(reader)}
    except (StoreDamaged, OSError, sqlite3.Error):
        return {"quota": [], "alarms": []}


def quota(reader: Reader) -> list[dict[str, Any]]:
    """The account's quota as status lines tell of it; times in Unix seconds."""
    return [
        {
            "window": use.window,
            "used": use.used,
            "resets_at": use.resets_at / 1e9,
            "full_at": use.full_at / 1e9 or None,
            "too_soon": use.too_soon,
            "sessions": {share.session: share.share for share in use.shares},
        }
        for use in reader.quota(time.time_ns())
    ]


def alarms(reader: Reader) -> list[dict[str, Any]]:
    """What the watchdog has noticed in open sessions and goes on; times in Unix seconds, cost in USD."""
    return [
        {
            "session": row.id,
            "project": row.project,
            "kind": row.alarm,
            "since": row.alarm_since / 1e9,
            "calls": row.alarm_calls,
            "cost": row.alarm_cost_nano / 1e9,
        }
        for row in reader.sessions(open_only=True, alarmed=True)
    ]
