"""Our encoder of spans against the official one: for all that was ever recorded, and for what JSON may hold."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource

from hookspan.export.convert import of_service, readable
from hookspan.export.encoding import spans_request
from hookspan.model.rows import STATUS_ERROR, Span, SpanEvent, SpanLink
from tests.model.replay import names, play

SESSIONS = sorted(
    path for path in (Path(__file__).parents[1] / "sessions").iterdir() if (path / "journal.jsonl").exists()
)
RESOURCE = Resource({"service.name": "claude-code-hooks", "host.name": "h"}, "https://opentelemetry.io/schemas/1.37.0")


def equal(spans: list[Span], **options: str) -> None:
    """Both make the same request of them."""
    given = [readable(span, RESOURCE, **options) for span in spans]
    assert ExportTraceServiceRequest.FromString(spans_request(given)) == encode_spans(given)


@pytest.mark.parametrize("name", names())
def test_recorded_spans_are_encoded_as_the_official_encoder_does(name: str, tmp_path: Path):
    equal(play(name, tmp_path).spans)


VALUES = st.one_of(
    st.text(max_size=200),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.lists(st.text(max_size=9), max_size=3),
)
ATTRIBUTES = st.dictionaries(st.text(min_size=1, max_size=40), VALUES, max_size=6)
TIMES = st.integers(0, 2**63 - 1)
IDS = st.integers(1, 2**64 - 1).map(lambda number: f"{number:016x}")
TRACES = st.integers(1, 2**128 - 1).map(lambda number: f"{number:032x}")
SPANS = st.builds(
    Span,
    record=st.just(1),
    ordinal=st.just(0),
    trace_id=TRACES,
    span_id=IDS,
    parent_id=IDS | st.just(""),
    name=st.text(max_size=300),
    start=TIMES,
    end=TIMES,
    attributes=ATTRIBUTES,
    kind=st.integers(0, 5),
    status=st.sampled_from([0, STATUS_ERROR]),
    links=st.lists(st.builds(SpanLink, TRACES, IDS, ATTRIBUTES), max_size=2).map(tuple),
    events=st.lists(st.builds(SpanEvent, st.text(max_size=9), TIMES, ATTRIBUTES), max_size=2).map(tuple),
    hook=st.booleans(),
)


@pytest.mark.slow
@given(st.lists(SPANS, max_size=4))
def test_any_spans_are_encoded_as_the_official_encoder_does(spans: list[Span]):
    equal(spans)
    equal(spans, threshold="c")


def test_another_service_is_another_resource():
    about = {"record": 1, "ordinal": 0, "trace_id": "1" * 32, "parent_id": "", "name": "n"}
    spans = [Span(**about, span_id=f"{n:016x}", start=1, end=2, attributes={}) for n in (1, 2)]
    given = [readable(span, of_service(RESOURCE, "codex-hooks") if n else RESOURCE) for n, span in enumerate(spans)]
    assert ExportTraceServiceRequest.FromString(spans_request(given)) == encode_spans(given)
