"""Models that a cloud serves: whose they are, and what they cost there."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.clients.decode import decode
from hookspan.model.fold import fold
from hookspan.model.rows import Rows, Span
from hookspan.model.state import State
from hookspan.observe import Observers

NANO = 1_000_000_000
AT = 1_795_687_200 * NANO  # 10:00:00
USAGE = {"input_tokens": 1000, "output_tokens": 1000}
BEDROCK, MANTLE, VERTEX, FOUNDRY = (f"CLAUDE_CODE_USE_{name}" for name in ("BEDROCK", "MANTLE", "VERTEX", "FOUNDRY"))
PROFILE = "arn:aws:bedrock:us-east-1:1:application-inference-profile/x"


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
    chat, counted = fold_answer(tmp_path, (), message, asked, answered)
    assert chat.attributes[sc.GEN_AI_PROVIDER_NAME] == provider
    assert chat.attributes.get(sc.COST_USD) == cost
    assert counted == {provider}


@pytest.mark.parametrize(
    ("variables", "asked", "answered", "provider", "cost"),
    [
        ([BEDROCK], "eu.anthropic.claude-opus-5-5", "eu.anthropic.claude-opus-5-5", "aws.bedrock", 0.0264),
        ([BEDROCK], "global.anthropic.claude-opus-5-5", "claude-opus-5-5", "aws.bedrock", 0.024),
        ([BEDROCK], PROFILE, "claude-opus-5-5", "aws.bedrock", 0.0264),
        ([BEDROCK], PROFILE, "claude-sonnet-4-5", "aws.bedrock", 0.018),  # this name is in Anthropic's table only
        ([MANTLE], "anthropic.claude-opus-5-5", "anthropic.claude-opus-5-5", "aws.bedrock", 0.0264),
        ([MANTLE], "claude-opus-5-5", "claude-opus-5-5", "aws.bedrock", 0.0264),
        ([VERTEX], "claude-opus-5-5", "claude-opus-5-5", "gcp.vertex_ai", 0.024),
        ([VERTEX], "claude-opus-4-1", "claude-opus-4-1", "gcp.vertex_ai", 0.09),  # in Anthropic's table only
        ([FOUNDRY], "claude-opus-5-5", "claude-opus-5-5", "anthropic", 0.024),
        ([FOUNDRY], "our-deployment", "our-deployment", "anthropic", None),
        ([VERTEX, MANTLE, FOUNDRY, BEDROCK], "claude-opus-5-5", "claude-opus-5-5", "aws.bedrock", 0.0264),
        ([VERTEX, MANTLE, FOUNDRY], "claude-opus-5-5", "claude-opus-5-5", "anthropic", 0.024),
        ([VERTEX, MANTLE], "claude-opus-5-5", "claude-opus-5-5", "aws.bedrock", 0.0264),
    ],
)
def test_the_client_s_environment_tells_the_provider(
    tmp_path: Path, variables: list[str], asked: str, answered: str, provider: str, cost: float | None
) -> None:
    """Of several variables the client takes the first of Bedrock, Foundry, Mantle, Vertex."""
    chat, counted = fold_answer(tmp_path, variables, "msg_01A", asked, answered)
    assert chat.attributes[sc.GEN_AI_PROVIDER_NAME] == provider
    assert chat.attributes.get(sc.COST_USD) == cost
    assert counted == {provider}


def test_a_run_without_the_variable_has_another_provider(tmp_path: Path) -> None:
    """A session that is resumed elsewhere: what the run before it left is still that run's."""
    state = State()
    transcript = write(tmp_path, "msg_01A", "claude-opus-5-5", "claude-opus-5-5")
    observers = Observers(roots=(str(tmp_path.resolve()),))
    first = [raw(AT, "UserPromptSubmit", transcript, [VERTEX]), raw(AT + 2 * NANO, "SessionEnd", transcript, [VERTEX])]
    rows = play(state, observers, first, AT)
    write(tmp_path, "msg_01B", "claude-opus-5-5", "claude-opus-5-5", "10:01:01")
    later = AT + 60 * NANO
    second = [raw(later, "UserPromptSubmit", transcript, []), raw(later + 2 * NANO, "SessionEnd", transcript, [])]
    rows += play(state, observers, second, later)
    chats = [span for each in rows for span in each.spans if span.name.startswith("chat")]
    assert [chat.attributes[sc.GEN_AI_PROVIDER_NAME] for chat in chats] == ["gcp.vertex_ai", "anthropic"]


def test_a_call_that_failed_has_its_provider(tmp_path: Path) -> None:
    """Its line has neither a message id of the cloud's nor a model."""
    failed = {"isApiErrorMessage": True, "apiErrorStatus": 529}
    chat, counted = fold_answer(tmp_path, [BEDROCK], "0b0e", "", "<synthetic>", **failed)
    assert chat.attributes[sc.GEN_AI_PROVIDER_NAME] == "aws.bedrock"
    assert counted == {"aws.bedrock"}


def write(folder: Path, message: str, asked: str, answered: str, clock: str = "10:00:01", **more: Any) -> Path:
    """Adds an answer to the session's transcript."""
    transcript = folder / "project" / "s.jsonl"
    transcript.parent.mkdir(exist_ok=True)
    answer = {"id": message, "role": "assistant", "model": answered or asked, "usage": USAGE, "stop_reason": "end_turn"}
    line = {"type": "assistant", "timestamp": f"2026-11-26T{clock}Z", "requestedModel": asked, "message": answer}
    with transcript.open("a") as file:
        file.write(json.dumps(line | more) + "\n")
    os.utime(transcript, ns=(AT, AT))
    return transcript


def raw(at: int, event: str, transcript: Path, variables: Sequence[str]) -> bytes:
    """A line as the relay writes it."""
    payload = {"session_id": "s", "hook_event_name": event, "prompt_id": "p", "transcript_path": str(transcript)}
    line = {"v": 1, "agent": "claude-code", "at": at, "env": dict.fromkeys(variables, "1"), "event": payload}
    return json.dumps(line).encode()


def play(state: State, observers: Observers, lines: list[bytes], start: int) -> list[Rows]:
    """What the lines, and all that the observers find in the half minute after them, become."""
    rows = [fold(state, start + number, decode(line, b"k")) for number, line in enumerate(lines)]
    for tick in range(10, 40):
        observers.wake()
        found = observers.step(start + tick * NANO, state)
        rows += [fold(state, start + 1000 * tick + number, decode(one, b"k")) for number, one in enumerate(found)]
    return rows


def fold_answer(
    folder: Path, variables: Sequence[str], message: str, asked: str, answered: str, **more: Any
) -> tuple[Span, set[Any]]:
    """The span of a turn's one model call, and the providers under which it is counted."""
    transcript = write(folder, message, asked, answered, **more)
    events = "UserPromptSubmit", "SessionEnd"
    lines = [raw(AT + 2 * NANO * n, event, transcript, variables) for n, event in enumerate(events)]
    rows = play(State(), Observers(roots=(str(folder.resolve()),)), lines, AT)
    (chat,) = [span for each in rows for span in each.spans if span.name.startswith("chat")]
    counted = [
        dict(one.attributes) for each in rows for one in each.increments if one.instrument.startswith("gen_ai.client")
    ]
    return chat, {one[sc.GEN_AI_PROVIDER_NAME] for one in counted}
