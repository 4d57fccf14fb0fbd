"""When things happened: what is told late, by facts or not at all, and what goes on beside a turn."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import EndReason, SessionPhase
from hookspan.model.agents import resumed
from hookspan.model.fold import fold
from hookspan.model.rows import Increment, Span, Waste
from hookspan.model.state import State
from hookspan.model.summary import session_row
from hookspan.model.turns import may_be_over
from hookspan.observe import timers
from hookspan.observe.processes import Processes
from hookspan.wire import Record, Reduced
from hookspan.wire.facts import (
    AttemptFailed,
    ClientGone,
    CostState,
    ModelCall,
    ModelTotal,
    Policy,
    Repository,
    Running,
    Settled,
    TranscriptRead,
)
from hookspan.wire.reduced import VERDICT_DENIED, Call

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
START = 1_795_000_000 * SECOND
PID = 4242


class Told:
    """A session that is told event by event; times are in seconds from its start."""

    def __init__(self) -> None:
        self.state = State()
        self.spans: list[Span] = []
        self.increments: list[Increment] = []
        self.waste: list[Waste] = []
        self.number = 0

    def take(self, record: Record) -> None:
        self.number += 1
        rows = fold(self.state, self.number, record)
        self.spans += [span for span in rows.spans if not span.hook]
        self.increments += rows.increments
        self.waste += rows.waste

    def event(self, at: float, event: str, agent: str = "", **fields: object) -> None:
        about = {"prompt": "p", "agent_id": agent, "agent_type": agent and "general-purpose", "client_pid": PID}
        self.take(Reduced(at=START + round(at * SECOND), session="s", event=event, **(about | fields)))

    def begin(self) -> None:
        self.event(0, "SessionStart", prompt="", source="startup")
        self.event(0, "UserPromptSubmit")

    def asked(self, at: float, call: str, agent: str = "") -> None:
        """A call of Bash that somebody is asked about."""
        about = {"tool": "Bash", "input_digest": call}
        self.event(at, "PreToolUse", agent, tool_use_id=call, **about)
        self.event(at, "PermissionRequest", agent, **about)

    def ran(self, at: float, call: str, seconds: float, agent: str = "") -> None:
        self.event(at, "PostToolUse", agent, tool="Bash", tool_use_id=call, duration_ms=seconds * 1e3)

    def delegate(self, at: float, call: str, agent: str) -> None:
        """A background subagent."""
        self.event(at, "PreToolUse", tool="Agent", tool_use_id=call)
        self.event(at, "SubagentStart", agent)
        self.event(
            at, "PostToolUse", tool="Agent", tool_use_id=call, duration_ms=0.0, background=True, child_agent=agent
        )

    def review(self, at: float, call: str, prompt: str = "p") -> None:
        """A workflow."""
        whole = {"prompt": prompt, "tool": "Workflow", "tool_use_id": call}
        self.event(at, "PreToolUse", **whole)
        self.event(at, "PostToolUse", **whole, duration_ms=0.0, workflow=f"run {call}", background=True)

    def works(self, at: float, agent: str, seconds: float) -> None:
        """A workflow's subagent, which does nothing else than a call of Bash."""
        kind = {"agent_type": "workflow-subagent"}
        self.event(at, "SubagentStart", agent, **kind)
        self.event(at, "PreToolUse", agent, tool="Bash", tool_use_id=f"of {agent}", **kind)
        self.ran(at + seconds, f"of {agent}", seconds, agent)
        self.event(at + seconds, "SubagentStop", agent, **kind)

    def notified(self, at: float, call: str, prompt: str) -> None:
        """What a call began in the background is over, which is a prompt of its own or comes into a turn."""
        self.event(at, "UserPromptSubmit", prompt=prompt, machine_prompt=True, task_call=call)

    def read(self, at: float) -> None:
        """All transcripts are read up to then."""
        moment = START + round(at * SECOND)
        self.take(TranscriptRead(at=moment, key=f"read:{moment}", session="s"))

    def over(self, stop: float, read: float) -> None:
        """The turn stopped, which was judged and read then."""
        self.event(stop, "Stop")
        moment = START + round(stop * SECOND)
        self.take(Settled(at=moment + 5 * SECOND, key=f"settled:{moment}", session="s", prompt="p", stop=moment))
        self.read(read)

    def running(self, at: float, asked: float | None) -> None:
        dialog = 0 if asked is None else START + round(asked * SECOND)
        self.take(Running(at=START + round(at * SECOND), key=f"running:{at}:{asked}", session="s", asked=dialog))

    def span(self, name: str) -> Span:
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def runs(self) -> list[tuple[str, float, float]]:
        """Of each run of a subagent the call above it, empty without one, its start and its end."""
        tools = [span for span in self.spans if span.name.startswith("execute_tool")]
        calls = {span.span_id: str(span.attributes[sc.GEN_AI_TOOL_CALL_ID]) for span in tools}
        runs = [span for span in self.spans if sc.AGENT_ID in span.attributes and span.name.startswith("invoke_agent")]
        times = [((span.start - START) / SECOND, (span.end - START) / SECOND) for span in runs]
        return [(calls.get(span.parent_id, ""), *time) for span, time in zip(runs, times, strict=True)]

    def seconds(self) -> dict[str, float]:
        """`hookspan.time` by kind."""
        found: dict[str, float] = {}
        for one in self.increments:
            if one.instrument == "hookspan.time":
                kind = dict(one.attributes)[sc.TIME_KIND]
                found[kind] = found.get(kind, 0) + one.value
        return found


