"""What the client does, one named fact each, so that a new version can be asked whether it still does.

A fact has a scenario to be seen in, a function that reads off a run's evidence what happened, and the answer that
hookspan is built on. Facts with `native=True` need the client's own telemetry, so no recording can show them. Numbers
group facts that belong together. `python -m tests.claude.facts` prints docs/claude-code-facts.md.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.claude import client
from tests.claude.evidence import Evidence
from tests.claude.native import UNREPORTED_HOOKS, Native

Look = Callable[[Evidence], Any]
NONE: list[str] = []
INTERRUPTED = "[Request interrupted by user for tool use]"


@dataclass(frozen=True)
class Fact:
    """A statement about the client and how to see whether it holds."""

    name: str
    number: str
    statement: str
    scenario: str
    look: Look
    wanted: Any
    native: bool

    def found(self, evidence: Evidence) -> Any:
        """What a run shows; an evidence that lacks what the fact speaks of is told in words."""
        try:
            return self.look(evidence)
        except (LookupError, TypeError, ValueError, AttributeError, StopIteration) as missing:
            return f"not to be seen ({type(missing).__name__}: {missing})"


FACTS: dict[str, Fact] = {}


def fact(number: str, scenario: str, wanted: Any, *, native: bool = False) -> Callable[[Look], Look]:
    """Enter a function into the table; its name names the fact, its docstring states it."""

    def enter(look: Look) -> Look:
        statement = " ".join((look.__doc__ or "").split())
        FACTS[look.__name__] = Fact(look.__name__, number, statement, scenario, look, wanted, native)
        return look

    return enter


def changed(scenario: str, evidence: Evidence) -> Iterator[str]:
    """Facts of a scenario that its run doesn't confirm, in words."""
    for known in FACTS.values():
        if known.scenario == scenario and (evidence.native or not known.native):
            found = known.found(evidence)
            if found != known.wanted:
                yield f"{known.name} ({known.number}): {known.statement} Found {found!r}, known {known.wanted!r}."


def _native(run: Evidence) -> Native:
    if run.native is None:
        raise LookupError("no telemetry of the client's own")
    return run.native


def _prompts(run: Evidence, *events: str) -> list[str]:
    """Distinct prompt ids on events, in order."""
    return list(dict.fromkeys(event["prompt_id"] for event in run.named(*events) if "prompt_id" in event))


def _unheard(run: Evidence) -> list[str]:
    """Calls in PostToolBatch that no event of their own was heard of."""
    heard = {e["tool_use_id"] for e in run.named("PreToolUse", "PostToolUse", "PostToolUseFailure")}
    listed = [call["tool_use_id"] for batch in run.named("PostToolBatch") for call in batch["tool_calls"]]
    return [call for call in listed if call not in heard]


# Ids


@fact("1", "print_tools_agent", [2, True])
def prompt_id_is_the_transcript_s(run: Evidence) -> Any:
    """`prompt_id` in hooks is `promptId` in the transcript."""
    lines = {line["promptId"] for line in run.lines("user") if "promptId" in line}
    return [len(lines), set(_prompts(run, "UserPromptSubmit")) == lines]


@fact("1", "print_tools_agent", True, native=True)
def prompt_id_is_the_telemetry_s(run: Evidence) -> Any:
    """`prompt_id` in hooks is `prompt.id` in the client's own logs."""
    return {turn.prompt_id for turn in _native(run).turns} == set(_prompts(run, "UserPromptSubmit"))


@fact("2", "clear", [2, 0])
def built_in_commands_have_prompt_ids(run: Evidence) -> Any:
    """/clear and /exit get a prompt id of their own, on the SessionEnd that they cause, and no UserPromptSubmit."""
    own = _prompts(run, "SessionEnd")
    return [len(own), len(set(own) & set(_prompts(run, "UserPromptSubmit")))]


@fact("3", "background_agent", 2)
def prompt_id_is_the_newest(run: Evidence) -> Any:
    """A hook's prompt id is the session's newest prompt, so one subagent's events carry several."""
    return len({event["prompt_id"] for event in run.events if event.get("agent_id")})


@fact("4", "queued_absorbed", [2, 1, ["absorbed_mid_turn"]])
def typed_prompt_is_absorbed(run: Evidence) -> Any:
    """A prompt typed while a tool runs fires UserPromptSubmit at once with the running turn's id, and becomes part of
    that turn (queue-operation `remove`, reason `absorbed_mid_turn`)."""
    reasons = [line["reason"] for line in run.lines("queue-operation") if "reason" in line]
    return [len(run.named("UserPromptSubmit")), len(_prompts(run, "UserPromptSubmit")), reasons]


@fact("4", "queued_next", [1, True])
def queued_prompt_has_no_hook(run: Evidence) -> Any:
    """Prompts typed during the last answer become one new turn with a new prompt id, without a UserPromptSubmit."""
    submitted, stopped = _prompts(run, "UserPromptSubmit"), _prompts(run, "Stop")
    queued = {line["promptId"] for line in run.lines("user") if line.get("promptSource") == "queued"}
    return [len(submitted), stopped[-1] in queued - set(submitted)]


@fact("5", "print_parallel_agents", [[False, False], [True, True]])
def subagent_start_names_no_call(run: Evidence) -> Any:
    """SubagentStart has no tool_use_id; `subagents/agent-<id>.meta.json` has (`toolUseId`)."""
    metas = [meta for path, meta in run.files.items() if path.endswith(".meta.json")]
    started = run.named("SubagentStart")
    return [["tool_use_id" in event for event in started], ["toolUseId" in meta for meta in metas]]


