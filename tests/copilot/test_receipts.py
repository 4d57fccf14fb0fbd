"""The real client commits in a real repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.copilot.home import Home
from tests.copilot.model import Model
from tests.copilot.scenarios import DONE, once, shell
from tests.other_agents.at_home import Run
from tests.other_agents.receipts import COMMIT, repository, until_booked

pytestmark = [pytest.mark.slow, pytest.mark.need_npm, pytest.mark.xdist_group("copilot")]


@pytest.fixture
def home(model: Model, tmp_path: Path) -> Home:
    made = Home(tmp_path / "home", model.add(tmp_path.name, {"main": [shell(COMMIT), DONE]}))
    made.make()
    return made


def test_its_commit_has_a_receipt(home: Home, hookspan: Run) -> None:
    repository(home.work)
    hookspan("install", "--agent", "copilot", "--yes")
    once(home)
    until_booked(hookspan, "copilot")
