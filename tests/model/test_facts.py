"""What Claude Code 2.1.331 really does, fact by fact, and what the fold makes of it.

The numbers are those of docs/claude-code-facts.md, which states each fact and has it checked on the client's side; here
is the other side: the spans and sums that come of it. Each test names its recording in tests/sessions.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.model.rows import STATUS_ERROR
from tests.claude.money import theirs

from .replay import SESSIONS, Played, expected, play

PAGE = Path(__file__).parents[2] / "docs" / "claude-code-facts.md"
MS = 1_000_000
TURN = "invoke_agent claude-code"


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    known: dict[str, Played] = {}

    def get(name: str) -> Played:
        if name not in known:
            known[name] = play(name, tmp_path_factory.mktemp(name))
        return known[name]

    return get


def get(spans, key: str) -> list:
    return [span.attributes.get(key) for span in spans]


def outcomes(spans) -> list[tuple]:
    return [(s.attributes.get(sc.OUTCOME), s.attributes.get(sc.DECISION), sc.NEVER_RAN in s.attributes) for s in spans]


def ends(played: Played) -> list[str]:
    return get(played.named(TURN), sc.END_REASON)


def length(span) -> float:
    """Milliseconds."""
    return (span.end - span.start) / MS


def under(played: Played, span):
    """The span's parent."""
    return next(one for one in played.spans if (one.trace_id, one.span_id) == (span.trace_id, span.parent_id))


def events(name: str, event: str) -> list[dict]:
    """The recording's events of a name, with the stamp of each."""
    lines = (json.loads(line) for line in (SESSIONS / name / "journal.jsonl").read_text().splitlines())
    return [line["event"] | {"at": line["at"]} for line in lines if line["event"]["hook_event_name"] == event]


def test_every_fact_has_its_case():
    stated = {int(number) for number in re.findall(r"^\| (\d+) \|", PAGE.read_text(), re.MULTILINE)}
    cases = {int(name[10:12]) for name in vars(sys.modules[__name__]) if re.match(r"test_fact_\d\d_", name)}
    assert stated | set(range(1, 38)) == cases


def test_fact_01_prompt_id_names_the_trace(played):
    (turn,) = played("print_tools_agent").named(TURN)[:1]
    (prompt,) = {event["prompt_id"] for event in events("print_tools_agent", "UserPromptSubmit")[:1]}
    assert turn.trace_id == prompt.replace("-", "")
    chats = [span for span in played("print_tools_agent").named("chat") if span.trace_id == turn.trace_id]
    assert chats, "the transcript's promptId leads there, too"


def test_fact_02_built_in_commands_are_no_turns(played):
    assert len(played("clear").named(TURN)) == 2
    assert len(played("compact").named(TURN)) == len(events("compact", "UserPromptSubmit"))
    (compaction,) = played("compact").named("compact")
    assert under(played("compact"), compaction).name == "session"


def test_fact_03_a_span_is_in_the_trace_that_started_it(played):
    result = played("background_agent")
    (agent,) = result.named("invoke_agent general-purpose")
    inner = [span for span in result.spans if span.parent_id == agent.span_id]
    assert {span.trace_id for span in inner} == {agent.trace_id} == {result.named(TURN)[0].trace_id}
    heard = events("background_agent", "PreToolUse") + events("background_agent", "PostToolUse")
    prompts = {event["prompt_id"] for event in heard if "agent_id" in event}
    assert len(prompts) > 1


def test_fact_04_prompts_typed_meanwhile(played):
    (turn,) = played("queued_absorbed").named(TURN)
    assert turn.attributes[sc.PROMPTS] > 1
    first, second = played("queued_next").named(TURN)
    assert (first.attributes[sc.PROMPTS], second.attributes[sc.PROMPTS]) == (1, 2)
    assert second.trace_id not in {
        event["prompt_id"].replace("-", "") for event in events("queued_next", "UserPromptSubmit")
    }
    assert sc.START_INFERRED not in second.attributes


def test_fact_05_which_call_started_which_agent(played):
    result = played("print_parallel_agents")
    wanted = {
        call: agent["agent_type"] for call, agent in (expected("print_parallel_agents") or {})["subagents"].items()
    }
    agents = [span for span in result.spans if sc.AGENT_ID in span.attributes]
    assert {under(result, one).attributes[sc.GEN_AI_TOOL_CALL_ID]: one.name.split()[1] for one in agents} == wanted


