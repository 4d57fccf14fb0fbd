from collections.abc import Iterator

import pytest

from hookspan.paths import Paths
from tests.export.exporting import SpanExport, hurry


@pytest.fixture
def span_export(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> Iterator[SpanExport]:
    hurry(monkeypatch)
    exporting = SpanExport(paths)
    yield exporting
    exporting.stop()
    exporting.store.close()
