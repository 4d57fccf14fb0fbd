"""What the client's registry of running sessions makes of a session's state, and of its dialogs."""

from __future__ import annotations

from typing import Any

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import Basis, Decision, SessionPhase
from hookspan.catalogue.session_fields import SessionRow
from hookspan.clients.decode import decode
from hookspan.model.fold import fold
from hookspan.model.open_spans import open_spans
from hookspan.model.rows import Increment, Span
from hookspan.model.state import State, dump_session, load_session
from hookspan.model.summary import session_row
from hookspan.observe import Observers, timers
from hookspan.wire import Record, Reduced
from hookspan.wire.facts import ClientGone, Interruption, Registered, Rejection, Running, TranscriptRead

SECOND = 1_000_000_000
START = 1_795_000_000 * SECOND
PID, OTHER_PID = 4242, 4243
WAITS, WORKS, IDLE = SessionPhase.WAITING, SessionPhase.WORKING, SessionPhase.IDLE


class Told:
    """A session that hooks and the registry tell of; times are in seconds from its start."""

    def __init__(self) -> None:
        self.state = State()
        self.spans: list[Span] = []
        self.increments: list[Increment] = []
        self.number = 0

    def take(self, record: Record) -> None:
        self.number += 1
        rows = fold(self.state, self.number, record)
        self.spans += [span for span in rows.spans if not span.hook]
        self.increments += rows.increments

    def event(self, at: float, event: str, **fields: Any) -> None:
        whole = {"session": "s", "prompt": "p", "client_pid": PID, **fields}
        self.take(Reduced(at=START + round(at * SECOND), event=event, **whole))

    def begins(self) -> None:
        self.event(0, "SessionStart", source="startup")
        self.says(0.1, "idle")
        self.event(1, "UserPromptSubmit")
        self.says(1.02, "busy")

    def call(self, at: float, call: str = "t", tool: str = "Bash", **fields: Any) -> None:
        self.event(at, "PreToolUse", tool=tool, tool_use_id=call, input_digest=call, **fields)

    def ends(self, at: float, call: str = "t", tool: str = "Bash", **fields: Any) -> None:
        self.event(at, "PostToolUse", tool=tool, tool_use_id=call, **fields)

    def dialog(self, at: float, call: str = "t", tool: str = "Bash") -> None:
        """The call's dialog, which the registry tells of, too."""
        self.call(at, call, tool)
        self.event(at + 0.08, "PermissionRequest", tool=tool, input_digest=call)
        self.says(at + 0.09, "waiting", "permission")

    def says(self, at: float, status: str, asks: str = "", *, pid: int = PID, **fields: Any) -> None:
        key = f"registered:{pid}:{at}"
        moment = START + round(at * SECOND)
        whole = {"session": "s", "session_kind": "interactive", "born": START, "folder": "/home/ada/shop", **fields}
        self.take(Registered(at=moment, key=key, pid=pid, status=status, asks=asks, **whole))

    def gone(self, at: float, *, pid: int = PID, session: str = "s") -> None:
        moment = START + round(at * SECOND)
        self.take(Registered(at=moment, key=f"gone:{pid}:{at}", session=session, pid=pid, gone=True))

    def row(self, session: str = "s") -> SessionRow:
        row = session_row(self.state, self.state.sessions[session])
        assert row is not None
        return row

    def is_(self, phase: SessionPhase, basis: Basis = Basis.REGISTRY) -> None:
        row = self.row()
        assert (row.phase, row.basis) == (phase, basis)

    def span(self, name: str) -> Span:
        (span,) = [span for span in self.spans if span.name == name]
        return span

    def total(self, instrument: str, **attributes: str) -> float:
        wanted = {key.replace("_", "."): value for key, value in attributes.items()}
        return sum(
            one.value
            for one in self.increments
            if one.instrument == instrument and wanted.items() <= dict(one.attributes).items()
        )


@pytest.fixture
def told() -> Told:
    told = Told()
    told.begins()
    return told