def test_fact_06_a_dialog_finds_its_call_by_its_input(played):
    waits = played("permission_parallel").named("permission")
    tools = played("permission_parallel").named("execute_tool")
    assert get(waits, sc.TOOL_CALL_ID) == get(tools, sc.GEN_AI_TOOL_CALL_ID)
    assert None not in get(waits, sc.TOOL_CALL_ID)


def test_fact_07_nested_agents(played):
    result = played("print_nested_agents")
    outer, inner = [span for span in result.named("invoke_agent") if sc.AGENT_ID in span.attributes]
    assert under(result, under(result, inner)) is outer


def test_fact_08_print_mode_and_interactive(played):
    (session,) = played("print_mcp").named("session")
    assert session.attributes[sc.END_REASON] == "session_end"
    assert (session.attributes[sc.EXIT_REASON], session.attributes[sc.ENTRYPOINT]) == ("other", "sdk-cli")
    assert ends(played("print_mcp")) == ["stop"]
    assert get(played("clear").named("session"), sc.EXIT_REASON) == ["clear", "prompt_input_exit"]


def test_fact_09_esc_at_a_dialog(played):
    result = played("permission_esc")
    assert outcomes(result.named("execute_tool"))[0] == ("denied", "aborted", True)
    (wait,) = result.named("permission")
    assert wait.attributes[sc.DECISION] == "aborted"
    assert length(wait) == pytest.approx(362, abs=1)
    assert ends(result) == ["interrupted", "stop"]


def test_fact_10_refusal_with_words(played):
    result = played("permission_words")
    assert outcomes(result.named("execute_tool"))[0] == ("denied", "refused", True)
    assert ends(result) == ["stop"]


def test_fact_11_esc_in_a_tool_and_in_an_agent(played):
    assert outcomes(played("esc_tool").named("execute_tool")) == [("interrupted", None, False)]
    assert ends(played("esc_tool"))[0] == "interrupted"
    result = played("esc_foreground_agent")
    (agent,) = result.named("invoke_agent general-purpose")
    assert agent.attributes[sc.END_REASON] == "interrupted"
    (call,) = result.named("execute_tool Agent")
    assert call.attributes[sc.OUTCOME] == result.named("execute_tool Bash")[-1].attributes[sc.OUTCOME] == "interrupted"


def test_fact_12_esc_while_text_streams(played):
    result = played("esc_stream")
    assert "interrupted" in get(result.named("chat"), sc.OUTCOME)
    assert ends(result)[0] == "interrupted"
    (session,) = result.named("session")
    assert session.attributes[sc.COST_RESIDUAL_USD] > 0, "the client counts an estimate of what was cut off"


def test_fact_13_api_error(played):
    (turn,) = played("print_api_400").named(TURN)
    assert (turn.attributes[sc.END_REASON], turn.attributes[sc.ERROR_TYPE]) == ("stop_failure", "unknown")
    assert turn.status == STATUS_ERROR
    (failed,) = [span for span in played("print_api_400").named("chat") if span.status == STATUS_ERROR]
    assert (failed.attributes[sc.ERROR_TYPE], failed.attributes[sc.ATTEMPTS]) == ("invalid_request", 6)
    assert sc.GEN_AI_USAGE_INPUT_TOKENS not in failed.attributes


def test_fact_14_retries(played):
    retried = played("print_api_529").named("chat")[0]
    assert retried.attributes[sc.ATTEMPTS] == 3
    assert length(retried) > 1500
    assert get(played("print_api_429").named("chat"), sc.ATTEMPTS) == [2]


def test_fact_14_failed_attempts_are_events_of_the_call(played):
    (call, *_) = played("print_api_529").named("chat")
    keys = (sc.ERROR_TYPE, sc.HTTP_RESPONSE_STATUS_CODE, sc.HTTP_REQUEST_RESEND_COUNT, sc.RETRIES_MAX)
    assert [[event.attributes[key] for key in keys] for event in call.events] == [
        ["overloaded", 529, 1, 10],
        ["overloaded", 529, 2, 10],
    ]
    assert call.attributes[sc.RETRY_WAITED] == pytest.approx(0.506 + 1.09)
    assert all(call.start <= event.at <= call.end for event in call.events)


def test_fact_15_kill(played):
    for name in ("print_sigkill_tool", "print_sigkill_stream"):
        assert ends(played(name)) == ["client_gone"]
        (session,) = played(name).named("session")
        assert (session.attributes[sc.END_REASON], session.attributes[sc.END_INFERRED]) == ("client_gone", True)
    assert get(played("print_sigkill_tool").named("execute_tool"), sc.OUTCOME) == ["unknown"]


