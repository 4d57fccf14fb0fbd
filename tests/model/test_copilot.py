"""What Copilot CLI's calls were given and gave is compared by digests, as other agents' is; what it says of itself."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

from hookspan.catalogue import attributes as sc
from hookspan.clients.copilot.events import EventsParser
from hookspan.clients.decode import decode
from hookspan.config import Watchdog
from hookspan.model.fold import fold
from hookspan.model.rows import Increment, Span
from hookspan.model.state import State
from hookspan.wire.facts import TranscriptRead
from tests.model.replay import KEY, SESSIONS, play

LIMITS = Watchdog()
START = dt.datetime(2026, 11, 27, 7, tzinfo=dt.UTC)


def time_ns(seconds: int) -> int:
    """Unix nanoseconds, so many seconds behind the start."""
    return int(START.timestamp() * 1e9) + seconds * 10**9


class Sessions:
    """Sessions in one folder, told event by event; each takes a second."""

    def __init__(self) -> None:
        self.state, self.number, self.seconds = State(), 0, 0
        self.parsers: dict[str, EventsParser] = {}
        self.spans: list[Span] = []
        self.increments: list[Increment] = []

    def begin(self, session: str) -> None:
        at = time_ns(self.seconds)
        hook = {"v": 1, "agent": "copilot", "at": at, "took": 1, "event": {"sessionId": session, "cwd": "/shop"}}
        self._fold(decode(json.dumps(hook).encode(), KEY))
        self.parsers[session] = EventsParser(session, f"/{session}", key=KEY, cwd="/shop")
        self.told(session, "user.message", interactionId=f"turn-{session}", content="go on")

    def told(self, session: str, kind: str, of: str = "", **data: Any) -> None:
        """`of`: the subagent that it is of."""
        self.seconds += 1
        stamp = (START + dt.timedelta(seconds=self.seconds)).isoformat()
        line = {"type": kind, "id": f"line-{self.seconds}", "timestamp": stamp, "data": data}
        line |= {"agentId": of} if of else {}
        for fact in self.parsers[session].feed(json.dumps(line).encode() + b"\n"):
            self._fold(fact)

    def over(self, session: str) -> None:
        """All of it is read."""
        self._fold(TranscriptRead(at=time_ns(self.seconds + 60), key="read", session=session))

    def _fold(self, record: Any) -> None:
        self.number += 1
        rows = fold(self.state, self.number, record)
        self.spans += rows.spans
        self.increments += rows.increments

    def call(self, session: str, call: str, tool: str, result: str, **arguments: Any) -> None:
        self.told(session, "tool.execution_start", toolCallId=call, toolName=tool, arguments=arguments)
        self.told(session, "tool.execution_complete", toolCallId=call, success=True, result={"content": result})


def test_two_sessions_that_write_the_same_lines_collide():
    told = Sessions()
    for session, new in (("a", "total = 2\n"), ("b", "total = 3\n")):
        told.begin(session)
        told.call(session, f"see-{session}", "view", "total = 1", path="/shop/x.py")
        told.call(session, f"edit-{session}", "edit", "done", path="x.py", old_str="total = 1\n", new_str=new)
    marks = {
        str(s.attributes[sc.GEN_AI_TOOL_CALL_ID]): s.attributes.get(sc.COLLISION) for s in told.spans if not s.hook
    }
    assert marks == {"see-a": None, "edit-a": None, "see-b": None, "edit-b": "lines"}
    lines = [
        (dict(one.attributes)[sc.LINES_TYPE], one.value)
        for one in told.increments
        if one.instrument == "hookspan.lines"
    ]
    assert lines == [("added", 1), ("removed", 1)] * 2


def test_a_command_and_a_new_file_collide_with_what_is_written():
    told = Sessions()
    told.begin("a")
    told.call("a", "create", "create", "done", path="/shop/y.txt", file_text="1\n")
    told.begin("b")
    told.call("b", "command", "bash", "", command="echo 2 > y.txt")
    assert told.spans[-1].attributes[sc.COLLISION] == "lines"  # whichever they are


def test_a_command_that_gives_the_same_again_and_again_is_noticed():
    told = Sessions()
    told.begin("a")
    for number in range(LIMITS.calls + 1):
        told.call("a", f"c{number}", "bash", f"nothing\n<shellId: {number} completed with exit code 0>", command="make")
    alarms = [dict(one.attributes)[sc.ALARM_KIND] for one in told.increments if one.instrument == "hookspan.alarms"]
    assert alarms == ["repeated_call"]


def test_edits_that_undo_each_other_are_noticed():
    told = Sessions()
    told.begin("a")
    texts = ["a = 1\n", "a = 2\n"]
    for number in range(LIMITS.edits + 1):
        told.call("a", f"c{number}", "edit", f"done {number}", path="/shop/x", old_str=texts[0], new_str=texts[1])
        texts.reverse()
    alarms = [dict(one.attributes)[sc.ALARM_KIND] for one in told.increments if one.instrument == "hookspan.alarms"]
    assert alarms == ["edits_undone"]


def test_the_version_of_one_that_starts_slowly_is_known(tmp_path: Path):
    """It writes its version as it starts; its first hook came 2.5 s later on a busy machine."""
    recording = tmp_path / "recording"
    shutil.copytree(SESSIONS / "copilot_failed_turn", recording)
    (events,) = recording.glob(".copilot/session-state/*/events.jsonl")
    started = events.read_text()
    version, at = (json.loads(started.splitlines()[0])[key] for key in ("data", "timestamp"))
    events.write_text(started.replace(at, (dt.datetime.fromisoformat(at) - dt.timedelta(minutes=1)).isoformat(), 1))
    (session,) = play(str(recording), tmp_path / "home").state.sessions.values()
    assert session.client_version == version["copilotVersion"]


def test_a_subagent_that_fails_is_an_error():
    told = Sessions()
    told.begin("a")
    told.told("a", "tool.execution_start", toolCallId="c", toolName="task", arguments={})
    own = {"agentName": "task", "toolCallId": "c"}
    told.told("a", "subagent.started", of="b", **own)
    told.told("a", "subagent.failed", of="b", **own, error="it broke")
    told.told("a", "tool.execution_complete", toolCallId="c", success=False)
    told.told("a", "session.shutdown", shutdownType="routine")
    told.over("a")
    (agent,) = [span for span in told.spans if span.name == "invoke_agent task"]
    assert (agent.attributes[sc.OUTCOME], agent.attributes[sc.ERROR_TYPE], agent.status) == ("error", "_OTHER", 2)
    (length,) = [
        dict(one.attributes)
        for one in told.increments
        if one.instrument == "gen_ai.invoke_agent.duration" and (sc.GEN_AI_AGENT_NAME, "task") in one.attributes
    ]
    assert length[sc.ERROR_TYPE] == "_OTHER"
