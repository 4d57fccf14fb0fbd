"""Spans as an OTLP request, in protobuf's wire format.

The official encoder makes an object of each attribute and its value, which takes two thirds of an export. Nearly all
attributes of a session's spans are those of the span before, so here the bytes of an attribute are made once. What is
sent is the same: `tests/export/test_encoding.py` compares both for all that was ever recorded.

Numbers of fields: https://github.com/open-telemetry/opentelemetry-proto, `trace/v1/trace.proto` and
`common/v1/common.proto`. Fields that are empty are left out, as protobuf does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceState

_KINDS: Final = {kind: bytes((0x30, kind.value + 1)) for kind in SpanKind}
"""Field 6; the SDK numbers kinds from 0, where OTLP has one that is not said."""
_HAS_IS_REMOTE, _IS_REMOTE = 0x100, 0x200
"""Flags: whether the parent, or what a link leads to, is of another process."""
_ONE_BYTE: Final = 0x80  # numbers below it take one, which has seven bits ..
_TWO_BYTES: Final = 0x4000  # .. and below this two
_KEPT: Final = 2048  # attributes whose bytes are kept ..
_SHORT: Final = 128  # .. if their values have no more characters than this: content repeats nothing

_fixed64 = Struct("<BQ").pack  # a field's tag, and its number
_times = Struct("<BQBQ").pack
_flags_of_span = Struct("<HI").pack  # the tag takes two bytes
_flags_of_link = Struct("<BI").pack
_double = Struct("<Bd").pack


def spans_request(spans: Iterable[ReadableSpan]) -> bytes:
    """An ExportTraceServiceRequest with these spans, by their resources and scopes."""
    resources: dict[int, tuple[Resource, dict[int, tuple[InstrumentationScope, list[bytes]]]]] = {}
    for span in spans:
        resource, scope = span.resource, span.instrumentation_scope
        assert scope is not None  # noqa: S101 - for the type checker
        scopes = resources.setdefault(id(resource), (resource, {}))[1]
        scopes.setdefault(id(scope), (scope, []))[1].append(_part(2, _span(span)))
    return b"".join(_part(1, _of_resource(resource, scopes.values())) for resource, scopes in resources.values())


def _of_resource(resource: Resource, scopes: Iterable[tuple[InstrumentationScope, list[bytes]]]) -> bytes:
    parts = [_part(1, _attributes(1, resource.attributes))]
    for scope, spans in scopes:
        about = _text(1, scope.name) + _text(2, scope.version) + _attributes(3, scope.attributes)
        parts.append(_part(2, _part(1, about) + b"".join(spans) + _text(3, scope.schema_url)))
    return b"".join(parts) + _text(3, resource.schema_url)


def _span(span: ReadableSpan) -> bytes:
    context, parent = span.context, span.parent
    assert context is not None  # noqa: S101 - for the type checker
    parts = [
        b"\x0a\x10",
        context.trace_id.to_bytes(16),
        b"\x12\x08",
        context.span_id.to_bytes(8),
        _state(context.trace_state) if context.trace_state else b"",
        b"\x22\x08" + parent.span_id.to_bytes(8) if parent else b"",
        _kept_text(5, span.name),
        _KINDS[span.kind],
        _times(0x39, span.start_time, 0x41, span.end_time),
        _attributes(9, span.attributes),
    ]
    parts += [_part(11, _event(event)) for event in span.events]
    parts += [_part(13, _link(link)) for link in span.links]
    parts += _STATUSES[span.status.status_code], _flags_of_span(0x0185, _flags(parent))
    return b"".join(parts)


def _state(state: TraceState) -> bytes:
    return _text(3, ",".join(f"{key}={value}" for key, value in state.items()))


def _event(event: Event) -> bytes:
    return _fixed64(0x09, event.timestamp) + _text(2, event.name) + _attributes(3, event.attributes)


def _link(link: Link) -> bytes:
    context = link.context
    ids = b"\x0a\x10" + context.trace_id.to_bytes(16) + b"\x12\x08" + context.span_id.to_bytes(8)
    return ids + _attributes(4, link.attributes) + _flags_of_link(0x35, _flags(context))


def _flags(context: SpanContext | None) -> int:
    return _HAS_IS_REMOTE | _IS_REMOTE if context and context.is_remote else _HAS_IS_REMOTE


def _attributes(field: int, attributes: Mapping[str, Any] | None) -> bytes:
    """KeyValues as a repeated field."""
    return b"".join(
        [
            (_kept_attribute if type(value) is str and len(value) <= _SHORT else _attribute)(field, key, value)
            for key, value in (attributes or {}).items()
        ]
    )


def _attribute(field: int, key: str, value: Any) -> bytes:
    return _part(field, _kept_text(1, key) + _part(2, _value(value)))


_kept_attribute = lru_cache(maxsize=_KEPT)(_attribute)


def _value(value: str | bool | float | Sequence[str]) -> bytes:
    """An AnyValue."""
    if isinstance(value, str):
        return _part(1, value.encode())
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        return b"\x18" + _varint(value & 0xFFFF_FFFF_FFFF_FFFF)
    if isinstance(value, float):
        return _double(0x21, value)
    return _part(5, b"".join([_part(1, _value(each)) for each in value]))


def _text(field: int, text: str | None) -> bytes:
    return _part(field, text.encode()) if text else b""


_kept_text = lru_cache(maxsize=_KEPT)(_text)


def _part(field: int, data: bytes) -> bytes:
    """A field of known length: a text, bytes or a message. Fields up to 15 have a tag of one byte."""
    length = len(data)
    if length < _ONE_BYTE:
        return bytes((field << 3 | 2, length)) + data
    return bytes((field << 3 | 2,)) + _varint(length) + data


def _varint(number: int) -> bytes:
    if number < _ONE_BYTE:
        return bytes((number,))
    if number < _TWO_BYTES:
        return bytes((number & 0x7F | 0x80, number >> 7))
    found = bytearray()
    while number >= _ONE_BYTE:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


_STATUSES: Final = {
    code: _part(15, b"\x18" + _varint(code.value) if code is not StatusCode.UNSET else b"") for code in StatusCode
}
"""Field 15."""
