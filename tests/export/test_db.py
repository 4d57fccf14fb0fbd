"""What `export.db` keeps."""

from hookspan.catalogue import attributes as sc
from hookspan.export.db import ExportDb
from hookspan.export.plan import Refusal, Settlement
from hookspan.model.sums import Series
from hookspan.paths import Paths
from hookspan.store import SpanKey
from tests.export.refused import refusals


def test_what_we_compact_ourselves_was_not_cut_by_others(paths: Paths):
    paths.create()
    series = [
        Series(
            key=key,
            instrument="hookspan.tool.calls",
            attributes=((sc.PROJECT, "gone"), ("name", f"{key:0500}")),
            start=1,
        )
        for key in range(1, 200)
    ]
    db = ExportDb.open(paths)
    db.attach("epoch", series, start=1)
    refused = [Refusal(SpanKey(number, 0), 1, 400, "no") for number in (1, 2)]
    db.settle(Settlement(SpanKey(5, 0), 2, {}, refused))
    db.close()

    db = ExportDb.open(paths)
    before = paths.export_db.stat().st_size
    db.forget([SpanKey(1, 0)], ["gone"])
    db.settle(Settlement(SpanKey(6, 0), 1, {}))
    db.close()
    assert paths.export_db.stat().st_size < before
    assert [path.name for path in paths.state.glob("export.db.*")] == []
    db = ExportDb.open(paths)
    assert ([one.key for one in refusals(db)], db.announced) == ([SpanKey(2, 0)], {})
    db.close()