@fact("5", "print_parallel_agents", [2, True])
def agent_call_s_end_names_the_agent(run: Evidence) -> Any:
    """PostToolUse of the Agent call has `tool_response.agentId`."""
    ends = [event for event in run.named("PostToolUse") if event["tool_name"] == "Agent"]
    named = {event["tool_response"]["agentId"] for event in ends}
    return [len(named), named == {event["agent_id"] for event in run.named("SubagentStart")}]


@fact("42", "print_workflow", ["async_launched", True, [False, False, False], [True, True, True]])
def workflow_s_agents_lie_in_its_run_s_folder(run: Evidence) -> Any:
    """A Workflow call returns at once and names its run (`tool_response.runId`); the transcripts of its agents lie in
    `subagents/workflows/<run>`, as SubagentStop's agent_transcript_path says, and their `.meta.json` names no call."""
    (call,) = (event["tool_response"] for event in run.named("PostToolUse") if event["tool_name"] == "Workflow")
    inside = f"/subagents/workflows/{call['runId']}/agent-"
    metas = [meta for path, meta in run.files.items() if inside in path]
    stopped = [inside in event["agent_transcript_path"] for event in run.named("SubagentStop")]
    folder = call["transcriptDir"].endswith(inside.removesuffix("/agent-"))
    return [call["status"], folder, ["toolUseId" in meta for meta in metas], stopped]


@fact("6", "permission_approved", True)
def permission_request_names_no_call(run: Evidence) -> Any:
    """PermissionRequest has no tool_use_id, but the same tool_input as the call."""
    asked = run.one("PermissionRequest")
    return "tool_use_id" not in asked and asked["tool_input"] == run.one("PreToolUse")["tool_input"]


@fact("7", "print_nested_agents", [2, NONE])
def nested_agent_s_hooks_name_no_parent(run: Evidence) -> Any:
    """A nested agent's hooks carry its own agent_id and nothing about the agent that started it."""
    started = run.named("SubagentStart")
    return [len({event["agent_id"] for event in started}), sorted({k for e in started for k in e if "parent" in k})]


# Turns and their ends


@fact("8", "print_mcp", ["UserPromptSubmit", "Stop", "SessionEnd", "other", True])
def print_mode_s_frame(run: Evidence) -> Any:
    """Print mode: UserPromptSubmit, Stop, SessionEnd{other} with the turn's prompt id."""
    frame = run.order(of=("UserPromptSubmit", "Stop", "SessionEnd"))
    end = run.one("SessionEnd")
    return [*frame, end["reason"], end["prompt_id"] == run.one("Stop")["prompt_id"]]


@fact("8", "clear", [True, "prompt_input_exit"])
def interactive_frame(run: Evidence) -> Any:
    """Interactive: the first SessionStart has `model`, /exit ends with SessionEnd{prompt_input_exit}."""
    return ["model" in run.one("SessionStart"), run.named("SessionEnd")[-1]["reason"]]


@fact("9", "permission_esc", [NONE, "user-rejected", True, True])
def esc_at_a_dialog_fires_no_hook(run: Evidence) -> Any:
    """Esc at a permission dialog: no hook runs, not even PostToolBatch. The transcript gets a tool_result with
    `toolDenialKind: user-rejected` and `toolDenialBeforeRun: true`, then the interruption line."""
    line = run.rejections()[0]
    heard = run.after("PermissionRequest", ["UserPromptSubmit", "Notification"])
    return [heard, line["toolDenialKind"], line.get("toolDenialBeforeRun"), run.says(INTERRUPTED)]


@fact("10", "permission_words", [["PostToolBatch"], "use the makefile", False])
def refusal_with_words_fires_only_the_batch(run: Evidence) -> Any:
    """A refusal with a reason: only PostToolBatch runs; the transcript has `userFeedback` and no interruption line, and
    the turn goes on."""
    heard = run.after("PermissionRequest", ["PreToolUse"])
    return [heard, run.rejections()[0]["userFeedback"], run.says(INTERRUPTED)]


@fact("11", "esc_tool", [NONE, "user-rejected", False, True])
def esc_in_a_tool_fires_no_hook(run: Evidence) -> Any:
    """Esc while a tool runs: no hook. tool_result with `toolDenialKind: user-rejected` and no `toolDenialBeforeRun`,
    then the interruption line."""
    line = run.rejections()[0]
    heard = run.after("PreToolUse", ["UserPromptSubmit"])
    return [heard, line["toolDenialKind"], "toolDenialBeforeRun" in line, run.says(INTERRUPTED)]


@fact("11", "esc_foreground_agent", ["PreToolUse", "SessionEnd"])
def esc_in_an_agent_fires_no_hook(run: Evidence) -> Any:
    """Esc in a foreground subagent: no hook for its tool, for the agent (no SubagentStop) or for the Agent call."""
    return [event["hook_event_name"] for event in run.events[-2:]]


@fact("12", "esc_stream", [None, 1, True])
def esc_in_a_stream_leaves_a_cut_line(run: Evidence) -> Any:
    """Esc while text streams: an assistant line with `isAbortedMidStream`, stop_reason null and output_tokens 1, then
    `[Request interrupted by user]`."""
    (cut,) = [line for line in run.lines("assistant") if line.get("isAbortedMidStream")]
    message = cut["message"]
    return [message["stop_reason"], message["usage"]["output_tokens"], run.says("[Request interrupted by user]")]


