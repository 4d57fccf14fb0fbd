"""A store whose spans are exported, by an exporter that makes shorter pauses than users' do."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.export import Exporter, ExportSettings, answer, metrics, queue
from hookspan.model.rows import Rows
from hookspan.paths import Paths
from hookspan.store import Commit, Store
from tests.store import made
from tests.waiting import PATIENCE

PAUSE = 0.05  # seconds between attempts while somebody waits


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let exporters wait a tenth of what they wait for users."""
    monkeypatch.setattr(answer, "FIRST_DELAY", 0.1)
    monkeypatch.setattr(queue, "LINGER", 0.1)
    monkeypatch.setattr(queue, "DRAIN_PAUSE", PAUSE)
    monkeypatch.setattr(metrics, "DRAIN_PAUSE", PAUSE)


class SpanExport:
    """A store with an exporter that drains it."""

    def __init__(self, paths: Paths) -> None:
        paths.create()
        self.paths = paths
        self.store = Store.open(paths)
        self.exporter: Exporter | None = None
        self.next = 1

    def start(self, endpoint: str | None, **settings: Any) -> Exporter:
        self.stop()
        self.exporter = Exporter(
            self.paths,
            ExportSettings(
                endpoint=endpoint,
                **{"timeout": PATIENCE, "metric_interval": 3600, "resource": {"team": "blue"}, **settings},
            ),
        )
        self.exporter.start()
        return self.exporter

    def commit(self, count: int = 1, **changes: Any) -> list[str]:
        """Close that many spans, each by a record of its own; their ids."""
        spans = [made.span(record, **changes) for record in range(self.next, self.next + count)]
        self.next += count
        self.store.commit(Commit(position=made.position(self.next), rows=[Rows(spans=[span]) for span in spans]))
        if self.exporter is not None:
            self.exporter.committed()
        return [span.span_id for span in spans]

    def log(self, count: int = 1, **changes: Any) -> list[str]:
        """That many log records, each of a record of its own; their uids."""
        logs = [made.log(record, **changes) for record in range(self.next, self.next + count)]
        self.next += count
        self.store.commit(Commit(position=made.position(self.next), rows=[Rows(logs=[log]) for log in logs]))
        if self.exporter is not None:
            self.exporter.committed()
        return [str(log.attributes[sc.LOG_RECORD_UID]) for log in logs]

    def stats(self) -> dict[str, Any]:
        assert self.exporter is not None
        return self.exporter.stats()

    def until(self, condition: Callable[[dict[str, Any]], bool], seconds: float = PATIENCE) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while not condition(stats := self.stats()):
            assert time.monotonic() < end, stats
            time.sleep(0.02)
        return stats

    def stop(self) -> None:
        if self.exporter is not None:
            self.exporter.stop(5)
            self.exporter = None
