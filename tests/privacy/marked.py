"""Recordings with a secret in every text of every event and transcript line that is no id and no name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from hookspan.catalogue.clients import CLIENTS
from tests.model.replay import SESSIONS

SECRET = "ghp_" + "Zx9" * 12
"""It has the shape of a token, so that not even a label may keep it."""
FOLDER = "marked-folder"
"""Part of every path: paths are content, but for the project's own name."""

COPIED = [
    field
    for client in CLIENTS.values()
    for field in (*client.kept, *(field for event in client.events for field in event.kept))
]
NAMES = frozenset(field.field for field in COPIED) | frozenset(
    """
    tool_name tool_use_id level name agentId backgroundTaskId status type subtype uuid parentUuid logicalParentUuid
    sessionId promptId timestamp version requestId requestRef requestedModel effort querySource promptSource operation
    role stop_reason id toolDenialKind runId decision rowSource toolUseId agentType parentAgentId project_dir
    spawnedAgentType resumedAgentId teamName request_id response_id kind
    """.split()
)
"""Fields whose values are ids, or words of a list of the client's or of its settings: the pairing of events lives on
them. Those that the catalogue keeps as they are, and those of transcripts and of objects within a payload. All other
texts are marked, whatever they are called."""


def mark(value: Any, key: str = "") -> Any:
    """The value with the secret in every text, and in a field that nobody knows."""
    if isinstance(value, dict):
        return {name: mark(item, name) for name, item in value.items()} | {f"unknown {SECRET}": [SECRET, {"a": SECRET}]}
    if isinstance(value, list):
        return [mark(item, key) for item in value]
    if not isinstance(value, str) or key in NAMES:
        return value
    if value.startswith("/") and key != "prompt":
        return f"/{SECRET}{value}"  # a path: its end is its extension
    return f"{value}\n{SECRET}"


def copy(name: str, target: Path) -> Path:
    """A marked copy of a recording."""
    shutil.copytree(SESSIONS / name, target)
    lines = []
    for line in (target / "journal.jsonl").read_bytes().splitlines():
        record = json.loads(line.replace(b"/home/u/shop", f"/home/u/{FOLDER}/shop".encode()))
        record["event"] = mark(record["event"])
        record["env"]["TRACESTATE"] = SECRET
        lines.append(json.dumps(record))
    (target / "journal.jsonl").write_text("\n".join(lines) + "\n")
    for path in (target / "projects").rglob("*.json*"):
        lines = [json.dumps(mark(json.loads(line))) for line in path.read_text().splitlines()]
        path.write_text("\n".join(lines) + "\n")
    return target