@pytest.fixture
def told() -> Told:
    return Told()


def spans(told: Told) -> dict[str, tuple[float, float]]:
    return {span.name: ((span.start - START) / SECOND, (span.end - START) / SECOND) for span in told.spans}


@pytest.mark.parametrize(
    ("asked", "runs"),
    [
        pytest.param(2, "b", id="it names one"),
        pytest.param(None, "a", id="an older journal's: the one that is open longest"),
        pytest.param(3, "", id="it was answered meanwhile"),
    ],
)
def test_evidence_that_a_command_runs_is_of_one_dialog(told, asked, runs):
    told.begin()
    told.asked(1, "a")
    told.asked(2, "b")
    told.running(4, asked)
    (session,) = told.state.sessions.values()
    assert "".join(wait.tool_use_id for wait in session.waits if wait.running_at) == runs
    row = session_row(told.state, session)
    assert row is not None
    assert (row.phase, row.current_tool) == (SessionPhase.WAITING, "Bash" if runs else "")
    assert row.waiting_since == START + (2 if runs == "a" else 1) * SECOND


def test_a_client_that_died_while_it_was_watched(told):
    told.begin()
    told.asked(1, "a")
    told.running(3, 1)
    gone = ClientGone(at=START + 24 * SECOND, key="gone", session="s", pid=PID, judged_at=told.number)
    told.take(gone)
    told.read(40)
    assert spans(told) == {
        "permission Bash": (1, 3),
        "execute_tool Bash": (3, 24),
        "invoke_agent claude-code": (0, 24),
        "session": (0, 24),
    }
    assert told.span("execute_tool Bash").attributes[sc.WAITED] == 2
    assert told.span("session").attributes[sc.END_REASON] == EndReason.CLIENT_GONE
    assert told.seconds() == {"wait": 2, "tool": 21, "other": 1}


@pytest.mark.parametrize("notice", ["own", "q", ""], ids=["a turn of its own", "within a turn", "never told"])
@pytest.mark.parametrize("looks", [(), (8,), (8, 15), (15,)])
def test_the_time_of_a_turn_counts_once_however_often_somebody_looks_at_its_workflow(told, looks, notice):
    """Between two of its subagents none is at work."""
    told.begin()
    told.review(1, "w")
    told.event(2, "Stop")
    told.works(2, "a", 4)
    told.event(7, "UserPromptSubmit", prompt="q")
    if 8 in looks:
        told.read(8)
    told.works(9, "b", 5)
    if 15 in looks:
        told.read(15)
    if notice:
        told.notified(16, "w", notice)
        told.read(17)
    else:
        told.event(16, "SessionEnd")
        told.read(17)
    assert [one.value for one in told.increments if (sc.TIME_KIND, "tool") in one.attributes] == [9]


