"""Whether hookspan's spans of a run are what the scenario's script says that they must be.

Works on exported spans and on the fold's rows alike. Nothing here measures time: that is `compare`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import Outcome, PromptKind

MADE_BY = {
    "user": PromptKind.HUMAN,
    "queue": PromptKind.HUMAN,
    "command": PromptKind.COMMAND,
    "notification": PromptKind.TASK_NOTIFICATION,
    "teammate": PromptKind.TEAMMATE,
}


class SpanLike(Protocol):
    """What a span's verdict needs of it."""

    @property
    def name(self) -> str: ...

    @property
    def trace_id(self) -> str: ...

    @property
    def span_id(self) -> str: ...

    @property
    def parent_id(self) -> str: ...

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Spans:
    """Spans by what they are, each list in the order of starts."""

    all: Sequence[SpanLike]

    def _named(self, prefix: str) -> list[SpanLike]:
        return sorted(
            (span for span in self.all if span.name.startswith(prefix)), key=lambda span: (span.start, span.end)
        )

    @property
    def tools(self) -> list[SpanLike]:
        """Tool calls."""
        return self._named("execute_tool ")

    @property
    def waits(self) -> list[SpanLike]:
        """Permission dialogs."""
        return self._named("permission ")

    @property
    def turns(self) -> list[SpanLike]:
        """Turns of the main thread."""
        return self._named("invoke_agent claude-code")

    @property
    def subagents(self) -> list[SpanLike]:
        """Runs of subagents."""
        turns = set(map(id, self.turns))
        return [span for span in self._named("invoke_agent ") if id(span) not in turns]

    @property
    def model_calls(self) -> list[SpanLike]:
        """Model calls."""
        return self._named("chat ")

    @property
    def sessions(self) -> list[SpanLike]:
        """Sessions."""
        return self._named("session")

    @property
    def compactions(self) -> list[SpanLike]:
        """Compactions."""
        return self._named("compact")

    @property
    def hooks(self) -> list[SpanLike]:
        """Hook events."""
        return self._named("hook ")


def faults(expected: Mapping[str, Any], spans: Spans) -> list[str]:
    """Every way in which the spans differ from what must be found, in words; empty if all is well."""
    checks = (_tools, _waits, _turns, _subagents, _parents, _model_calls, _sessions, _shape)
    return [fault for check in checks for fault in check(expected, spans)]


def wrong_lengths(journal: Sequence[Mapping[str, Any]], spans: Spans) -> Iterator[str]:
    """Every tool span that isn't exactly as long as its PostToolUse says."""
    told = {
        line["event"]["tool_use_id"]: line["event"]["duration_ms"] * 1_000_000
        for line in journal
        if line["event"]["hook_event_name"] in {"PostToolUse", "PostToolUseFailure"}
    }
    for span in spans.tools:
        if (length := told.get(span.attributes[sc.GEN_AI_TOOL_CALL_ID])) is not None:
            yield from _differs(f"length of {span.name}", span.end - span.start, length)


def _tools(expected: Mapping[str, Any], spans: Spans) -> Iterator[str]:
    found = Counter(span.attributes[sc.GEN_AI_TOOL_CALL_ID] for span in spans.tools)
    wanted = Counter(dict.fromkeys(expected["tools"], 1))
    yield from (
        f"tool {tool_id}: {found[tool_id]} spans" for tool_id in found | wanted if found[tool_id] != wanted[tool_id]
    )
    for span in spans.tools:
        if tool := expected["tools"].get(span.attributes[sc.GEN_AI_TOOL_CALL_ID]):
            yield from _differs(f"{span.name} outcome", span.attributes[sc.OUTCOME], tool["outcome"])
            yield from _differs("tool name", span.attributes[sc.GEN_AI_TOOL_NAME], tool["name"])
            if tool["outcome"] == Outcome.DENIED or not tool["heard"]:  # it never ran
                yield from _differs(f"length of {span.name}", span.end - span.start, 0)


def _waits(expected: Mapping[str, Any], spans: Spans) -> Iterator[str]:
    found = Counter((span.name.split(" ", 1)[1], span.attributes.get(sc.DECISION)) for span in spans.waits)
    decided = ((tool["name"], tool["decision"]) for tool in expected["tools"].values() if tool["decision"])
    yield from _differs("waits", found, Counter(decided))


