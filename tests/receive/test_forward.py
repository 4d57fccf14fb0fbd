"""Requests that wait to be forwarded: what is too old, or what the endpoint will never take, is in nobody's way."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hookspan.export import ExportSettings
from hookspan.receive.forward import DAY, REQUESTS_MAX, SUSPECTS_MAX, Forwarding
from hookspan.receive.spool import Spool, Stored
from tests import otlp_decode
from tests.export.exporting import hurry
from tests.export.test_grpc import Endpoint
from tests.otlp_sink import Received, Sink
from tests.receive.requests import spans
from tests.waiting import PATIENCE, until


class Waiting:
    """Requests of spans that wait, and from `start` on are forwarded as long as `settings` are there."""

    def __init__(self, folder: Path, url: str, **settings: Any) -> None:
        self.settings: Callable[[], ExportSettings | None]
        now = ExportSettings(endpoint=url, timeout=PATIENCE, **settings)
        self.settings = lambda: now
        self._spool = Spool(folder, ("forward",), 1 << 30)
        self.forwarding = Forwarding("traces", self._spool.readers["forward"], self._ask, wanted=True)

    def _ask(self) -> ExportSettings | None:
        return self.settings()

    def add(self, body: bytes, *, days: int = 0, **about: bool) -> bytes:
        """One more that came so long ago."""
        self._spool.append(Stored(time.time_ns() - days * DAY, body, **about))
        return body

    def start(self) -> Forwarding:
        self.forwarding.start()
        return self.forwarding

    def close(self) -> None:
        self.forwarding.stop()
        if self.forwarding._thread.ident:
            self.forwarding.join(PATIENCE)
        self._spool.close()


MakeWaiting = Callable[..., Waiting]


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


@pytest.fixture
def make_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeWaiting]:
    made: list[Waiting] = []

    def make(url: str, **settings: Any) -> Waiting:
        made.append(Waiting(tmp_path / str(len(made)), url, **settings))
        return made[-1]

    hurry(monkeypatch)
    yield make
    for one in made:
        one.close()


def request(*, bad: bool = False, count: int = 1) -> bytes:
    """One with spans, which an endpoint that is told to takes for bad ones."""
    return spans(count, name="bad" if bad else "claude_code.tool").SerializeToString()


def test_what_can_not_be_read_is_tried_again_after_a_pause(
    make_waiting: MakeWaiting, sink: Sink, monkeypatch: pytest.MonkeyPatch
):
    waiting = make_waiting(sink.url)
    waiting.add(request())
    reader = waiting._spool.readers["forward"]
    read, tried = reader.read, []

    def no_descriptor() -> Stored | None:
        tried.append(time.monotonic())
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(reader, "read", no_descriptor)
    forwarding = waiting.start()
    until(lambda: forwarding.stats()["state"] == "holding")
    time.sleep(0.5)
    assert len(tried) < 100, "it waits in between"
    monkeypatch.setattr(reader, "read", read)
    until(lambda: forwarding.forwarded == 1)


def test_all_that_is_too_old_goes_with_the_first_failure(make_waiting: MakeWaiting, sink: Sink):
    waiting = make_waiting(sink.url, max_days=1)
    old = []
    for days in (3, 2, 2):
        old.append(waiting.add(request(), days=days))
        waiting.add(request(), days=days, own=False)
    young = waiting.add(request())
    sink.fault(status=503)
    forwarding = waiting.start()
    until(lambda: forwarding.expired == len(old), "not all of the old ones went")
    sink.heal()
    sink.wait(lambda: sink.distinct_spans == 1)
    assert {(one.wire, one.status) for one in sink.requests} - {(young, 503)} == {(old[0], 503), (young, 200)}


UNDECODABLE = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"@@"}]}]}]}'


def test_json_that_is_no_request_within_is_left_out(make_waiting: MakeWaiting, sink: Sink):
    endpoint = Endpoint()
    try:
        for url, protocol in ((sink.url, "http/protobuf"), (f"http://127.0.0.1:{endpoint.port}", "grpc")):
            waiting = make_waiting(url, protocol=protocol)
            waiting.add(request())
            waiting.add(UNDECODABLE, json=True)
            waiting.add(request())
            forwarding = waiting.start()
            until(
                lambda forwarding=forwarding: (forwarding.forwarded, forwarding.refused) == (2, 1), "one is in the way"
            )
        assert (sink.distinct_spans, len(endpoint.span_ids)) == (2, 2)
    finally:
        endpoint.server.stop(0)


def has_bad(one: Received) -> bool:
    return any(span.name == "bad" for span in otlp_decode.spans(one.message))


@pytest.mark.parametrize("first", [1, 2 * SUSPECTS_MAX, (1, 2 * SUSPECTS_MAX, 1)], ids=str)
def test_what_is_refused_first_is_left_out_once_something_behind_it_is_taken(
    make_waiting: MakeWaiting, sink: Sink, first: int | tuple[int, ...]
):
    """As after a restart, when nobody knows yet whether the endpoint takes anything."""
    waiting = make_waiting(sink.url)
    counts = first if isinstance(first, tuple) else (first,)
    for count in counts:
        waiting.add(request(bad=True, count=count))
        waiting.add(request(), own=False)
    for _ in range(3):
        waiting.add(request(count=3))
    sink.fault(status=400, when=has_bad)
    forwarding = waiting.start()
    sink.wait(lambda: sink.distinct_spans == 9)
    until(lambda: forwarding.refused == sum(counts), "what is at fault is not counted")
    assert set(sink.ids.values()) == {1}


def test_one_that_is_too_large_arrives_in_parts_though_nothing_else_was_taken(make_waiting: MakeWaiting, sink: Sink):
    waiting = make_waiting(sink.url)
    waiting.add(request(count=10))
    sink.fault(status=413, when=lambda one: len(one.span_ids) > 3)
    forwarding = waiting.start()
    sink.wait(lambda: sink.distinct_spans == 10)
    assert forwarding.refused == 0


def test_one_alone_is_left_out_where_the_endpoint_took_others(make_waiting: MakeWaiting, sink: Sink):
    waiting = make_waiting(sink.url)
    forwarding = waiting.start()
    waiting.add(request())
    sink.wait(lambda: sink.distinct_spans == 1)
    sink.fault(status=400)
    waiting.add(request(bad=True))
    until(lambda: forwarding.refused == 1, "it waits")


@pytest.mark.parametrize("often", [1, REQUESTS_MAX + 1])
def test_what_is_good_behind_much_that_is_not_arrives_though_nothing_else_comes(
    make_waiting: MakeWaiting, sink: Sink, often: int
):
    waiting = make_waiting(sink.url)
    forwarding = waiting.start()
    waiting.add(request())
    sink.wait(lambda: sink.distinct_spans == 1)
    sink.fault(status=400, when=has_bad)
    until(lambda: forwarding.stats()["state"] == "idle")
    permitted, waiting.settings = waiting.settings, lambda: None  # until all of them wait
    for _ in range(often):
        mixed = spans(SUSPECTS_MAX, name="bad")
        mixed.MergeFrom(spans(60))
        waiting.add(mixed.SerializeToString())
    waiting.settings = permitted
    sink.wait(lambda: sink.distinct_spans == 1 + 60 * often)
    until(lambda: forwarding.refused == often * SUSPECTS_MAX, "what is at fault is not counted")
    assert set(sink.ids.values()) == {1}


def test_nothing_goes_once_the_settings_forbid_it_not_even_the_rest_of_a_request(make_waiting: MakeWaiting, sink: Sink):
    waiting = make_waiting(sink.url)
    permitted = waiting.settings
    waiting.settings = lambda: None if sink.distinct_spans else permitted()
    sink.fault(status=413, when=lambda one: len(one.span_ids) > 3)
    forwarding = waiting.start()
    waiting.add(request(count=12))
    sink.wait(lambda: sink.distinct_spans > 0)
    until(lambda: forwarding.stats()["state"] == "sending" and forwarding.forwarded == 1)
    sent = len(sink.requests)
    waiting.close()
    assert (len(sink.requests), sink.distinct_spans) == (sent, 3)


@pytest.mark.slow
@pytest.mark.parametrize("took", [False, True])
def test_an_endpoint_that_refuses_everything_loses_nothing(make_waiting: MakeWaiting, sink: Sink, took: bool):
    waiting = make_waiting(sink.url)
    forwarding = waiting.start()
    if took:
        waiting.add(request())
        sink.wait(lambda: sink.distinct_spans == 1)
    sink.fault(status=400)
    for _ in range(2 * REQUESTS_MAX):
        waiting.add(request(count=2 * SUSPECTS_MAX))
    until(lambda: "it refuses every request: the endpoint answered 400" in forwarding.stats()["last_error"])
    asked = len(sink.requests)
    sink.wait(lambda: len(sink.requests) >= asked + 3 * REQUESTS_MAX)
    assert {len(one.span_ids) for one in sink.requests[asked : asked + REQUESTS_MAX]} == {2 * SUSPECTS_MAX}
    sink.heal()
    sink.wait(lambda: sink.distinct_spans == took + 4 * REQUESTS_MAX * SUSPECTS_MAX)
    assert forwarding.refused == 0