@fact("12", "esc_stream", True, native=True)
def esc_in_a_stream_has_no_native_span(run: Evidence) -> Any:
    """An answer that Esc cuts off has no `llm_request` span in the client's own telemetry."""
    answered = {call["request_id"] for call in run.expected["model_calls"]}
    return {call.request_id for call in _native(run).model_calls.values() if call.success} == answered


@fact("13", "print_api_400", ["StopFailure", "unknown", 6])
def bad_request_is_tried_six_times(run: Evidence) -> Any:
    """An HTTP 400: six attempts (in the recording within 0.26 s), then StopFailure{unknown} instead of Stop."""
    (end,) = run.named("Stop", "StopFailure")
    return [end["hook_event_name"], end["error"], len(run.expected["failed_calls"])]


@fact("13", "print_api_400", ["<synthetic>", True, 400])
def api_error_is_a_synthetic_line(run: Evidence) -> Any:
    """An API error is in the transcript as an assistant line of the model `<synthetic>`, with isApiErrorMessage true
    and apiErrorStatus."""
    line = list(run.lines("assistant"))[-1]
    return [line["message"]["model"], line["isApiErrorMessage"], line["apiErrorStatus"]]


@fact("14", "print_api_529", [2, "Stop"])
def overload_is_retried(run: Evidence) -> Any:
    """An HTTP 529 is retried, in the recording after 0.6 s and 1.1 s; no hook reports the failed attempts."""
    return [len(run.expected["failed_calls"]), run.named("Stop", "StopFailure")[0]["hook_event_name"]]


@fact("14", "print_api_429", [1, "Stop"])
def rate_limit_is_retried(run: Evidence) -> Any:
    """An HTTP 429 is retried, in the recording after 0.6 s; no hook reports it."""
    return [len(run.expected["failed_calls"]), run.named("Stop", "StopFailure")[0]["hook_event_name"]]


@fact("14", "print_api_529", [[529, 1, 10, False], [529, 2, 10, False]])
def failed_attempts_have_lines_in_print_mode(run: Evidence) -> Any:
    """Print mode writes a line `system:api_error` for each failed attempt that is followed by another, with its HTTP
    status, the number of the repetition and how many there will be, and whether the network is down; a terminal writes
    none."""
    lines = [line for line in run.lines("system") if line["subtype"] == "api_error"]
    return [[x["error"]["status"], x["retryAttempt"], x["maxRetries"], x["error"]["isNetworkDown"]] for x in lines]


@fact("14", "print_api_529", 3)
def each_attempt_has_its_line(run: Evidence) -> Any:
    """Each attempt writes its own `api-request` line, so an answer's `requestRef` names its last attempt."""
    answer = next(iter(run.lines("assistant")))
    return [line["id"] for line in run.lines("api-request")].index(answer["requestRef"]) + 1


@fact("14", "print_api_529", [3], native=True)
def attempts_are_one_native_span(run: Evidence) -> Any:
    """The client's own telemetry has one `llm_request` for all attempts."""
    return [call.attempts for call in _native(run).model_calls.values() if call.attempts > 1]


@fact("15", "print_sigkill_tool", ["PreToolUse", 1])
def killed_client_leaves_its_session_file(run: Evidence) -> Any:
    """kill -9: no further hook runs, and `~/.claude/sessions/<pid>.json` stays."""
    left = [path for path in run.files if path.startswith("sessions/")]
    return [run.events[-1]["hook_event_name"], len(left)]


@fact("15", "print_mcp", ["SessionEnd", 0])
def orderly_end_removes_the_session_file(run: Evidence) -> Any:
    """On an orderly end `~/.claude/sessions/<pid>.json` is removed."""
    left = [path for path in run.files if path.startswith("sessions/")]
    return [run.events[-1]["hook_event_name"], len(left)]


@fact("16", "print_sighup", [["SessionEnd"], "other", False])
def hangup_ends_the_session(run: Evidence) -> Any:
    """SIGHUP in a tool: SessionEnd{other} and no Stop. The transcript gets no interruption line; on an idle machine it
    gets a tool_result `Exit code 137`, on a busy one nothing."""
    return [run.after("PreToolUse", NONE), run.one("SessionEnd")["reason"], run.says("[Request interrupted")]


@fact("16", "print_sigint", [["SessionEnd"], "other", True])
def sigint_writes_the_interruption(run: Evidence) -> Any:
    """SIGINT in a tool: SessionEnd{other} and no Stop; the transcript gets the interruption line."""
    return [run.after("PreToolUse", NONE), run.one("SessionEnd")["reason"], run.says(INTERRUPTED)]


@fact("17", "background_agent_stopped", [0, "prompt_input_exit"])
def stopped_tasks_fire_no_hook(run: Evidence) -> Any:
    """/exit that stops a background agent: no SubagentStop, SessionEnd{prompt_input_exit}."""
    return [len(run.named("SubagentStop")), run.one("SessionEnd")["reason"]]


# Sessions


@fact("18", "clear", ["clear", "clear", 2, 1])
def clear_starts_a_session_in_the_same_process(run: Evidence) -> Any:
    """/clear: SessionEnd{clear}, then SessionStart{clear} with a new session id in the same process."""
    ended, started = run.one("SessionEnd"), run.named("SessionStart")[1]
    return [ended["reason"], started["source"], len({e["session_id"] for e in run.events}), len(run.parents)]


@fact("19", "print_continue", ["resume", 1, 1, True])
def resume_keeps_session_and_file(run: Evidence) -> Any:
    """--continue: SessionStart{resume} with the same session id and file, and with seconds_since_last_response."""
    again = run.named("SessionStart")[1]
    sessions = {event["session_id"] for event in run.events}
    return [again["source"], len(sessions), len(run.main_transcripts()), "seconds_since_last_response" in again]