@pytest.mark.parametrize("read", [19, 21.5], ids=["read soon", "read as it begins again"])
@pytest.mark.parametrize(
    ("end", "same"),
    [
        pytest.param(end, same, id=f"told {when}, beside {other}")
        for end, when in ((1, "before it starts"), (3, "while it works"), (5, "when it has stopped"), (None, "never"))
        for same, other in ((False, "another tool's"), (True, "one of its tool"))
        if end or not same
    ],
)
def test_a_subagent_stands_below_the_call_that_gave_it_something_to_do(told, end, same, read):
    """Whenever the end of that call is heard, and though another one is open beside it."""
    told.begin()
    events: list[tuple[float, str, str, dict[str, object]]] = []
    for at, call, tool, other in ((10, "a", "Agent", "SendMessage"), (20, "m", "SendMessage", "Agent")):
        of, beside = {"tool": tool, "tool_use_id": call}, {"tool": tool if same else other, "tool_use_id": f"by {call}"}
        events += [(at, "PreToolUse", "", of), (at, "PreToolUse", "", beside), (at + 6, "PostToolUse", "", beside)]
        events += [(at + 2, "SubagentStart", "x", {}), (at + 4, "SubagentStop", "x", {})]
        if ended := end or (3 if call == "a" else 0):
            events.append((at + ended, "PostToolUse", "", {**of, "child_agent": "x", "background": ended < 4}))
    events.sort(key=lambda one: one[0])
    for (at, event, agent, fields), before in zip(events, [0, *(one[0] for one in events)], strict=False):
        if before < read < at:
            told.read(read)
        told.event(at, event, agent, **fields)
    told.event(30, "SessionEnd")
    told.read(31)
    assert [call for call, _, _ in told.runs()] == ["a", "m"]


@pytest.mark.parametrize("stops", [19, 25], ids=["before the message", "while the message waits for its approval"])
def test_a_message_has_no_run_that_began_before_it(told, stops):
    told.begin()
    told.delegate(1, "a", "x")
    told.event(20, "PreToolUse", tool="SendMessage", tool_use_id="m")
    told.event(stops, "SubagentStop", "x")
    told.event(50, "PostToolUse", tool="SendMessage", tool_use_id="m", child_agent="x", background=True)
    told.read(50.5)
    told.event(51, "SubagentStart", "x")
    told.event(55, "SubagentStop", "x")
    told.read(60)
    assert told.runs() == [("a", 1, stops), ("m", 51, 55)]


def test_a_message_to_a_run_that_nobody_heard_of_again_leaves_it_where_it_is(told):
    """As in an imported history, which has both runs in one file."""
    told.begin()
    told.delegate(1, "a", "x")
    told.event(20, "PreToolUse", tool="SendMessage", tool_use_id="m")
    told.event(21, "PostToolUse", tool="SendMessage", tool_use_id="m", child_agent="x", background=True)
    told.event(30, "SubagentStop", "x")
    told.event(40, "SessionEnd")
    told.read(41)
    assert told.runs() == [("a", 1, 30)]
    (session,) = told.state.sessions.values()
    assert session.given == {}


@pytest.mark.parametrize("twice", [False, True], ids=["hooked once", "hooked twice"])
def test_two_quick_runs_of_a_subagent_are_two_though_their_hooks_say_the_same(told, twice):
    told.begin()
    for at, read in ((1, 1.7), (2, 4)):
        for after, event in ((0, "SubagentStart"), (0.5, "SubagentStop")):
            for again in range(1 + twice):
                told.event(at + after + again / 1000, event, "x", digest=event)
        told.read(read)
    assert told.runs() == [("", 1, 1.5), ("", 2, 2.5)]


