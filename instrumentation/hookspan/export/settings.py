"""What export has to know of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """`[export]` of the settings.

    Attributes:
        endpoint: Base URL, without `/v1/traces`; None: nothing is exported.
        headers: Sent with every request, such as an API key.
        timeout: Seconds that one request may take.
        certificate: File with the certificates to trust instead of the well-known ones.
        metric_interval: Seconds between two exports of metrics.
        max_days: How long spans wait for an endpoint that can't be reached.
        content: `content.export`: whether spans take their labels along.
    """

    endpoint: str | None = None
    protocol: Literal["http/protobuf", "grpc"] = "http/protobuf"
    headers: Mapping[str, str] = field(default_factory=dict)
    compression: Literal["none", "gzip"] = "none"
    timeout: float = 10.0
    certificate: str | None = None
    hook_spans: bool = True
    metric_interval: float = 10.0
    max_days: float = 7.0
    content: bool = False

    @property
    def on(self) -> bool:
        """Whether anything is exported."""
        return bool(self.endpoint)

    def url(self, signal: Literal["traces", "metrics"]) -> str:
        """Where a signal is posted to. People copy an endpoint with its path, too."""
        base = (self.endpoint or "").rstrip("/")
        for known in ("/v1/traces", "/v1/metrics"):
            base = base.removesuffix(known)
        return f"{base}/v1/{signal}"
