"""OTLP's three services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

from hookspan.config import Signal


@dataclass(frozen=True, slots=True)
class Service:
    """A signal's service: its requests and answers, what gRPC calls it, and what the levels of its requests are called.

    `rejected` is what its answers call what was not taken.
    """

    request: type[Message]
    response: type[Message]
    method: str
    levels: tuple[str, str, str]
    rejected: str


SERVICES: Final[Mapping[Signal, Service]] = {
    "traces": Service(
        traces.ExportTraceServiceRequest,
        traces.ExportTraceServiceResponse,
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        ("resource_spans", "scope_spans", "spans"),
        "rejected_spans",
    ),
    "metrics": Service(
        metrics.ExportMetricsServiceRequest,
        metrics.ExportMetricsServiceResponse,
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        ("resource_metrics", "scope_metrics", "metrics"),
        "rejected_data_points",
    ),
    "logs": Service(
        logs.ExportLogsServiceRequest,
        logs.ExportLogsServiceResponse,
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        ("resource_logs", "scope_logs", "log_records"),
        "rejected_log_records",
    ),
}


def rejected_of(response: Any) -> int:
    """How much an answer says that was not taken."""
    name = next(service.rejected for service in SERVICES.values() if isinstance(response, service.response))
    return int(getattr(response.partial_success, name))
