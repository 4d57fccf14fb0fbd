"""Settings files that can't be read for a while."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from hookspan import config
from hookspan.agent import settings as agent_settings
from hookspan.agent.settings import AgentSettings
from hookspan.errors import UserError
from hookspan.paths import Paths
from tests.waiting import until


def test_what_could_not_be_read_is_in_force_once_it_can_be(paths: Paths, monkeypatch: pytest.MonkeyPatch):
    """Without another change of the file: too many files were open when it was changed."""
    read = config.read_text

    def no_descriptor(path: Path) -> str | None:
        raise UserError(f"can't read `{path}`") from OSError(errno.EMFILE, "too many open files")

    settings = AgentSettings(paths, {})
    monkeypatch.setattr(agent_settings, "AGAIN", 0.1)
    monkeypatch.setattr(config, "read_text", no_descriptor)
    paths.config.parent.mkdir(parents=True, exist_ok=True)
    paths.config.write_text("[store]\ndays = 7\n")
    until(lambda: settings.look() and settings.problem)
    assert settings.now.store.days != 7
    monkeypatch.setattr(config, "read_text", read)
    until(lambda: settings.look() and settings.now.store.days == 7)
    assert settings.problem is None
