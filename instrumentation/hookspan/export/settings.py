"""The settings that export needs."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hookspan.config import Export
from hookspan.values import without_secrets

Signal = Literal["traces", "metrics"]


@dataclass(frozen=True, slots=True)
class ExportSettings(Export):
    """`[export]` of the settings, and what else of them concerns export.

    Attributes:
        content: `content.export`: whether spans take their labels along.
        left_out: Projects with `record = false`: what of theirs waits, from before they were, is not sent.
        resource: `[resource]`: what the user wants the resource to say beside what is known of this machine.
    """

    content: bool = False
    left_out: frozenset[str] = frozenset()
    resource: Mapping[str, str] = field(default_factory=dict)

    @property
    def traces_on(self) -> bool:
        """Whether spans are sent."""
        return self.enabled and bool(self.endpoint) and self.traces

    @property
    def metrics_on(self) -> bool:
        """Whether metrics are sent."""
        return self.enabled and bool(self.endpoint) and self.metrics

    @property
    def shown(self) -> str:
        """The endpoint as logs and `status` show it."""
        return without_secrets(self.endpoint or "")

    def headers_now(self) -> dict[str, str]:
        """The headers of a request, with the token as its file has it now. OSError if it can't be read."""
        if self.token_file is None:
            return dict(self.headers)
        words = Path(self.token_file).read_text(encoding="utf-8").split(maxsplit=1)
        if not words:
            raise OSError(errno.ENODATA, "it is empty", self.token_file)
        return {**self.headers, "Authorization": f"Bearer {words[0]}"}

    def url(self, signal: Signal) -> str:
        """Where a signal is posted to. People copy an endpoint with its path, too."""
        base = (self.endpoint or "").rstrip("/")
        for path in ("/v1/traces", "/v1/metrics"):
            base = base.removesuffix(path)
        return f"{base}/v1/{signal}"
