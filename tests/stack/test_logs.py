"""Log records through the real Collector, over HTTP and gRPC: an outage, and one that is refused behind it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hookspan.catalogue import attributes as sc
from tests.agent.conftest import make_machine
from tests.agent.machine import Machine, small_session
from tests.agent.test_logs import logs_of
from tests.otlp_sink import Received, Sink
from tests.ports import Ports
from tests.stack import programs
from tests.stack.stack import Program
from tests.waiting import until

__all__ = ["make_machine"]
CONFIGURATION = """
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:{grpc}"}}
      http: {{endpoint: "127.0.0.1:{http}"}}
exporters:
  otlp_http:
    endpoint: {sink}
    encoding: {encoding}
    sending_queue: {{enabled: false}}
    retry_on_failure: {{enabled: false}}
extensions:
  health_check: {{endpoint: "127.0.0.1:{health}"}}
service:
  extensions: [health_check]
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [otlp_http]}}
    metrics: {{receivers: [otlp], exporters: [otlp_http]}}
    logs: {{receivers: [otlp], exporters: [otlp_http]}}
"""


def collector(folder: Path, sink: Sink, encoding: str = "proto") -> tuple[Program, Ports]:
    """One that answers what its own endpoint answers."""
    ports, file = Ports(), folder / "collector.yaml"
    file.write_text(
        CONFIGURATION.format(
            grpc=ports["grpc"], http=ports["http"], health=ports["health"], sink=sink.url, encoding=encoding
        )
    )
    program = Program(
        "collector",
        [str(programs.binary("otelcol")), "--config", str(file)],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        folder=folder,
        url=f"http://127.0.0.1:{ports['http']}",
        ready=f"http://127.0.0.1:{ports['health']}",
        group=0,
    )
    return program, ports


def names(request: Received) -> set[str]:
    """Of the tools that a request's records are about."""
    return {
        attribute.value.string_value
        for resource in request.message.resource_logs
        for scope in resource.scope_logs
        for log in scope.log_records
        for attribute in log.attributes
        if attribute.key == sc.TOOL_NAME
    }


@pytest.mark.parametrize(("protocol", "port"), [("http/protobuf", "http"), ("grpc", "grpc")])
def test_records_go_through_a_collector_that_was_away_but_for_one_that_is_refused(
    make_machine: Callable[..., Machine], tmp_path: Path, protocol: str, port: str
) -> None:
    with Sink() as sink:
        program, ports = collector(tmp_path, sink)
        url = f"http://127.0.0.1:{ports[port]}"
        machine = make_machine(settings=f'[export]\nendpoint = "{url}"\nprotocol = "{protocol}"\nlogs = true\n')
        machine.up()
        until(lambda: logs_of(machine).get("state") == "holding", "no Collector runs")
        machine.hooks(*small_session(tools=3))
        strange = [
            event | ({"tool_name": "Strange"} if "tool_name" in event else {}) for event in small_session(tools=1)
        ]
        machine.hooks(*strange)
        sink.fault(status=400, signal="logs", when=lambda got: got.signal == "logs" and "Strange" in names(got))
        program.start()
        try:
            assert machine.json("flush", "--wait", "60s")["exported"]
            until(lambda: len({log.attributes[sc.LOG_RECORD_UID] for log in sink.logs}) >= 9)
            uids = [log.attributes[sc.LOG_RECORD_UID] for log in sink.logs]
            decided = [log.attributes[sc.TOOL_NAME] for log in sink.logs if log.event_name == "hookspan.tool.decision"]
            assert (len(uids), decided) == (len(set(uids)), ["Bash"] * 3)
            logs = logs_of(machine)
            assert (logs["exported"], logs["refused"], logs["queue"]) == (len(uids), 1, 0)
        finally:
            machine.cli("down")
            program.stop()