def _turns(expected: Mapping[str, Any], spans: Spans) -> Iterator[str]:
    found = [
        (
            span.attributes.get(sc.OUTCOME),
            span.attributes.get(sc.END_REASON),
            span.attributes.get(sc.PROMPT_KIND, PromptKind.HUMAN),
        )
        for span in spans.turns
    ]
    wanted = [(turn["outcome"], turn["end_reason"], MADE_BY[turn["made_by"]]) for turn in expected["turns"]]
    if expected["notes"].get("order") == "any":
        found, wanted = sorted(found), sorted(wanted)
    yield from _differs("turns (outcome, end, kind)", found, wanted)


def _subagents(expected: Mapping[str, Any], spans: Spans) -> Iterator[str]:
    tool_of = {span.span_id: span.attributes[sc.GEN_AI_TOOL_CALL_ID] for span in spans.tools}
    found = [(tool_of.get(span.parent_id, span.parent_id), span.name.split(" ", 1)[1]) for span in spans.subagents]
    wanted = [
        (tool_id, agent["agent_type"])
        for tool_id, agent in expected["subagents"].items()
        for _ in range(agent.get("agents", 1))
    ]
    yield from _differs("subagents by the call that started them", sorted(found), sorted(wanted))


def _parents(expected: Mapping[str, Any], spans: Spans) -> Iterator[str]:
    """A span belongs to the turn, or to the subagent whose conversation the script put it in."""
    tool_of = {span.span_id: span.attributes[sc.GEN_AI_TOOL_CALL_ID] for span in spans.tools}
    owner: dict[str, str | None] = {span.span_id: None for span in spans.turns}
    owner |= {span.span_id: tool_of.get(span.parent_id) for span in spans.subagents}
    for span in spans.tools:
        if tool := expected["tools"].get(span.attributes[sc.GEN_AI_TOOL_CALL_ID]):
            yield from _differs(f"parent of {span.name}", owner.get(span.parent_id, "nobody"), tool["in_agent_of"])
    calls = {call["message_id"]: call for call in expected["model_calls"]}
    for span in spans.model_calls:
        if call := calls.get(span.attributes.get(sc.GEN_AI_RESPONSE_ID, "")):
            yield from _differs(f"parent of {span.name}", owner.get(span.parent_id, "nobody"), call["in_agent_of"])


def _model_calls(expected: Mapping[str, Any], spans: Spans) -> Iterator[str]:
    def told(attributes: Mapping[str, Any]) -> tuple[Any, ...]:
        keys = (
            sc.GEN_AI_USAGE_INPUT_TOKENS,
            sc.GEN_AI_USAGE_OUTPUT_TOKENS,
            sc.GEN_AI_USAGE_CACHE_READ,
            sc.GEN_AI_USAGE_CACHE_WRITE,
        )
        return (attributes.get(sc.GEN_AI_REQUEST_MODEL), *(attributes.get(key, 0) for key in keys))

    def scripted(call: Mapping[str, Any]) -> tuple[Any, ...]:
        usage = call["usage"]
        read, created = usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]
        return (call["model"], usage["input_tokens"] + read + created, usage["output_tokens"], read, created)

    answered = [
        span for span in spans.model_calls if span.attributes.get(sc.OUTCOME, Outcome.SUCCESS) == Outcome.SUCCESS
    ]
    found = {span.attributes.get(sc.GEN_AI_RESPONSE_ID): told(span.attributes) for span in answered}
    wanted = {call["message_id"]: scripted(call) for call in expected["model_calls"] if call["in_transcript"]}
    if len(found) != len(answered):
        yield f"{len(answered)} model calls of {len(found)} messages"
    yield from _differs("model calls (model, tokens)", found, wanted)


def _sessions(expected: Mapping[str, Any], spans: Spans) -> Iterator[str]:
    yield from _differs("sessions", len(spans.sessions), len(expected["sessions"]))
    yield from _differs("compactions", len(spans.compactions), expected["compactions"])


def _shape(_: Mapping[str, Any], spans: Spans) -> Iterator[str]:
    """Ids are unique, parents exist and are of the same trace, nothing ends before it starts."""
    by_id = {span.span_id: span for span in spans.all}
    if len(by_id) != len(spans.all):
        yield f"{len(spans.all)} spans have {len(by_id)} ids"
    for span in spans.all:
        parent = by_id.get(span.parent_id)
        if span.parent_id and parent is None:
            yield f"{span.name} has no parent {span.parent_id}"
        if parent is not None and parent.trace_id != span.trace_id:
            yield f"{span.name} and its parent {parent.name} are of two traces"
        if span.end < span.start:
            yield f"{span.name} ends before it starts"


def _differs(what: str, found: object, wanted: object) -> Iterator[str]:
    if found != wanted:
        yield f"{what}: found {found}, wanted {wanted}"