def test_fact_16_hangup_and_sigint(played):
    assert ends(played("print_sighup")) == ["session_end"]
    assert ends(played("print_sigint")) == ["interrupted"]
    for name in ("print_sighup", "print_sigint"):
        assert get(played(name).named("execute_tool"), sc.OUTCOME) == ["interrupted"]


def test_fact_17_exit_stops_a_background_agent(played):
    (agent,) = played("background_agent_stopped").named("invoke_agent general-purpose")
    assert (agent.attributes[sc.OUTCOME], agent.attributes[sc.END_REASON]) == ("interrupted", "session_end")
    assert ends(played("background_agent_stopped")) == ["stop"]


def test_fact_18_clear(played):
    first, second = played("clear").named("session")
    assert first.trace_id != second.trace_id
    assert (first.attributes[sc.EXIT_REASON], second.attributes[sc.SOURCE]) == ("clear", "clear")


def test_fact_19_continue_and_resume(played):
    first, second = played("print_continue").named("session")
    assert first.trace_id == second.trace_id
    assert first.span_id != second.span_id
    assert get((first, second), sc.MODEL_CALLS) == [2, 2]
    chats = played("print_resume_killed").named("chat")
    assert "<synthetic>" not in get(chats, sc.GEN_AI_RESPONSE_MODEL)
    assert played("print_resume_killed").named("session")[1].attributes[sc.SOURCE] == "resume"


def test_fact_20_a_fork_counts_nothing_twice(played):
    result = played("print_fork")
    ids = get(result.named("chat"), sc.GEN_AI_RESPONSE_ID)
    assert len(ids) == len(set(ids)) == 4
    assert result.named("session")[1].attributes[sc.MODEL_CALLS] == 2
    assert sc.COST_RESIDUAL_USD not in result.named("session")[1].attributes, "the client's total has its parent's"


def test_fact_21_two_clients_in_one_folder(played):
    result = played("print_two_in_one_folder")
    assert get(result.named("session"), sc.MODEL_CALLS) == [2, 2]
    for turn in result.named(TURN):
        inside = [span for span in result.spans if span.trace_id == turn.trace_id]
        assert {span.session for span in inside} == {turn.session}


def test_fact_22_parallel_and_serial_calls(played):
    first, second = played("print_registered_twice").named("execute_tool Bash")
    assert second.start < first.end
    first, second = played("permission_parallel").named("execute_tool")
    assert second.start > first.end
    assert len(played("print_serial_bash").named("execute_tool")) == 2


def test_fact_23_calls_that_only_the_batch_tells(played):
    assert outcomes(played("print_invalid_calls").named("execute_tool")) == [
        ("error", None, True),
        ("error", None, True),
        ("denied", "auto_denied", True),
    ]
    assert played("print_invalid_calls").total("hookspan.tool.calls") == 3
    assert not [one for one in played("print_invalid_calls").increments if one.instrument == "hookspan.tool.duration"]


def test_fact_24_print_mode_s_denial_is_no_human_wait(played):
    result = played("print_denied")
    assert outcomes(result.named("execute_tool")) == [("denied", "auto_denied", True)]
    assert get(result.named("permission"), sc.DECISION) == ["auto_denied"]
    assert get(result.named("execute_tool"), sc.WAITED) == [None]
    assert result.total("hookspan.time", hookspan_time_kind="wait") == 0


def test_fact_25_another_hook_blocks(played):
    (tool,) = played("print_hook_block").named("execute_tool")
    assert outcomes([tool]) == [("denied", None, True)]
    assert tool.attributes[sc.BLOCKED_BY_HOOK] is True


def test_fact_26_a_waiting_dialog(played):
    result = played("permission_approved")
    assert result.total("hookspan.notifications", hookspan_notification_type="permission_prompt") == 1
    assert "waiting" in [phase for _, _, phase in result.phases]
    assert get(played("permission_auto_mode").named(TURN), sc.PERMISSION_MODE) == ["default"], "as it began"


def test_fact_27_agents_in_the_background_and_in_front(played):
    result = played("background_agent")
    (call,), (agent,) = result.named("execute_tool Agent"), result.named("invoke_agent general-purpose")
    assert call.attributes[sc.BACKGROUND] is True
    assert agent.end > call.end
    result = played("print_foreground_agent")
    (call,), (agent,) = result.named("execute_tool Agent"), result.named("invoke_agent general-purpose")
    assert call.start <= agent.start <= agent.end <= call.end


