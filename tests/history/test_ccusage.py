"""`hookspan cost` beside ccusage, the tool that people know, over the same transcripts."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hookspan.paths import Paths
from tests import npm
from tests.agent.ingest import take_in
from tests.cli.test_look import run
from tests.history.test_history import records
from tests.model.replay import SESSIONS

VERSION = "20.0.24"
RECORDED = ("permission_approved", "print_nested_agents", "print_workflow", "project_command", "compact")
THEIRS = ("inputTokens", "cacheCreationTokens", "cacheReadTokens", "outputTokens")
WRITTEN = re.compile(
    r'("cache_creation_input_tokens": ?)(\d+)'
    r'(.*?"ephemeral_1h_input_tokens": ?)\d+(, ?"ephemeral_5m_input_tokens": ?)\d+'
)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A HOME with transcripts and a store of them. Cache writes are told by lifetime, as in each answer of the API."""
    folder = tmp_path_factory.mktemp("home")
    projects = folder / ".claude" / "projects"
    for name in RECORDED:
        shutil.copytree(SESSIONS / name / "projects", projects, dirs_exist_ok=True)
    for path in projects.rglob("*.jsonl"):
        path.write_text(WRITTEN.sub(r"\g<1>\2\g<3>0\g<4>\2", path.read_text()))
    take_in(Paths.from_environment({"HOOKSPAN_HOME": str(folder)}), records(projects))
    return folder


@pytest.mark.need_npm
def test_every_day_and_model_has_the_same_tokens(home):
    program = npm.installed("ccusage", VERSION, ".bin/ccusage")
    theirs = subprocess.run(
        [program, "daily", "--json", "--offline"],
        env={"HOME": str(home), "PATH": os.environ["PATH"], "TZ": "UTC"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    days, models = {}, {}
    for day in json.loads(theirs)["daily"]:
        days[day["period"]] = tuple(day[name] for name in THEIRS)
        for row in day["modelBreakdowns"]:
            before = models.get(row["modelName"], (0, 0, 0, 0))
            models[row["modelName"]] = tuple(map(sum, zip(before, (row[name] for name in THEIRS), strict=True)))
    assert any(written for _, written, *_ in models.values())
    assert len(models) > 1
    for grouping, wanted in (("day", days), ("model", models)):
        rows = json.loads(run(home, "cost", "--since", "all", "--by", grouping, "--json", TZ="UTC").stdout)["rows"]
        assert {row["name"]: ours(row) for row in rows if row["calls"]} == wanted


def ours(row) -> tuple[int, int, int, int]:
    """By OpenTelemetry's names the input has what was read from the cache and written to it."""
    written, read = row["cache_write_tokens"], row["cache_read_tokens"]
    return row["input_tokens"] - written - read, written, read, row["output_tokens"]