@fact("19", "print_resume_killed", [["interrupted"], ["No response requested."]])
def resume_after_a_kill_adds_lines(run: Evidence) -> Any:
    """A session resumed after a kill: the open call gets a tool_result with `toolDenialKind: interrupted`, followed by
    an assistant line of the model `<synthetic>`, which is not a model call."""
    synthetic = [line["message"] for line in run.lines("assistant") if line["message"]["model"] == "<synthetic>"]
    kinds = [line["toolDenialKind"] for line in run.rejections()]
    return [kinds, [block["text"] for message in synthetic for block in message["content"]]]


@fact("20", "print_fork", ["fork", 2, 2, True])
def fork_copies_lines_under_new_ids(run: Evidence) -> Any:
    """--fork-session: SessionStart{fork}, a new session id and file; the old answers are copied with their message ids
    and timestamps under the new session id."""
    copies: dict[str, set[tuple[str, str]]] = {}
    for line in run.lines("assistant"):
        copies.setdefault(line["message"]["id"], set()).add((line["sessionId"], line["timestamp"]))
    twice = [places for places in copies.values() if len({session for session, _ in places}) > 1]
    same_time = bool(twice) and all(len({at for _, at in places}) == 1 for places in twice)
    sessions = {event["session_id"] for event in run.events}
    return [run.named("SessionStart")[1]["source"], len(sessions), len(run.main_transcripts()), same_time]


@fact("21", "print_two_in_one_folder", [2, 1, 2])
def clients_in_one_folder_share_the_transcript_folder(run: Evidence) -> Any:
    """Two clients in one folder have separate session ids and processes, but share a transcript folder."""
    folders = {path.split("/")[1] for path in run.transcripts}
    return [len({event["session_id"] for event in run.events}), len(folders), len(run.parents)]


# Tools, permissions, agents


@fact("22", "print_serial_bash", ["PreToolUse", "PreToolUse", "PostToolUse", "PostToolUse", "PostToolBatch"])
def parallel_calls_start_together(run: Evidence) -> Any:
    """The calls of one answer: first PreToolUse for all of them, then PostToolUse for each as it ends, then one
    PostToolBatch. This is also true of two Bash calls."""
    return run.order(of=("PreToolUse", "PostToolUse", "PostToolBatch"))


@fact("22", "permission_parallel", ["PreToolUse", "PermissionRequest", "PostToolUse"] * 2)
def asked_calls_go_one_after_the_other(run: Evidence) -> Any:
    """Of two calls that need a permission, the second's PreToolUse comes after the first's PostToolUse."""
    return run.order(of=("PreToolUse", "PermissionRequest", "PostToolUse"))


@fact("23", "print_invalid_calls", 3)
def some_calls_stand_in_the_batch_alone(run: Evidence) -> Any:
    """Invalid input, an unknown tool and a Read under a deny rule are reported by PostToolBatch only."""
    return len(_unheard(run))


@fact("23", "print_invalid_calls", 0, native=True)
def such_calls_have_no_native_span(run: Evidence) -> Any:
    """Calls that only PostToolBatch reports have no native tool span."""
    return len(_native(run).tools)


@fact("23", "print_bare_sleep", [1, "tool_use_error"])
def bare_sleep_is_refused(run: Evidence) -> Any:
    """A Bash call that is nothing but a long `sleep` is refused by the client as a tool error, reported by
    PostToolBatch only."""
    (batch,) = run.named("PostToolBatch")
    kind = str(batch["tool_calls"][0]["tool_response"]).split(">")[0].lstrip("<")
    return [len(_unheard(run)), kind]


@fact("43", "print_skill_command", [["user", "claude", "claude"], ["mend", "greet", "greet"], [1, 2]])
def skill_s_commands_are_heard_before_they_run(run: Evidence) -> Any:
    """A shell command in the text of a /command or skill fires PreSkillShellCommand, with who asked for it: after
    UserPromptExpansion, or inside the Skill call. No Pre- or PostToolUse comes for it, and nothing tells its end."""
    heard = run.named("PreSkillShellCommand")
    names = [str(event["hook_event_name"]) for event in run.events]
    inside = names[names.index("PreToolUse") : names.index("PostToolUse")].count("PreSkillShellCommand")
    typed = names[names.index("UserPromptExpansion") : names.index("PreToolUse")].count("PreSkillShellCommand")
    return [[e["invoked_by"] for e in heard], [e["command_name"] for e in heard], [typed, inside]]


@fact("43", "print_skill_command", [True, True])
def skill_s_command_names_its_call(run: Evidence) -> Any:
    """Its tool_use_id is the Skill call's with `:preamble-<n>` after it, or one of its own; it has the tool's name and
    input, as a Bash call has."""
    heard = run.named("PreSkillShellCommand")
    call = run.one("PreToolUse")["tool_use_id"]
    inside = [
        event["tool_use_id"].startswith(f"{call}:preamble-") for event in heard if event["invoked_by"] == "claude"
    ]
    return [all(inside), all(e["tool_name"] == "Bash" and "command" in e["tool_input"] for e in heard)]


