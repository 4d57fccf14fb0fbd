"""Spans of programs through an agent that is killed at every step: each is exported once, below its call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from tests.agent.machine import small_session
from tests.otlp_sink import Sink
from tests.waiting import until

from .conftest import Receiving
from .test_children import client, execution, id_, span, suite

TESTS = 700


def test_none_is_lost_and_none_is_sent_twice_whenever_the_agent_is_killed(
    make_machine: Callable[[str], Receiving], sink: Sink
) -> None:
    receiving = make_machine(f'[receive]\nenabled = true\nchildren = true\n[export]\nendpoint = "{sink.url}"\n')
    machine = receiving.machine

    def send(*resources: ResourceSpans) -> None:
        """A request, and a kill once it is answered, and soon after."""
        request = ExportTraceServiceRequest(resource_spans=resources)
        assert receiving.sender().send("/v1/traces", request.SerializeToString()).status == 200
        machine.kill()
        machine.up()

    events = small_session(tools=1)
    call, session = events[2]["tool_use_id"], events[0]["session_id"]
    machine.hooks(*events)
    tests = [span(100 + number, 2) for number in range(TESTS)]
    send(suite(*tests[:500]))
    send(suite(*tests[500:]))
    send(suite(span(2, 1, "pytest")))
    until(lambda: (machine.status()["receive"]["children"] or {}).get("waiting") == TESTS + 1, "all wait")
    sink.fault(status=503)  # or the agent may be killed between an answer and its note of it
    send(client(execution(1, call, session)))
    send(client(span(9, 0)))
    until(lambda: machine.status()["export"]["state"] == "holding", "what the killed agent sent has been answered")
    sink.heal()
    until(lambda: sum(one.scope == "hookspan.children" for one in sink.spans) > TESTS, "some were lost")
    assert machine.json("flush", "--wait", "60s")["exported"]
    found = [one for one in sink.spans if one.scope == "hookspan.children"]
    assert Counter(one.span_id for one in found) == Counter([id_(2), *(id_(100 + number) for number in range(TESTS))])
    # Our own may be sent once more after a kill, under its id.
    (tool,) = {one.span_id: one for one in sink.spans if one.name == "execute_tool Bash"}.values()
    assert {one.parent_id for one in found} == {tool.span_id, id_(2)}
    assert machine.status()["receive"]["children"]["waiting"] == 0
