"""Log records: who let each call run, what changed, and when nothing could be heard."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.model.fold import fold
from hookspan.model.rows import LogRow
from hookspan.model.state import State
from hookspan.wire import Record, Reduced
from hookspan.wire.facts import Definition as Tool
from hookspan.wire.facts import Dropped, Gap, HooksJudged, Listing, Policy, RequestShape, TranscriptRead

from .replay import Played, names, play

SECOND = 1_000_000_000
START = 1_795_000_000 * SECOND
DECISION = "hookspan.tool.decision"
WARN, ERROR = 13, 17


def logged(name: str, root: Path) -> Played:
    return play(name, root, policy=Policy(at=0, key="", logs=True))


def decisions(played: Played) -> list[tuple[object, ...]]:
    keys = (sc.TOOL_NAME, sc.VERDICT, sc.DECIDED_BY, sc.DECISION_SOURCE, sc.DECISION_REASON)
    return [tuple(log.attributes.get(key) for key in keys) for log in played.logs if log.event == DECISION]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("permission_approved", ("Bash", "allowed", "user", "user_temporary", None)),
        ("permission_words", ("Bash", "denied", "user", "user_reject", None)),
        ("print_denied", ("Bash", "denied", "rule", "config", None)),
        ("print_hook_block", ("Bash", "denied", "hook", "hook", "hook")),
        ("print_mcp", ("mcp__tiny__greet", "allowed", "rule", "config", "rule")),
        ("permission_esc", ("Bash", "aborted", "user", None, None)),
        ("codex_plain", ("Bash", "allowed", "bypass", None, None)),
    ],
)
def test_who_decided_is_told_as_the_transcript_has_it(name: str, wanted: tuple[object, ...], tmp_path: Path) -> None:
    played = logged(name, tmp_path)
    assert wanted in decisions(played)
    spans = {(span.trace_id, span.span_id): span for span in played.spans}
    for log in played.logs:
        if log.event == DECISION:
            span = spans[log.trace_id, log.span_id]
            assert span.attributes[sc.GEN_AI_TOOL_CALL_ID] == log.attributes[sc.TOOL_CALL_ID]
            fine = log.attributes[sc.VERDICT] == "allowed" and log.attributes[sc.DECIDED_BY] != "bypass"
            assert (log.severity == WARN) != fine


def test_a_call_that_was_not_valid_was_not_decided_on(tmp_path: Path) -> None:
    played = logged("print_invalid_calls", tmp_path)
    failed = Counter((log.attributes[sc.NEVER_RAN], log.severity) for log in played.logs if "failed" in log.event)
    assert (len(decisions(played)), failed) == (1, {(True, ERROR): 2})


def test_off_there_is_none_and_nothing_is_read_for_it(tmp_path: Path) -> None:
    played = play("permission_approved", tmp_path)
    assert played.logs == []
    assert not any(b'"decided"' in line for line in played.records)


@pytest.mark.parametrize("name", ["print_tools_agent", "sigkill_dialog"])
def test_the_same_records_give_the_same_log(name: str, tmp_path: Path) -> None:
    """A rebuild reads the journal again, without a transcript."""
    played = logged(name, tmp_path)
    again = Played(State())
    again.take(played.records)
    assert again.logs == played.logs
    assert len(played.logs) > 5


def test_every_recording_begins_and_ends_its_sessions(tmp_path: Path) -> None:
    for name in names()[::7]:
        events = Counter(log.event for log in logged(name, tmp_path / name).logs)
        assert events["session.start"] == events["session.end"] > 0, name


class Told:
    """A session, told event by event; times are in seconds from its start."""

    def __init__(self, **policy: object) -> None:
        self.state = State()
        self.number = 0
        self.take(Policy(at=START - SECOND, key="p", **{"logs": True, **policy}))

    def take(self, record: Record) -> list[LogRow]:
        self.number += 1
        return fold(self.state, self.number, record).logs

    def event(self, at: float, event: str, **fields: object) -> list[LogRow]:
        whole = {"prompt": "p", "client_pid": 4242, **fields}
        return self.take(Reduced(at=START + round(at * SECOND), session="s", event=event, **whole))


def test_a_call_that_nobody_decides_on_is_a_warning() -> None:
    told = Told()
    told.event(0, "UserPromptSubmit", permission_mode="bypassPermissions")
    told.event(1, "PreToolUse", tool="Bash", tool_use_id="c", permission_mode="bypassPermissions")
    told.event(2, "PostToolUse", tool="Bash", tool_use_id="c", duration_ms=5.0, permission_mode="bypassPermissions")
    ended = told.event(3, "SessionEnd", reason="other")
    (log,) = [
        one
        for one in ended + told.take(TranscriptRead(at=START + 9 * SECOND, key="r", session="s", missing=True))
        if one.event == DECISION
    ]
    assert (log.attributes[sc.DECIDED_BY], log.attributes[sc.VERDICT], log.severity) == ("bypass", "allowed", WARN)


def test_changes_of_the_mode_and_of_settings_are_told() -> None:
    told = Told()
    told.event(0, "UserPromptSubmit", permission_mode="default")
    assert told.event(1, "PreToolUse", tool="Read", tool_use_id="a", permission_mode="default") == []
    by_agent = told.event(2, "PreToolUse", tool="Read", tool_use_id="b", permission_mode="plan", agent_id="a1")
    assert by_agent == [], "a subagent has a mode of its own"
    (mode,) = told.event(3, "PreToolUse", tool="Read", tool_use_id="d", permission_mode="bypassPermissions")
    assert (mode.event, mode.severity) == ("hookspan.permission_mode.changed", WARN)
    assert (mode.attributes[sc.PERMISSION_MODE_BEFORE], mode.attributes[sc.PERMISSION_MODE]) == (
        "default",
        "bypassPermissions",
    )
    (config,) = told.event(4, "ConfigChange", source="policy_settings")
    assert (config.event, config.attributes[sc.CONFIG_SOURCE]) == ("hookspan.config.changed", "policy_settings")


def test_what_is_loaded_is_told_once_in_a_session() -> None:
    told = Told()
    told.event(0, "SessionStart", prompt="", source="startup")
    listing = {"of": "skills", "plugins": {"shopkit": 90}, "servers": {"github": 40}, "failed": ["broken"]}
    logs = told.take(Listing(at=START, key="a", session="s", **listing))
    assert [log.event.removeprefix("hookspan.") for log in logs] == [
        "plugin.loaded",
        "mcp.connected",
        "mcp.unavailable",
    ]
    assert told.take(Listing(at=START, key="b", session="s", **listing)) == []
    tools = [Tool("mcp__github__get", "d", 5), Tool("mcp__wiki__find", "e", 5), Tool("Read", "f", 5)]
    (wiki,) = told.take(RequestShape(at=START, key="c", session="s", shape="1", tools=tools))
    assert wiki.attributes[sc.MCP_SERVER] == "wiki"


def test_gaps_losses_hooks_and_policies_are_told_of_the_machine() -> None:
    told = Told(hash="aa")
    (gap,) = told.take(Gap(at=START, key="g", since=START - 90 * SECOND, killed=True))
    assert (gap.attributes[sc.GAP_KIND], gap.attributes[sc.GAP_DURATION], gap.severity) == ("killed", 90.0, WARN)
    assert (gap.attributes[sc.GAP_START], gap.at, gap.session, gap.trace_id) == (START - 90 * SECOND, START, "", "")
    (lost,) = told.take(Dropped(at=START, key="d", where="relay", reason="lock", total=7))
    assert (lost.attributes[sc.DROP_COUNT], lost.event) == (7, "hookspan.events.lost")
    (off,) = told.take(HooksJudged(at=START, key="h", troubles=["policies"]))
    assert (off.event, off.attributes[sc.HOOKS_TROUBLES]) == ("hookspan.hooks.off", ["policies"])
    assert told.take(HooksJudged(at=START, key="i", troubles=["policies"])) == []
    (on,) = told.take(HooksJudged(at=START, key="j"))
    assert on.event == "hookspan.hooks.on"
    assert told.take(Policy(at=START, key="q", logs=True, hash="aa", adopt_traceparent=True)) == []
    (policy,) = told.take(Policy(at=START, key="r", logs=True, hash="bb"))
    assert policy.attributes[sc.POLICY_HASH] == "bb"
    assert told.take(Policy(at=START + 5 * SECOND, key="s")) == []
    assert told.event(6, "UserPromptSubmit") == []
    gap, policy = told.take(Policy(at=START + 9 * SECOND, key="t", logs=True, hash="bb"))
    assert (gap.attributes[sc.GAP_KIND], gap.attributes[sc.GAP_DURATION]) == ("switched_off", 4.0)
    assert (policy.event, policy.ordinal) == ("hookspan.policy", 1)
