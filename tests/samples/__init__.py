"""Payloads of hook events: the published ones, and one of each event that only a recording has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def payloads() -> dict[str, list[dict[str, Any]]]:
    """By the name of the event."""
    known: dict[str, list[dict[str, Any]]] = {}
    for line in (HERE / "hook-payloads.jsonl").read_text().splitlines():
        payload = json.loads(line)
        known.setdefault(payload["hook_event_name"], []).append(payload)
    for journal in sorted(HERE.parent.glob("sessions/*/journal.jsonl")):
        for line in journal.read_bytes().splitlines():
            if name := (payload := json.loads(line).get("event", {})).get("hook_event_name"):
                known.setdefault(name, [payload])
    return known
