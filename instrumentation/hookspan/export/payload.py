"""A batch as an OTLP request, made by OpenTelemetry's own encoders.

How it is sent is ours: the official exporters hide the answer, retry by themselves, and offer nothing to change that
but private methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan

from hookspan import __version__

REQUEST_MAX: Final = 64 << 20  # bytes; the official exporters' own limit
USER_AGENT: Final = f"hookspan/{__version__}"

Batch = Sequence[ReadableSpan] | MetricsData


class UnsendableError(Exception):
    """It can't be encoded, or is too large for any endpoint. The text says which."""


def encoded(data: Batch) -> Any:
    """The request's message. Raises UnsendableError."""
    try:
        message = encode_metrics(data) if isinstance(data, MetricsData) else encode_spans(data)
        size = message.ByteSize()
    except Exception as error:
        raise UnsendableError(f"it can't be encoded: {type(error).__name__}") from error
    if size > REQUEST_MAX:
        raise UnsendableError(f"it has {size} bytes")
    return message
