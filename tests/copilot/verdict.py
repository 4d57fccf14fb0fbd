"""What hookspan says of a run, against Copilot CLI's own telemetry, the model that it asked and its file of events.

Copilot's spans (1.0.102): `invoke_agent`, one for each prompt, and one within it for each subagent; `execute_tool NAME`
{gen_ai.tool.call.id, process.exit.code}, the wait for an answer included; `chat MODEL`. Dialogs have none: the file of
events is read here a second time for them, and for what it began. Copilot may lose spans that it has not sent when it
exits, so that one of its own which is missing says nothing. `python -m tests.other_agents.compare copilot` prints what
is wrong, and how far hookspan's times are from Copilot's own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.spans import is_turn
from hookspan.model.rows import Span
from hookspan.wire.fields import timestamp_ns
from tests import otlp_decode
from tests.conformance.build import compile_relay
from tests.copilot import record
from tests.copilot.model import Model
from tests.copilot.scenarios import SCENARIOS, Played, Scenario, play
from tests.model import replay
from tests.otlp_sink import Sink
from tests.recorded import events, whole_lines
from tests.times import MS, differences

SERVICE = "copilot-hooks"
KINDS = {
    "tool start": "tool.execution_start - native start of the call",
    "tool end": "tool.execution_complete - native end of the call",
    "tool length": "hookspan - native",
    "model call start": "as long before its usage record as that says - native",
    "model call end": "the usage record; in a terminal Copilot writes it before its own span ends - native",
    "model call length": "hookspan - native",
    "turn start": "the prompt's line, which is written behind Copilot's preparations - native",
    "turn end": "the last answer's line - native",
    "turn length": "hookspan - native",
    "cut turn start": "turns that failed or were interrupted",
    "cut turn end": "turns that failed or were interrupted",
    "cut turn length": "turns that failed or were interrupted",
    "subagent start": "subagent.started - native",
    "subagent end": "subagent.completed - native",
    "subagent length": "hookspan - native",
}
"""What is compared."""
COST = (
    "The time that Copilot says it needed for hookspan's only hook: from `hook.start` to `hook.end` in its file of "
    "events, whose times have whole milliseconds. Its span has a shorter time of the same."
)
METER = "all, by its span"


@dataclass
class Run:
    """A scenario that was played: its script, what Copilot left, its own spans, and ours."""

    scenario: Scenario
    played: Played
    native: list[otlp_decode.Span]
    ours: list[Span]

    def named(self, name: str) -> list[Span]:
        """Ours whose names begin so, by start."""
        return sorted((s for s in self.ours if s.name.startswith(name)), key=lambda span: span.start)

    def natives(self, name: str) -> list[otlp_decode.Span]:
        """Copilot's, likewise."""
        return sorted((s for s in self.native if s.name.startswith(name)), key=lambda span: span.start)

    @property
    def turns(self) -> list[Span]:
        """Ours."""
        return [s for s in self.named("invoke_agent ") if is_turn(s.name, s.attributes)]

    @property
    def agents(self) -> list[Span]:
        """Our subagents."""
        return [s for s in self.named("invoke_agent ") if not is_turn(s.name, s.attributes)]

    @property
    def calls(self) -> dict[str, tuple[Span, otlp_decode.Span]]:
        """Tool calls that both have, by their ids."""
        theirs = {s.attributes["gen_ai.tool.call.id"]: s for s in self.natives("execute_tool ")}
        ours = {str(s.attributes[sc.GEN_AI_TOOL_CALL_ID]): s for s in self.named("execute_tool ")}
        return {name: (ours[name], theirs[name]) for name in ours.keys() & theirs.keys()}


def run(name: str, model: Model, root: Path) -> Run:
    """Plays a scenario with Copilot's own telemetry on."""
    with Sink() as sink:
        played = play(name, model, compile_relay(), root, otel=sink.port)
        native = list(sink.spans)
    folder = root / "recorded"
    record.write(played, folder)
    ours = replay.play(str(folder), root / "replayed").spans
    return Run(SCENARIOS[name], played, native, ours)


def faults(of: Run) -> Iterator[str]:
    """Everything that is wrong."""
    yield from _turns(of)
    yield from _calls(of)
    yield from _model_calls(of)
    yield from _dialogs(of)
    if any(s.attributes.get(sc.SERVICE_NAME) != SERVICE for s in of.ours):
        yield "a span is of another service"


def _turns(of: Run) -> Iterator[str]:
    got = [(str(s.attributes[sc.OUTCOME]), str(s.attributes[sc.END_REASON])) for s in of.turns]
    if Counter(got) != Counter(of.scenario.turns):
        yield f"turns are {got}, not {of.scenario.turns}"
    theirs = of.natives("invoke_agent")
    if len(of.agents) != len(of.played.home.events("subagent.started")):
        yield f"there are {len(of.agents)} subagents"
    if len(theirs) > len(of.turns) + len(of.agents):
        yield f"Copilot has {len(theirs)} turns and subagents, hookspan {len(of.turns)} and {len(of.agents)}"