def seconds(span: Span) -> tuple[float, float]:
    return (span.start - START) / SECOND, (span.end - START) / SECOND


def test_an_answered_dialog_is_over_at_once_whatever_the_tool(told):
    told.dialog(2, tool="Write")
    told.is_(WAITS)
    assert (told.row().waiting_tool, told.row().current_tool) == ("Write", "")
    told.says(5.03, "busy")
    told.is_(WORKS)
    row = told.row()
    assert (row.waiting_tool, row.waiting_since, row.current_tool) == ("", 0, "Write")
    told.ends(6, tool="Write", duration_ms=995)
    wait = told.span("permission Write")
    assert seconds(wait) == (2.08, 5.005), "PostToolUse knows the moment better"
    assert wait.attributes[sc.BASIS] == Basis.HOOK


def test_a_call_that_ended_was_answered_though_the_registry_says_so_later(told):
    told.dialog(2, tool="AskUserQuestion")
    told.ends(5, tool="AskUserQuestion", duration_ms=1)
    told.is_(WORKS, Basis.HOOK)
    told.says(5.05, "busy")
    told.is_(WORKS)
    told.call(7)
    told.says(8, "waiting", "sandbox")
    told.ends(9, duration_ms=2000)
    told.is_(WAITS)


def test_a_child_process_changes_nothing_where_the_registry_speaks(told):
    told.dialog(2)
    told.take(Running(at=START + 3 * SECOND, key="r", session="s", judged_at=told.number, asked=START + 2_080_000_000))
    told.is_(WAITS)


def test_a_late_reminder_changes_nothing(told):
    told.dialog(2)
    told.says(5, "busy")
    told.event(8.2, "Notification", notification="permission_prompt")
    told.is_(WORKS)
    told.event(9, "PostToolUseFailure", tool="Bash", tool_use_id="t")
    assert seconds(told.span("permission Bash"))[1] == 5, "the approval, as nothing better is known"
    assert told.span("permission Bash").attributes[sc.BASIS] == Basis.REGISTRY


def test_a_turn_that_esc_ended_is_idle_at_once(told):
    told.dialog(2)
    told.says(5.03, "idle")
    told.is_(IDLE)
    (wait,) = [span for span in open_spans(told.state.sessions["s"]) if span.name == "permission Bash"]
    assert wait.stop == START + 5_030_000_000
    told.take(Rejection(at=START + 5 * SECOND, key="x", session="s", tool_use_id="t", before_run=True))
    told.take(Interruption(at=START + 5 * SECOND, key="i", session="s", prompt="p", tool_use=True))
    told.is_(IDLE)
    assert seconds(told.span("permission Bash"))[1] == 5, "the transcript knows the moment better"
    assert told.span("permission Bash").attributes[sc.BASIS] == Basis.TRANSCRIPT


def test_a_prompt_is_known_from_its_hook_before_the_registry_says_so(told):
    told.says(2, "idle")
    told.event(3, "UserPromptSubmit", prompt="q")
    told.is_(WORKS, Basis.HOOK)
    told.says(3.02, "busy")
    told.is_(WORKS)


def test_a_dialog_is_known_from_its_hook_before_the_registry_says_so(told):
    told.call(2)
    told.event(2.08, "PermissionRequest", tool="Bash", input_digest="t")
    told.is_(WAITS, Basis.HOOK)


def test_two_dialogs_that_queue_are_one_wait_of_the_session(told):
    told.dialog(2, "t")
    told.dialog(2.5, "u", "Edit")
    told.is_(WAITS)
    told.ends(6, "t", duration_ms=1000)
    told.is_(WAITS)
    assert told.row().waiting_tool == "Edit"
    told.says(8, "busy")
    told.is_(WORKS)
    told.ends(9, "u", "Edit", duration_ms=1100)
    assert [seconds(told.span(f"permission {tool}"))[1] for tool in ("Bash", "Edit")] == [5, 7.9]


