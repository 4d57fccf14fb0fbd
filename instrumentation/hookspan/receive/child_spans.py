"""Spans of programs, as they were sent, made into what is kept of them: bounded, without secrets."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.child_attributes import is_plain
from hookspan.catalogue.spans import COMMON
from hookspan.wire.facts import ChildSpan
from hookspan.wire.scrub import label, scrubbed_value

from .spans import is_own

ATTRIBUTES_MAX: Final = 32
TEXT_BYTES: Final = 1 << 10
ITEMS_MAX: Final = 16
NAME_MAX: Final = 120
INT64_MAX: Final = (1 << 63) - 1
APART: Final = 7 * 86_400 * 10**9
"""Nanoseconds from now, on either side: what claims to be further away has no place in a trace of today."""
_EXCEPTION: Final = "exception"
_KEPT_OF_EXCEPTIONS: Final = ("exception.type", "exception.message")
_OURS: Final = frozenset({*COMMON, sc.SERVICE_NAME})
_OUR_PREFIX: Final = "hookspan."


class Named(NamedTuple):
    """A call that a program names itself: by its resource's `session.id` and `gen_ai.tool.call.id`."""

    session: str
    call: str

    @property
    def parent_id(self) -> str:
        """What stands for the id of the call's execution, which no span of the client's has."""
        return f"{self.session}/{self.call}"


class Sent(NamedTuple):
    """A span as it was sent, the trace that it names, and its call if its program says which it is."""

    trace_id: str
    span: ChildSpan
    call: Named | None = None


def children(resource_spans: Iterable[Any], *, content: bool, now: int | None = None) -> Iterator[Sent]:
    """The spans of these ResourceSpans that are not the client's and can be used.

    `content`: texts are kept whose attribute is not known to be free of content.
    """
    now = time.time_ns() if now is None else now
    for resource in resource_spans:
        texts = {one.key: one.value.string_value for one in resource.resource.attributes}
        service = label(texts.get(sc.SERVICE_NAME, ""))
        session, call = texts.get(sc.SESSION_ID, ""), texts.get(sc.GEN_AI_TOOL_CALL_ID, "")
        named = Named(session, call) if session and call else None
        for scope in resource.scope_spans:
            if is_own(scope.scope.name):
                continue
            of = label(scope.scope.name)
            for span in scope.spans:
                if sent := _sent(span, service, of, now, named, content=content):
                    yield sent


def _sent(span: Any, service: str, scope: str, now: int, named: Named | None, *, content: bool) -> Sent | None:
    trace_id, span_id, parent_id = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
    if not (_is_id(trace_id, 32) and _is_id(span_id, 16)) or span_id == parent_id:
        return None
    if not _is_id(parent_id, 16):
        if parent_id or named is None:
            return None
        parent_id = named.parent_id
    start, end = min(span.start_time_unix_nano, INT64_MAX), min(span.end_time_unix_nano, INT64_MAX)
    if abs(start - now) > APART or abs(end - now) > APART:
        return None
    pairs = [(one.key, one.value) for one in span.attributes]
    for event in span.events:
        if event.name == _EXCEPTION:
            pairs += [(one.key, one.value) for one in event.attributes if one.key in _KEPT_OF_EXCEPTIONS]
    return Sent(
        trace_id,
        ChildSpan(
            span_id=span_id,
            parent_id=parent_id,
            name=label(span.name)[:NAME_MAX],
            start=start,
            end=max(start, end),
            kind=span.kind if 0 <= span.kind <= 5 else 0,  # noqa: PLR2004 - as OTLP numbers them
            failed=span.status.code == 2,  # noqa: PLR2004 - the same
            service=service,
            scope=scope,
            attributes=_attributes(pairs, content=content),
        ),
        named,
    )


def _is_id(text: str, digits: int) -> bool:
    return len(text) == digits and bool(text.strip("0"))


def _attributes(pairs: Iterable[tuple[str, Any]], *, content: bool) -> dict[str, Any]:
    """Of the first so many: numbers, flags and texts; those that hookspan gives itself are its own alone."""
    kept: dict[str, Any] = {}
    for key, value in pairs:
        if len(kept) == ATTRIBUTES_MAX:
            break
        if not key or key in _OURS or key.startswith(_OUR_PREFIX) or len(key) > NAME_MAX:
            continue
        plain = _plain(key, value)
        if plain is not None and (content or is_plain(key, plain)):
            kept[key] = plain
    return kept


def _plain(key: str, value: Any) -> str | bool | int | float | list[str] | None:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return scrubbed_value(key, value.string_value, TEXT_BYTES)
    if kind == "bool_value":
        return bool(value.bool_value)
    if kind == "int_value":
        return int(value.int_value)
    if kind == "double_value":
        number = float(value.double_value)
        return number if abs(number) < float("inf") else None
    if kind == "array_value":
        texts = [one.string_value for one in value.array_value.values[:ITEMS_MAX] if one.HasField("string_value")]
        return [scrubbed_value(key, text, TEXT_BYTES // ITEMS_MAX) for text in texts] or None
    return None