def test_a_subagent_that_starts_again_at_once_goes_on(told):
    """Its client may still write the last lines of what it did before."""
    told.begin()
    told.delegate(1, "a", "x")
    told.event(5, "SubagentStop", "x")
    for event in ("PreToolUse", "PostToolUse"):
        told.event(5.1, event, tool="SendMessage", tool_use_id="m", child_agent="x", background=True)
    told.event(5.2, "SubagentStart", "x")
    told.event(8, "SubagentStop", "x")
    told.read(9)
    assert told.runs() == [("a", 1, 8)]
    (session,) = told.state.sessions.values()
    assert session.given == {}


@pytest.mark.parametrize(("after", "is_another"), [(0.2, False), (0.3, True)])
def test_another_run_begins_when_the_one_before_has_been_over_for_a_while(told, after, is_another):
    told.begin()
    told.delegate(1, "a", "x")
    told.event(5, "SubagentStop", "x")
    (session,) = told.state.sessions.values()
    start = Reduced(at=START + round((5 + after) * SECOND), session="s", event="SubagentStart", agent_id="x")
    assert (resumed(session, start) is not None) is is_another


def test_a_workflow_whose_end_is_told_within_a_turn_is_over(told):
    """The next one has the subagents that come."""
    told.begin()
    told.review(1, "w")
    told.event(2, "Stop")
    told.works(2, "a", 1)
    told.event(4, "UserPromptSubmit", prompt="q")
    told.notified(5, "w", "q")
    told.review(6, "x", "q")
    told.works(7, "b", 1)
    told.event(9, "SessionEnd")
    told.read(10)
    assert told.runs() == [("w", 2, 3), ("x", 7, 8)]


def test_what_background_subagents_do_is_in_the_time_of_the_turn_that_started_them(told):
    """Two of them ask at the same time, and work on after the turn has ended: each moment counts once."""
    told.begin()
    told.delegate(1, "first", "agent1")
    told.delegate(1, "second", "agent2")
    told.asked(2, "a", "agent1")
    told.asked(4, "b", "agent2")
    told.over(10, 16)
    assert told.span("invoke_agent claude-code").end == START + 10 * SECOND
    assert told.seconds() == {}, "they are still at work"
    told.ran(20, "a", 8, "agent1")
    assert told.seconds() == {"wait": 10}, "a wait counts at once"
    told.ran(22, "b", 2, "agent2")
    told.take(
        ModelCall(
            at=START + 33 * SECOND,
            start=START + 30 * SECOND,
            end=START + 33 * SECOND,
            key="call",
            session="s",
            agent_id="agent2",
            message_id="msg_1",
        )
    )
    for agent in ("agent1", "agent2"):
        told.event(34, "SubagentStop", agent)
    told.read(40)
    # 2 to 20: a dialog of either; 20 to 22: a tool; 30 to 33: the model; of the turn's own 10 s nothing else.
    assert told.seconds() == {"wait": 18, "tool": 2, "model": 3, "other": 2}
    assert told.state.sessions["s"].going_on == {}


def test_a_client_that_counts_less_than_we_do_is_caught_up_with(told):
    """Three runs: the client's total is 2 less, 1 more, then 4 more than ours."""
    for run, total in enumerate((8, 19, 33)):
        at = 100 * run
        told.event(at, "SessionStart", prompt="", source="resume" if run else "startup")
        told.event(at, "UserPromptSubmit", prompt=f"p{run}")
        call = {"message_id": f"msg_{run}", "response_model": "claude-x", "cost_nano": 10 * SECOND}
        ends = START + (at + 2) * SECOND
        told.take(ModelCall(at=ends, start=ends, end=ends, key=f"call{run}", session="s", prompt=f"p{run}", **call))
        told.event(at + 3, "SessionEnd", prompt="")
        models = [ModelTotal("claude-x", total * SECOND)]
        state = CostState(at=ends + SECOND, key=f"cost{run}", session="s", cost_nano=total * SECOND, models=models)
        told.take(state)
        told.read(at + 10)
    sums = [one for one in told.increments if one.instrument == "hookspan.cost"]
    assert [one.value for one in sums if sc.USAGE_SOURCE in dict(one.attributes)] == [3]
    assert sum(one.value for one in sums) == 33
    assert [span.attributes[sc.COST_RESIDUAL_USD] for span in told.spans if span.name == "session"] == [-2, 1, 4]