@pytest.mark.parametrize("runs", [True, False])
def test_an_other_dialog_needs_somebody_only_while_a_turn_runs(told, runs):
    if not runs:
        told.event(2, "Stop")
        told.says(2.02, "idle")
    told.says(3, "waiting", "dialog")
    told.is_(WAITS if runs else IDLE)
    assert (told.row().waiting_since > 0) is runs


def test_an_answered_call_is_not_what_another_dialog_asks_about(told):
    told.dialog(2, tool="Write")
    told.says(5, "busy")
    told.says(6, "waiting", "dialog")
    told.is_(WAITS)
    row = told.row()
    assert (row.waiting_tool, row.waiting_since, row.current_tool) == ("", START + 6 * SECOND, "Write")


def test_a_sandbox_s_question_is_a_wait_of_its_own_and_not_the_tool_s_time(told):
    told.call(2)
    told.says(3, "waiting", "sandbox")
    told.is_(WAITS)
    row = told.row()
    assert (row.waiting_tool, row.current_tool, row.waiting_since) == ("sandbox", "Bash", START + 3 * SECOND)
    told.says(7, "busy")
    told.is_(WORKS)
    told.ends(8, duration_ms=6000)
    wait, tool = told.span("permission sandbox"), told.span("execute_tool Bash")
    assert (seconds(wait), seconds(tool)) == ((3, 7), (2, 8))
    assert (wait.attributes[sc.TOOL_NAME], wait.attributes[sc.TOOL_CALL_ID]) == ("Bash", "t")
    assert (wait.attributes[sc.DECISION], wait.attributes[sc.BASIS]) == (Decision.APPROVED, Basis.REGISTRY)
    assert tool.attributes[sc.WAITED_INSIDE] == 4
    assert told.total("hookspan.tool.duration") == 2
    told.event(9, "Stop")
    told.event(20, "SessionEnd")
    told.take(TranscriptRead(at=START + 21 * SECOND, key="read", session="s"))
    assert told.total("hookspan.time", hookspan_time_kind="wait") == 4
    assert told.total("hookspan.time", hookspan_time_kind="tool") == 2


def test_a_sandbox_s_question_ends_with_its_call_if_nothing_tells_before(told):
    told.call(2)
    told.says(3, "waiting", "sandbox")
    told.ends(7, duration_ms=5000)
    assert seconds(told.span("permission sandbox")) == (3, 7)
    told.is_(WAITS)
    assert told.row().waiting_tool == "sandbox", "the dialog is still on the screen"
    told.says(7.02, "busy")
    told.is_(WORKS)
    assert told.total("hookspan.permission.wait") == 4


def test_what_a_sandbox_was_answered_is_known_from_the_command_s_end(told):
    told.call(2)
    told.says(3, "waiting", "sandbox")
    told.says(5, "busy")
    told.ends(7, duration_ms=5000, sandbox_refused=True)
    wait = told.span("permission sandbox")
    assert (seconds(wait), wait.attributes[sc.DECISION]) == ((3, 5), Decision.REFUSED)
    told.call(10, "u")
    for at in (11, 13):
        told.says(at, "waiting", "sandbox")
        told.says(at + 1, "busy")
    told.ends(15, "u", duration_ms=5000, sandbox_refused=True)
    _, *waits = [span for span in told.spans if span.name == "permission sandbox"]
    assert [seconds(wait) for wait in waits] == [(11, 12), (13, 14)]
    assert {wait.attributes[sc.DECISION] for wait in waits} == {Decision.UNKNOWN}, "which of them is not said"


def test_whose_sandbox_asks_is_not_guessed(told):
    told.call(2, "t")
    told.call(2, "u")
    told.says(3, "waiting", "sandbox")
    told.says(5, "idle")
    wait = told.span("permission sandbox")
    assert sc.TOOL_CALL_ID not in wait.attributes
    assert wait.attributes[sc.DECISION] == Decision.UNKNOWN
    assert wait.trace_id == told.state.sessions["s"].turns["p"].trace_id