@fact("44", "agent_team", ["anna", "teammate_spawned", "general-purpose", True, False])
def teammate_s_events_have_its_name_for_a_type(run: Evidence) -> Any:
    """An Agent call with a name makes a teammate: its events have that name as agent_type. The call's `tool_response`
    (status teammate_spawned) says what kind of agent it is, its team and its agent_id; `.meta.json` names no call."""
    (call,) = (event["tool_response"] for event in run.named("PostToolUse") if event["tool_name"] == "Agent")
    started = run.one("SubagentStart")
    (meta,) = (meta for path, meta in run.files.items() if path.endswith(".meta.json"))
    named = call["agentId"] == started["agent_id"] and bool(call["team_name"])
    return [started["agent_type"], call["status"], call["agent_type"], named, "toolUseId" in meta]


@fact("44", "agent_team", [1, 1, 3, [[2, True], [3, True]]])
def teammate_s_message_has_no_hook(run: Evidence) -> Any:
    """A teammate's message begins an answer of the lead with the prompt id of the turn before and no UserPromptSubmit;
    the transcript has it as a `user` line with `<teammate-message`, and `turnPosition.turnIndex` counts the answers."""
    submitted, stopped = run.named("UserPromptSubmit"), run.named("Stop")
    main = [line for line in run.lines("user") if not line.get("agentId")]
    told = [line for line in main if "<teammate-message " in str(line["message"]["content"])[:200]]
    same = [[line["turnPosition"]["turnIndex"], line["promptId"] == submitted[0]["prompt_id"]] for line in told]
    return [len(submitted), len(_prompts(run, "Stop")), len(stopped), same]


@fact("44", "agent_team", [["1", "Mend the total"], ["1", "Mend the total"], "anna"])
def tasks_and_idle_teammates_have_hooks(run: Evidence) -> Any:
    """TaskCreated and TaskCompleted have the task's number and subject, TeammateIdle the teammate's name and team."""
    told = [[run.one(name)["task_id"], run.one(name)["task_subject"]] for name in ("TaskCreated", "TaskCompleted")]
    return [*told, run.one("TeammateIdle")["teammate_name"]]


@fact("46", "background_job", [["bg"], True, "other"])
def background_job_s_lines_say_so(run: Evidence) -> Any:
    """`claude --bg`: hooks as in a terminal, SessionEnd{other} when it is stopped; the transcript's lines have
    `sessionKind: bg`. The session's id begins with the job's."""
    kinds = {line["sessionKind"] for line in run.lines("assistant")}
    jobs = [path for path in run.main_transcripts() if run.one("SessionStart")["session_id"] in path]
    return [sorted(kinds), len(jobs) == 1, run.one("SessionEnd")["reason"]]


@fact("55", "resumed_agent", [True, True])
def message_resumes_an_agent(run: Evidence) -> Any:
    """A SendMessage to a subagent that has stopped: `tool_response` has its id (resumedAgentId), and a second
    SubagentStart comes for it."""
    (told,) = [event for event in run.named("PostToolUse") if event["tool_name"] == "SendMessage"]
    started = [event["agent_id"] for event in run.named("SubagentStart")]
    return [told["tool_response"]["resumedAgentId"] == started[0], started == started[:1] * 2]


@fact("55", "print_resumed_agent", [True, True])
def message_that_waits_has_the_answer(run: Evidence) -> Any:
    """A SendMessage that waits for the subagent has its answer in `tool_response` (inlineHandback), and its id under
    pin."""
    (told,) = [event for event in run.named("PostToolUse") if event["tool_name"] == "SendMessage"]
    response = told["tool_response"]
    return ["inlineHandback" in response, response["pin"]["id"] == run.named("SubagentStop")[0]["agent_id"]]


@fact("47", "print_continue", [bool, int, True])
def resume_tells_of_the_cache(run: Evidence) -> Any:
    """SessionStart of a resumed session: `prompt_cache_likely_expired`, `context_tokens`, `seconds_since_last_response`
    and the client's estimate of what writing the cache costs."""
    again = run.named("SessionStart")[1]
    kinds = [type(again["prompt_cache_likely_expired"]), type(again["context_tokens"])]
    return [*kinds, again["estimated_cache_write_usd"] > 0]


@fact("47", "model_switch", ["command", True, True])
def model_switch_tells_of_the_cache(run: Evidence) -> Any:
    """PostModelSwitch: where the switch came from, whether the cache is warm, and an estimate likewise."""
    switch = run.one("PostModelSwitch")
    return [switch["source"], switch["prompt_cache_warm"], switch["estimated_cache_write_usd"] > 0]


@fact("24", "print_denied", [["PermissionRequest", "PostToolBatch"], "config"])
def print_mode_denies_by_itself(run: Evidence) -> Any:
    """Print mode, a call that nobody allowed: PreToolUse, PermissionRequest, PostToolBatch. permissionDecision says
    that its source is `config`: nobody was asked."""
    return [run.after("PreToolUse", ["Stop"]), run.rejections()[0]["permissionDecision"]["source"]]


@fact("24", "permission_approved", [["accept", "user_temporary"], ["accept", "user_temporary"]])
def results_say_who_decided(run: Evidence) -> Any:
    """The transcript's line of a result says who let the call run, also where it was allowed: `permissionDecision`."""
    told = [line["permissionDecision"] for line in run.lines("user") if "permissionDecision" in line]
    return [[one["decision"], one["source"]] for one in told]


@fact("25", "print_hook_block", ["PostToolBatch"])
def blocking_hook_leaves_the_batch(run: Evidence) -> Any:
    """Another hook that blocks a call (exit 2): PreToolUse, PostToolBatch, nothing else."""
    return run.after("PreToolUse", ["Stop"])


