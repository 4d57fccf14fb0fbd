"""Requests that wait to be forwarded: what is too old, or what the endpoint will never take, is in nobody's way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hookspan.export import ExportSettings
from hookspan.receive.forward import DAY, Forwarding
from hookspan.receive.spool import Spool, Stored
from tests.export.exporting import hurry
from tests.export.test_grpc import Endpoint
from tests.otlp_sink import Sink
from tests.receive.requests import spans
from tests.waiting import PATIENCE, until


class Waiting:
    """Requests of spans that wait, and from `start` on are forwarded."""

    def __init__(self, folder: Path, url: str, **settings: Any) -> None:
        self._settings = ExportSettings(endpoint=url, timeout=PATIENCE, **settings)
        self._spool = Spool(folder, ("forward",), 1 << 30)
        self.forwarding = Forwarding("traces", self._spool.readers["forward"], lambda: self._settings, wanted=True)

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
