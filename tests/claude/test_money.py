"""Tokens and cost per model equal the client's own totals in every recording, but for what a fact explains."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.claude import money
from tests.claude.evidence import Evidence
from tests.claude.verdict import Spans
from tests.model import replay

SCRIPTED = [name for name in replay.names() if replay.expected(name)]
KINDS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_input_tokens",
    "cache_write": "cache_creation_input_tokens",
}


def usage(calls: list[dict[str, Any]], sign: int = 1) -> dict[str, int]:
    """Tokens of scripted calls, as a residual."""
    total: Counter[str] = Counter()
    for call in calls:
        total.update({kind: sign * call["usage"][key] for kind, key in KINDS.items()})
    return dict(total)


def rest(name: str, tmp_path) -> tuple[Evidence, list[dict[str, int]]]:
    run = Evidence.recorded(replay.SESSIONS / name)
    spans = Spans(replay.play(name, tmp_path).spans)
    found = money.residuals(run.lines(), spans.model_calls)
    return run, [{kind: value for kind, value in kinds.items() if kind != "nano_usd"} for kinds in found.values()]


@pytest.mark.parametrize("name", [name for name in SCRIPTED if name not in money.EXPLAINED])
def test_nothing_remains(name, tmp_path):
    run = Evidence.recorded(replay.SESSIONS / name)
    assert money.residuals(run.lines(), Spans(replay.play(name, tmp_path).spans).model_calls) == {}
    if "sigkill" not in name:
        assert money.theirs(run.lines()), "an orderly end leaves totals"


@pytest.mark.parametrize("name", ["compact", "compact_auto"])
def test_the_summary_call_remains(name, tmp_path):
    run, found = rest(name, tmp_path)
    assert found == [usage([call for call in run.expected["model_calls"] if not call["in_transcript"]])]


def test_an_estimate_of_the_cut_answer_s_output_remains(tmp_path):
    _, [found] = rest("esc_stream", tmp_path)
    assert found.keys() == {"output"}
    assert found["output"] > 0


def test_a_fork_counts_its_origin_again(tmp_path):
    run, found = rest("print_fork", tmp_path)
    origin = {line["message"]["id"] for line in min(run.transcripts.values(), key=len) if line["type"] == "assistant"}
    assert found == [usage([call for call in run.expected["model_calls"] if call["message_id"] in origin])]


@pytest.mark.parametrize("name", ["print_resume_killed", "sigkill_dialog"])
def test_a_killed_client_s_calls_are_lacking(name, tmp_path):
    run, found = rest(name, tmp_path)
    assert found == [usage(run.expected["model_calls"][:1], sign=-1)]
