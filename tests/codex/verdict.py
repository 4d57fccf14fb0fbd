"""What hookspan says of a run, against what Codex's own telemetry and the model that it asked say.

Codex's spans (0.171.0): `session_task.turn` {turn.id}; one named after the tool {call_id, turn.id, aborted}, from
before the hooks of the call to after them; `unified_exec.exec_command` {call_id}, the command itself;
`codex.hooks.command` {hook.event_name}, a hook with the start of its process. That hooks run inside of what they are
about is the order of things, whatever the machine's load, so it can be asserted; how far off times are is printed by
`python -m tests.other_agents.compare codex`. Codex may lose what it has not sent when it exits, so that a span of its
own which is missing says nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import EndReason
from hookspan.catalogue.spans import COMPACTION, is_turn
from hookspan.model.rows import Span
from hookspan.wire.fields import timestamp_ns
from tests import otlp_decode
from tests.codex import record
from tests.codex.model import Asked, Model
from tests.codex.scenarios import SCENARIOS, STOPPED, WELL, Played, Scenario, play
from tests.conformance.build import compile_relay
from tests.history.test_codex import imported
from tests.model import replay
from tests.otlp_sink import Sink
from tests.recorded import events, whole_lines
from tests.times import MS, differences

TURN, COMMAND, MODEL_CALL = "session_task.turn", "unified_exec.exec_command", "codex.sampling"
HOOK, HOOK_METRIC = "codex.hooks.command", "codex.hooks.run.duration_ms"
NANO = 1_000_000_000
CLOCK = 2_000_000
"""Nanoseconds that Codex's spans and ours may disagree in what is first: two processes read the clock, and lines of
rollouts have milliseconds."""
KINDS = {
    "tool start": "the end of the hooks before a command - native start of the command",
    "tool end": "PostToolUse - native end of the command",
    "tool length": "hookspan - native duration of the command",
    "other tool start": "tools without a command; the native span begins before the hooks",
    "other tool end": "tools without a command; the native span ends after the hooks",
    "other tool length": "hookspan - native duration with its hooks",
    "wait start": "PermissionRequest - Codex's own start of the question",
    "wait end": "how long the command ran before its end, or Interrupt - Codex's own time of the answer",
    "wait length": "hookspan - Codex's own",
    "model call start": "PreModelRequest - native, which begins before that hook",
    "model call end": "PostModelRequest - native, which ends after that hook",
    "model call length": "hookspan - native",
    "cut model call start": "requests that failed or were cancelled",
    "cut model call end": "requests that failed or were cancelled",
    "cut model call length": "requests that failed or were cancelled",
    "turn start": "UserPromptSubmit - native, which begins with Codex's preparations",
    "turn end": "Stop - native, which waits for the hook",
    "turn length": "hookspan - native",
    "cut turn start": "turns without a Stop",
    "cut turn end": "turns without a Stop: Interrupt, or the last request's failure",
    "cut turn length": "turns without a Stop",
    "subagent start": "SubagentStart - native turn of the subagent",
    "subagent end": "SubagentStop - native turn of the subagent",
    "subagent length": "hookspan - native",
}
"""What is compared."""
COST = (
    "The time that Codex says it needed for each of hookspan's hooks: its span `codex.hooks.command`, from before the "
    "start of a shell, which becomes the relay, to its end. Codex's metric of the same cuts each to whole "
    "milliseconds; of either is missing what Codex had not sent when it exited."
)
METER = "all, by its metric"


@dataclass
class Run:
    """A scenario that was played: its script, what Codex left, its own spans, and ours."""

    scenario: Scenario
    played: Played
    native: list[otlp_decode.Span]
    logs: list[otlp_decode.Log]
    points: list[otlp_decode.Point]
    ours: list[Span]

    @property
    def turns(self) -> list[Span]:
        """Ours, by start."""
        return sorted((s for s in self.ours if is_turn(s.name, s.attributes)), key=lambda span: span.start)

    @property
    def agents(self) -> list[Span]:
        """Our subagents."""
        return [s for s in self.ours if sc.AGENT_ID in s.attributes]

    @property
    def tools(self) -> dict[str, Span]:
        """Ours, by the calls' ids."""
        spans = [s for s in self.ours if s.name.startswith("execute_tool ")]
        named = {str(s.attributes[sc.GEN_AI_TOOL_CALL_ID]): s for s in spans}
        assert len(spans) == len(named) or len(self.turns) > 1, "a call has one span"
        return named

    @property
    def chats(self) -> list[Span]:
        """Our model calls."""
        return [s for s in self.ours if s.name.startswith("chat ")]

    @property
    def native_turns(self) -> dict[str, otlp_decode.Span]:
        """Codex's, by their ids, but for titles."""
        titles = {asked.about.get("turn_id") for asked in self.played.asked if asked.conversation == "aux"}
        return {
            s.attributes["turn.id"]: s for s in self.native if s.name == TURN and s.attributes["turn.id"] not in titles
        }

    @property
    def native_calls(self) -> dict[str, otlp_decode.Span]:
        """Codex's, by their ids."""
        spans = (s for s in self.native if {"call_id", "turn.id", "aborted"} <= s.attributes.keys())
        return {s.attributes["call_id"]: s for s in spans}

    @property
    def asked(self) -> list[Asked]:
        """What the model was asked, but for titles."""
        return [asked for asked in self.played.asked if asked.conversation != "aux"]


