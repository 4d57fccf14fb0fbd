"""Sums of waste: what is kept of them, and who has most."""

from __future__ import annotations

import sqlite3

import pytest

from hookspan.catalogue.session_fields import SessionRow
from hookspan.model.rows import Rows, Waste
from hookspan.paths import Paths
from hookspan.store import Commit, Reader, Retention, Store, WasteQuery
from tests.store import made

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
AT = 1_000 * DAY


def commit(store: Store, record: int, *waste: Waste, local: bool = False) -> None:
    sessions = {}
    for name in {one.session for one in waste}:
        project = name.partition("-")[0]
        sessions[name] = (b"", SessionRow(id=name, project=project, title=f"of {name}", last=AT, ended=AT, local=local))
    store.commit(Commit(position=made.position(record), rows=[Rows(waste=list(waste))], sessions=sessions))


@pytest.fixture
def store(paths: Paths):
    paths.create()
    opened = Store.open(paths)
    yield opened
    opened.close()


def test_the_dearest_comes_first_with_who_has_most_of_it(paths: Paths, store: Store) -> None:
    commit(
        store,
        1,
        *(Waste("failed", "Bash npm", AT + n, f"shop-{n}", 1, 1, 10, 100 * n, 5) for n in range(1, 5)),
        Waste("failed", "Bash npm", AT - HOUR, "shop-1", 2, 0, 0, 0, 1),
        Waste("asked", "Bash npm", AT, "api-1", 1, took=9_000),
        Waste("asked", "Bash ls", AT, "api-1", 3, took=7),
    )
    commit(store, 2, Waste("failed", "Bash npm", AT, "old-1", 1, 1, 1, 10**9, 1), local=True)
    reader = Reader(paths)
    dearest, slowest, _ = reader.waste(WasteQuery(local=False), 9)
    assert (dearest.kind, dearest.what, dearest.count, dearest.priced, dearest.nano) == (
        "failed",
        "Bash npm",
        6,
        4,
        1000,
    )
    most = reader.wasted_sessions(WasteQuery(local=False), dearest, 3)
    assert [(one.id, one.title, one.nano) for one in most] == [
        (f"shop-{n}", f"of shop-{n}", 100 * n) for n in (4, 3, 2)
    ]
    assert (slowest.what, slowest.took) == ("Bash npm", 9_000)
    assert reader.waste(WasteQuery(), 1)[0].nano == 10**9 + 1000
    assert reader.waste(WasteQuery(since=AT, local=False), 1)[0].count == 4
    assert reader.waste(WasteQuery(until=AT, local=False), 1)[0].count == 2
    assert [one.what for one in reader.waste(WasteQuery(project="api"), 9)] == ["Bash npm", "Bash ls"]


def test_definitions_are_waste_in_projects_that_never_used_them(paths: Paths, store: Store) -> None:
    def defined(what: str, session: str, nano: int) -> Waste:
        return Waste("definitions", what, AT, session, 1, 1, 10, nano)

    commit(
        store,
        1,
        defined("mcp_server:tiny", "shop-1", 5),
        defined("mcp_server:tiny", "shop-2", 6),
        defined("mcp_server:tiny", "api-1", 70),
        Waste("used", "mcp_server:tiny", AT, "api-2", 1),
        defined("plugin:kit", "shop-1", 4),
        defined("plugin:other", "shop-1", 3),
        Waste("used", "mcp_server:plugin_kit_x", AT, "shop-2", 1),
    )
    reader = Reader(paths)
    found = reader.waste(WasteQuery(), 9)
    assert [(one.what, one.nano, one.used_in) for one in found] == [
        ("mcp_server:tiny", 11, ["api"]),
        ("plugin:other", 3, []),
    ]
    assert [one.id for one in reader.wasted_sessions(WasteQuery(), found[0], 9)] == ["shop-2", "shop-1"]


def test_it_goes_with_its_session_and_with_age(paths: Paths, store: Store) -> None:
    commit(store, 1, *(Waste("failed", "Bash", AT + n * DAY, f"shop-{n}", 1, 1, 1, 1) for n in range(3)))
    reader = Reader(paths)
    store.prune(Retention(days=1, bytes=1 << 40), AT + 2 * DAY)
    assert reader.waste(WasteQuery(), 1)[0].count == 2
    store.forget(["shop-2"])
    assert reader.waste(WasteQuery(), 1)[0].count == 1


def test_what_is_over_is_kept_by_the_day_with_the_same_sums(paths: Paths, store: Store) -> None:
    commit(store, 1, *(Waste("failed", "Bash", AT + n * HOUR, f"shop-{n % 2}", 1, 1, 2, 3, 4) for n in range(30)))
    reader = Reader(paths)
    whole = reader.waste(WasteQuery(), 1)
    while not store.prune(Retention(days=90, bytes=1 << 40), AT + 4 * DAY).done:
        pass
    assert reader.waste(WasteQuery(), 1) == whole
    assert reader.waste(WasteQuery(since=AT + DAY), 1)[0].count == 6
    with sqlite3.connect(paths.store) as db:
        assert db.execute("SELECT session, hour - ? FROM waste ORDER BY 2", (AT // HOUR,)).fetchall() == [
            (1, 0),
            (2, 1),
            (1, 24),
            (2, 25),
        ]
