"""Checks whether the receiver takes what Claude Code sends."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from typing import Final

from hookspan.agent.health import Status
from hookspan.agent.receiving import GRPC_PORT, HTTP_PORT, default_ports
from hookspan.agent.status import status_of
from hookspan.cli.doctor.checks.agent import listener
from hookspan.cli.doctor.context import Context
from hookspan.cli.doctor.result import Result
from hookspan.receive.port import HOST, kept_port, url_of

ASK_TIMEOUT: Final = 5.0  # seconds


def receive(context: Context) -> Iterator[Result]:
    """An empty request is answered, and soon."""
    wanted = context.settings.receive
    if not wanted.enabled:
        yield Result(
            Status.HEALTHY, "off: `hookspan config set receive.enabled true` joins native telemetry to sessions"
        )
        return
    port = wanted.port or kept_port(context.paths.receive_port)
    if not port:
        yield Result(Status.WARNING, "the receiver has no port yet", "nothing is received", "`hookspan up`")
        return
    began = time.monotonic()
    connection = http.client.HTTPConnection(HOST, port, timeout=ASK_TIMEOUT)
    try:
        connection.request("POST", "/v1/logs", b"", {"Content-Type": "application/x-protobuf"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        why = "what Claude Code sends meanwhile is lost; its own work goes on"
        yield Result(Status.WARNING, f"{url_of(port)} does not answer ({error})", why, "`hookspan up`")
        return
    finally:
        connection.close()
    took = time.monotonic() - began
    if status != http.HTTPStatus.OK:
        why = f"it answered {status}: it may be another program's"
        yield Result(
            Status.CRITICAL, f"{url_of(port)} is not the receiver", why, "`hookspan config set receive.port 0`"
        )
        return
    yield Result(Status.HEALTHY, f"{url_of(port)} took a request in {took * 1000:.0f} ms", value=took, unit="s")
    if wanted.children:
        yield from _of_programs(context)


def _of_programs(context: Context) -> Iterator[Result]:
    """Whether what programs send by default comes to the receiver."""
    report = status_of(context.paths)
    if not report["answered"]:
        return
    received = report.get("receive") or {}
    ours = {*received.get("ports", ()), received.get("grpc_port")}
    for number, protocol in ((HTTP_PORT, "HTTP"), (GRPC_PORT, "gRPC")):
        if number in ours:
            continue
        if number not in default_ports(context.settings.export):
            message = f"port {number} is left to the Collector that `[export]` names"
            todo = "have it listen elsewhere, and name that port in `[export]`"
        elif holder := listener(number):
            message, todo = f"port {number} is taken by {holder}", "have it listen elsewhere, then `hookspan restart`"
        else:
            message, todo = f"port {number} was taken when the agent started", "`hookspan restart`"
        why = f"programs that send OTLP over {protocol} send it there: their spans are below no call"
        yield Result(Status.WARNING, message, why, todo)