def run(name: str, model: Model, root: Path) -> Run:
    """Plays a scenario with Codex's own telemetry on."""
    with Sink() as sink:
        played = play(name, model, compile_relay(), root, otel=sink.port)
        native, logs, points = list(sink.spans), list(sink.logs), list(sink.points)
    folder = root / "recorded"
    record.write(played, folder)
    ours = replay.play(str(folder), root / "replayed").spans
    return Run(SCENARIOS[name], played, native, logs, points, ours)


def faults(of: Run) -> Iterator[str]:
    """Everything that is wrong."""
    yield from _turns(of)
    if not of.scenario.killed:  # Codex had no time to send its spans
        yield from _calls(of)
    yield from _model_calls(of)
    compactions = [s.attributes[sc.TRIGGER] for s in of.ours if s.name == COMPACTION.name]
    if sorted(compactions) != sorted(of.scenario.compactions):
        yield f"compactions are {compactions}, not {of.scenario.compactions}"
    yield from _imported(of)
    hooks = [s for s in of.ours if s.hook]
    if any(s.attributes.get(sc.SERVICE_NAME) != "codex-hooks" for s in of.ours):
        yield "a span is of another service"
    if not hooks:
        yield "no hook was recorded"


def _turns(of: Run) -> Iterator[str]:
    for what, spans, wanted in (
        ("turns", of.turns, of.scenario.turns),
        ("subagents", of.agents, of.scenario.agents or (WELL,) * len(of.agents)),
    ):
        got = [(str(s.attributes[sc.OUTCOME]), str(s.attributes[sc.END_REASON])) for s in spans]
        if Counter(got) != Counter(wanted):
            yield f"{what} are {got}, not {wanted}"
    theirs = of.native_turns
    for span in of.turns:
        native = theirs.pop(str(span.attributes[sc.PROMPT_ID]), None)
        if native is None:
            continue
        if span.start < native.start - CLOCK:
            yield "a turn begins before it does"
        elif span.attributes[sc.OUTCOME] == "success" and span.end > native.end + CLOCK:
            yield "a turn ends after it does"
    for span in of.agents:
        asked = [chat.end for chat in of.chats if chat.parent_id == span.span_id]
        if span.attributes[sc.OUTCOME] == "error" and span.end > max(asked) + NANO:
            yield "a subagent that failed goes on"
    if len(theirs) > len(of.agents):
        yield f"Codex has {len(theirs)} turns of subagents, hookspan {len(of.agents)} subagents"