@pytest.mark.parametrize("wanted", [False, True])
def test_cost_is_by_branch_where_that_is_asked_for(told, wanted: bool):
    told.take(Policy(at=1, key="policy", cost_by_branch=wanted))
    told.take(Repository(at=START, key="repository", folder="/shop", project="shop", branch="fix"))
    told.event(0, "SessionStart", prompt="", source="startup", cwd="/shop")
    told.event(0, "UserPromptSubmit", cwd="/shop")
    ends = START + 2 * SECOND
    call = {"message_id": "msg", "response_model": "claude-x", "cost_nano": SECOND}
    told.take(ModelCall(at=ends, start=ends, end=ends, key="call", session="s", prompt="p1", **call))
    (cost,) = [dict(one.attributes) for one in told.increments if one.instrument == "hookspan.cost"]
    assert cost.get(sc.VCS_REF_HEAD_NAME) == ("fix" if wanted else None)


def test_sums_are_of_when_it_happened_not_of_when_it_was_read(told):
    told.begin()
    told.delegate(1, "first", "agent1")
    told.asked(2, "a")
    told.ran(5, "a", 1)
    told.event(6, "SubagentStop", "agent1")
    told.event(7, "PreCompact", trigger="auto")
    told.event(8, "PostCompact", trigger="auto")
    told.over(9, 3 * 86_400)
    told.event(10, "SessionEnd")
    told.read(4 * 86_400)
    assert {"hookspan.time", "hookspan.turn.finished", "gen_ai.invoke_agent.duration", "hookspan.compactions"} <= {
        one.instrument for one in told.increments
    }
    assert [one for one in told.increments if one.at > START + 10 * SECOND] == []


@pytest.mark.parametrize("trigger", ["manual", "auto"])
def test_a_compaction_that_failed_is_not_taken_for_the_next_one(told, trigger):
    told.begin()
    told.event(2, "PreCompact", trigger=trigger)  # nothing says that it failed
    told.event(3, "PreCompact", "agent1", trigger="auto")
    told.event(30, "PreCompact", trigger="auto")
    told.event(40, "PostCompact", trigger="auto")
    told.event(50, "PostCompact", "agent1", trigger="auto")
    told.over(60, 100)
    told.event(101, "SessionEnd")
    told.read(200)
    compactions = sorted((span for span in told.spans if span.name == "compact"), key=lambda span: span.start)
    assert [
        ((one.start - START) / SECOND, (one.end - START) / SECOND, one.attributes[sc.OUTCOME]) for one in compactions
    ] == [(2, 2, "error"), (3, 50, "success"), (30, 40, "success")]


def test_a_session_of_which_only_a_late_event_is_known_is_as_old_as_that(told):
    told.ran(5, "a", 1)
    told.event(6, "Stop")
    (session,) = told.state.sessions.values()
    row = session_row(told.state, session)
    assert row is not None
    assert (row.phase, row.phase_since, row.started) == (SessionPhase.IDLE, START + 5 * SECOND, START + 5 * SECOND)


def test_what_still_comes_of_an_interrupted_turn_keeps_it_from_no_end(told):
    """What was being told of when it was interrupted; nothing more may ever come of the session."""
    told.begin()
    told.event(1, "PreToolUse", tool="Bash", tool_use_id="a")
    told.event(3, "Interrupt")
    told.event(3.2, "PreToolUse", tool="Bash", tool_use_id="b")
    sessions = list(told.state.sessions.values())
    assert not timers.step(START + 4 * SECOND, sessions, DAY)
    for fact in timers.step(START + 9 * SECOND, sessions, DAY):
        told.take(fact)
    told.read(10)
    turn = told.span("invoke_agent claude-code")
    assert (turn.attributes[sc.END_REASON], turn.end) == (EndReason.INTERRUPTED.value, START + 3 * SECOND)


