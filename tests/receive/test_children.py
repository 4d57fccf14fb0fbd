"""Spans of programs that calls run: OTLP in, facts out, each span below its call once."""

from __future__ import annotations

import json
import sys
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from hookspan.receive import children as module
from hookspan.receive import joining
from hookspan.receive.children import ChildrenTaker
from hookspan.wire import scrub
from hookspan.wire.facts import Children, ChildSpan

TRACE = "0af7651916cd43dd8448eb211c80319c"
SECOND = 10**9
NOW = time.time_ns()
SECRET = "ghp_" + "Zx9" * 12


def id_(number: int) -> str:
    return f"{number:016x}"


def span(number: int, parent: int, name: str = "", **more: Any) -> Span:
    """A span with that id below that one; attributes are given as keywords, `_` for `.`."""
    attributes = more.pop("attributes", {})
    made = Span(
        trace_id=bytes.fromhex(more.pop("trace", TRACE)),
        span_id=bytes.fromhex(id_(number)),
        parent_span_id=bytes.fromhex(id_(parent)) if parent else b"",
        name=name or f"test {number}",
        start_time_unix_nano=more.pop("start", NOW),
        end_time_unix_nano=more.pop("end", NOW + SECOND),
        **more,
    )
    made.attributes.extend(KeyValue(key=key, value=_value(value)) for key, value in attributes.items())
    return made


def _value(value: Any) -> AnyValue:
    kinds = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}
    return AnyValue(**{kinds[type(value)]: value})


def suite(*spans: Span) -> ResourceSpans:
    """What a program sends."""
    return _resource("shop-tests", "shop.tests", spans)


def naming(*spans: Span) -> ResourceSpans:
    """What a program sends that names its call itself."""
    named = suite(*spans)
    for key, value in {"session.id": "session", "gen_ai.tool.call.id": "call_1"}.items():
        named.resource.attributes.append(KeyValue(key=key, value=AnyValue(string_value=value)))
    return named


def client(*spans: Span) -> ResourceSpans:
    """What the client sends."""
    return _resource("claude-code", "com.anthropic.claude_code.tracing", spans)


def _resource(service: str, scope: str, spans: Sequence[Span]) -> ResourceSpans:
    made = ResourceSpans()
    made.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value=service)))
    made.scope_spans.add(spans=spans).scope.name = scope
    return made


def execution(number: int, call: str = "toolu_1", session: str = "session", **more: Any) -> Span:
    """The client's span of a call's execution."""
    named = {"session.id": session, "gen_ai.tool.call.id": call}
    return span(number, 0, "claude_code.tool.execution", attributes=named, **more)


def below(facts: Sequence[Any]) -> dict[str, list[ChildSpan]]:
    """The spans by their calls."""
    found: dict[str, list[ChildSpan]] = {}
    for fact in facts:
        assert isinstance(fact, Children)
        assert fact.session == "session"
        found.setdefault(fact.tool_use_id, []).extend(fact.spans)
    return found


@pytest.fixture
def taker(tmp_path: Path) -> ChildrenTaker:
    return ChildrenTaker(tmp_path, lambda: True)


def take(taker: ChildrenTaker, *resources: ResourceSpans, at: int = NOW) -> dict[str, list[ChildSpan]]:
    return below(list(taker.taken(resources, at)))


def test_a_span_waits_for_its_parents_and_for_the_call(taker):
    assert take(taker, suite(span(3, 2), span(4, 2))) == {}
    assert take(taker, suite(span(2, 1, "pytest"))) == {}
    (spans,) = take(taker, client(execution(1))).values()
    assert [(one.span_id, one.parent_id) for one in spans] == [(id_(2), ""), (id_(3), id_(2)), (id_(4), id_(2))]
    assert {one.service for one in spans} == {"shop-tests"}
    assert taker.stats()["waiting"] == 0
    # A program that goes on in the background.
    (later,) = take(taker, suite(span(5, 2), span(6, 1))).values()
    assert {(one.span_id, one.parent_id) for one in later} == {(id_(6), ""), (id_(5), id_(2))}


def test_a_program_that_names_its_call_waits_for_nobody(taker):
    """One that has no TRACEPARENT, and knows from its environment who runs it."""
    (spans,) = take(taker, naming(span(2, 0, "pytest"), span(3, 2))).values()
    assert [(one.span_id, one.parent_id) for one in spans] == [(id_(2), ""), (id_(3), id_(2))]
    assert taker.stats()["waiting"] == 0