def _calls(of: Run) -> Iterator[str]:
    tools, calls = of.tools, of.native_calls
    silent = of.scenario.silent
    told = {span.trace_id for span in of.turns if span.attributes[sc.PROMPT_ID] in of.native_turns}
    sure = {name for name, s in tools.items() if s.attributes[sc.OUTCOME] != "interrupted" and s.trace_id in told}
    if calls.keys() - silent - tools.keys() or sure - calls.keys():
        yield f"calls are {sorted(tools)}, not {sorted(calls.keys() - silent)}"
    commands = {s.attributes["call_id"]: s for s in of.native if s.name == COMMAND}
    for name, span in tools.items():
        failed = any(name.startswith(each) for each in of.scenario.failed)
        if failed != (span.attributes[sc.OUTCOME] in {"error", "denied"}):
            yield f"{name} is {span.attributes[sc.OUTCOME]}"
        native, command = calls.get(name), commands.get(name)
        if native is None or span.attributes[sc.OUTCOME] == "interrupted":
            continue
        if not native.start - CLOCK <= span.start:
            yield f"{name} begins before its call"
        if command and sc.WAITED not in span.attributes and span.start > command.start + CLOCK:
            yield f"{name} begins after its command"
        if command and command.end - CLOCK > span.end:
            yield f"{name} ends before its command"


def _model_calls(of: Run) -> Iterator[str]:
    wanted = Counter(tuple(asked.usage) for asked in of.asked if asked.usage)
    got = Counter(_usage(span) for span in of.chats if span.attributes[sc.OUTCOME] == "success")
    late = Counter(_usage(span) for span in of.chats if span.attributes[sc.OUTCOME] == "interrupted")
    missing = wanted - got
    if got - wanted or missing.total() > late.total():
        yield f"tokens are {sorted(got)}, not {sorted(wanted)}"
    if not len(of.asked) <= len(of.chats) <= len(of.asked) + late.total():  # one may be stopped before it is sent
        yield f"{len(of.chats)} model calls, of {len(of.asked)}"


def _imported(of: Run) -> Iterator[str]:
    """What the rollouts alone tell: the same turns and calls, and the tokens of all answers."""
    if not of.played.home.rollouts():
        return
    spans = imported(of.played.home.codex / "sessions").spans
    if not of.scenario.killed:
        turns = {s.span_id: s.attributes[sc.OUTCOME] for s in spans if is_turn(s.name, s.attributes)}
        told = {s.span_id: s.attributes[sc.OUTCOME] for s in of.turns}
        if turns != told:
            yield f"imported turns are {turns}, not {told}"
        agents = [
            Counter(s.attributes[sc.OUTCOME] for s in some if sc.AGENT_ID in s.attributes) for some in (spans, of.ours)
        ]
        if agents[0] != agents[1]:
            yield f"imported subagents are {agents[0]}, not {agents[1]}"
        calls = {s.attributes[sc.GEN_AI_TOOL_CALL_ID]: s.name for s in spans if s.name.startswith("execute_tool ")}
        if calls != {name: span.name for name, span in of.tools.items()}:
            yield f"imported calls are {calls}"
    wanted = Counter(tuple(asked.usage) for asked in of.asked if asked.usage)
    got = Counter(_usage(s) for s in spans if s.name.startswith("chat ") and s.attributes[sc.OUTCOME] == "success")
    cut = of.scenario.killed or any(turn == STOPPED for turn in of.scenario.turns)
    if got - wanted or (wanted - got and not cut):
        yield f"imported tokens are {sorted(got)}, not {sorted(wanted)}"


def _usage(span: Span) -> tuple[int, ...]:
    keys = (
        sc.GEN_AI_USAGE_INPUT_TOKENS,
        sc.GEN_AI_USAGE_CACHE_READ,
        sc.GEN_AI_USAGE_OUTPUT_TOKENS,
        sc.GEN_AI_USAGE_REASONING,
    )
    return tuple(int(str(span.attributes.get(key, 0))) for key in keys)