def test_an_elicitation_is_not_the_tool_s_time(told):
    told.call(2, tool="mcp__shop__buy", mcp_server="shop")
    told.event(3, "Elicitation", mcp_server="shop")
    told.says(3.01, "waiting", "input")
    told.is_(WAITS)
    told.event(6, "ElicitationResult", mcp_server="shop", action="accept")
    told.says(6.02, "busy")
    told.is_(WORKS)
    told.ends(7, tool="mcp__shop__buy", mcp_server="shop", duration_ms=5000)
    assert seconds(told.span("permission elicitation")) == (3, 6)
    assert told.total("hookspan.tool.duration") == 2


def test_two_clients_of_one_session_wait_while_one_of_them_does(told):
    told.says(2, "idle", pid=OTHER_PID)
    told.is_(WORKS)
    told.says(3, "waiting", "permission", pid=OTHER_PID)
    told.is_(WAITS)
    told.says(3.5, "idle")
    told.is_(WAITS)
    told.gone(4, pid=OTHER_PID)
    told.is_(IDLE)


def test_a_session_that_one_client_left_is_what_the_other_does(told):
    told.says(2, "idle", pid=OTHER_PID)
    told.event(3, "Stop")
    told.event(4, "SessionEnd")
    told.gone(4.1)
    told.take(TranscriptRead(at=START + 6 * SECOND, key="read", session="s"))
    told.is_(IDLE)
    assert (told.row().ended, told.row().pid) == (0, OTHER_PID)
    assert seconds(told.span("session")) == (0, 4), "as for somebody who comes when the registry says nothing any more"
    told.says(7, "waiting", "permission", pid=OTHER_PID)
    told.is_(WAITS)
    told.says(8, "idle", pid=OTHER_PID)
    told.event(9, "UserPromptSubmit", prompt="q", client_pid=OTHER_PID)
    told.is_(WORKS, Basis.HOOK)
    told.event(10, "Stop", prompt="q", client_pid=OTHER_PID)
    told.event(11, "SessionEnd", client_pid=OTHER_PID)
    told.gone(11.1, pid=OTHER_PID)
    assert told.row().phase is SessionPhase.ENDED
    told.take(TranscriptRead(at=START + 13 * SECOND, key="read2", session="s"))
    assert [seconds(span) for span in told.spans if span.name == "session"] == [(0, 4), (9, 11)]
    assert told.row().ended


@pytest.mark.parametrize("ends", ["SessionEnd", "killed"])
def test_a_client_that_leaves_does_not_end_what_another_does(told, ends):
    """Two clients work in one session: by hooks alone, so it is the same for whoever comes late."""
    told.event(4, "Stop")
    told.event(5, "UserPromptSubmit", prompt="q", client_pid=OTHER_PID)
    told.event(6, "PreToolUse", prompt="q", tool="Bash", tool_use_id="u", client_pid=OTHER_PID)
    if ends == "SessionEnd":
        told.event(9, "SessionEnd")
    else:
        told.take(ClientGone(at=START + 9 * SECOND, key="g", session="s", judged_at=told.number, pid=PID))
    assert (told.row().phase, told.row().pid) == (WORKS, OTHER_PID)
    told.event(20, "PostToolUse", prompt="q", tool="Bash", tool_use_id="u", duration_ms=14_000, client_pid=OTHER_PID)
    told.event(21, "Stop", prompt="q", client_pid=OTHER_PID)
    told.event(22, "SessionEnd", client_pid=OTHER_PID)
    told.take(TranscriptRead(at=START + 24 * SECOND, key="read", session="s"))
    assert told.row().phase is SessionPhase.ENDED
    assert seconds(told.span("session")) == (0, 22)
    assert seconds(told.span("execute_tool Bash")) == (6, 20)