def test_a_program_that_names_its_call_may_go_on_for_long(taker):
    """Its tests end one after the other, and what is above them all comes last."""
    for number in range(3, 6):
        at = NOW + number * 25 * SECOND
        assert take(taker, naming(span(number, 2, start=at, end=at + SECOND)), at=at) == {}
        assert take(taker, client(span(9, 0)), at=at + 20 * SECOND) == {}
    (spans,) = take(taker, naming(span(2, 0, "pytest")), at=NOW + 200 * SECOND).values()
    assert [(one.span_id, one.parent_id, one.orphan) for one in spans] == [
        (id_(2), "", False),
        *((id_(number), id_(2), False) for number in range(3, 6)),
    ]


def test_a_program_that_goes_on_is_not_forgotten_for_calls_that_have_none(taker):
    take(taker, suite(span(2, 1)), client(execution(1)))
    for number in range(100, 100 + 2 * joining.CALLS_KEPT):
        take(taker, client(execution(number, f"toolu_{number}")))
        if number % 100 == 0:
            assert take(taker, suite(span(10_000 + number, 1)))


def test_calls_that_run_at_the_same_time_are_told_apart(taker):
    take(taker, suite(span(10, 1), span(11, 10), span(20, 2), span(21, 20)))
    both = take(taker, client(execution(1, "toolu_1"), execution(2, "toolu_2")))
    assert {call: [one.span_id for one in spans] for call, spans in both.items()} == {
        "toolu_1": [id_(10), id_(11)],
        "toolu_2": [id_(20), id_(21)],
    }


def test_of_too_many_those_nearest_to_the_call_are_kept_and_the_rest_is_counted(taker, monkeypatch):
    monkeypatch.setattr(joining, "SPANS_MAX", 4)
    leaves = [span(100 + number, 10 + number % 2) for number in range(6)]
    take(taker, suite(*leaves, span(10, 2), span(11, 2), span(2, 1)))
    (spans,) = take(taker, client(execution(1))).values()
    assert [one.span_id for one in spans] == [id_(2), id_(10), id_(11), id_(100)]
    assert [one.left_out for one in spans] == [0, 2, 3, 0]
    assert taker.stats()["too_many"] == 5


def test_what_is_above_spans_that_wait_is_let_in_though_too_many_wait(taker, monkeypatch):
    monkeypatch.setattr(joining, "WAITING_MAX", 3)
    take(taker, suite(*(span(number, 3) for number in range(10, 20))))
    take(taker, suite(span(3, 2), span(2, 1)))
    (spans,) = take(taker, client(execution(1))).values()
    assert [one.span_id for one in spans] == [id_(number) for number in (2, 3, 10, 11, 12)]
    assert taker.stats()["too_many"] == 7


@pytest.mark.parametrize("traces", [1, 10_000], ids=["one trace", "a trace each"])
def test_a_request_costs_the_same_however_much_waits(tmp_path, traces):
    def steps(waiting: int) -> int:
        """The lines of Python that the next request takes."""
        (folder := tmp_path / str(waiting)).mkdir()
        taker = ChildrenTaker(folder, lambda: True)
        take(taker, suite(*(span(2 * n, 2 * n + 1, trace=f"{n % traces + 1:032x}") for n in range(1, waiting))))
        scrub._label.cache_clear()  # what it has of either is no matter here
        count = 0

        def trace(_frame: Any, event: str, _argument: Any) -> Any:
            nonlocal count
            count += event == "line"
            return trace

        sys.settrace(trace)
        try:
            take(taker, suite(span(1, 7)))
        finally:
            sys.settrace(None)
        return count

    assert steps(1_000) < 1.5 * steps(10)


def test_a_program_that_was_killed_has_its_spans_below_the_call(taker):
    take(taker, suite(span(3, 2), span(4, 3), span(5, 4)))
    assert take(taker, client(execution(1))) == {}
    (spans,) = take(taker, client(span(9, 0)), at=NOW + joining.ORPHANED + 1).values()
    assert [(one.span_id, one.parent_id, one.orphan) for one in spans] == [
        (id_(3), "", True),
        (id_(4), id_(3), False),
        (id_(5), id_(4), False),
    ]


