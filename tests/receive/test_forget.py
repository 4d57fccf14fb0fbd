"""What `hookspan forget` leaves of what was received and waits: nothing of the session, and all of the others."""

import uuid
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookspan.receive import otlp
from hookspan.receive.spool import Spool, Stored
from tests.agent.machine import event, small_session
from tests.otlp_sink import Sink
from tests.waiting import until

from . import requests
from .conftest import Receiving
from .requests import ways
from .test_children import NOW, client, execution, span, suite
from .test_spool import BODIES, made, rest, stored

GONE, KEPT, OTHER = (str(uuid.uuid4()) for _ in range(3))


def of(session: str, request: Any) -> Any:
    """The request with its session named, and a text of its own."""
    for resource in getattr(request, request.DESCRIPTOR.fields[0].name):
        for scope in getattr(resource, resource.DESCRIPTOR.fields_by_number[2].name):
            for item in getattr(scope, scope.DESCRIPTOR.fields_by_number[2].name):
                for part in item.sum.data_points if hasattr(item, "sum") else [item]:
                    del part.attributes[:]
                    part.attributes.add(key="session.id").value.string_value = session
                    part.attributes.add(key="text").value.string_value = f"text of {session}"
    return request


def both(make: Callable[[], Any], first: str, second: str) -> Any:
    """A request with something of two sessions."""
    request = of(first, make())
    request.MergeFrom(of(second, make()))
    return request


def texts(folder: Path) -> list[str]:
    """Everything that is stored, each request in its readable form, and the log of programs' spans."""
    found = []
    for signal in ("traces", "metrics", "logs"):
        for path in sorted((folder / signal).glob("*.requests")):
            spool = Spool(path.parent, (), 1 << 30)
            place = spool.first()
            while (one := spool.read(place)) is not None:
                request, place = one
                data = otlp.unpacked(request.body, gzip=request.gzip)
                found.append(str(otlp.decode(signal, data, is_json=request.json)))
    return [*found, *((folder / "children").read_text().splitlines() if (folder / "children").exists() else ())]


@pytest.mark.slow
def test_forget_reaches_what_was_received_and_waits(make_machine: Callable[[str], Receiving], sink: Sink):
    sink.fault(status=503, times=None)
    receiving = make_machine(f'[receive]\nenabled = true\nchildren = true\n[export]\nendpoint = "{sink.url}"\n')
    machine, sender = receiving.machine, receiving.sender()
    machine.hooks(*(event("SessionStart", session, source="startup") for session in (GONE, KEPT)))
    events = small_session(tools=1)
    machine.hooks(*events)
    session, call = events[0]["session_id"], events[2]["tool_use_id"]
    for name, make in (("traces", requests.spans), ("metrics", requests.metrics), ("logs", requests.logs)):
        for pair in ((GONE, KEPT), (KEPT, OTHER), (GONE, GONE)):
            for body, headers in ways(both(make, *pair)):
                assert sender.send(f"/v1/{name}", body, **headers).status == HTTPStatus.OK
    of_program = requests.ExportTraceServiceRequest(resource_spans=[client(execution(1, call, session))])
    assert sender.send("/v1/traces", of_program.SerializeToString()).status == HTTPStatus.OK
    early = span(7, 6, "waits for its parent", start=NOW - 1)  # of before the call: it waits however long this takes
    of_program = requests.ExportTraceServiceRequest(resource_spans=[suite(early)])
    assert sender.send("/v1/traces", of_program.SerializeToString()).status == HTTPStatus.OK
    until(lambda: machine.status()["receive"]["children"]["waiting"] == 1, "the program's span does not wait")
    until(lambda: machine.counts().sessions >= 3, "not all sessions are known")
    before = texts(machine.paths.received)
    assert any(GONE in text for text in before)
    assert any("waits for its parent" in text for text in before)

    told = machine.json("forget", GONE, session, "--yes")
    assert told["received"] == 3 * 8 + 2
    assert machine.cli("down").returncode == 0
    after = texts(machine.paths.received)
    assert [text for text in after if GONE in text or session in text or call in text or "waits for its" in text] == []
    assert sum(text.count(f"text of {KEPT}") for text in after) == 3 * 8
    assert sum(text.count(f"text of {OTHER}") for text in after) == 3 * 4

    sink.heal()
    machine.up()
    until(lambda: not [path for path in machine.paths.received.rglob("*.requests") if path.stat().st_size])
    came = [str(one.message) for one in sink.requests if one.status == HTTPStatus.OK]
    assert sum(text.count(f"text of {KEPT}") for text in came) == 3 * 8


@given(BODIES, st.integers(0, 30), st.integers(0, 30), st.booleans())
def test_what_is_written_anew_is_read_once_by_each(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[bytes], forwarded: int, taken: int, shorter: bool
):
    folder = tmp_path_factory.mktemp("spool")
    spool, all_of_it = made(folder), stored(*bodies)
    for request in all_of_it:
        spool.append(request)
    for name, count in (("forward", forwarded), ("facts", taken)):
        for _ in range(min(count, len(bodies))):
            spool.readers[name].read()
            spool.readers[name].done()

    def changed(request: Stored) -> Stored | None:
        if request.at % 3 == 0:
            return None
        return Stored(request.at, b"" if shorter else request.body * 2) if request.at % 3 == 1 else request

    spool.close()
    spool = made(folder)
    spool.rewrite(changed)
    spool.close()
    spool = made(folder)
    for name, count in (("forward", forwarded), ("facts", taken)):
        expected = [new for request in all_of_it[count:] if (new := changed(request)) is not None]
        assert rest(spool.readers[name]) == expected