def test_fact_28_a_task_s_end_links_to_its_start(played):
    for name, call in (("background_bash", "execute_tool Bash"), ("background_agent", "execute_tool Agent")):
        turn = next(one for one in played(name).named(TURN) if one.attributes[sc.PROMPT_KIND] == "task_notification")
        links = {link.span_id for link in turn.links if link.attributes[sc.LINK] == "started_by"}
        assert links == {played(name).named(call)[0].span_id}
        assert sc.IDLE_BEFORE not in turn.attributes, "nobody typed it"


def test_fact_29_compactions(played):
    (manual,), (auto,) = played("compact").named("compact"), played("compact_auto").named("compact")
    assert under(played("compact"), manual).name == "session"
    assert under(played("compact_auto"), auto).name == TURN
    for span, trigger in ((manual, "manual"), (auto, "auto")):
        assert (span.attributes[sc.TRIGGER], span.attributes[sc.OUTCOME]) == (trigger, "success")
        assert span.attributes[sc.CONTEXT_AFTER] < span.attributes[sc.CONTEXT_BEFORE]
    (failed,) = played("compact_auto_failed").named("compact")
    assert (failed.attributes[sc.OUTCOME], failed.status) == ("error", STATUS_ERROR)
    assert not [one for one in played("compact").spans if sc.AGENT_ID in one.attributes], "no agent of anybody's"
    assert played("compact").named("session")[0].attributes[sc.COST_RESIDUAL_USD] > 0, "the summary's own call"


def test_fact_30_a_project_s_own_command(played):
    (turn,) = played("project_command").named(TURN)
    assert turn.attributes[sc.PROMPT_KIND] == "command"
    assert turn.attributes[sc.COMMAND_NAME] == events("project_command", "UserPromptExpansion")[0]["command_name"]


def test_fact_31_mcp(played):
    good, bad = played("print_mcp").named("execute_tool")
    assert {*get((good, bad), sc.GEN_AI_TOOL_NAME)} == {"mcp__tiny__greet"}
    assert {*get((good, bad), sc.MCP_SERVER)} == {"tiny"}
    assert get((good, bad), sc.OUTCOME) == ["success", "error"]


def test_fact_32_texts_of_all_kinds(played):
    result = played("print_unicode")
    assert get(result.named(TURN), sc.OUTCOME) == ["success"]
    assert len(result.named("chat")) == 2, "the folder with the lossy name was found"
    size = len(events("print_unicode", "UserPromptSubmit")[0]["prompt"].encode())
    assert get(result.named(TURN), sc.INPUT_SIZE) == [size]


def test_fact_33_every_hook_is_counted_here(played):
    for name in ("compact", "print_api_400", "permission_approved"):
        heard = len((SESSIONS / name / "journal.jsonl").read_text().splitlines())
        assert played(name).total("hookspan.hook.events") == heard == sum(span.hook for span in played(name).spans)
    for name, event in (
        ("compact", "PreCompact"),
        ("print_api_400", "StopFailure"),
        ("permission_approved", "Notification"),
    ):
        assert played(name).total("hookspan.hook.events", hook_event=event) == 1


def test_fact_34_the_client_s_own_measure_is_of_stop_alone(played):
    seen = [one for one in played("print_mcp").increments if one.instrument == "hookspan.client_hook.time"]
    assert {dict(one.attributes)[sc.HOOK_EVENT] for one in seen} == {"Stop"}


def test_fact_35_spans_go_by_the_hooks_stamps(played):
    name = "print_tools_agent"
    heard = events(name, "PostToolUse") + events(name, "PostToolUseFailure")
    ended = {event["tool_use_id"]: event for event in heard}
    for tool in played(name).named("execute_tool"):
        event = ended[str(tool.attributes[sc.GEN_AI_TOOL_CALL_ID])]
        assert tool.end == event["at"]
        assert length(tool) == pytest.approx(event["duration_ms"], abs=0.001)
    (turn,) = played(name).named(TURN)[:1]
    assert turn.start == events(name, "UserPromptSubmit")[0]["at"]
    assert turn.end == events(name, "Stop")[0]["at"]


def test_fact_36_every_answer_is_a_call_of_a_turn(played):
    calls = (expected("print_tools_agent") or {})["model_calls"]
    assert len(played("print_tools_agent").named("chat")) == len(calls)
    assert played("print_tools_agent").named("session")[0].attributes[sc.COST_RESIDUAL_USD] == pytest.approx(
        0, abs=1e-9
    )


