"""Claude Code's own telemetry in the receiver: what it tells of a session agrees with the client and with the hooks."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.catalogue import logs
from hookspan.store import Reader
from hookspan.store.told import Told
from tests.claude import native
from tests.claude.drivers import PrintSession
from tests.claude.installed import InstalledHome, flush
from tests.claude.model import Failure, Model, says
from tests.claude.native import UNREPORTED_HOOKS
from tests.claude.scenarios.printed import bash
from tests.otlp_sink import Sink
from tests.waiting import until

pytestmark = [pytest.mark.need_npm, pytest.mark.xdist_group("client")]
PROMPT = "fix the cart"
SLOW = 0.3  # s that a hook of the user's takes
OFTEN = {name: value for name, value in native.environment("").items() if name.endswith("_INTERVAL")}


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


@pytest.fixture
def home(sink: Sink) -> Iterator[InstalledHome]:
    settings = {
        "receive.enabled": "true",
        "export.endpoint": sink.url,
        "export.traces": "false",
        "export.metrics": "false",
        "export.logs": "true",
    }
    with Model("received") as model, InstalledHome(model.url, settings=settings) as home:
        overloaded = Failure(529, "overloaded_error", "the script is busy", times=1)
        model.play({PROMPT: [overloaded, says(bash("ls"), bash("touch there")), says("Done.")]})
        home.hookspan("up")
        home.hookspan("install", "--yes", "--native-telemetry")
        home.hook(["/bin/sleep", str(SLOW)], ["PreToolUse"])
        yield home


def told(home: InstalledHome, session: str) -> Told:
    reader = Reader(home.paths)
    try:
        return reader.told(session)
    finally:
        reader.close()


def own_decisions(sink: Sink) -> dict[str, str]:
    """The verdict on each call, by hookspan's own log records."""
    return {
        str(log.attributes[sc.TOOL_CALL_ID]): str(log.attributes[sc.VERDICT])
        for log in sink.logs
        if log.event_name == logs.DECISION.name
    }


def test_what_the_client_tells_of_itself_is_joined_to_the_session_and_forwarded(home: InstalledHome, sink: Sink):
    ended = PrintSession(home, PROMPT, "--allowedTools", "Bash(ls:*)", env=OFTEN).wait()
    assert ended.code == 0, ended
    flush(home)
    events = home.events()
    session = events[0]["session_id"]
    calls = {event["tool_use_id"] for event in events if event["hook_event_name"] == "PreToolUse"}
    ran = {event["tool_use_id"] for event in events if event["hook_event_name"] == "PostToolUse"}
    assert len(calls) == 2
    assert len(ran) == 1

    # All that it sent is at the endpoint, and says the same there.
    until(lambda: Counter(one.name for one in sink.spans)["claude_code.tool"] == len(calls), "its tools' spans")
    until(lambda: Counter(one.name for one in sink.spans)["claude_code.interaction"] == 1, "its last span")
    heard = Counter(event["hook_event_name"] for event in events if event["hook_event_name"] not in UNREPORTED_HOOKS)
    until(lambda: native.read(sink).hooks == heard, "its log records")
    until(lambda: bool(sink.points), "its metrics")
    theirs = native.read(sink)
    home.hookspan("flush", check=False)

    def all_told() -> Told:
        found = told(home, session)
        assert sum(hook.runs for hook in found.hooks) == sum(theirs.hooks.values())
        assert len(found.decisions) == len(calls)
        assert len(found.requests) == len(theirs.model_calls)
        assert {one.tool_use_id for one in found.calls if one.part == "execution"} == ran
        assert {("PreToolUse", "userSettings"), ("PostToolUse", "userSettings")} <= {
            (hook.event, hook.source) for hook in found.registered
        }
        return found

    ours = until(all_told, "facts of all that it sent")

    # Every event's hooks by name, ours and the slow foreign one: as often as the journal has events.
    by_hooks = Counter(
        event["hook_event_name"] + (f":{event['tool_name']}" if event.get("tool_name") else "")
        for event in events
        if event["hook_event_name"] in {"PreToolUse", "PostToolUse", "UserPromptSubmit", "Stop"}
    )
    named = {hook.name: hook for hook in ours.hooks}
    assert {name: named[name].runs for name in by_hooks} == by_hooks
    assert named["PreToolUse:Bash"].hooks == 2
    assert named["PreToolUse:Bash"].took >= SLOW * 1e9 * named["PreToolUse:Bash"].runs
    assert named["PostToolUse:Bash"].hooks == 1
    registered = {(hook.event, hook.source): hook.count for hook in ours.registered}
    assert registered["PreToolUse", "userSettings"] == 2
    assert registered["PostToolUse", "userSettings"] == 1

    # Decisions with their source, as the transcript has them.
    decided = {one.tool_use_id: (one.decision, one.source) for one in ours.decisions}
    assert set(decided) == calls
    assert {decided[call][0] for call in ran} == {"accept"}
    assert {decided[call][0] for call in calls - ran} == {"reject"}
    assert {call: source for call, (_, source) in decided.items()} == dict.fromkeys(calls, "config")
    until(lambda: len(own_decisions(sink)) == len(calls), "hookspan's own records of the decisions")
    accepted = {call: "allowed" if decision == "accept" else "denied" for call, (decision, _) in decided.items()}
    assert own_decisions(sink) == accepted

    # Exact times and attempts: the client's own.
    execution = {one.tool_use_id: (one.start, one.end) for one in ours.calls if one.part == "execution"}
    wanted = {id_: tool.execution for id_, tool in theirs.tools.items() if tool.execution}
    assert execution == {id_: (one.start, one.end) for id_, one in wanted.items()}
    assert set(execution) == ran
    requests = {one.request_id: (one.attempts, one.start, one.end) for one in ours.requests}
    assert requests == {id_: (one.attempts, one.whole.start, one.whole.end) for id_, one in theirs.model_calls.items()}
    assert max(attempts for attempts, _, _ in requests.values()) == 2

    # On the command line, hooks by name that somebody can feel.
    waste: Any = json.loads(home.hookspan("waste", "--json"))
    assert {one["what"] for one in waste["rows"] if one["kind"] == "hooks"} >= {"PreToolUse:Bash"}
