"""Sums of waste: what is kept of them, and who has most."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing

import pytest

from hookspan.catalogue.session_fields import SessionRow
from hookspan.model.rows import Rows, Waste
from hookspan.paths import Paths
from hookspan.store import Commit, Reader, Retention, Store, WasteQuery, running_waste
from hookspan.store.waste import sums
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


QUERIES = (
    WasteQuery(local=False),
    WasteQuery(since=AT + DAY, local=False),
    WasteQuery(until=AT + DAY),
    WasteQuery(project="shop"),
    WasteQuery(agent="codex"),
)
KINDS = ("failed", "asked", "definitions", "used")
WHAT = ("mcp_server:tiny", "plugin:kit", "mcp_server:plugin_kit_x")


class Life:
    """A store that anything happens to, and who asks it again and again."""

    def __init__(self, paths: Paths, store: Store, seed: int) -> None:
        self.paths, self.store, self.record, self.random = paths, store, 0, random.Random(seed)
        self.reader = Reader(paths)
        self.last = AT

    def commit(self, sessions: int) -> None:
        """A batch of some of so many sessions: new waste, which may be late, and rows that say something else now."""
        choice = self.random.choice
        self.record += 1
        self.last += HOUR
        names = [f"s-{self.random.randrange(sessions)}" for _ in range(3)]
        waste = [
            Waste(choice(KINDS), choice(WHAT), choice((AT, self.last)), name, 1, choice((0, 1)), 3, choice((0, 5)), 7)
            for name in names
        ]
        rows = {
            name: SessionRow(
                id=name,
                project=choice(("shop", "api", "")),
                agent=choice(("claude-code", "codex")),
                local=choice((False, False, True)),
                last=self.last,
                ended=choice((0, self.last)),
            )
            for name in names[: choice((1, 3))]  # of the others there is waste, but nothing else
        }
        states = {name: (b"", row) for name, row in rows.items()}
        self.store.commit(Commit(position=made.position(self.record), rows=[Rows(waste=waste)], sessions=states))

    def prune(self) -> None:
        self.store.prune(Retention(days=self.random.choice((2, 90)), bytes=1 << 40), self.last)

    def forget(self) -> None:
        self.store.forget([f"s-{self.random.randrange(9)}"])

    def check(self) -> None:
        for query in QUERIES:
            with closing(sqlite3.connect(self.paths.store)) as db:
                assert self.reader.waste(query, 50) == sums(db, query, 50)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_kept_sums_are_those_of_the_rows(
    paths: Paths, store: Store, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_waste, "QUESTIONS_MAX", len(QUERIES))
    monkeypatch.setattr(running_waste, "NEWEST", 2)
    monkeypatch.setattr(running_waste, "ASIDE_MAX", 5)
    life = Life(paths, store, seed)
    for number in range(60):
        happens = life.random.choices((life.commit, life.prune, life.forget), (12, 1, 1))[0]
        happens(5 + number // 2) if happens == life.commit else happens()  # type: ignore[call-arg, operator]
        life.check()


def test_only_sessions_that_changed_are_read_again(paths: Paths, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(store, 1, *(Waste("failed", "Bash", AT, f"shop-{n}", 1, 1, 1, n) for n in range(100)))
    commit(store, 2, Waste("failed", "Bash", AT, "shop-7", 1, 1, 1, 1))
    reader = Reader(paths)
    assert reader.waste(WasteQuery(), 1)[0].count == 101
    monkeypatch.delattr(running_waste, "groups")  # which read all
    commit(store, 3, Waste("failed", "Bash", AT, "shop-7", 1, 1, 1, 1), Waste("asked", "Bash", AT, "new-1", 4))
    assert [one.count for one in reader.waste(WasteQuery(), 9)] == [102, 4]
    commit(store, 4, Waste("asked", "Bash", AT, "new-1", 1))
    assert [one.count for one in reader.waste(WasteQuery(), 9)] == [102, 5]
