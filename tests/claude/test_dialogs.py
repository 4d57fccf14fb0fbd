"""The client's registry of running sessions decides what a session does: the real client, its dialogs and their ends.

`make dialogs` plays every kind of dialog with every answer, and measures; here is a few of each, in one home.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import Basis, Decision, SessionPhase
from hookspan.catalogue.session_fields import SessionRow
from hookspan.model.rows import Span
from hookspan.store import Reader
from tests.claude.dialogs import ASK, ASKS, SANDBOX, Case, Machine, bash, curl
from tests.claude.drivers import InteractiveSession
from tests.claude.model import Tool, says
from tests.waiting import until

pytestmark = [pytest.mark.need_npm, pytest.mark.need_tmux, pytest.mark.xdist_group("dialogs")]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with Machine() as machine:
        yield machine


def row_of(machine: Machine, session: InteractiveSession) -> SessionRow:
    """The newest session of a client."""
    return max((row for row in machine.home.sessions() if row.pid == session.pid), key=lambda row: row.started)


def spans_of(machine: Machine, session: InteractiveSession, name: str) -> list[Span]:
    spans = Reader(machine.home.paths).spans_of_session(row_of(machine, session).id, hooks=False)
    return [span for span in spans if span.name == name]


def is_(machine: Machine, session: InteractiveSession, phase: SessionPhase) -> None:
    """Wait until the registry says so; a hook may have before."""

    def says_so() -> bool:
        row = row_of(machine, session)
        return (row.phase, row.basis) == (phase, Basis.REGISTRY)

    until(says_so, f"a session that is {phase.value}")


def test_what_the_page_shows_of_a_dialog_is_never_maybe(machine):
    write = Tool("Write", {"file_path": str(machine.home.project / "new.txt"), "content": "x"})
    cases = [
        Case("Bash", "yes", bash("a")),
        Case("Write", "esc", write, key="Escape"),
        Case("question", "esc", ASKS, key="Escape"),
        Case("elicitation", "esc", ASK, key="Escape"),
    ]
    with machine.client("default", "--allowedTools", "mcp__tiny__ask") as session:
        seen = [machine.play(session, case) for case in cases]
    for one in seen:
        assert one.open_state == "waiting"
        after = one.states[one.states.index("waiting") + 1 :]
        assert after, one.case.kind
        assert set(after) <= {"working", "idle"}, f"{one.case.kind}: {one.states}"
    machine.compare(seen)
    assert [(one.decision, one.basis) for one in seen] == [
        (Decision.APPROVED, Basis.HOOK),
        (Decision.ABORTED, Basis.TRANSCRIPT),
        (Decision.ABORTED, Basis.TRANSCRIPT),
        (Decision.ABORTED, Basis.HOOK),
    ]


@pytest.mark.need_bwrap
def test_a_sandbox_s_question_is_a_wait(machine):
    with machine.client("default", *SANDBOX) as session:
        seen = machine.play(session, Case("sandbox", "esc", curl("example"), key="Escape"))
        assert "waiting" in seen.states

        def both() -> tuple[Span, Span]:
            (wait,), (call,) = (spans_of(machine, session, of) for of in ("permission sandbox", "execute_tool Bash"))
            return wait, call

        wait, call = until(both, "the spans of wait and call")
    assert call.start < wait.start < wait.end <= call.end
    assert (wait.attributes[sc.DECISION], wait.attributes[sc.BASIS]) == (Decision.REFUSED, Basis.REGISTRY)
    assert wait.attributes[sc.TOOL_CALL_ID] == call.attributes[sc.GEN_AI_TOOL_CALL_ID]
    assert call.attributes[sc.WAITED_INSIDE] == pytest.approx((wait.end - wait.start) / 1e9)


def test_a_session_without_hooks_is_listed(machine):
    machine.model.play({"without hooks": [says(bash("bare", "true")), says("Done.")]})
    with InteractiveSession(machine.home, "--bare", "--permission-mode", "default") as session:
        session.wait_for("mode on")

        def listed() -> bool:
            row = row_of(machine, session)
            assert (row.unhooked, row.phase, row.project, row.kind) == (True, SessionPhase.IDLE, "shop", "interactive")
            return True

        until(listed, "the session")
        session.submit("without hooks")
        is_(machine, session, SessionPhase.WAITING)
        assert "(no hooks)" in machine.home.hookspan("sessions", "--open")
        time.sleep(1)
        session.press("Escape", lambda: machine.is_answered(session))
        is_(machine, session, SessionPhase.IDLE)
        session.exit()
        until(lambda: row_of(machine, session).phase is SessionPhase.ENDED, "its end")


def test_each_session_has_its_own_state(machine):
    """Two clients at once; one goes on with a new session, is killed in a dialog and leaves its entry behind."""
    machine.model.play({word: [says(bash(word, "true")), says("Done.")] for word in ("first job", "second job")})
    with machine.client() as one, machine.client() as other:
        one.submit("first job")
        is_(machine, one, SessionPhase.WAITING)
        is_(machine, other, SessionPhase.IDLE)
        time.sleep(1)
        one.press("Escape", lambda: machine.is_answered(one))
        is_(machine, one, SessionPhase.IDLE)
        former = row_of(machine, one).id
        one.submit("/clear")
        until(lambda: row_of(machine, one).id != former, "the new session")
        one.submit("second job")
        is_(machine, one, SessionPhase.WAITING)
        assert {row.phase for row in machine.home.sessions() if row.id == former} == {SessionPhase.ENDED}
        one.signal(signal.SIGKILL)
        until(lambda: row_of(machine, one).phase is SessionPhase.ENDED, "the killed client's end")
        assert machine.entry(one)["status"] == "waiting"
        machine.home.hookspan("restart")
        is_(machine, other, SessionPhase.IDLE)
        assert row_of(machine, one).phase is SessionPhase.ENDED


def test_a_branch_resumed_by_a_second_client_lives_until_the_last_has_left(machine):
    """/branch goes on with another session; --continue opens that in a second client, which leaves first."""
    machine.model.play({"third job": [says("Done.")], "fourth job": [says(bash("fourth", "true")), says("Done.")]})
    with machine.client() as one:
        one.submit("third job")
        until(lambda: machine.turns(one) == 1, "the turn's end")
        is_(machine, one, SessionPhase.IDLE)
        former = row_of(machine, one).id
        one.submit("/branch")
        until(lambda: row_of(machine, one).id != former, "the branch")
        is_(machine, one, SessionPhase.IDLE)
        branch = row_of(machine, one).id
        assert machine.entry(one)["sessionId"] == branch

        def row() -> SessionRow:
            (row,) = [row for row in machine.home.sessions() if row.id == branch]
            return row

        with machine.client("default", "--continue") as other:
            until(lambda: row().pid == other.pid, "the second client")
            assert machine.entry(other)["sessionId"] == branch
            other.exit()
        until(lambda: row().pid == one.pid, "its end")
        seen = set()
        for _ in range(30):
            seen.add((row().phase, row().basis))
            time.sleep(0.1)
        assert seen == {(SessionPhase.IDLE, Basis.REGISTRY)}
        one.submit("fourth job")
        is_(machine, one, SessionPhase.WAITING)
        time.sleep(1)
        one.press("Escape", lambda: machine.is_answered(one))
        is_(machine, one, SessionPhase.IDLE)
        one.exit()
    until(lambda: row().phase is SessionPhase.ENDED, "the last one's end")
    assert {row.phase for row in machine.home.sessions() if row.id == former} == {SessionPhase.ENDED}