def _calls(of: Run) -> Iterator[str]:
    begun = of.played.home.events("tool.execution_start")
    ours = Counter(str(s.attributes[sc.GEN_AI_TOOL_CALL_ID]) for s in of.named("execute_tool "))
    if ours != Counter(line["data"]["toolCallId"] for line in begun):
        yield f"calls are {ours}"
    theirs = Counter(span.attributes["gen_ai.tool.call.id"] for span in of.natives("execute_tool "))
    if theirs - ours:
        yield f"Copilot has more calls: {theirs - ours}"
    for span in of.named("execute_tool "):
        name = str(span.attributes[sc.GEN_AI_TOOL_CALL_ID])
        if (name in of.scenario.failed) != (span.attributes[sc.OUTCOME] in {"error", "denied"}):
            yield f"{name} is {span.attributes[sc.OUTCOME]}"
    for name, (span, native) in of.calls.items():
        code = native.attributes.get("process.exit.code") or None
        if span.attributes.get(sc.EXIT_CODE) != code:
            yield f"{name} has exit code {span.attributes.get(sc.EXIT_CODE)}, not {code}"


def _model_calls(of: Run) -> Iterator[str]:
    wanted = Counter(tuple(asked.usage) for asked in of.played.asked if asked.usage and asked.conversation != "aux")
    compacted = [line["data"]["compactionTokensUsed"] for line in of.played.home.events("session.compaction_complete")]
    for used in compacted:  # which have no reasoning
        told = (used["inputTokens"], used["cacheReadTokens"], used["outputTokens"])
        wanted.subtract([next((usage for usage in wanted if usage[:3] == told), told)])
        wanted[*told, 0] += 1
    got = Counter(_usage(span) for span in of.named("chat ") if span.attributes[sc.OUTCOME] == "success")
    failed = [s for s in of.turns if s.attributes[sc.END_REASON] == "stop_failure"]
    if len(failed) != sum(span.attributes[sc.OUTCOME] == "error" for span in of.named("chat ")):
        yield "a turn that failed has no model call that did"
    if got != wanted:
        yield f"tokens are {sorted(got.elements())}, not {sorted(wanted.elements())}"


def _usage(span: Span) -> tuple[int, ...]:
    keys = (
        sc.GEN_AI_USAGE_INPUT_TOKENS,
        sc.GEN_AI_USAGE_CACHE_READ,
        sc.GEN_AI_USAGE_OUTPUT_TOKENS,
        sc.GEN_AI_USAGE_REASONING,
    )
    return tuple(int(str(span.attributes.get(key, 0))) for key in keys)


def _dialogs(of: Run) -> Iterator[str]:
    """Each is from the line that asks to the line that has the answer."""
    home = of.played.home
    lines = (home.events("permission.requested"), home.events("permission.completed"))
    theirs = sorted(zip(*([timestamp_ns(line["timestamp"]) for line in each] for each in lines), strict=True))
    spans = of.named("permission ")
    if [(s.start, s.end) for s in spans] != theirs:
        yield f"dialogs are {[(s.start, s.end) for s in spans]}, not {theirs}"
    # Escape ends the turn, and cancels the dialog; where it ends first, Copilot writes that a person said no.
    kinds = [line["data"]["result"]["kind"] for line in lines[1]]
    expected = [
        "refused" if how == "aborted" and kind == "denied-interactively-by-user" else how
        for how, kind in zip(of.scenario.decided, kinds, strict=True)
    ]
    decided = [str(s.attributes[sc.DECISION]) for s in spans]
    if decided != expected:
        yield f"dialogs were {decided}, not {expected}"


def lags(of: Run) -> Iterator[tuple[str, float]]:
    """How far our times are from Copilot's own, ms: ours less theirs."""
    prompts = [s for s in of.natives("invoke_agent") if not s.parent_id]
    if len(prompts) == len(of.turns):
        for span, native in zip(of.turns, prompts, strict=True):
            well = span.attributes[sc.OUTCOME] == "success"
            yield from differences("turn" if well else "cut turn", span, native)
    subagents = [s for s in of.natives("invoke_agent") if s.parent_id]
    if len(subagents) == len(of.agents):
        for span, native in zip(of.agents, subagents, strict=True):
            yield from differences("subagent", span, native)
    for span, native in of.calls.values():
        if sc.WAITED in span.attributes:
            yield "tool end", (span.end - native.end) / MS
        else:
            yield from differences("tool", span, native)
    chats = {s.attributes.get("gen_ai.response.id"): s for s in of.natives("chat ")}
    for span in of.named("chat "):
        if chat := chats.get(span.attributes.get(sc.GEN_AI_RESPONSE_ID)):
            yield from differences("model call", span, chat)


def hooks(of: Run) -> Iterator[tuple[str, float]]:
    """What our hook cost Copilot, ms."""
    begun = {line["data"]["hookInvocationId"]: line for line in of.played.home.events("hook.start")}
    for line in of.played.home.events("hook.end"):
        start = begun[line["data"]["hookInvocationId"]]
        yield line["data"]["hookType"], (timestamp_ns(line["timestamp"]) - timestamp_ns(start["timestamp"])) / MS


def metered(of: Run) -> tuple[int, float]:
    """How many hooks there were by its spans' events, and their ms in all."""
    ended = [event for span in of.native for event in span.events if event.name == "github.copilot.hook.end"]
    return len(ended), 1000 * sum(event.attributes["github.copilot.hook.duration"] for event in ended)


def told(of: Run) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What Copilot told, by kind: the hook's event, lines of its file of events, and its spans."""
    for event in events(of.played.journal):
        yield "hook sessionStart", event
    for path in of.played.home.sessions():
        for line in whole_lines(path):
            read = json.loads(line)
            yield f"event {read['type']}", read["data"]
    for span in of.native:
        yield f"span {span.name.partition(' ')[0]}", span.attributes