def test_strangers_are_left_out(taker):
    other = "1" * 32
    take(taker, suite(span(1, 0), span(2, 7, trace=other)))  # one knows of no parent, one of a trace of its own
    take(taker, client(span(9, 0)), at=NOW + joining.STRANGE + 1)
    assert taker.stats() == {"waiting": 0, "unusable": 1, "stranger": 1}


def test_after_the_machine_slept_the_others_have_time_to_tell_more(tmp_path, monkeypatch):
    ahead = [0.0]
    monkeypatch.setattr(module, "_clock_ahead", lambda: ahead[0])
    taker = ChildrenTaker(tmp_path, lambda: True)
    take(taker, suite(span(3, 2)), client(execution(1)))
    ahead[0] = 600.0
    later = NOW + joining.ORPHANED + 1
    assert take(taker, client(span(9, 0)), at=later) == {}
    monkeypatch.setattr(taker, "_awake_at", time.monotonic())
    (spans,) = take(taker, at=later).values()
    assert [one.span_id for one in spans] == [id_(3)]


def test_what_was_left_out_is_not_kept_though_nothing_else_comes(tmp_path):
    taker = ChildrenTaker(tmp_path, lambda: True)
    take(taker, suite(span(2, 7, "of a stranger", trace="1" * 32)))
    assert "stranger" in (tmp_path / "children").read_text()
    take(taker, at=NOW + joining.STRANGE + 1)
    assert "stranger" not in (tmp_path / "children").read_text()


def test_ids_that_point_in_a_circle_hang_below_nothing(taker):
    take(taker, suite(span(2, 3), span(3, 2), span(4, 1)), client(execution(1)))
    assert take(taker, client(span(9, 0)), at=NOW + joining.ORPHANED + 1) == {}
    take(taker, client(span(9, 0)), at=NOW + joining.FORGOTTEN + 1)
    assert taker.stats()["waiting"] == 0


def test_what_waits_survives_the_agent_and_what_was_handed_over_comes_again(tmp_path):
    first = ChildrenTaker(tmp_path, lambda: True)
    take(first, suite(span(3, 2), span(2, 1), span(7, 6)))
    handed = take(first, client(execution(1)))
    # Killed: nothing says that those are in the journal.
    again = ChildrenTaker(tmp_path, lambda: True)
    assert take(again, client(span(9, 0))) == handed
    assert take(again, client(span(9, 0))) == {}
    third = ChildrenTaker(tmp_path, lambda: True)
    assert take(third, client(span(9, 0))) == {}
    (spans,) = take(third, suite(span(6, 1))).values()
    assert [one.span_id for one in spans] == [id_(6), id_(7)]


def test_a_log_that_is_damaged_is_read_as_far_as_it_can_be(tmp_path):
    path = tmp_path / "children"
    take(ChildrenTaker(tmp_path, lambda: True), suite(span(2, 1)))
    path.write_bytes(b'{"at":1,"spans":7}\nnonsense\n{"at":1,"trace":"\xff"}\n' + path.read_bytes() + b'{"at":')
    taken = take(ChildrenTaker(tmp_path, lambda: True), client(execution(1)))
    assert [one.span_id for (spans,) in [taken.values()] for one in spans] == [id_(2)]
    assert take(ChildrenTaker(tmp_path, lambda: True)) == taken  # what came after the torn line is there as well


def test_what_could_not_be_kept_is_kept_once_it_can_be(tmp_path):
    taker = ChildrenTaker(tmp_path, lambda: True)
    (tmp_path / "children").mkdir()  # in its way, as a full disk is
    take(taker, suite(span(2, 1)))
    (tmp_path / "children").rmdir()
    take(taker, suite(span(3, 2)))
    (spans,) = take(ChildrenTaker(tmp_path, lambda: True), client(execution(1))).values()
    assert [one.span_id for one in spans] == [id_(2), id_(3)]


@pytest.mark.parametrize(("waiting", "limit"), [(0, 300_000), (2_000, 1_000_000)])
def test_the_log_is_as_long_as_what_is_known_and_waits(tmp_path, waiting, limit):
    taker, sizes = ChildrenTaker(tmp_path, lambda: True), []
    if waiting:
        take(taker, suite(*(span(100_000 + number, 99_999) for number in range(waiting))))
    for number in range(0, 8_000, 100):
        take(taker, client(*(execution(number + n, f"toolu_{number + n}") for n in range(1, 101))))
        sizes.append((tmp_path / "children").stat().st_size)
    assert max(sizes) < limit
    again = ChildrenTaker(tmp_path, lambda: True)
    assert again.stats()["waiting"] == waiting
    assert take(again, suite(span(200_001, 8_000), span(200_002, 1))).keys() == {"toolu_8000"}


