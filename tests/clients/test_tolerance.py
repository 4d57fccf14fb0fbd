"""Whatever a client of the future sends, or a broken one: lines are read or passed over, never more than that."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hookspan import wire
from hookspan.clients.claude_code.transcript import TranscriptParser
from hookspan.clients.claude_code.transcript_lines import read_history_line
from hookspan.clients.codex.rollout import RolloutParser
from hookspan.clients.conversations import conversation, messages
from hookspan.clients.copilot.events import EventsParser
from hookspan.clients.decode import decode
from hookspan.history.codex import CodexHistory
from hookspan.history.copilot import CopilotHistory
from hookspan.history.lines import Source
from hookspan.model.fold import fold
from hookspan.model.state import State, dump_session, load_session
from hookspan.wire.facts import Silent, TranscriptRead
from tests.model.replay import KEY, SESSIONS
from tests.samples import payloads

PAYLOADS = [payload for some in payloads().values() for payload in some]
LINES = [
    json.loads(line)
    for name in (
        "print_nested_agents",
        "queued_next",
        "esc_stream",
        "compact_auto",
        "permission_words",
        "print_api_529",
    )
    for path in sorted((SESSIONS / name / "projects").rglob("*.jsonl"))
    for line in path.read_text().splitlines()
]
CODEX = [
    json.loads(line)["event"]
    for journal in sorted(SESSIONS.glob("codex_*/journal.jsonl"))
    for line in journal.read_text().splitlines()
]
ROLLOUTS = [
    json.loads(line)
    for rollout in sorted(SESSIONS.glob("codex_*/.codex/**/*.jsonl"))
    for line in rollout.read_text().splitlines()
]
NO_PART = {
    "timestamp": "2026-11-27T09:25:00.908Z",
    "type": "event_msg",
    "payload": {"type": "item_completed", "turn_id": "t", "item": {"type": "UserMessage", "content": [None]}},
}
"""What a person said, in parts of which one is none."""
COPILOT = [
    json.loads(line)["event"]
    for journal in sorted(SESSIONS.glob("copilot_*/journal.jsonl"))
    for line in journal.read_text().splitlines()
]
COPILOT_EVENTS = [
    json.loads(line)
    for events in sorted(SESSIONS.glob("copilot_*/.copilot/**/*.jsonl"))
    for line in events.read_text().splitlines()
]
EXAMPLES = settings.default.max_examples  # a hundred, or what `--hypothesis-profile` says

scalars = (
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats(allow_nan=False) | st.text(max_size=20)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def changed(originals: list[dict]) -> st.SearchStrategy[dict]:
    """A real object with something else at up to four places, at any depth, or something more."""
    return change(st.sampled_from(originals))


@st.composite
def change(draw: st.DrawFn, originals: st.SearchStrategy[dict]) -> dict:
    whole = json.loads(json.dumps(draw(originals)))
    for _ in range(draw(st.integers(1, 4))):
        at = whole
        while True:
            keys = [key for key, item in at.items() if isinstance(item, dict)]
            if not keys or draw(st.booleans()):
                break
            at = at[draw(st.sampled_from(keys))]
        key = draw(st.sampled_from(sorted(at))) if at and draw(st.booleans()) else draw(st.text(max_size=8))
        at[key] = draw(values)
    return whole


@pytest.mark.slow
@settings(max_examples=3 * EXAMPLES // 2)
@given(
    agent_and_events=st.one_of(
        st.tuples(st.just(agent), st.lists(changed(events), min_size=1, max_size=6))
        for agent, events in (("claude-code", PAYLOADS), ("codex", CODEX), ("copilot", COPILOT))
    ),
    at=st.lists(st.integers(-(2**70), 2**70), min_size=6),
)
def test_events_of_another_shape(agent_and_events, at):
    agent, events = agent_and_events
    state, spans, talk = State(), [], conversation(of_events=True)
    for number, (event, moment) in enumerate(zip(events, at, strict=False), 1):
        line = json.dumps({"v": 1, "agent": agent, "at": moment, "took": 1, "event": event}).encode()
        assert all(message.kind and message.id for message in talk.feed(line, 0))
        try:
            record = decode(line, KEY)
        except wire.Unreadable:
            continue
        assert decode(wire.encode(record), b"") == record
        spans += fold(state, number, record).spans
    for session in list(state.sessions.values()):
        assert dump_session(load_session(dump_session(session))) == dump_session(session)
        late = max(session.last, 0) + 1
        spans += fold(state, 90, Silent(at=late, key="s", session=session.id, judged_at=100)).spans
        spans += fold(state, 91, TranscriptRead(at=late + 2**62, key="r", session=session.id)).spans
        assert (session.turns, session.calls, session.agents) == ({}, {}, {})
    assert all(span.start <= span.end for span in spans)


@pytest.mark.slow
@settings(max_examples=3 * EXAMPLES // 2)
@given(lines=st.lists(changed(LINES), min_size=1, max_size=8))
def test_transcript_lines_of_another_shape(lines):
    parser, talk = TranscriptParser("s", "f.jsonl"), conversation()
    read = 0
    facts = []
    for line in lines:
        data = json.dumps(line).encode() + b"\n"
        facts += parser.feed(data)
        read_history_line(data)
        assert all(message.kind and message.id for message in talk.feed(data, read))
        read += len(data)
    facts += parser.end()
    assert parser.safe_offset <= read
    for fact in facts:
        assert decode(wire.encode(fact), KEY) == fact
        assert fact.key


def huge(value: Any) -> Any:
    """With a number that no float and no column of a store can hold, in place of each number."""
    if isinstance(value, dict):
        return {name: huge(item) for name, item in value.items()} | {"duration_ms": 10**400}
    if isinstance(value, list):
        return [huge(item) for item in value]
    return 10**400 if type(value) in {int, float} else value


def test_tokens_that_contradict_each_other_have_no_price():
    (asked, *_) = (one for one in CODEX if (one.get("token_usage") or {}).get("cached_input_tokens"))
    asked = asked | {"model": "gpt-5.5"}
    told = asked | {"token_usage": asked["token_usage"] | {"input_tokens": None}}
    costs = [
        decode(json.dumps({"v": 1, "agent": "codex", "at": 1, "took": 1, "event": event}).encode(), KEY)
        for event in (asked, told)
    ]
    assert [one.request.cost_nano >= 0 for one in costs] == [True, False]


def test_numbers_beyond_all_measure():
    for agent, payload in [*(("claude-code", one) for one in PAYLOADS), *(("codex", one) for one in CODEX)]:
        line = json.dumps({"v": 1, "agent": agent, "at": 1, "took": 1, "event": huge(payload)}).encode()
        assert msgspec.json.decode(wire.encode(decode(line, KEY)), type=dict[str, Any])
    for rollout in ROLLOUTS:
        assert all(wire.encode(fact) for fact in RolloutParser("s", "f").feed(json.dumps(huge(rollout)).encode()))
    for line in COPILOT_EVENTS:
        assert all(wire.encode(fact) for fact in EventsParser("s", "f").feed(json.dumps(huge(line)).encode()))
    for transcript in LINES:
        data = json.dumps(huge(transcript)).encode() + b"\n"
        assert all(wire.encode(fact) for fact in TranscriptParser("s", "f.jsonl").feed(data))
        read_history_line(data)


def with_text(lines: list[dict], text: str) -> list[bytes]:
    return [json.dumps(line | {"cut": text}).encode() + b"\n" for line in lines]


@pytest.mark.parametrize("text", ["a\ud83d", "\ude00b", "\\\ud83d", "\\\\ud83d\ude00", "\ud83d\\ude00", "\ude00\ud83d"])
def test_a_text_that_was_cut_within_an_emoji_costs_half_an_emoji(text):
    """JavaScript does that, and writes the other half as an escape."""
    mended = re.sub("[\ud800-\udfff]", "\ufffd", text)
    for parser, lines, agent in (
        (partial(TranscriptParser, "s", "f.jsonl"), LINES, "claude-code"),
        (partial(RolloutParser, "s", "/f"), ROLLOUTS, "codex"),
        (partial(EventsParser, "s", "/f"), COPILOT_EVENTS, "copilot"),
    ):
        facts, talks = [], []
        for data in (with_text(lines, text), with_text(lines, mended)):
            read = parser()
            facts.append([fact for line in data for fact in read.feed(line)] + list(read.end()))
            talks.append(list(messages(data, agent)))
        assert facts[0] == facts[1] != []
        assert talks[0] == talks[1] != []
    for agent, events in (("claude-code", PAYLOADS), ("codex", CODEX), ("copilot", COPILOT)):
        frame = b'{"v":1,"agent":"%s","at":1,"took":1,"event":%%s}' % agent.encode()
        read, wanted = ([decode(frame % line, KEY) for line in with_text(events, one)] for one in (text, mended))
        assert read == wanted
    prompt = {"session_id": "s", "hook_event_name": "UserPromptSubmit", "prompt": text}
    line = json.dumps({"v": 1, "at": 1, "event": prompt}).encode()
    assert [said.text for said in conversation(of_events=True).feed(line, 0)] == [mended]
    assert read_history_line(with_text([{"uuid": "u"}], text)[0]) is not None


def test_bytes_that_are_no_text_are_set_aside_with_their_line():
    with pytest.raises(wire.Unreadable):
        decode(b'{"v":1,"at":1,"event":{"hook_event_name":"Stop","session_id":"s","cwd":"\xff"}}', KEY)


@given(st.binary(max_size=200))
def test_lines_that_are_nothing(data):
    parser = TranscriptParser("s", "f.jsonl")
    list(parser.feed(data + b"\n"))
    read_history_line(data)
    conversation().feed(data, 0)
    try:
        decode(data, KEY)
    except wire.Unreadable:
        return


@pytest.mark.slow
@given(lines=st.lists(changed(ROLLOUTS), min_size=1, max_size=6))
@example(lines=[NO_PART])
def test_lines_of_a_rollout_of_another_shape(lines):
    parser = RolloutParser("s", "/f")
    for line in lines:
        for fact in parser.feed(json.dumps(line).encode() + b"\n"):
            assert decode(wire.encode(fact), b"") == fact
    assert parser.end() == []
    data = [json.dumps(line).encode() + b"\n" for line in lines]
    assert list(messages(data, "codex")) is not None
    fold_history(CodexHistory("s", [Source("/f", data), Source("/g", data, "sub")]))


@pytest.mark.slow
@given(lines=st.lists(changed(COPILOT_EVENTS), min_size=1, max_size=6))
def test_events_of_copilot_of_another_shape(lines):
    parser, state = EventsParser("s", "/f"), State()
    begin = {"v": 1, "agent": "copilot", "at": 1, "took": 1, "event": {"sessionId": "s", "cwd": "/"}}
    fold(state, 1, decode(json.dumps(begin).encode(), KEY))
    for line in lines:
        for number, fact in enumerate(parser.feed(json.dumps(line).encode() + b"\n"), 2):
            assert decode(wire.encode(fact), b"") == fact
            fold(state, number, fact)
    load_session(dump_session(state.sessions["s"]))
    assert parser.end() == []
    data = [json.dumps(line).encode() + b"\n" for line in lines]
    assert list(messages(data, "copilot")) is not None
    fold_history(CopilotHistory("s", [Source("/f", data)]))


def fold_history(history: CodexHistory | CopilotHistory) -> None:
    """What is imported is written as it is read again, and folded."""
    state = State()
    for number, record in enumerate(history.records(), 1):
        assert decode(wire.encode(record), b"") == record
        fold(state, number, record)
    for session in state.sessions.values():
        load_session(dump_session(session))
