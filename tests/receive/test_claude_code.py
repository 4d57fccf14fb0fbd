"""What the receiver makes of Claude Code's own telemetry: facts in the journal, and no content."""

import json
import time
import uuid

from hypothesis import given
from hypothesis import strategies as st

from hookspan.receive import otlp
from hookspan.receive.claude_code import ClaudeCode
from hookspan.store import Reader
from hookspan.store.told import Told
from hookspan.wire.facts import ClientTold
from tests.agent.machine import append, small_session
from tests.otlp_sink import Sink
from tests.receive import requests
from tests.receive.conftest import Receiving
from tests.waiting import until

MARK = "s3cret"
HOOKS = {
    "event.name": "hook_execution_complete",
    "hook_name": "PreToolUse:Bash",
    "num_hooks": "2",
    "total_duration_ms": "12.5",
    "num_blocking": "1",
}


def told(*records: dict[str, object]) -> list[ClientTold]:
    """The facts of log records."""
    return [
        fact for fact in ClaudeCode().logged(requests.logs(*records).resource_logs, 5) if isinstance(fact, ClientTold)
    ]


@given(
    st.dictionaries(
        st.sampled_from([*HOOKS, "session.id", "decision", "source", "tool_use_id", "plugin.name"]),
        st.one_of(st.text(), st.integers(-(1 << 63), (1 << 63) - 1), st.sampled_from(["nan", "inf", "1e999"])),
    ),
    st.sampled_from(["hook_execution_complete", "tool_decision", "hook_registered"]),
)
def test_whatever_it_says_gives_facts_or_none(attributes: dict[str, object], event: str):
    for fact in told({**attributes, "event.name": event, "session.id": attributes.get("session.id", "a")}):
        json.dumps(str(fact))
        assert all(0 <= ran.took < 1 << 63 for ran in fact.hooks)


def test_the_same_request_gives_the_same_facts():
    record = {**HOOKS, "session.id": "a", "at": 7}
    assert told(record) == told(record)
    assert told(record)[0].key != told({**record, "at": 8})[0].key


def test_an_emoji_that_was_cut_is_a_text_in_json():
    request = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"cut \\ud83d"}}]}]}]}'
    (resource,) = otlp.decode("logs", request, is_json=True).resource_logs
    assert resource.scope_logs[0].log_records[0].body.string_value == "cut \ufffd"


def test_no_content_is_kept_of_what_is_received(receiving: Receiving, sink: Sink):
    """Everything that the client may send has a mark; the endpoint gets it, nothing else has it."""
    events = small_session()
    append(receiving.machine, *events)
    session, call = events[0]["session_id"], events[2]["tool_use_id"]
    common = {"session.id": session, "prompt": MARK, "tool_parameters": MARK, "error": MARK, "user.email": MARK}
    names = ("user_prompt", "tool_result", "api_error", "assistant_response", "tool_decision", "hook_registered")
    records = [{"event.name": name, "tool_use_id": call, "source": f"{MARK}\n{MARK}", **common} for name in names]
    request = requests.logs({**HOOKS, **common, "hook_definitions": MARK}, *records)
    sender = receiving.sender()
    assert sender.send("/v1/logs", request.SerializeToString()).status == 200
    sink.wait(lambda: any(MARK.encode() in one.wire for one in sink.requests))
    reader = Reader(receiving.machine.paths)
    until(lambda: reader.told(session).hooks and reader.told(session).decisions, "no facts")
    reader.close()
    until(lambda: not list(receiving.machine.paths.received.rglob("*.requests")), "something stayed on the disk")
    receiving.machine.cli("down")
    marked = [
        path
        for path in receiving.machine.paths.state.rglob("*")
        if path.is_file() and MARK.encode() in path.read_bytes()
    ]
    assert marked == []


def test_facts_of_a_session_that_nobody_knows_change_nothing(receiving: Receiving):
    known, unknown = small_session(), str(uuid.uuid4())
    append(receiving.machine, *known)
    session = known[0]["session_id"]
    record = {**HOOKS, "at": time.time_ns()}
    request = requests.logs({**record, "session.id": unknown}, {**record, "session.id": session})
    assert receiving.sender().send("/v1/logs", request.SerializeToString()).status == 200
    reader = Reader(receiving.machine.paths)
    found = until(lambda: reader.told(session).hooks)
    assert [(hook.name, hook.runs, hook.hooks, hook.failed, hook.took) for hook in found] == [
        ("PreToolUse:Bash", 1, 2, 1, 12_500_000)
    ]
    assert reader.told(unknown).hooks == []
    assert {row.id for row in reader.sessions()} == {session}
    reader.close()


def test_a_rebuild_gives_the_same_and_forget_leaves_nothing(receiving: Receiving):
    events, machine = small_session(), receiving.machine
    append(machine, *events)
    session, call = events[0]["session_id"], events[2]["tool_use_id"]
    decided = {"event.name": "tool_decision", "tool_use_id": call, "decision": "accept", "source": "config"}
    records = [{**HOOKS, "at": 7}, {**HOOKS, "at": 8}, decided]
    for record in records:  # three requests, the first of them twice: as an agent that was killed leaves it
        for _ in range(2 if record is records[0] else 1):
            request = requests.logs({**record, "session.id": session})
            assert receiving.sender().send("/v1/logs", request.SerializeToString()).status == 200
    reader = Reader(machine.paths)
    until(lambda: reader.told(session).decisions and reader.told(session).hooks[0].runs == 2, "not all was taken in")
    told = reader.told(session)
    reader.close()
    assert machine.cli("rebuild", "--yes").returncode == 0
    assert reader.told(session) == told
    reader.close()
    assert machine.cli("forget", session, "--yes").returncode == 0
    assert reader.told(session) == Told()
    reader.close()
