"""TRACEPARENT: whose trace a turn links to or becomes part of, and what an endpoint is told of it."""

from __future__ import annotations

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.proto.trace.v1.trace_pb2 import SpanFlags
from opentelemetry.sdk.resources import Resource

from hookspan.export.convert import readable
from hookspan.wire.facts import Policy

from .test_moments import Told

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def turn(traceparent: str, *, adopt: bool) -> Message:
    """The turn of a client that was started with this variable, as it is exported."""
    told = Told()
    told.take(Policy(at=1, key="policy", adopt_traceparent=adopt))
    told.event(0, "SessionStart", prompt="", source="startup", traceparent=traceparent)
    told.event(1, "UserPromptSubmit", traceparent=traceparent)
    told.over(2, read=8)
    (span,) = [span for span in told.spans if span.name.startswith("invoke_agent")]
    encoded = encode_spans([readable(span, Resource({}))])
    return encoded.resource_spans[0].scope_spans[0].spans[0]


def is_remote(flags: int) -> bool:
    assert flags & SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
    return bool(flags & SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)


@pytest.mark.parametrize("version", ["00", "cc"], ids=["now", "a later version"])
def test_a_sampled_trace_is_joined(version: str) -> None:
    span = turn(f"{version}-{TRACE}-{PARENT}-01", adopt=True)
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert is_remote(span.flags)
    assert len(span.links) == 0


@pytest.mark.parametrize(("flags", "adopt"), [("01", False), ("00", False), ("00", True)])
def test_any_other_is_linked_to(flags: str, adopt: bool) -> None:
    span = turn(f"00-{TRACE}-{PARENT}-{flags}", adopt=adopt)
    assert span.trace_id.hex() != TRACE
    assert not span.parent_span_id
    assert not is_remote(span.flags)
    (link,) = span.links
    assert (link.trace_id.hex(), link.span_id.hex()) == (TRACE, PARENT)
    assert is_remote(link.flags)


@pytest.mark.parametrize(
    "nonsense",
    [
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        "",
    ],
)
def test_nonsense_is_passed_over(nonsense: str) -> None:
    span = turn(nonsense, adopt=True)
    assert span.trace_id.hex() != TRACE
    assert not span.parent_span_id
    assert len(span.links) == 0
