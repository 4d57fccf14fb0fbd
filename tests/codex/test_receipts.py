"""The real client commits in a real repository."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.codex.home import Home
from tests.codex.model import Model
from tests.codex.scenarios import DONE, once, shell
from tests.other_agents.at_home import Run
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.need_npm, pytest.mark.xdist_group("codex")]
COMMIT = "git -c user.name=Ada -c user.email=ada@example.com commit -q --allow-empty -m Cart"


@pytest.fixture
def home(model: Model, tmp_path: Path) -> Home:
    made = Home(tmp_path / "home", model.add(tmp_path.name, {"main": [shell(COMMIT), DONE]}))
    made.make()
    return made


def test_its_commit_has_a_receipt(home: Home, hookspan: Run) -> None:
    subprocess.run(["git", "init", "-q"], cwd=home.work, check=True)
    hookspan("install", "--agent", "codex", "--yes")
    home.trust()
    once(home)

    def booked() -> bool:
        found = json.loads(hookspan("receipt", "--all", "--json").stdout)
        return [(one["agents"], one["calls"]) for one in found["receipts"] if one["calls"]] == [(["codex"], 1)]

    until(booked, "the receipt")
