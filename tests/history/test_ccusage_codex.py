"""`hookspan cost` beside ccusage over the same rollouts of Codex, and over the rollouts' own records."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hookspan.paths import Paths
from tests import npm
from tests.agent.ingest import take_in
from tests.cli.test_look import run
from tests.history.test_ccusage import VERSION
from tests.history.test_codex import records
from tests.model.replay import SESSIONS

RECORDED = ("plain", "code_mode", "compaction", "compacted_by_hand", "retried", "resumed", "subagent", "forked")
LEFT_OUT = ('"parent_thread_id"', '"forked_from_id"')
"""ccusage counts neither a subagent's rollout nor a fork's: it takes them for copies of the one that they come from."""


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A HOME with rollouts and a store of them."""
    folder = tmp_path_factory.mktemp("home")
    rollouts = folder / ".codex" / "sessions"
    for name in RECORDED:
        shutil.copytree(SESSIONS / f"codex_{name}" / ".codex" / "sessions", rollouts, dirs_exist_ok=True)
    take_in(Paths.from_environment({"HOOKSPAN_HOME": str(folder)}), records(rollouts))
    return folder


def told(home: Path, *, left_out: bool | None = None) -> Iterator[tuple[str, str, dict[str, int]]]:
    """The usage records of rollouts, each with its day and model; only those that ccusage leaves out, or the others."""
    for path in sorted((home / ".codex").rglob("*.jsonl")):
        text, model = path.read_text(), ""
        if left_out is not None and left_out is not any(mark in text for mark in LEFT_OUT):
            continue
        for data in text.splitlines():
            line = json.loads(data)
            model = line["payload"].get("model", model) if line["type"] == "turn_context" else model
            if line["type"] == "token_usage_record":
                yield line["timestamp"][:10], model, line["payload"]["usage"]


def sums(home: Path, by: int, *, left_out: bool | None = None) -> Counter[str]:
    """Input without cached tokens, cached ones and output, under the day (0) or the model (1)."""
    found: Counter[str] = Counter()
    for entry in told(home, left_out=left_out):
        usage = entry[2]
        cached = usage["cached_input_tokens"]
        for kind, tokens in (
            ("in", usage["input_tokens"] - cached),
            ("cached", cached),
            ("out", usage["output_tokens"]),
        ):
            found[f"{entry[by]} {kind}"] += tokens
    return found


def ours(home: Path, by: str) -> Counter[str]:
    rows = json.loads(run(home, "cost", "--since", "all", "--by", by, "--json", TZ="UTC").stdout)["rows"]
    found: Counter[str] = Counter()
    for row in rows:
        cached = row["cache_read_tokens"]
        found[f"{row['name']} in"] += row["input_tokens"] - cached
        found[f"{row['name']} cached"] += cached
        found[f"{row['name']} out"] += row["output_tokens"]
    return +found


@pytest.mark.parametrize(("by", "place"), [("day", 0), ("model", 1)])
def test_every_day_and_model_has_the_tokens_of_the_rollouts_records(home, by, place):
    assert ours(home, by) == sums(home, place)
    assert len({name.split()[0] for name in ours(home, "model")}) == 3


@pytest.mark.need_npm
def test_ccusage_has_the_same_but_for_subagents_and_forks(home):
    program = npm.installed("ccusage", VERSION, ".bin/ccusage")
    days: list[dict[str, Any]] = json.loads(
        subprocess.run(
            [program, "codex", "daily", "--json", "--offline"],
            env={"HOME": str(home), "PATH": os.environ["PATH"], "TZ": "UTC"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )["daily"]
    by_day: Counter[str] = Counter()
    by_model: Counter[str] = Counter()
    for day in days:
        for model, row in day["models"].items():
            for kind, key in (("in", "inputTokens"), ("cached", "cacheReadTokens"), ("out", "outputTokens")):
                by_day[f"{day['date']} {kind}"] += row[key]
                by_model[f"{model} {kind}"] += row[key]
    assert ours(home, "day") - sums(home, 0, left_out=True) == by_day
    assert ours(home, "model") - sums(home, 1, left_out=True) == by_model
