"""Spans of programs below the calls that ran them, and what of them leaves the machine."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.sdk.resources import Resource

from hookspan.catalogue import attributes as sc
from hookspan.config import ContentLevel
from hookspan.config.sections import LEVELS
from hookspan.export.convert import readable
from hookspan.model.rows import Span
from hookspan.model.state import KEPT_RAN
from hookspan.wire.facts import Children, ChildSpan

from .test_moments import SECOND, START, Told

SUITE, TEST = "00000000000000aa", "00000000000000bb"
QUERY = "SELECT 'of the shop' " + "x" * 200


def suite(call: str = "call", **more: Any) -> Children:
    spans = [
        ChildSpan(SUITE, "", "pytest", START, START + SECOND, service="shop-tests", scope="shop.tests", left_out=3),
        ChildSpan(
            TEST,
            SUITE,
            "test_total",
            START,
            START + SECOND,
            kind=3,
            failed=True,
            service="shop-tests",
            attributes={"db.query.text": QUERY, "test.case.result.status": "fail", "tries": 2},
        ),
    ]
    told = {"key": f"children:{call}", "spans": spans}
    return Children(at=START + SECOND, session="s", tool_use_id=call, **told | more)


@pytest.fixture(params=["open", "over", "turn over"])
def told(request: pytest.FixtureRequest) -> Told:
    """A session that has run a call; the spans came while it was open, after it, after the turn."""
    told = Told()
    told.begin()
    told.event(1, "PreToolUse", tool="Bash", tool_use_id="call")
    if request.param != "open":
        told.ran(3, "call", 2)
    if request.param == "turn over":
        told.over(4, read=12)
    told.take(suite())
    told.ran(3, "call", 2)
    return told


def test_they_hang_below_the_call_that_ran_them(told: Told):
    call, program, test = (told.span(name) for name in ("execute_tool Bash", "child pytest", "child test_total"))
    assert (program.parent_id, test.parent_id) == (call.span_id, program.span_id)
    assert {program.trace_id, test.trace_id} == {call.trace_id}
    assert (program.span_id, test.span_id) == (SUITE, TEST)
    assert program.attributes[sc.TOOL_CALL_ID] == "call"
    assert program.attributes[sc.CHILD_LEFT_OUT] == 3
    assert sc.CHILD_LEFT_OUT not in test.attributes
    assert program.attributes[sc.SESSION_ID] == "s"


def test_the_same_again_changes_nothing(told: Told):
    before = len(told.spans)
    told.take(suite())
    assert len(told.spans) == before


def test_below_a_call_that_is_not_known_there_are_none(told: Told):
    told.take(suite("another"))
    assert [span.name for span in told.spans].count("child pytest") == 1


def test_none_is_its_own_parent(told: Told):
    call = told.span("execute_tool Bash")
    twin = [ChildSpan(id_, "", "twin", START, START) for id_ in (call.span_id, call.parent_id)]
    told.take(suite("call", key="children:twin", spans=twin))
    assert "child twin" not in {span.name for span in told.spans}


def exported(span: Span, level: ContentLevel) -> tuple[str, Message, dict[str, Any]]:
    """What an endpoint is told: the service, the span, its attributes."""
    encoded = encode_spans([readable(span, Resource({"service.name": "claude-code-hooks"}), content=level)])
    (resource,) = encoded.resource_spans
    (scope,) = resource.scope_spans
    assert scope.scope.name == "hookspan.children"
    (service,) = [one.value.string_value for one in resource.resource.attributes if one.key == "service.name"]
    attributes = {one.key: one.value.string_value or one.value.int_value for one in scope.spans[0].attributes}
    return service, scope.spans[0], attributes


@pytest.mark.parametrize("level", LEVELS)
def test_texts_leave_as_other_content_does(level: ContentLevel):
    told = Told()
    told.begin()
    told.event(1, "PreToolUse", tool="Bash", tool_use_id="call")
    told.take(suite())
    service, span, attributes = exported(told.span("child test_total"), level)
    assert service == "shop-tests"
    assert (span.name, span.kind, span.status.code) == ("test_total", 3, 2)
    assert attributes["test.case.result.status"] == "fail"
    assert attributes["tries"] == 2
    assert attributes[sc.TOOL_CALL_ID] == "call"
    assert attributes[sc.CHILD_SERVICE] == "shop-tests"
    query = attributes.get("db.query.text", "")
    assert len(query) == {False: 0, "labels": 120, "conversation": len(QUERY)}[level]
    assert ("of the shop" in json.dumps(attributes)) == bool(level)


def test_a_program_that_goes_on_beside_many_calls_stays_below_its_own(told: Told):
    for number in range(2 * KEPT_RAN):
        told.event(20 + number, "PreToolUse", tool="Bash", tool_use_id=f"call{number}")
        told.ran(20 + number, f"call{number}", 0)
        if number % 40 == 0:
            later = [ChildSpan(f"{number + 1:016x}", SUITE, f"later {number}", START, START)]
            told.take(suite(key=f"children:{number}", spans=later))
    assert [span.name for span in told.spans if "later" in span.name] == [
        f"child later {number}" for number in range(0, 2 * KEPT_RAN, 40)
    ]
    assert len(told.state.sessions["s"].ran) == KEPT_RAN