def test_where_the_entry_is_gone_hooks_tell_again(told):
    told.says(2, "idle")
    told.event(3, "UserPromptSubmit", prompt="q")
    told.gone(4)
    told.is_(WORKS, Basis.HOOK)
    told.event(5, "SessionEnd")
    assert told.row().phase is SessionPhase.ENDED


def test_the_state_survives_the_store(told):
    told.dialog(2)
    told.state.sessions["s"] = load_session(dump_session(told.state.sessions["s"]))
    told.is_(WAITS)


def test_a_session_without_hooks_has_a_state_and_nothing_else():
    told = Told()
    told.says(
        1, "waiting", "permission", name="shop-09", version="2.1.332", entrypoint="cli", session_kind="bg", job="0a1b"
    )
    row = told.row()
    assert (row.phase, row.unhooked, row.project, row.title) == (WAITS, True, "shop", "shop-09")
    assert (row.kind, row.job, row.client_version, row.pid, row.waiting_since) == (
        "bg", "0a1b", "2.1.332", PID, START + SECOND,
    )  # fmt: skip
    told.gone(9)
    assert told.row().phase is SessionPhase.ENDED
    assert told.row().ended
    assert (told.spans, told.increments) == ([], [])


def test_a_hooked_session_s_version_is_told_by_what_a_late_agent_can_read_too():
    told = Told()
    told.begins()
    told.says(2, "busy", version="2.1.332", entrypoint="sdk")
    assert (told.row().client_version, told.row().entrypoint) == ("", "")


def test_the_first_hook_of_a_session_makes_it_one_of_ours():
    told = Told()
    told.says(1, "idle")
    told.event(5, "UserPromptSubmit")
    told.says(5.02, "busy")
    row = told.row()
    assert (row.unhooked, row.phase, row.started, row.turns) == (False, WORKS, START + 5 * SECOND, 1)
    assert told.total("hookspan.session.started") == 1
    told.event(8, "SessionEnd")
    told.take(TranscriptRead(at=START + 20 * SECOND, key="read", session="s"))
    assert seconds(told.span("session")) == (5, 8)


@pytest.mark.parametrize(
    ("status", "after", "settled"), [("idle", 6, 1), ("busy", 6, 0), ("busy", 599, 0), ("busy", 601, 1)]
)
def test_a_stop_is_no_end_while_the_client_s_hooks_work(told, status, after, settled):
    """As one that runs the tests, and may send the client back to work."""
    told.event(4, "Stop")
    if status == "idle":
        told.says(4.1, "idle")
    facts = timers.step(START + (4 + after) * SECOND, [*told.state.sessions.values()], 10**18)
    assert len(facts) == settled


def test_a_stop_is_an_end_though_a_subagent_works_in_the_background(told):
    told.event(2, "SubagentStart", agent_id="a", agent_type="reviewer")
    told.event(4, "Stop")
    assert len(timers.step(START + 10 * SECOND, [*told.state.sessions.values()], 10**18)) == 1


def test_without_an_entry_a_subagent_in_the_background_is_work_until_nothing_is_heard_of_it():
    told, observers = Told(), Observers(roots=())
    told.event(0, "SessionStart", source="startup", client_pid=0)
    told.event(1, "UserPromptSubmit", client_pid=0)
    told.event(2, "SubagentStart", agent_id="a", agent_type="Explore", client_pid=0)
    told.event(3, "Stop", client_pid=0)
    told.is_(WORKS, Basis.HOOK)
    told.event(4, "SubagentStop", agent_id="a", agent_type="Explore", client_pid=0)
    told.is_(IDLE, Basis.HOOK)
    told.event(5, "SubagentStart", agent_id="b", agent_type="Explore", client_pid=0)
    told.call(6, agent_id="b", client_pid=0)
    for minutes, phase in ((9, WORKS), (11, IDLE)):
        for line in observers.step(START + minutes * 60 * SECOND, told.state):
            told.take(decode(line, b""))
        told.is_(phase, Basis.HOOK)
    told.ends(12 * 60, agent_id="b", client_pid=0)
    told.is_(WORKS, Basis.HOOK)