def test_fact_37_subfolders_and_worktrees(played):
    for session in played("print_subfolder_worktree").named("session"):
        assert session.attributes[sc.MODEL_CALLS] == 2, "each has a transcript folder of its own"


def test_fact_38_what_the_client_s_total_has_over_the_transcripts(played):
    def residuals(name: str) -> list:
        return get(played(name).named("session"), sc.COST_RESIDUAL_USD)

    for name in ("print_nested_agents", "print_workflow"):
        assert residuals(name) == [pytest.approx(0, abs=1e-9)]
    for name in ("compact", "compact_auto", "esc_stream"):
        assert residuals(name)[0] > 0.001, name
    assert residuals("print_continue") == [pytest.approx(0, abs=1e-9)] * 2, "the second run's total has the first's"
    assert residuals("print_fork") == [pytest.approx(0, abs=1e-9), None], "the fork's total has its origin's"
    assert residuals("print_resume_killed") == [None, pytest.approx(0, abs=1e-9)], "the first run's total was lost"


@pytest.mark.parametrize(
    "name", ["print_nested_agents", "print_workflow", "print_continue", "compact", "compact_auto", "esc_stream"]
)
def test_fact_38_the_sums_are_the_client_s_own(played, name):
    lines = [json.loads(line) for path in (SESSIONS / name).rglob("*.jsonl") for line in path.read_text().splitlines()]
    counted = Counter()
    for (_, model), total in theirs(lines).items():
        counted.update({(model, kind): value for kind, value in total.items()})
    ours = Counter()
    for one in played(name).increments:
        told = dict(one.attributes)
        if one.instrument in {"hookspan.cost", "hookspan.tokens"}:
            kind, value = told.get(sc.TOKEN_TYPE, "nano_usd"), one.value
            ours[told[sc.GEN_AI_RESPONSE_MODEL], kind] += round(value * 1e9) if kind == "nano_usd" else value
    assert ours == pytest.approx(+counted, abs=2)


def test_fact_41_questions_and_plans_wait(played):
    for name, tool in (("ask_user_question", "AskUserQuestion"), ("exit_plan_mode", "ExitPlanMode")):
        (wait,) = played(name).named("permission")
        assert wait.attributes[sc.TOOL_NAME] == tool
        assert length(wait) > 2000
        assert "waiting" in [phase for _, _, phase in played(name).phases]


def test_fact_42_a_workflow_s_agents_stand_under_its_call(played):
    result = played("print_workflow")
    (call,) = result.named("execute_tool Workflow")
    agents = [span for span in result.spans if sc.AGENT_ID in span.attributes]
    assert [under(result, agent) for agent in agents] == [call] * 3
    chats = [under(result, span) for span in result.named("chat")]
    assert sorted(chats.count(agent) for agent in agents) == [1, 1, 2]


def test_fact_43_a_skill_s_commands_are_events_of_its_turn(played):
    result = played("print_skill_command")
    (turn,) = result.named(TURN)
    keys = (sc.COMMAND_NAME, sc.COMMAND_INVOKED_BY, sc.COMMAND_PROGRAM)
    told = [(event.name, *(event.attributes[key] for key in keys)) for event in turn.events]
    name = "hookspan.skill.command"
    assert told == [
        (name, "mend", "user", "git"),
        (name, "greet", "claude", "echo"),
        (name, "greet", "claude", "other"),
    ]
    heard = events("print_skill_command", "PreSkillShellCommand")
    assert [event.at for event in turn.events] == pytest.approx([event["at"] for event in heard], abs=50 * MS)
    assert turn.attributes[sc.TOOLS] == 1, "they are no calls of the model's"


def test_fact_45_a_killed_client_s_entry_is_not_what_its_session_does(played):
    """Its process is gone, whatever the entry that it left says."""
    assert ends(played("sigkill_dialog"))[0] == "client_gone"
    assert [phase for _, _, phase in played("sigkill_dialog").phases][-1] == "ended"


