"""OTLP over gRPC, sent by OpenTelemetry's own exporter."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from hookspan.config import SIGNALS
from hookspan.export import ExportSettings, Forwarder
from hookspan.export.otlp_grpc import _retry_delay
from hookspan.export.services import SERVICES
from hookspan.receive import gate, otlp
from hookspan.receive.gate import Gate
from hookspan.receive.grpc_server import GrpcServer
from hookspan.receive.spool import Spool
from tests.receive.requests import spans
from tests.waiting import PATIENCE


@pytest.fixture
def spools(tmp_path: Path) -> dict[str, Spool]:
    return {signal: Spool(tmp_path / signal, ("facts",), 1 << 20) for signal in SIGNALS}


@pytest.fixture
def server(spools: dict[str, Spool]) -> Iterator[GrpcServer]:
    made = GrpcServer(Gate(spools), 0)
    made.start()
    yield made
    made.stop()


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_spans_are_stored_as_they_came(spools, server, compression):
    exporter = OTLPSpanExporter(f"127.0.0.1:{server.port}", insecure=True, compression=compression, timeout=PATIENCE)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("shop.tests").start_as_current_span("pytest"):
        pass
    provider.shutdown()
    stored = spools["traces"].readers["facts"].read()
    request = otlp.decode("traces", stored.body, is_json=False)
    ((span,),) = [scope.spans for resource in request.resource_spans for scope in resource.scope_spans]
    assert span.name == "pytest"


def test_what_is_no_request_is_refused_and_what_is_no_service_is_not_there(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        for method, code in (
            (SERVICES["traces"].method, grpc.StatusCode.INVALID_ARGUMENT),
            ("/opentelemetry.proto.collector.profiles.v1.ProfilesService/Export", grpc.StatusCode.UNIMPLEMENTED),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                channel.unary_unary(method)(b"nonsense")
            assert refused.value.code() is code


def test_a_bomb_is_refused_and_a_full_disk_tells_when_to_come_again(spools, server, monkeypatch):
    def full(_request):
        raise OSError(errno.ENOSPC, "full")

    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        export = channel.unary_unary(SERVICES["traces"].method)
        with pytest.raises(grpc.RpcError) as refused:
            export(b"\0" * (gate.BODY_MAX + 1), compression=grpc.Compression.Gzip)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        monkeypatch.setattr(spools["traces"], "append", full)
        with pytest.raises(grpc.RpcError) as refused:
            export(spans().SerializeToString())
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert _retry_delay(refused.value.trailing_metadata()) == gate.DISK_PAUSE


def test_what_hookspan_itself_sends_is_neither_taken_nor_given_up(spools, server):
    forwarder = Forwarder(ExportSettings(endpoint=f"http://127.0.0.1:{server.port}", protocol="grpc"), "traces")
    body = spans().SerializeToString()
    answer = forwarder.forward(body, is_json=False, gzip=False, plain=lambda: body)
    forwarder.close()
    assert otlp.OURSELVES in answer.error
    assert not answer.refused
    assert spools["traces"].bytes == 0


def test_a_port_that_is_taken_is_left_alone(server, spools):
    with pytest.raises(OSError, match=str(server.port)):
        GrpcServer(Gate(spools), server.port)
