"""Models that a cloud serves: whose they are, and what they cost there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.clients.decode import decode
from hookspan.model.fold import fold
from hookspan.model.state import State
from hookspan.observe import Observers
from hookspan.wire import Reduced

NANO = 1_000_000_000
AT = 1_795_687_200 * NANO  # 10:00:00
USAGE = {"input_tokens": 1000, "output_tokens": 1000}


@pytest.mark.parametrize(
    ("message", "asked", "answered", "provider", "cost"),
    [
        ("msg_01A", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "anthropic", 0.018),
        ("msg_bdrk_01A", "", "claude-sonnet-4-5-20250929", "aws.bedrock", 0.0198),
        ("msg_01A", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "", "aws.bedrock", 0.0198),
        ("msg_bdrk_01A", "global.anthropic.claude-opus-4-5-20251101-v1:0", "claude-opus-4-5", "aws.bedrock", 0.03),
        ("msg_01A", "eu.anthropic.claude-opus-5-5", "eu.anthropic.claude-opus-5-5", "aws.bedrock", 0.0264),
        ("msg_01A", "", "anthropic.claude-haiku-4-5-20251001-v1:0", "aws.bedrock", 0.0066),
        ("msg_vrtx_01A", "claude-sonnet-4-5@20250929", "claude-sonnet-4-5-20250929", "gcp.vertex_ai", 0.018),
        ("msg_01A", "", "claude-opus-4-1@20250805", "gcp.vertex_ai", 0.09),
        ("msg_vrtx_01A", "", "claude-opus-5-5@20260801", "gcp.vertex_ai", 0.024),
        (
            "msg_bdrk_01A",
            "arn:aws:bedrock:us-east-1:1:application-inference-profile/x",
            "nobody-s",
            "aws.bedrock",
            None,
        ),
    ],
)
def test_a_cloud_s_model_has_its_provider_and_its_price(
    tmp_path: Path, message: str, asked: str, answered: str, provider: str, cost: float | None
) -> None:
    transcript = tmp_path / "project" / "s.jsonl"
    transcript.parent.mkdir()
    answer = {"id": message, "role": "assistant", "model": answered or asked, "usage": USAGE, "stop_reason": "end_turn"}
    line = {"type": "assistant", "timestamp": "2026-11-26T10:00:01Z", "requestedModel": asked, "message": answer}
    transcript.write_text(json.dumps(line) + "\n")
    os.utime(transcript, ns=(AT, AT))
    state = State()
    observers = Observers(roots=(str(tmp_path.resolve()),))
    records = [
        Reduced(at=AT, session="s", event="UserPromptSubmit", prompt="p", transcript=str(transcript)),
        Reduced(at=AT + 2 * NANO, session="s", event="SessionEnd"),
    ]
    rows = [fold(state, number, record) for number, record in enumerate(records, 1)]
    for tick in range(10, 40):
        observers.wake()
        lines = observers.step(AT + tick * NANO, state)
        rows += [fold(state, 1000 * tick + number, decode(one, b"k")) for number, one in enumerate(lines)]
    (chat,) = [span for each in rows for span in each.spans if span.name.startswith("chat")]
    assert chat.attributes[sc.GEN_AI_PROVIDER_NAME] == provider
    assert chat.attributes.get(sc.COST_USD) == cost
    counted = [dict(one.attributes) for each in rows for one in each.increments if one.instrument.startswith("gen_ai")]
    assert {one[sc.GEN_AI_PROVIDER_NAME] for one in counted} == {provider}
