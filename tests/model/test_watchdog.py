"""The watchdog on sessions that are told call by call: what loops is found in time, and honest work never is."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec
import pytest

from hookspan.catalogue import attributes as sc
from hookspan.config import Settings
from hookspan.model.state import dump_session, load_session
from hookspan.model.summary import session_row
from hookspan.wire.facts import Settled, TranscriptRead

from .replay import names, play
from .watched import SECOND, START, Call, Watched, bash, edit, read

LIMITS = Settings().watchdog
LOOPS: dict[str, tuple[str, int, Callable[[Watched], None]]] = {}
HONEST: dict[str, Callable[[Watched], None]] = {}
MANY = 60
"""Rounds that a loop goes on for."""


def loop(kind: str, at: int):
    """A loop, what it is, and the number of the call at which it is to be found."""

    def enter(play):
        LOOPS[play.__name__] = (kind, at, play)
        return play

    return enter


def honest(play):
    HONEST[play.__name__] = play
    return play


@loop("repeated_call", LIMITS.calls)
def one_command(told):
    told.each([bash("make", "nothing to be done")] * MANY)


@loop("repeated_call", LIMITS.calls)
def one_test_that_takes_another_time_each_time(told):
    told.each([bash("pytest -q", f"3 passed in 0.{number}s") for number in range(MANY)])


@loop("repeated_call", 2 * LIMITS.calls)
def two_commands_in_turn(told):
    told.each([bash("ls", "a b"), bash("cat a", "text")] * MANY)


@loop("reread", LIMITS.calls)
def one_file(told):
    told.each([read("/a.py")] * MANY)


@loop("reread", 3 * LIMITS.reads - 2)
def one_file_beside_other_work(told):
    for number in range(MANY):
        told.each([read("/plan.md"), bash(f"make {number}", f"built {number}"), bash(f"ls {number}", f"{number}")])


@loop("edits_undone", LIMITS.edits)
def two_edits(told):
    told.each([edit("/a.py", "x = 1", "x = 2"), edit("/a.py", "x = 2", "x = 1")] * MANY)


@loop("edits_undone", 2 * LIMITS.edits - 1)
def two_edits_in_other_words_with_a_test_in_between(told):
    for number in range(MANY):
        told.answer(edit("/a.py", "x = 1", "x = 2") if number % 2 else edit("/a.py", "x = 2", "x = 1", "class A:"))
        told.answer(bash("pytest -q", error=f"Exit code 1\n{number + 1} failed"))


@loop("same_error", LIMITS.errors)
def one_error_of_many_commands(told):
    told.each([bash(f"npm run {number}", error="Exit code 1\nnpm: no such file") for number in range(MANY)])


@loop("same_error", LIMITS.errors)
def denied_again_and_again(told):
    refusal = "Permission to use Bash with this command has been denied."
    told.each([Call("Bash", {"command": f"rm -rf {number}"}, refusal=refusal) for number in range(MANY)])


@loop("same_error", LIMITS.errors)
def invalid_again_and_again(told):
    refusal = "<tool_use_error>File has not been read yet. Read it first.</tool_use_error>"
    told.each([Call("Write", {"file_path": "/a", "content": str(number)}, refusal=refusal) for number in range(MANY)])


@loop("unchanged_poll", LIMITS.polls)
def a_task_that_says_nothing(told):
    told.each([Call("TaskOutput", {"task_id": "b1"}, {"retrieval_status": "timeout", "output": ""})] * MANY)


@loop("unchanged_poll", LIMITS.polls)
def a_log_that_does_not_grow(told):
    told.each([bash("sleep 5; cat build.log", "compiling")] * MANY)


@loop("unchanged_poll", LIMITS.polls)
def an_mcp_server(told):
    told.each([Call("mcp__ci__status", {"job": 7}, [{"type": "text", "text": "pending"}])] * MANY)


@loop("no_progress", 2 * LIMITS.failed_checks - 1)
def one_failure_whatever_is_changed(told):
    for number in range(MANY):
        told.answer(bash("pytest -q", error=f"Exit code 1\n1 failed in {number}.{number}s"))
        told.answer(edit("/a.py", f"x = {number}", f"x = {number + 1}"))


@loop("no_progress", 20 + LIMITS.stale_calls)
def a_round_of_twenty_calls(told):
    told.each([bash(f"cat {number}", f"text {number}") for number in range(20)] * MANY)


@loop("repeated_call", LIMITS.calls)
def a_subagent(told):
    told.event("SubagentStart", "a1")
    told.each([bash("make", "nothing to be done")] * MANY, agent="a1")


@loop("turn_cost", 10)
def a_turn_that_costs(told):
    for number in range(MANY):
        told.answer(bash(f"make {number}", f"built {number}"))
        told.model(LIMITS.turn_usd / 10)


@loop("turn_context", 11)
def a_context_that_grows(told):
    for number in range(MANY):
        told.answer(bash(f"make {number}", f"built {number}"))
        told.model(0.1, 20_000 + number * LIMITS.turn_tokens // 10)


@loop("turn_context", 3 * (LIMITS.compactions - 1))
def a_context_that_is_compacted_again_and_again(told):
    for number in range(MANY):
        told.event("PreCompact", trigger="auto")
        told.event("PostCompact", trigger="auto")
        told.each([bash(f"make {number} {each}", f"built {number} {each}") for each in range(3)])


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_is_found_when_its_limit_is_reached_and_told_once(name):
    kind, at, play_loop = LOOPS[name]
    told = Watched()
    play_loop(told)
    assert told.alarms == [(kind, at)]
    row = session_row(told.state, told.state.sessions["s"])
    assert row is not None
    assert (row.alarm, row.alarm_ended) == (kind, 0)
    told.end()
    (span,) = [span for span in told.spans if span.name == f"alarm {kind}"]
    assert START < span.start < span.end <= told.now
    (turn,) = [span for span in told.spans if span.name == "invoke_agent claude-code"]
    assert (span.trace_id, span.attributes[sc.ALARM_KIND]) == (turn.trace_id, kind)
    assert [link.attributes[sc.LINK] for link in span.links] in (["first_call", "last_call"], [])
    assert {link.span_id for link in span.links} <= {span.span_id for span in told.spans}


@honest
def retry_until_green(told):
    for number in range(30, 0, -1):
        told.answer(bash("pytest -q", error=f"Exit code 1\n{number} failed in 0.1s"))
        told.answer(edit("/a.py", f"x = {number}", f"x = {number - 1}"))
    told.answer(bash("pytest -q", "30 passed"))


@honest
def an_error_that_many_attempts_do_not_change(told):
    for number in range(LIMITS.failed_checks - 1):
        told.answer(bash("pytest -q", error="Exit code 1\nImportError: no module"))
        told.answer(bash(f"pip install part{number}", f"installed {number}"))
    told.answer(bash("pytest -q", "30 passed"))


@honest
def one_test_after_each_edit(told):
    for number in range(MANY):
        told.answer(edit(f"/{number}.py", "x = 1", "x = 2"))
        told.answer(bash("pytest -q", f"30 passed in 0.{number}s"))


@honest
def a_build_that_is_watched(told):
    told.answer(bash("make all", task="b1"))
    told.each([Call("TaskOutput", {"task_id": "b1"}, {"output": f"{number} %"}) for number in range(MANY)])


@honest
def a_build_that_is_silent_for_a_while(told):
    told.answer(bash("make all > build.log", task="b1"))
    for number in range(8):
        told.each([bash("tail -5 build.log", f"linking {number}")] * (LIMITS.polls - 1))
        told.each([read("/build.log", f"linking {number}")] * (LIMITS.reads - 1) if number < 1 else [])


@honest
def paging_through_a_file(told):
    told.each([read("/big.py", f"part {number}", 1 + number * 100) for number in range(MANY)])
    told.each([bash(f"sed -n {number},{number + 100}p big.py", "    pass") for number in range(MANY)])


@honest
def git_status_now_and_then(told):
    for number in range(MANY):
        told.each([bash("git status", "clean"), read(f"/{number}.py", f"{number}"), edit(f"/{number}.py", "a", "b")])


@honest
def equal_calls_of_many_subagents(told):
    for number in range(20):
        told.event("SubagentStart", f"a{number}")
    for _ in range(LIMITS.calls - 1):
        for number in range(20):
            told.answer(bash("git status", "clean"), read("/a.py"), agent=f"a{number}")


@honest
def equal_calls_in_one_answer(told):
    told.answer(*[bash("./flaky", "ok")] * MANY)
    told.answer(*[Call("Read", {"file_path": f"/{number}"}, error="File does not exist.") for number in range(MANY)])


@honest
def a_long_turn_of_real_work(told):
    dice = random.Random(7)
    for number in range(600):
        path = f"/{dice.randrange(40)}.py"
        told.answer(
            dice.choice(
                [
                    read(path, f"text {number // 30}"),
                    edit(path, f"x = {number}", f"x = {number + 1}"),
                    bash("pytest -q", f"{dice.randrange(20)} passed in 0.3s"),
                    bash("pytest -q", error=f"Exit code 1\n{dice.randrange(9)} failed"),
                    bash(f"grep -n {dice.randrange(30)} src", "a.py:1"),
                    bash("git diff --stat", f"{dice.randrange(30)} files"),
                ]
            )
        )
        told.model(0.05, 20_000 + number % 60 * 2500)
        if number % 60 == 59:
            told.event("PreCompact", trigger="auto")
            told.event("PostCompact", trigger="auto")


@honest
def a_plan_that_is_read_before_each_step(told):
    for number in range(LIMITS.reads - 1):
        told.answer(read("/PLAN.md"))
        told.each([bash(f"make {number} {each}", f"built {number} {each}") for each in range(5)])


@honest
def reading_all_again_after_each_compaction(told):
    for number in range(12):
        told.each([read(f"/{each}.py") for each in range(12)])
        told.each([read("/README.md")] * 2)
        told.each([bash(f"make {number} {each}", f"built {number} {each}") for each in range(5)])
        told.event("PreCompact", trigger="auto")
        told.event("PostCompact", trigger="auto")


@honest
def a_wall_that_is_understood(told):
    refusal = "The user doesn't want to proceed with this tool use."
    for number in range(4):
        told.answer(Call("Bash", {"command": f"rm {number}"}, refusal=refusal), bash("ls", f"{number}"))
        told.answer(*[Call("WebFetch", {"url": f"http://{each}"}, refusal=refusal) for each in range(20)])


@honest
def searches_that_find_nothing(told):
    told.each([bash(f"grep -rn word{number} src", error="Exit code 1") for number in range(MANY)])
    told.each([bash(f"test -e {number}", error="Exit code 1") for number in range(MANY)])


@honest
def code_that_is_broken_to_see_its_test_fail(told):
    for number in range(20):
        for _ in range(2):
            told.answer(edit("/a.py", f"if x > {number}:", f"if x < {number}:"))
            told.answer(bash("pytest -q", error="Exit code 1\n1 failed"))
            told.answer(edit("/a.py", f"if x < {number}:", f"if x > {number}:"))
            told.answer(bash("pytest -q", "30 passed"))


@honest
def what_somebody_asks_for_again_and_again(told):
    for number in range(MANY):
        told.prompt("again" if number % 2 else "<task-notification><task-id>b1</task-id></task-notification>")
        told.answer(bash("pytest -q", "30 passed in 0.1s"))


@honest
def a_server_that_starts(told):
    told.answer(bash("npm run dev", task="b1"))
    told.each([bash("curl -s localhost:3000", error="Exit code 7\ncurl: connection refused")] * (LIMITS.polls - 1))
    told.answer(bash("curl -s localhost:3000", "ok"))


@honest
def a_deployment_that_is_asked_about(told):
    for state in ("queued", "building", "pushing"):
        told.each([Call("mcp__ci__status", {"job": 7}, [{"type": "text", "text": state}])] * (LIMITS.polls - 1))
    told.each([bash("gh run view 7", "in progress")] * (LIMITS.polls - 1))


@honest
def a_switch_that_is_turned_on_and_off(told):
    for _ in range(2):
        told.answer(edit("/settings.py", "DEBUG = False", "DEBUG = True"))
        told.answer(bash("pytest -q", error="Exit code 1\nDEBUG: 1 failed"))
        told.answer(edit("/settings.py", "DEBUG = True", "DEBUG = False"))


@honest
def files_that_are_guessed(told):
    for number in range(MANY):
        told.answer(Call("Read", {"file_path": f"/guess{number}"}, error="File does not exist."))
        if number % 5 == 4:
            told.answer(read(f"/{number}.py", f"{number}"))


@honest
def a_test_that_may_be_flaky(told):
    told.each([bash("pytest -q", f"30 passed in 0.{number}s") for number in range(LIMITS.calls - 1)])


@honest
def a_list_of_tasks(told):
    for number in range(MANY):
        told.answer(Call("TaskUpdate", {"taskId": str(number), "status": "completed"}, {"success": True}))
        told.answer(Call("TaskList", {}, {"tasks": MANY - number}))


def test_calls_of_a_client_that_tells_nothing_of_answers():
    """Those that run at the same time are of one."""
    told = Watched("codex")
    call = Call("Bash", {"command": "make"}, "nothing to be done")
    told.answer(*[call] * MANY)
    assert told.alarms == []
    told.each([call] * MANY)
    assert told.alarms == [("repeated_call", MANY + LIMITS.calls - 1)]


@pytest.mark.parametrize("name", HONEST)
def test_honest_work_is_no_loop(name):
    told = Watched()
    HONEST[name](told)
    told.end()
    assert told.alarms == []


@pytest.mark.parametrize("name", [name for name in names() if name != "print_loop"])
def test_no_recording_has_an_alarm(name, tmp_path):
    played = play(name, tmp_path)
    assert not [one for one in played.increments if one.instrument == "hookspan.alarms"]
    assert not [span for span in played.spans if span.name.startswith("alarm ")]


def test_an_alarm_ends_with_what_is_new_and_has_what_was_spent_since():
    told = Watched()
    told.model(7)  # before it
    for _ in range(LIMITS.calls + 3):
        told.answer(bash("make", "nothing to be done"))
        told.model(0.5)
    row = session_row(told.state, told.state.sessions["s"])
    assert row is not None
    assert (row.alarm_calls, row.alarm_cost_nano) == (LIMITS.calls + 3, (LIMITS.calls + 3) * SECOND // 2)
    assert (row.alarm_first, row.alarm_last) == ("toolu_1", f"toolu_{LIMITS.calls + 3}")
    told.answer(bash("make clean", "gone"))
    told.model(10)
    row = session_row(told.state, told.state.sessions["s"])
    assert row is not None
    assert row.alarm_since < row.alarm_ended < told.now
    told.end()
    (span,) = [span for span in told.spans if span.name == "alarm repeated_call"]
    assert (span.attributes[sc.ALARM_CALLS], span.attributes[sc.ALARM_COST_USD]) == (13, 6.5)


@pytest.mark.parametrize(
    ("limits", "found"), [({"calls": 3}, 3), ({"calls": 0}, LIMITS.stale_calls + 1), ({"enabled": 0}, 0)]
)
def test_limits_are_those_that_the_journal_tells(limits, found):
    told = Watched(**limits)
    told.each([bash("make", "nothing to be done")] * MANY)
    assert [at for _, at in told.alarms] == [found] * bool(found)


def test_what_is_remembered_of_a_session_is_bounded():
    told = Watched()
    sizes = []
    for number in range(600):
        told.answer(bash(f"make {number}", error=f"Exit code 2\nerror {number}"), edit(f"/{number}.py", "a", "b"))
        told.model(0.01)
        if number % 200 == 199:
            sizes.append(len(msgspec.msgpack.encode(told.state.sessions["s"].watches)))
    assert max(sizes) < min(min(sizes) * 1.1, 8000)
    assert load_session(dump_session(told.state.sessions["s"])) == told.state.sessions["s"]


def test_a_subagent_that_compacts_may_look_again():
    told = Watched()
    told.event("SubagentStart", "a1")
    for _ in range(3):
        told.each([read("/a.py")] * (LIMITS.calls - 1), agent="a1")
        told.event("PreCompact", "a1", trigger="auto")
        told.event("PostCompact", "a1", trigger="auto")
    assert told.alarms == []


def test_an_alarm_is_over_with_whom_it_is_about_though_no_hook_tells():
    told = Watched()
    told.each([bash("make", "nothing to be done")] * LIMITS.calls)
    told.fold(Settled(at=told.now + SECOND, key="failed", session="s", prompt=f"p{told.prompts}"))
    (alarm,) = told.state.sessions["s"].alarms
    assert alarm.ended

    told = Watched()
    told.event("SubagentStart", "a1")
    told.each([bash("make", "nothing to be done")] * LIMITS.calls, agent="a1")
    session = told.state.sessions["s"]
    (alarm,), agent = session.alarms, session.agents["a1"]
    agent.stop, agent.interrupted = told.now, True  # as a turn's interruption leaves one
    told.fold(TranscriptRead(at=told.now + SECOND, key="read", session="s"))
    assert "a1" not in session.agents
    assert alarm.ended