def test_a_log_that_was_made_anew_tells_what_the_one_before_told(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOG_MAX", 1)
    taker, other = ChildrenTaker(tmp_path, lambda: True), "2" * 32
    take(taker, client(span(9, 0), execution(1)), suite(span(3, 2)))
    take(taker, client(span(8, 0, trace=other)), suite(span(5, 4, trace=other)), at=NOW + joining.ORPHANED)
    handed = take(taker, at=NOW + joining.ORPHANED + SECOND)
    assert handed.keys() == {"toolu_1"}
    assert take(ChildrenTaker(tmp_path, lambda: True), at=NOW + joining.ORPHANED + 2 * SECOND) == handed
    again = ChildrenTaker(tmp_path, lambda: True)
    take(again, at=NOW + joining.ORPHANED + joining.STRANGE + SECOND)
    assert again.stats()["waiting"] == 1  # the client has told of its trace


def test_a_log_that_grew_under_an_older_agent_is_read_line_by_line_and_made_anew(tmp_path):
    log, taker = tmp_path / "children", ChildrenTaker(tmp_path, lambda: True)
    take(taker, client(execution(1)))
    log.write_bytes(log.read_bytes() * 10_000)
    size = log.stat().st_size
    tracemalloc.start()
    taker = ChildrenTaker(tmp_path, lambda: True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < size / 4
    for _ in range(2):
        take(taker, client(span(9, 0)))
    assert log.stat().st_size < size / 100


def test_nothing_of_a_program_stays_in_the_log_once_it_is_in_the_journal(tmp_path):
    taker = ChildrenTaker(tmp_path, lambda: True)
    take(taker, suite(span(2, 1, "the shop's secret sauce")), client(execution(1)))
    assert "sauce" in (tmp_path / "children").read_text()
    take(taker, client(span(9, 0)))
    assert "sauce" not in (tmp_path / "children").read_text()
    (spans,) = take(ChildrenTaker(tmp_path, lambda: True), suite(span(7, 1))).values()
    assert [one.span_id for one in spans] == [id_(7)]


@pytest.mark.parametrize("content", [True, False])
def test_texts_are_kept_without_secrets_and_only_where_content_is_kept(tmp_path, content):
    taker = ChildrenTaker(tmp_path, lambda: content)
    attributes = {
        "http.request.method": "GET",
        "http.response.status_code": 404,
        "test.ok": True,
        "url.full": f"https://u:{SECRET}@shop.example/?q=1",
        "db.query.text": f"SELECT '{SECRET}'",
        "api_key": "hunter2",
        "hookspan.waited": 5.0,
        "session.id": "another",
        "service.name": "another",
        "nan": float("nan"),
    }
    take(taker, suite(span(2, 1, f"GET /{SECRET}", attributes=attributes)))
    ((kept,),) = take(taker, client(execution(1))).values()
    assert SECRET not in json.dumps(kept.attributes)
    assert SECRET not in kept.name
    assert "hunter2" not in json.dumps(kept.attributes)
    plain = {"http.request.method": "GET", "http.response.status_code": 404, "test.ok": True}
    more = {"url.full", "db.query.text", "api_key"} if content else set()
    assert kept.attributes.keys() == plain.keys() | more
    assert plain.items() <= kept.attributes.items()


@pytest.mark.parametrize(
    "wrong",
    [
        span(2, 1, start=0, end=SECOND),
        span(2, 1, start=(1 << 64) - 1, end=(1 << 64) - 1),
        span(0, 1),
        span(2, 2),
        Span(trace_id=b"short", span_id=b"12345678", parent_span_id=b"87654321"),
    ],
    ids=["long ago", "no time", "no id", "below itself", "half an id"],
)
def test_what_is_no_span_is_counted(taker, wrong):
    take(taker, suite(wrong), client(execution(1)))
    assert taker.stats()["unusable"] == 1
    assert taker.stats()["waiting"] == 0