def test_fact_44_an_answer_to_a_teammate_is_a_turn_of_its_own(played):
    result = played("agent_team")
    first, *answers = result.named(TURN)
    assert get(answers, sc.PROMPT_KIND) == ["teammate"] * 2
    assert get(answers, sc.TEAMMATE) == ["anna"] * 2
    assert [turn.label for turn in answers] == ["anna: All well in the cart", "anna: idle notification"]
    assert set(get([first, *answers], sc.PROMPT_ID)) == {first.attributes[sc.PROMPT_ID]}, "the client's own id"
    assert len({turn.trace_id for turn in (first, *answers)}) == 3
    assert get([first, *answers], sc.TOOLS) == [3, 1, 0]
    assert all(turn.end <= after.start for turn, after in zip((first, *answers), answers, strict=False))
    (call,) = result.named("execute_tool Agent")
    causes = [link for turn in answers for link in turn.links if link.attributes[sc.LINK] == "started_by"]
    assert [(link.trace_id, link.span_id) for link in causes] == [(call.trace_id, call.span_id)] * 2
    assert sc.IDLE_BEFORE not in answers[0].attributes, "nobody thought about it"


def test_fact_44_a_teammate_is_a_subagent_with_a_name(played):
    result = played("agent_team")
    (mate,) = [span for span in result.spans if sc.AGENT_ID in span.attributes]
    assert mate.name == "invoke_agent general-purpose"
    assert mate.attributes[sc.TEAMMATE] == "anna"
    assert mate.attributes[sc.TEAM].startswith("session-")
    assert under(result, mate).name == "execute_tool Agent"
    turn = result.named(TURN)[0]
    told = [(event.name, event.attributes) for event in turn.events]
    assert told == [("hookspan.task.created", {sc.TASK_ID: "1"}), ("hookspan.task.completed", {sc.TASK_ID: "1"})]
    assert not any("Mend the total" in str(span.attributes) for span in result.spans), "a task's subject is content"


def test_fact_46_a_background_job_is_marked(played):
    (session,) = played("background_job").named("session")
    assert session.attributes[sc.JOB_ID] == session.attributes[sc.SESSION_ID][:8]
    assert not any(sc.JOB_ID in span.attributes for span in played("interactive").named("session"))


def test_fact_47_what_the_client_estimates_of_its_cache(played):
    _, resumed = played("print_continue").named("session")
    told = [resumed.attributes[key] for key in (sc.CACHE_EXPIRED, sc.RESUMED_TOKENS, sc.CACHE_WRITE_ESTIMATE)]
    (event,) = [e for e in events("print_continue", "SessionStart") if e["source"] == "resume"]
    assert told == [False, event["context_tokens"], event["estimated_cache_write_usd"]]
    (switch,) = played("model_switch").named("hook PostModelSwitch")
    (event,) = events("model_switch", "PostModelSwitch")
    assert switch.attributes[sc.CACHE_EXPIRED] is False
    assert switch.attributes[sc.CACHE_WRITE_ESTIMATE] == event["estimated_cache_write_usd"]


def test_fact_50_a_call_names_its_skill_and_the_server_whose_result_it_read(played):
    assert get(played("project_command").named("chat"), sc.SKILL_NAME) == ["mend", "mend"]
    assert get(played("print_mcp").named("chat"), sc.MCP_SERVER) == [None, "tiny", "tiny"]


def test_fact_51_a_missed_cache_has_its_cause(played):
    causes = [
        [event.attributes[sc.CACHE_CAUSE] for event in call.events] for call in played("print_cache").named("chat")
    ]
    assert causes == [[], [], ["model"]]


def test_fact_52_a_broken_server_is_counted_and_a_listed_one_measured(played):
    told = {(one.instrument, dict(one.attributes).get(sc.MCP_SERVER)) for one in played("print_cache").increments}
    assert {("hookspan.mcp.unavailable", "broken"), ("hookspan.definitions", "tiny")} <= told


def test_fact_54_a_command_s_span_names_its_commit_and_its_pull_request(played):
    spans = played("print_commits").named("execute_tool")
    revisions = [told["commit"]["sha"] for told in operations("print_commits") if "commit" in told]
    assert [one for one in get(spans, sc.VCS_REF_HEAD_REVISION) if one] == revisions
    assert get(spans, sc.VCS_CHANGE_ID) == [None, None, None, "42"]


def operations(name):
    return [event["tool_response"].get("gitOperation", {}) for event in events(name, "PostToolUse")]


def test_fact_55_a_run_after_a_message_is_a_span_below_that_call(played):
    for name in ("resumed_agent", "print_resumed_agent"):
        result = played(name)
        (started,), (sent,) = result.named("execute_tool Agent"), result.named("execute_tool SendMessage")
        runs = [span for span in result.named("invoke_agent") if sc.AGENT_ID in span.attributes]
        assert [span.parent_id for span in runs] == [started.span_id, sent.span_id]
        assert len({span.attributes[sc.AGENT_ID] for span in runs}) == 1