def lags(of: Run) -> Iterator[tuple[str, float]]:
    """How far our times are from Codex's own, ms: ours less theirs."""
    for span in of.turns:
        if native := of.native_turns.get(str(span.attributes[sc.PROMPT_ID])):
            stopped = span.attributes[sc.END_REASON] == EndReason.STOP
            yield from differences("turn" if stopped else "cut turn", span, native)
    yield from _commands(of)
    yield from _waits(of)
    theirs = sorted((s for s in of.native if s.name == MODEL_CALL), key=lambda s: s.start)
    ours = sorted((s for s in of.chats if s.attributes.get(sc.QUERY_SOURCE) == "sampling"), key=lambda s: s.start)
    if len(theirs) == len(ours) and not of.agents and not of.scenario.killed:
        for native, span in zip(theirs, ours, strict=True):
            well = span.attributes[sc.OUTCOME] == "success"
            yield from differences("model call" if well else "cut model call", span, native)
    mine = {str(span.attributes[sc.PROMPT_ID]) for span in of.turns}
    subagents = sorted((s for name, s in of.native_turns.items() if name not in mine), key=lambda s: s.start)
    if len(subagents) == len(of.agents):
        for native, span in zip(subagents, sorted(of.agents, key=lambda s: s.start), strict=True):
            yield from differences("subagent", span, native)


def _commands(of: Run) -> Iterator[tuple[str, float]]:
    commands = {s.attributes["call_id"]: s for s in of.native if s.name == COMMAND}
    for name, span in of.tools.items():
        command, call = commands.get(name), of.native_calls.get(name)
        if span.attributes[sc.OUTCOME] not in {"success", "error"}:
            continue
        if command and sc.WAITED in span.attributes:  # Codex's own begins with the question
            yield "tool end", (span.end - command.end) / MS
        elif command and of.scenario.polled:  # its own ended when the model was told that the command goes on
            yield "tool start", (span.start - command.start) / MS
        elif command:
            yield from differences("tool", span, command)
        elif call and span.end > span.start:
            yield from differences("other tool", span, call)


def _waits(of: Run) -> Iterator[tuple[str, float]]:
    """Codex logs when a question was answered; when it was asked, the rollout says of calls that then ran."""
    answered = {
        str(log.attributes["call_id"]): timestamp_ns(str(log.attributes["event.timestamp"]))
        for log in of.logs
        if log.attributes.get("event.name") == "codex.tool_decision"
    }
    asked = {
        str(payload["item"].get("id")): int(payload["started_at_ms"] * MS)
        for kind, payload in told(of)
        if kind == "rollout event_msg/item_completed"
    }
    for span in of.ours:
        call = str(span.attributes.get(sc.TOOL_CALL_ID, ""))
        if span.name.startswith("permission ") and call in answered:
            yield "wait end", (span.end - answered[call]) / MS
            if call in asked:
                yield "wait start", (span.start - asked[call]) / MS
                yield "wait length", (span.end - span.start - answered[call] + asked[call]) / MS


def hooks(of: Run) -> Iterator[tuple[str, float]]:
    """What each of our hooks cost Codex by its spans, ms, by event."""
    for span in of.native:
        if span.name == HOOK:
            yield str(span.attributes["hook.event_name"]), (span.end - span.start) / MS


def metered(of: Run) -> tuple[int, float]:
    """How many hooks there were by its metric, and their ms in all: of a series that goes on, the last point."""
    series = {(p.start, *sorted(p.attributes.items())): p for p in of.points if p.name == HOOK_METRIC}
    return sum(p.count for p in series.values()), sum(p.sum for p in series.values())


def told(of: Run) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What Codex told, by kind: hook events, lines of rollouts with their items, and what is read of its telemetry."""
    for event in events(of.played.journal):
        yield f"hook {event['hook_event_name']}", event
    for path in of.played.home.rollouts():
        for line in whole_lines(path):
            read = json.loads(line)
            payload = read["payload"]
            yield "/".join(filter(None, [f"rollout {read['type']}", payload.get("type")])), payload
            if "item" in payload:
                yield f"rollout item {payload['item']['type']}", payload["item"]
    for span in of.native:
        if span.name in {TURN, COMMAND, MODEL_CALL, HOOK}:
            yield f"span {span.name}", span.attributes
    for point in of.points:
        if point.name == HOOK_METRIC:
            yield f"metric {point.name}", point.attributes
