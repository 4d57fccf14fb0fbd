"""Which clients are on a machine, and which events all of them know."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.clients.claude_code import programs, settings_files
from hookspan.clients.claude_code.handlers import EVENTS
from hookspan.clients.claude_code.programs import Program
from hookspan.clients.codex import settings_files as codex_files
from hookspan.clients.copilot import settings_files as copilot_files

NEWER = "PreSkillShellCommand"
"""An event that 2.1.332 brought."""


def script(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def native(home: Path, version: str) -> Path:
    """As the client's own installer lays it out."""
    file = script(home / ".local/share/claude/versions" / version, "exit 1")
    link = home / ".local/bin/claude"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(file)
    return link


def npm(folder: Path, version: str) -> Path:
    """As npm lays it out."""
    package = folder / "lib/node_modules/@anthropic-ai/claude-code"
    script(package / "bin/claude.exe", "exit 1")
    (package / "package.json").write_text(json.dumps({"name": "@anthropic-ai/claude-code", "version": version}))
    link = folder / "bin/claude"
    link.parent.mkdir(parents=True)
    link.symlink_to(package / "bin/claude.exe")
    return link


def test_it_finds_each_client_once_however_it_was_installed(tmp_path: Path):
    home = tmp_path / "home"
    own, theirs = native(home, "2.1.332"), npm(tmp_path / "npm", "2.1.331")
    asked = script(tmp_path / "opt/claude", 'echo "2.1.400 (Claude Code)"')
    mute = script(tmp_path / "mute/claude", "exit 3")
    (tmp_path / "none").mkdir()
    folders = [theirs.parent, asked.parent, own.parent, theirs.parent, mute.parent, tmp_path / "none", Path("relative")]
    found = programs.find({"HOME": str(home), "PATH": ":".join(map(str, folders))})
    assert found == [Program(theirs, "2.1.331"), Program(asked, "2.1.400"), Program(own, "2.1.332"), Program(mute, "")]
    assert programs.find({"HOME": str(home), "PATH": "/nowhere"}) == [Program(own, "2.1.332")]


def test_an_update_in_place_is_seen(tmp_path: Path):
    file = script(tmp_path / "bin/claude", "echo 2.1.331")
    env = {"PATH": str(file.parent)}
    assert programs.find(env) == [Program(file, "2.1.331")]
    script(file, "echo 2.1.332 # newer")
    assert programs.find(env) == [Program(file, "2.1.332")]


@pytest.mark.parametrize(
    ("versions", "newer"),
    [
        (["2.1.332"], True),
        (["2.1.1000", "2.2.0", "10.0.0"], True),
        (["2.1.332", "2.1.331"], False),
        (["2.1.99"], False),
        (["2.1.332", ""], False),
        ([], False),
    ],
)
def test_an_event_that_some_client_does_not_know_is_left_out(versions: list[str], newer: bool):
    events = programs.events([Program(Path(version), version) for version in versions])
    assert set(events) >= set(EVENTS)
    assert (NEWER in events) == newer
    assert events == tuple(event for event in CLAUDE_CODE.registered if event in events), "in their order"


def test_where_one_may_not_look_nothing_is_known(monkeypatch: pytest.MonkeyPatch):
    """Someone else's home, as after `su` there; an administrator's folder that was made for root alone."""
    stat = os.stat

    def refused(path: Any, **options: Any) -> os.stat_result:
        if str(path).startswith("/closed/"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", refused)
    monkeypatch.setattr(os, "lstat", refused)
    env = {"HOME": "/closed/home", "PATH": "/closed/bin"}
    assert codex_files.project_files(Path("/closed/shop")) == [Path("/closed/shop/.codex/hooks.json")]
    assert settings_files.of_managed(Path("/closed/claude-code")) == []
    assert not any(there(env) for there in (codex_files.is_there, copilot_files.is_there, programs.is_there))