@fact("26", "permission_approved", [["permission_prompt"], "Claude needs your permission"])
def waiting_dialog_is_notified_once(run: Evidence) -> Any:
    """An open dialog: Notification{permission_prompt} about six seconds after PermissionRequest, once."""
    told = run.named("Notification")
    return [[event["notification_type"] for event in told], told[0]["message"]]


@fact("26", "permission_auto_mode", ["default", "auto"])
def mode_after_the_dialog(run: Evidence) -> Any:
    """PostToolUse's permission_mode is the one after the dialog."""
    return [run.one(name)["permission_mode"] for name in ("PermissionRequest", "PostToolUse")]


@fact("26", "idle_prompt", ["idle_prompt"])
def idle_client_is_notified(run: Evidence) -> Any:
    """A finished turn that nobody answers: Notification{idle_prompt} after a minute."""
    return [event["notification_type"] for event in run.named("Notification")]


@fact("27", "background_agent", "async_launched")
def interactive_agents_run_in_the_background(run: Evidence) -> Any:
    """Interactive: an Agent call returns at once (status async_launched)."""
    return run.one("PostToolUse")["tool_response"]["status"]


@fact("27", "print_foreground_agent", ["SubagentStart", "SubagentStop", "PostToolUse"])
def foreground_agent_s_order(run: Evidence) -> Any:
    """Print mode with run_in_background false: SubagentStart, its tools, SubagentStop, PostToolUse(Agent)."""
    wanted = ("SubagentStart", "SubagentStop")
    return [
        event["hook_event_name"]
        for event in run.events
        if event["hook_event_name"] in wanted
        or (event["hook_event_name"] == "PostToolUse" and event["tool_name"] == "Agent")
    ]


@fact("28", "background_bash", [True, True, True])
def task_s_end_is_a_prompt(run: Evidence) -> Any:
    """The end of a background task causes a new prompt with UserPromptSubmit: `<task-notification>` with the task's id
    and the call that started it."""
    last = run.named("UserPromptSubmit")[-1]["prompt"]
    call = run.one("PreToolUse")["tool_use_id"]
    return [last.startswith("<task-notification>"), "<task-id>" in last, f"<tool-use-id>{call}" in last]


@fact("29", "compact", ["PreCompact", "SubagentStop", "SessionStart", "PostCompact", "", "compact", 1])
def compaction_s_order(run: Evidence) -> Any:
    """Compaction: PreCompact, SubagentStop for an agent that has no type and had no SubagentStart,
    SessionStart{compact} of the same session, PostCompact."""
    heard = run.after("PreCompact", ["UserPromptSubmit"])
    stopped, started = run.one("SubagentStop"), run.named("SessionStart")[1]
    sessions = {event["session_id"] for event in run.events}
    return ["PreCompact", *heard, stopped["agent_type"], started["source"], len(sessions)]


@fact("29", "compact_auto", True)
def auto_compaction_lies_in_its_turn(run: Evidence) -> Any:
    """An automatic compaction happens within a turn: the turn's Stop comes after it, with the same prompt id."""
    return run.named("Stop")[-1]["prompt_id"] == run.one("PreCompact")["prompt_id"]


@fact("29", "compact_auto_failed", [1, 0])
def failed_compaction_fires_only_its_start(run: Evidence) -> Any:
    """An automatic compaction that fails fires PreCompact and nothing else."""
    return [len(run.named("PreCompact")), len(run.named("PostCompact"))]


@fact("30", "project_command", ["UserPromptSubmit", "UserPromptExpansion", 1])
def own_command_is_expanded(run: Evidence) -> Any:
    """A project's own /command: UserPromptSubmit with the text as typed, UserPromptExpansion, one turn."""
    return [*run.order(of=("UserPromptSubmit", "UserPromptExpansion")), len(run.named("Stop"))]


@fact("31", "print_mcp", ["mcp__tiny__greet", "tiny", "PostToolUseFailure"])
def mcp_tool_s_names(run: Evidence) -> Any:
    """An MCP tool: tool_name `mcp__<server>__<tool>` and mcp_server with its name; isError is PostToolUseFailure."""
    event = run.one("PreToolUse")
    failed = run.named("PostToolUse", "PostToolUseFailure")[-1]
    return [event["tool_name"], event["mcp_server"]["name"], failed["hook_event_name"]]


@fact("41", "ask_user_question", ["AskUserQuestion", NONE])
def question_is_a_permission_request(run: Evidence) -> Any:
    """AskUserQuestion fires PermissionRequest, and nothing else until the answer."""
    return [run.one("PermissionRequest")["tool_name"], run.after("PermissionRequest", ["PostToolUse"])]


@fact("41", "exit_plan_mode", ["ExitPlanMode", NONE])
def plan_is_a_permission_request(run: Evidence) -> Any:
    """ExitPlanMode fires PermissionRequest, and nothing else until the answer."""
    return [run.one("PermissionRequest")["tool_name"], run.after("PermissionRequest", ["PostToolUse"])]


# Payloads and native telemetry


