"""The verdict notices every single thing that can be wrong with a span."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from hookspan.catalogue import attributes as sc
from hookspan.model.rows import Span
from tests.claude.verdict import Spans, faults
from tests.model import replay

NAMES = ("permission_words", "print_nested_agents", "compact", "esc_tool")

BREAK: dict[str, Callable[[Span], dict[str, Any]]] = {
    "another trace": lambda span: {"trace_id": span.trace_id[::-1]},
    "no parent": lambda _: {"parent_id": "00000000000000ff"},
    "ends before it starts": lambda span: {"end": span.start - 1},
    "another outcome": lambda span: {"attributes": {**span.attributes, sc.OUTCOME: "other"}},
    "another decision": lambda span: {"attributes": {**span.attributes, sc.DECISION: "other"}},
    "other tokens": lambda span: {"attributes": {**span.attributes, sc.GEN_AI_USAGE_INPUT_TOKENS: 1}},
    "another call": lambda span: {"attributes": {**span.attributes, sc.GEN_AI_TOOL_CALL_ID: "toolu_0"}},
}
APPLIES = {
    "execute_tool ": {"no parent", "ends before it starts", "another outcome", "another call"},
    "permission ": {"another decision", "ends before it starts"},
    "invoke_agent claude-code": {"another outcome", "another trace", "ends before it starts"},
    "chat ": {"other tokens", "no parent"},
}


@pytest.fixture(scope="module", params=NAMES)
def played(request, tmp_path_factory):
    name = request.param
    return replay.expected(name), replay.play(name, tmp_path_factory.mktemp(name)).spans


def test_spans_as_they_are_have_no_fault(played):
    expected, spans = played
    assert faults(expected, Spans(spans)) == []


def test_a_span_that_lacks_or_comes_twice_is_noticed(played):
    expected, spans = played
    for index, span in enumerate(spans):
        if not span.hook:  # hook spans are counted against the journal
            assert faults(expected, Spans(spans[:index] + spans[index + 1 :])), f"without {span.name}"
            again = msgspec.structs.replace(span, span_id="00000000000000aa")
            assert faults(expected, Spans([*spans, again])), f"{span.name} twice"


def test_a_span_with_anything_wrong_is_noticed(played):
    expected, spans = played
    for index, span in enumerate(spans):
        for start, breaks in APPLIES.items():
            for what in breaks if span.name.startswith(start) else ():
                broken = msgspec.structs.replace(span, **BREAK[what](span))
                assert faults(expected, Spans([*spans[:index], broken, *spans[index + 1 :]])), f"{span.name}: {what}"
