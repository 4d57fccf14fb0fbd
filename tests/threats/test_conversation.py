"""The conversation that is exported on purpose: what is taken out of it, where it ends, and who decides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hookspan.config import load
from hookspan.paths import Paths
from hookspan.wire.scrub import GONE, bounded_json, bounded_text

TOKEN = "ghp_" + "Zx9" * 12
LONG = "all work and no play \n\"'\x01é " * 4000


@pytest.mark.parametrize("limit", [1 << 10, 16 << 10])
def test_a_conversation_has_no_secret_and_an_end(limit: int) -> None:
    call = {
        "type": "tool_call",
        "id": "toolu_1",
        "name": "Bash",
        "arguments": {"password": "hunter2", "a": LONG, TOKEN: 1},
    }
    said = [{"role": "user", "parts": [{"type": "text", "content": f"use {TOKEN} {LONG}"}, call]}] * 3
    text = bounded_json(said, limit)
    assert 0 < len(text.encode()) <= limit
    assert TOKEN not in text
    for message in json.loads(text):
        assert message["role"] == "user"
        assert all(part["type"] and ("content" in part or part["id"]) for part in message["parts"])
    small = bounded_json({"command": f"curl -H 'Authorization: Bearer {TOKEN}'", "token": "hunter2", "n": 3}, limit)
    assert "hunter2" not in small
    assert json.loads(small)["token"] == GONE
    assert json.loads(small)["n"] == 3
    edge = "a" * (limit - 10) + f" {TOKEN} and more"
    assert TOKEN[:8] not in bounded_text(edge, limit), "a secret that the end cuts is seen whole before"
    assert len(bounded_text(LONG, limit).encode()) <= limit


def test_a_lock_of_content_holds_for_projects(paths: Paths, tmp_path: Path) -> None:
    paths.create()
    users = '[projects."shop"]\ncontent = "conversation"\n[projects."bank"]\ncontent = false\n'
    paths.config.parent.mkdir(parents=True, exist_ok=True)
    paths.config.write_text('[content]\nexport = "labels"\n' + users)
    assert load(paths).content_of_projects() == {"shop": "conversation", "bank": False}
    for key in ("content.export", "content"):
        paths.system_config.parent.mkdir(parents=True, exist_ok=True)
        paths.system_config.write_text(f'locked = ["{key}"]\n[content]\nexport = "labels"\n')
        assert load(paths).content_of_projects() == {"shop": "labels", "bank": False}
        paths.system_config.write_text(f'locked = ["{key}"]\n')
        assert load(paths).content_of_projects() == {"shop": False, "bank": False}
