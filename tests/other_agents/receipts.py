"""What a client's commit in a real repository becomes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.other_agents.at_home import Run
from tests.waiting import until

COMMIT = "git -c user.name=Ada -c user.email=ada@example.com commit -q --allow-empty -m Cart"


def repository(folder: Path) -> None:
    """Make it one."""
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)


def until_booked(hookspan: Run, agent: str) -> None:
    """Wait until one commit has a receipt with work in it, of one model call of that agent."""

    def booked() -> bool:
        found = json.loads(hookspan("receipt", "--all", "--json").stdout)
        return [(one["agents"], one["calls"]) for one in found["receipts"] if one["calls"]] == [([agent], 1)]

    until(booked, "the receipt")