def test_a_stop_that_a_hook_has_blocked_is_no_end_until_the_next(told):
    told.begin()
    told.event(1, "Stop")
    told.event(2, "PreToolUse", tool="Bash", tool_use_id="a")
    (turn,) = next(iter(told.state.sessions.values())).turns.values()
    assert not may_be_over(turn)
    told.event(3, "Stop")
    assert may_be_over(turn)


def test_no_label_of_a_project_replaces_what_is_known(told):
    """Or a series would have an attribute twice, and be another one after a restart."""
    given = {"team": "blue", sc.SESSION_ID: "x", sc.PROJECT: "x", sc.OUTCOME: "x", sc.GEN_AI_TOOL_NAME: "x"}
    told.take(Policy(at=START, key="policy", labels={"shop": given}))
    told.event(0, "SessionStart", prompt="", source="startup", project_dir="/home/u/shop")
    told.event(0, "UserPromptSubmit")
    told.event(1, "PreToolUse", tool="Bash", tool_use_id="a")
    told.ran(2, "a", 1)
    told.over(3, 9)
    names = [[name for name, _ in one.attributes] for one in told.increments]
    assert all(len(set(each)) == len(each) for each in names)
    calls = [dict(one.attributes) for one in told.increments if one.instrument == "hookspan.tool.calls"]
    assert [(one["team"], one[sc.PROJECT], one[sc.GEN_AI_TOOL_NAME]) for one in calls] == [("blue", "shop", "Bash")]
    tool = told.span("execute_tool Bash")
    assert (tool.attributes["team"], tool.attributes[sc.SESSION_ID]) == ("blue", "s")


def test_a_client_that_is_gone_is_told_again_if_a_hook_of_its_was_late(told):
    gone, here = subprocess.Popen(["true"]), os.getpid()
    gone.wait()
    processes, now = Processes(), time.time_ns()
    moment = (now - START) / SECOND
    told.event(moment, "SessionStart", prompt="", source="startup", client_pid=gone.pid)
    told.event(moment + 1, "UserPromptSubmit", client_pid=here)
    for at in (2, 3):
        told.event(moment + at, "Notification", client_pid=gone.pid)
        (session,) = told.state.sessions.values()
        for fact in processes.step(now + 60 * SECOND, [session]):
            told.take(fact)
        assert (session.pid, session.ended) == (here, 0)


def test_attempts_of_a_client_that_was_killed_are_none_of_its_successor_s(told):
    told.begin()
    moment = START + 10 * SECOND
    told.take(AttemptFailed(at=moment, key="attempt", session="s", status=529, attempt=1, most=10))
    told.take(ClientGone(at=START, key="gone", session="s", pid=PID))
    told.read(20)
    told.event(30, "SessionStart", prompt="", source="resume", client_pid=PID + 1)
    (session,) = told.state.sessions.values()
    assert not session.attempts


def test_a_call_that_was_denied_at_once_counts_once_however_long_the_others_take(told):
    told.begin()
    for call in ("a", "b"):
        told.event(3, "PreToolUse", tool="Bash", tool_use_id=call)
    told.event(3, "PermissionDenied", tool="Bash", tool_use_id="a")
    told.event(60, "PostToolUse", tool="Bash", tool_use_id="b")
    told.event(60.1, "PostToolBatch", calls=(Call("a", "Bash", VERDICT_DENIED), Call("b", "Bash", "")))
    told.over(61, 90)
    told.event(91, "SessionEnd")
    told.read(200)
    calls = [span for span in told.spans if span.name == "execute_tool Bash"]
    assert sorted((span.start - START) / SECOND for span in calls) == [3, 3]
    assert len({span.span_id for span in calls}) == 2
