"""Facts of Claude Code's own spans and log records: what hooks cost, who decided on calls, attempts, exact times.

Of its texts only words of closed lists and names are kept: never prompts, commands, paths, results or error texts,
which it sends where its user has it log them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from hookspan.wire import Fact
from hookspan.wire.facts import ClientTold
from hookspan.wire.told import CallDecided, CallTimed, HookRegistered, HooksRan, RequestTimed

from .spans import is_own

MILLISECOND: Final = 1_000_000
AT_MAX: Final = (1 << 63) - 1
WORD_MAX: Final = 80
_WORD: Final = re.compile(r"[A-Za-z0-9_.:@/ -]{1,80}\Z")
"""What a name or a word of the client's looks like; anything else may be what somebody wrote."""
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,100}\Z")
_PARTS: Final = {
    "claude_code.tool.execution": "execution",
    "claude_code.tool.blocked_on_user": "blocked_on_user",
}

Attributes = Mapping[str, Any]


class ClaudeCode:
    """Facts of one client's telemetry; one thread."""

    waits: Final = False

    def __init__(self) -> None:
        self._calls: dict[bytes, str] = {}  # a tool's span -> its call: its parts may name their parent only

    def taken(self, spans: Sequence[ResourceSpans], at: int) -> Iterable[Fact]:
        """What its spans tell."""
        told: dict[str, ClientTold] = defaultdict(lambda: ClientTold(at=at, key=""))
        own = [
            span
            for resource in spans
            for part in resource.scope_spans
            if is_own(part.scope.name)
            for span in part.spans
        ]
        for span in own:
            if span.name == "claude_code.tool":
                self._remember(span)
        for span in own:
            attributes = _attributes(span.attributes)
            if not (session := _id(attributes.get("session.id"))):
                continue
            if span.name == "claude_code.llm_request":
                told[session].requests.extend(_request(span, attributes))
            elif part := _PARTS.get(span.name):
                told[session].calls.extend(self._call(span, part, attributes))
        return _keyed(told, spans)

    def logged(self, logs: Sequence[ResourceLogs], at: int) -> Iterable[Fact]:
        """What its log records tell."""
        told: dict[str, ClientTold] = defaultdict(lambda: ClientTold(at=at, key=""))
        registered: dict[str, Counter[tuple[str, str, str]]] = defaultdict(Counter)
        for resource in logs:
            for part in resource.scope_logs:
                if not is_own(part.scope.name):
                    continue
                for record in part.log_records:
                    attributes = _attributes(record.attributes)
                    session = _id(attributes.get("session.id"))
                    event = attributes.get("event.name")
                    if not session:
                        continue
                    if event == "hook_execution_complete":
                        told[session].hooks.extend(_hooks(_time(record.time_unix_nano), attributes))
                    elif event == "tool_decision":
                        told[session].decisions.extend(_decision(_time(record.time_unix_nano), attributes))
                    elif event == "hook_registered":
                        words = (
                            attributes.get("hook_event"),
                            attributes.get("hook_source"),
                            attributes.get("plugin.name"),
                        )
                        registered[session][tuple(map(_word, words))] += 1  # type: ignore[index]
        for session, counts in registered.items():
            told[session].registered.extend(HookRegistered(*names, count) for names, count in counts.items())
        return _keyed(told, logs)

    def _remember(self, span: Any) -> None:
        call = _call_id(_attributes(span.attributes))
        if call:
            self._calls[span.span_id] = call
            while len(self._calls) > KEPT_CALLS:
                del self._calls[next(iter(self._calls))]

    def _call(self, span: Any, part: str, attributes: Attributes) -> Iterator[CallTimed]:
        if call := _call_id(attributes) or self._calls.get(span.parent_span_id, ""):
            start, end = _time(span.start_time_unix_nano), _time(span.end_time_unix_nano)
            decision, source = _word(attributes.get("decision")), _word(attributes.get("source"))
            yield CallTimed(call, part, start, max(start, end), decision, source)


KEPT_CALLS: Final = 1000


def _hooks(at: int, attributes: Attributes) -> Iterator[HooksRan]:
    name, took = _word(attributes.get("hook_name")), _number(attributes.get("total_duration_ms"), -1.0)
    if name and took >= 0:
        failed = sum(
            _number(attributes.get(f"num_{how}"), 0.0) for how in ("blocking", "non_blocking_error", "cancelled")
        )
        hooks = _number(attributes.get("num_hooks"), 0.0)
        yield HooksRan(name, at, round(took * MILLISECOND), int(hooks), int(failed))


def _decision(at: int, attributes: Attributes) -> Iterator[CallDecided]:
    if call := _call_id(attributes):
        words = (attributes.get(name) for name in ("decision", "source", "tool_source", "permission_mode"))
        yield CallDecided(call, at, *map(_word, words))


def _request(span: Any, attributes: Attributes) -> Iterator[RequestTimed]:
    if request := _id(attributes.get("request_id")):
        start, end = _time(span.start_time_unix_nano), _time(span.end_time_unix_nano)
        yield RequestTimed(
            request,
            start,
            max(start, end),
            max(1, int(_number(attributes.get("attempt"), 1.0))),
            round(_number(attributes.get("ttft_ms"), 0.0) * MILLISECOND),
            _word(attributes.get("query_source_safe")),
            str(attributes.get("success", True)).lower() == "true",
        )


def _call_id(attributes: Attributes) -> str:
    return _id(attributes.get("gen_ai.tool.call.id")) or _id(attributes.get("tool_use_id"))


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, kind) for pair in pairs if (kind := pair.value.WhichOneof("value"))}


def _word(value: Any) -> str:
    return value if isinstance(value, str) and _WORD.match(value) else ""


def _id(value: Any) -> str:
    return value if isinstance(value, str) and _ID.match(value) else ""


def _number(value: Any, otherwise: float) -> float:
    """Many of its numbers are texts."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return otherwise
    return min(max(0.0, number), 1e12) if number == number else otherwise  # noqa: PLR0124 - NaN


def _time(nanoseconds: int) -> int:
    return min(nanoseconds, AT_MAX)


def _keyed(told: Mapping[str, ClientTold], parts: Sequence[Any]) -> list[Fact]:
    """The facts of one request, with keys by which the same request gives the same facts."""
    digest = blake2b(digest_size=8)
    for part in parts:
        digest.update(part.SerializeToString(deterministic=True))
    facts: list[Fact] = []
    for session, fact in told.items():
        if fact.hooks or fact.registered or fact.decisions or fact.calls or fact.requests:
            fact.session, fact.key = session, f"told:{digest.hexdigest()}"
            facts.append(fact)
    return facts
