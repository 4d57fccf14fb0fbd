"""What `export.db` keeps."""

import contextlib

from hookspan.catalogue import attributes as sc
from hookspan.export.db import ExportDb
from hookspan.export.plan import Refusal, Settlement
from hookspan.model.rows import Rows
from hookspan.model.sums import Series
from hookspan.paths import Paths
from hookspan.store import Commit, Reader, SpanKey, Store
from tests.export.refused import refusals
from tests.store import made


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


def test_what_was_said_of_a_session_s_log_records_goes_with_it(paths: Paths) -> None:
    paths.create()
    store = Store.open(paths)
    logs = [made.log(record, session=session) for record, session in ((1, "gone"), (2, "kept"), (3, "gone"))]
    store.commit(Commit(position=made.position(4), rows=[Rows(logs=[log]) for log in logs]))
    db = ExportDb.open(paths)
    refused = [Refusal(SpanKey(log.record, log.ordinal), 1, 400, "it quotes something") for log in logs]
    db.settle(Settlement(SpanKey(3, 0), 3, {}, refused), "logs")
    with contextlib.closing(Reader(paths)) as reader:
        db.forget([], logs=reader.log_keys("gone"))
    assert [one.key.record for one in refusals(db, "refused_log")] == [2]
    db.close()
    store.close()