@fact("32", "print_unicode", True)
def transcript_folder_s_name_loses_letters(run: Evidence) -> Any:
    """The transcript folder's name has one `-` for each UTF-16 unit of the working folder outside [A-Za-z0-9]."""
    (folder,) = {path.split("/")[1] for path in run.transcripts}
    cwd = str(run.one("SessionStart")["cwd"])
    units = "".join(
        letter if letter.isascii() and letter.isalnum() else "-" * (len(letter.encode("utf-16-le")) // 2)
        for letter in cwd
    )
    return folder == units


@fact("33", "compact", NONE, native=True)
def some_hooks_are_not_reported(run: Evidence) -> Any:
    """The client sends no `hook_execution_complete` for SessionEnd, StopFailure, PreCompact, PostCompact, Notification
    and CwdChanged, though those hooks run."""
    return sorted(UNREPORTED_HOOKS & set(_native(run).hooks))


@fact("33", "print_tools_agent", True, native=True)
def all_other_hooks_are_reported(run: Evidence) -> Any:
    """For every other event the client reports as many hooks as hookspan recorded."""
    heard = Counter(str(event["hook_event_name"]) for event in run.events)
    return {name: count for name, count in heard.items() if name not in UNREPORTED_HOOKS} == _native(run).hooks


@fact("34", "print_mcp", ["Stop", True])
def only_stop_s_hooks_have_a_length(run: Evidence) -> Any:
    """The transcript has the duration of hooks for Stop only (`stop_hook_summary`)."""
    (line,) = [line for line in run.lines("system") if line.get("subtype") == "stop_hook_summary"]
    return ["Stop", all("durationMs" in info for info in line["hookInfos"])]


@fact("36", "print_tools_agent", True, native=True)
def no_auxiliary_calls(run: Evidence) -> Any:
    """With CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC the client calls a model only for the conversation."""
    scripted = {call["request_id"] for call in run.expected["model_calls"]}
    return set(_native(run).model_calls) == scripted


@fact("36", "clear", [4, 0])
def no_auxiliary_calls_in_a_terminal(run: Evidence) -> Any:
    """The same is true in a terminal: it makes no call for a session's title, as 2.1.300 still did."""
    shown = [call["in_transcript"] for call in run.expected["model_calls"]]
    return [shown.count(True), shown.count(False)]


@fact("37", "print_subfolder_worktree", 2)
def subfolder_has_its_own_transcript_folder(run: Evidence) -> Any:
    """A session in a subfolder or a work tree has its own transcript folder."""
    return len({path.split("/")[1] for path in run.transcripts})


# Money


def _answered(run: Evidence) -> Counter[str]:
    """Tokens of the answers in all transcripts, a copied one once."""
    usage = {line["message"]["id"]: line["message"]["usage"] for line in run.lines("assistant")}
    return Counter({kind: sum(one[kind] for one in usage.values()) for kind in ("input_tokens", "output_tokens")})


def _totals(run: Evidence) -> list[Counter[str]]:
    """The newest `cost-state` of each session: tokens of all models."""
    newest = {line["sessionId"]: line["modelUsage"].values() for line in run.lines("cost-state")}
    return [
        Counter(
            input_tokens=sum(one["inputTokens"] for one in models),
            output_tokens=sum(one["outputTokens"] for one in models),
        )
        for models in newest.values()
    ]


@fact("38", "print_nested_agents", True)
def cost_state_equals_the_answers(run: Evidence) -> Any:
    """The last `cost-state` line of a session holds the sum of the answers in its transcripts, including its
    subagents'."""
    return _totals(run) == [_answered(run)]


@fact("38", "print_workflow", True)
def cost_state_includes_workflows(run: Evidence) -> Any:
    """It also holds the answers in the transcripts of a workflow's agents."""
    return _totals(run) == [_answered(run)]


@fact("38", "compact", 1)
def summary_call_is_in_no_transcript(run: Evidence) -> Any:
    """The call for a compaction's summary is in `cost-state` but in no transcript."""
    known = {line["message"]["id"] for line in run.lines("assistant")}
    lacking = [call for call in run.expected["model_calls"] if call["message_id"] not in known]
    (total,) = _totals(run)
    over = total["input_tokens"] - _answered(run)["input_tokens"]
    return len(lacking) if over == sum(call["usage"]["input_tokens"] for call in lacking) else over


@fact("38", "esc_stream", True)
def cut_answer_is_estimated(run: Evidence) -> Any:
    """For an answer that Esc cuts off, `cost-state` counts an estimate of the output tokens; its transcript line says
    1."""
    (total,) = _totals(run)
    return total["output_tokens"] > _answered(run)["output_tokens"]


@fact("38", "print_fork", True)
def fork_takes_the_totals_along(run: Evidence) -> Any:
    """A fork's `cost-state` continues from its origin's totals."""
    return max(_totals(run), key=lambda total: total["input_tokens"]) == _answered(run)


@fact("38", "print_sigkill_tool", [1, 0])
def killed_client_s_totals_are_lost(run: Evidence) -> Any:
    """kill -9: no `cost-state` line is written, and that of the resumed session doesn't include what came before."""
    return [len(list(run.lines("assistant"))) > 0, len(_totals(run))]


@fact("50", "project_command", ["mend", "mend"])
def answers_name_their_skill(run: Evidence) -> Any:
    """Each answer after a skill or /command was loaded names it (`attributionSkill`), until its turn ends or another
    one is loaded."""
    return [line.get("attributionSkill") for line in run.lines("assistant")]


@fact("50", "print_mcp", [None, "tiny", "tiny"])
def reading_answers_name_their_server(run: Evidence) -> Any:
    """An answer that is the first to read an MCP tool's result names its server (`attributionMcpServer`)."""
    return [line.get("attributionMcpServer") for line in run.lines("assistant")]


@fact("51", "print_cache", [["claude-opus-5-5", "claude-opus-5-5", "claude-sonnet-5-5"], True])
def requests_can_be_compared(run: Evidence) -> Any:
    """An `api-request` line has the model (`params`) and, by `shapeHash`, the system prompt and every tool of a
    request: an `api-request-shape` line tells them once."""
    requests = list(run.lines("api-request"))
    shapes = {line["shapeHash"] for line in run.lines("api-request-shape") if line["shape"]["tools"]}
    return [[line["params"]["model"] for line in requests], {line["shapeHash"] for line in requests} <= shapes]


@fact("51", "print_cache", ["5m", "5m", "5m"])
def answers_tell_how_long_the_cache_is_kept(run: Evidence) -> Any:
    """An answer has how long its request asked for the cache to be kept (`promptCacheRequested`)."""
    return [line["promptCacheRequested"] for line in run.lines("assistant")]


@fact("52", "print_cache", [True, ["broken"]])
def listings_name_tools_and_broken_servers(run: Evidence) -> Any:
    """Tools that are loaded only when needed are listed by name (`deferred_tools_delta`), with the MCP servers that
    failed."""
    notes = [line["attachment"] for line in run.lines("attachment")]
    listed = [note for note in notes if note["type"] == "deferred_tools_delta"]
    tools = {name for one in listed for name in one["addedNames"]}
    return [
        "mcp__tiny__greet" in tools,
        sorted({server["name"] for one in listed for server in one["failedMcpServers"]}),
    ]


@fact("45", "sigkill_dialog", ["waiting", "permission prompt"])
def killed_client_leaves_its_entry(run: Evidence) -> Any:
    """kill -9 leaves the client's entry in the registry of running sessions behind, with the status that it had."""
    (entry,) = _entries(run)
    return [entry["status"], entry["waitingFor"]]


@fact("45", "sigkill_dialog", True)
def entry_names_its_process(run: Evidence) -> Any:
    """An entry names its process by pid, start time and pid namespace: pid, procStart, pidDomain."""
    (entry,) = _entries(run)
    known = entry["pid"] in run.parents and entry["procStart"].isdigit()
    return known and entry["pidDomain"].startswith("linux:") and entry["pidDomain"].endswith("]")


@fact("45", "permission_approved", ["prompt_input_exit", 0])
def client_deletes_its_entry(run: Evidence) -> Any:
    """A client that ends by itself has deleted its entry."""
    return [run.one("SessionEnd")["reason"], len(_entries(run))]


@fact("54", "print_commits", [["committed", "amended"], [42]])
def results_name_commits_and_pull_requests(run: Evidence) -> Any:
    """A shell command's result names the commit that it made, by its short id, and a pull request (`gitOperation`),
    read from its output: `git commit -q` names none."""
    told = [event["tool_response"].get("gitOperation", {}) for event in run.named("PostToolUse")]
    kinds = [one["commit"]["kind"] for one in told if "commit" in one]
    return [kinds, [one["pr"]["number"] for one in told if "pr" in one]]


def _entries(run: Evidence) -> list[Any]:
    """What is left of the registry of running sessions."""
    return [content for path, content in run.files.items() if path.startswith("sessions/")]


HEAD = f"""\
# What Claude Code does

Observed on Claude Code {client.DEFAULT_VERSION}, the real client, against a scripted model. hookspan relies on each of
these facts; Anthropic documents none of them in this detail. Each fact is a check that reads the evidence of a run. The
checks are in `tests/claude/facts.py`; the recordings in `tests/sessions` confirm them in every test run, and
`make claude VERSION=x` runs them against another version of the client. A check marked *live* needs the client's own
telemetry, which no recording has.

Facts with the same number belong together. How far a hook's timestamp is from the client's own times is measured, not a
fact: see [accuracy.md](accuracy.md).

| no. | fact | name | seen in |
|---|---|---|---|
"""


MOMENTS = {
    "a dialog about a call of Bash, Edit, Write, an MCP tool or WebFetch, or about a plan, of the main thread or of a"
    " subagent": "`waiting`, `permission prompt`",
    "AskUserQuestion; an MCP server's elicitation": "`waiting`, `input needed`",
    "a sandboxed command wants to reach a host": "`waiting`, `sandbox request`",
    "any other dialog, such as /config": "`waiting`, `dialog open`",
    "answered with yes, once or always; a question answered; an elicitation or a sandbox's question, whatever the"
    " answer": "`busy`",
    "answered with No without words, or closed with Esc": "`idle`",
    "the turn ends": "`idle`; `shell` while a shell runs in the background; `busy` while a subagent does",
    "several dialogs at once": "`waiting` until the last is answered, without a change between",
    "/clear, /branch, a resume": "the same file, with another `sessionId`",
    "`--continue` of a session that another client has open": "both files have its `sessionId`, each its own status",
}
"""What the client says in its registry, by moment."""
REGISTRY = """
## The registry of running sessions

`~/.claude/sessions/PID.json` (or below `CLAUDE_CONFIG_DIR`), one file for each process of the client. Seen in a
terminal by `tests/claude/test_dialogs.py` and `make dialogs`, which play each dialog with each answer:

| moment | `status`, `waitingFor` |
|---|---|
"""
SANDBOX = """
A sandbox's question fires no hook but Notification, six seconds late. If it was refused, the result of the command ends
with `<sandbox_violations>` and "(user denied)".
"""


def page() -> str:
    """The page docs/claude-code-facts.md."""
    rows = []
    for known in FACTS.values():
        seen = f"`{known.scenario}`" + (" *live*" if known.native else "")
        rows.append(f"| {known.number} | {known.statement} | `{known.name}` | {seen} |\n")
    moments = [f"| {moment} | {says} |\n" for moment, says in MOMENTS.items()]
    return HEAD + "".join(rows) + REGISTRY + "".join(moments) + SANDBOX


if __name__ == "__main__":
    sys.stdout.write(page())
