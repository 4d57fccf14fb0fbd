"""What is sent at once, and why it sometimes can't be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan

from hookspan import __version__

from .answer import Answer
from .encoding import spans_request

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord

REQUEST_MAX: Final = 64 << 20  # bytes; the exporters' own limit, named here to tell what exceeds it
PRODUCT: Final = "hookspan/"
USER_AGENT: Final = f"{PRODUCT}{__version__}"

Batch: TypeAlias = "Sequence[ReadableSpan] | Sequence[ReadableLogRecord] | MetricsData"


def _size(data: Batch) -> int:
    if isinstance(data, MetricsData):
        return int(encode_metrics(data).ByteSize())
    if (spans := spans_of(data)) is not None:
        return len(spans_request(spans))
    from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs  # noqa: PLC0415 - where there are any

    return int(encode_logs([one for one in data if not isinstance(one, ReadableSpan)]).ByteSize())


def spans_of(data: Batch) -> list[ReadableSpan] | None:
    """The spans that are sent; None where it is something else."""
    if isinstance(data, MetricsData):
        return None
    return [one for one in data if isinstance(one, ReadableSpan)] or None


def unsent(data: Batch) -> Answer:
    """Why an exporter gave up before it sent."""
    try:
        size = _size(data)
    except Exception as error:  # noqa: BLE001 - whatever the encoder raises, the exporter has met it too
        return Answer(error=f"it can't be encoded: {type(error).__name__}", unsendable=True)
    if size > REQUEST_MAX:
        return Answer(error=f"it has {size} bytes", unsendable=True)
    return Answer(error="the exporter did not send the request")
