"""The exporter's progress: where a commit should end, and which rows the store must still keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hookspan.export import Exporter


class Watermark:
    """The watermark of the exporter that runs, or ran last while export is on. Any thread may read it."""

    def __init__(self) -> None:
        self._exporter: Exporter | None = None

    def follow(self, exporter: Exporter | None) -> None:
        """From now on it is that exporter's; None while there is none."""
        self._exporter = exporter

    @property
    def metrics(self) -> int:
        """The record as of which metrics were last exported, 0 for never: a commit should end there."""
        exporter = self._exporter
        return 0 if exporter is None else exporter.db.measured

    @property
    def spans(self) -> int | None:
        """Packed key of the last exported span; those after it must be kept. None: no spans are exported."""
        exporter = self._exporter
        return None if exporter is None else exporter.protected

    @property
    def logs(self) -> int | None:
        """The same of log records."""
        exporter = self._exporter
        return None if exporter is None else exporter.protected_logs
