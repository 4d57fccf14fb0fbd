"""The store: one transaction or nothing, the same rows after a kill, and what is refused at its door."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from dirty_equals import IsPositiveInt

from hookspan.catalogue.enums import SessionPhase
from hookspan.catalogue.metrics import BY_NAME
from hookspan.catalogue.session_fields import SessionRow
from hookspan.model.rows import EventRow, Increment, Rows
from hookspan.paths import Paths
from hookspan.store import (
    Commit,
    FilesLost,
    Reader,
    Retention,
    SpanKey,
    Store,
    StoreDamaged,
    StoreTooNew,
    WasteQuery,
    database,
    schema,
    set_aside,
)
from hookspan.store.database import Files
from tests.store import made
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
DAY = 86_400_000_000_000


@pytest.fixture
def store(paths: Paths):
    paths.create()
    opened = Store.open(paths)
    yield opened
    opened.close()


def everything(paths: Paths) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, but for what is of one store and not of the journal: its epoch, its series' starts."""
    db = sqlite3.connect(paths.store)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    found = {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
    found["meta"] = [row for row in found["meta"] if row[0] != "epoch"]
    found["metric"] = [row[:3] + row[4:] for row in found["metric"]]
    db.close()
    return found


def test_what_goes_in_comes_out(paths: Paths, store: Store) -> None:
    store.commit(made.commit(1, 7))
    store.close()
    store = Store.open(paths)
    assert store.position() == made.position(8)
    assert store.load_world() == b"world 7"
    assert store.load_session("session-1") == b"session-1 at 7"
    assert store.load_session("unknown") is None
    assert sorted(store.open_sessions()) == [b"session-0 at 6", b"session-1 at 7", b"session-2 at 5"]
    reader = Reader(paths)
    assert reader.spans_after(SpanKey(0, 0), 100) == [one for record in range(1, 8) for one in made.rows(record).spans]
    assert reader.events(after=0) == [one for record in range(1, 8) for one in made.rows(record).events]
    assert reader.session("session-1") == made.commit(1, 7).sessions["session-1"][1]
    durations = [one for one in store.series() if one.instrument == "hookspan.tool.duration"]
    assert [(one.count, one.low, one.high) for one in durations] == [(3, 1.3, 7.3), (2, 2.3, 5.3), (2, 3.3, 6.3)]
    assert [one.value for one in durations] == pytest.approx([12.9, 7.6, 9.6])
    bounds = BY_NAME["hookspan.tool.duration"].bounds
    assert [bounds[index] for index, count in enumerate(durations[0].buckets) if count] == [2.5, 10]
    assert [(one.value, one.trace_id) for one in durations[0].exemplars] == [(7.3, made.TRACE)]


def test_a_commit_that_fails_leaves_nothing_behind(paths: Paths, store: Store) -> None:
    store.commit(made.commit(1, 10))
    before = everything(paths)
    sums = {one.key: (one.value, one.count, list(one.buckets)) for one in store.series()}
    bad = made.commit(11, 20)
    bad.rows[-1].increments.append(Increment("hookspan.hook.events", (("hook.event", "Stop"),), 1, 0))  # a new series
    bad.rows[-1].increments.append(Increment("no.such.instrument", (), 1, 0))
    with pytest.raises(KeyError):
        store.commit(bad)
    assert everything(paths) == before
    assert {one.key: (one.value, one.count, list(one.buckets)) for one in store.series()} == sums
    store.commit(made.commit(11, 20))
    again = Paths(state=paths.state / "again", config=paths.config, data=paths.data)
    again.create()
    other = Store.open(again)
    other.commit(made.commit(1, 10))
    other.commit(made.commit(11, 20))
    assert everything(again) == everything(paths)
    other.close()


WRITER = """
    import sys
    import time
    from pathlib import Path
    from hookspan.paths import Paths
    from hookspan.store import Store
    from tests.store import made

    state = Path(sys.argv[1])
    store = Store.open(Paths(state=state, config=state, data=state))
    made.START = int(sys.argv[2])
    position = store.position()
    first = position.record if position else 1
    print("ready", flush=True)
    while first <= 30_000:
        store.commit(made.commit(first, first + 99))
        first += 100
    time.sleep(float(sys.argv[3]))
    store.close()
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A store with all that WRITER writes, by one who was let alone."""
    folder = tmp_path_factory.mktemp("whole")
    paths = Paths(state=folder / "state", config=folder / "config.toml", data=folder / "data")
    paths.create()
    store = Store.open(paths)
    for first in range(1, 30_001, 100):
        store.commit(made.commit(first, first + 99))
    store.close()
    return paths


@pytest.mark.slow
@pytest.mark.xdist_group("killed")
@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_moment_it_ends_with_the_same_rows(paths: Paths, whole: Paths, seed: int) -> None:
    paths.create()
    script = paths.state / "writer.py"
    script.write_text(textwrap.dedent(WRITER))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'instrumentation'}"}

    def writer(stays: float = 0) -> subprocess.Popen[bytes]:
        arguments = (str(paths.state), str(made.START), str(stays))
        return subprocess.Popen([sys.executable, str(script), *arguments], env=environment, stdout=subprocess.PIPE)

    kills, reader, wasted = 0, Reader(paths), WasteQuery()
    for attempt in range(6):
        with writer(stays=PATIENCE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.05 + 0.0137 * attempt + 0.0071 * seed)  # somewhere in a commit or between two
            process.send_signal(signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
        assert reader.waste(wasted, 9) == Reader(paths).waste(wasted, 9), "sums that are kept are those of the rows"
    assert kills == 6
    with writer() as process:
        assert process.wait() == 0

    assert reader.waste(wasted, 9) == Reader(whole).waste(wasted, 9)
    reader.close()
    assert everything(paths) == everything(whole)
    assert Reader(paths).counts() == Reader(whole).counts()
    assert Reader(paths).counts().events == 30_000


def test_text_and_numbers_that_sqlite_cannot_hold_are_mended(paths: Paths, store: Store) -> None:
    bad = made.commit(1, 2)
    bad.rows[0].spans[0].attributes["half"] = "a\ud800b"
    bad.rows[0].spans[0].label = "\udfff"
    bad.rows[1].spans[0].attributes["nan"] = float("nan")
    bad.sessions = {"session-1": (b"state", SessionRow(id="session-1", title="\ud83d", pid=1 << 70))}
    store.commit(bad)
    first, _, second, _ = Reader(paths).spans_after(SpanKey(0, 0), 10)
    assert (first.attributes["half"], first.label) == ("a?b", "?")
    assert "nan" not in second.attributes
    row = Reader(paths).session("session-1")
    assert row is not None
    assert (row.title, row.phase) == ("?", SessionPhase.IDLE)
    assert row.pid == IsPositiveInt
    assert next(iter(store.series())).count == 2  # each counted once, though written at the second attempt


def test_a_value_on_a_bound_belongs_to_the_bucket_below_it(store: Store) -> None:
    increments = [Increment("hookspan.tool.duration", (), value, 0) for value in (0.01, 0.0101, 1800, 1801)]
    store.commit(Commit(position=made.position(2), rows=[Rows(increments=increments)]))
    (series,) = store.series()
    assert series.buckets == [1, 1, *[0] * 8, 1, 1]


def test_over_the_cap_series_share_one_overflow_series(paths: Paths, store: Store) -> None:
    increments = [Increment("hookspan.tool.calls", (("gen_ai.tool.name", f"t{n}"),), 1, 0) for n in range(2_010)]
    increments += [Increment("hookspan.lines", (("hookspan.project", "p"),), 5, 0)] * 2
    store.commit(Commit(position=made.position(2), rows=[Rows(increments=increments)]))
    snapshot = Reader(paths).series()
    assert snapshot is not None
    for sums in (store.series(), snapshot.series):
        over = [one for one in sums if one.attributes == (("otel.metric.overflow", "true"),)]
        assert [(one.instrument, one.value) for one in over] == [("hookspan.tool.calls", 10), ("hookspan.lines", 10)]
        assert sum(one.value for one in sums) == 2_020


def test_a_newer_store_is_refused_with_a_hint_and_left_alone(paths: Paths, store: Store) -> None:
    store.close()
    with sqlite3.connect(paths.store) as db:
        db.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    before = paths.store.read_bytes()
    with pytest.raises(StoreTooNew) as refused:
        Store.open(paths)
    assert refused.value.hint
    assert str(paths.store) in refused.value.message
    assert paths.store.read_bytes() == before


def test_a_migration_keeps_a_copy_and_is_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    first = "CREATE TABLE one (x); INSERT INTO one VALUES (42);"
    database.open_writer(path, application=7, migrations=(first,)).close()
    with pytest.raises(sqlite3.OperationalError):
        database.open_writer(path, application=7, migrations=(first, "CREATE TABLE two (y); CREATE TABLE one (z);"))
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert [name for (name,) in db.execute("SELECT name FROM sqlite_schema")] == ["one"]
    opened = database.open_writer(path, application=7, migrations=(first, "ALTER TABLE one ADD COLUMN y DEFAULT 1;"))
    assert opened.execute("SELECT x, y FROM one").fetchall() == [(42, 1)]
    opened.close()
    with sqlite3.connect(tmp_path / "some.db.v1") as copy:
        assert copy.execute("SELECT * FROM one").fetchall() == [(42,)]
    assert (tmp_path / "some.db.v1").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("earlier", [0, 1])
def test_while_a_store_is_made_or_upgraded_a_reader_sees_it_as_it_was_or_whole(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, earlier: int
) -> None:
    paths.create()
    if earlier:
        with sqlite3.connect(paths.store) as older:
            older.executescript(
                f"PRAGMA application_id = {schema.APPLICATION}; PRAGMA user_version = {earlier};"
                + "".join(schema.MIGRATIONS[:earlier])
            )
    seen: list[tuple[int, int]] = []

    def look(_: str) -> None:
        reader = database.open_reader(paths.store)
        versions = [reader.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "schema_version")]
        reader.close()
        if seen[-1:] != [tuple(versions)]:
            seen.append((versions[0], versions[1]))

    class Watched(sqlite3.Connection):
        def __init__(self, path: Any, *arguments: Any, **options: Any) -> None:
            super().__init__(path, *arguments, **options)
            if path == paths.store:
                self.set_trace_callback(look)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **options: connect(path, **{"factory": Watched, **options}))
    Store.open(paths).close()
    assert [version for version, _ in seen] == [earlier, len(schema.MIGRATIONS)]


@pytest.mark.parametrize("damage", ["text", "foreign", "header", "pages"])
def test_a_damaged_store_is_told_apart_and_can_be_set_aside(paths: Paths, store: Store, damage: str) -> None:
    store.commit(made.commit(1, 2_000))
    store.close()
    if damage == "foreign":
        paths.store.unlink()
        with sqlite3.connect(paths.store) as db:
            db.execute("CREATE TABLE theirs (x)")
    else:
        content = bytearray(paths.store.read_bytes())
        if damage == "text":
            content = bytearray(b"this is no database at all\n" * 100)
        elif damage == "header":
            content[:16] = b"x" * 16
        else:
            content[4096:] = os.urandom(len(content) - 4096)
        paths.store.write_bytes(content)
    with pytest.raises(StoreDamaged):
        Store.open(paths).commit(made.commit(2_001, 2_500))
    aside = set_aside(paths.store, 1)
    assert aside.exists()
    fresh = Store.open(paths)
    assert fresh.position() is None
    fresh.close()


def halved(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def replaced(path: Path) -> None:
    path.with_name("other").write_bytes(path.read_bytes())
    path.with_name("other").replace(path)


# A log that is cut is written on where it was: it has a hole then, which whoever reads there meets.
@pytest.mark.parametrize(
    ("suffix", "damage"),
    [("", halved), ("", replaced), ("", Path.unlink), ("-wal", replaced), ("-wal", Path.unlink)],
)
def test_what_happens_to_a_file_during_a_transaction_is_noticed_at_the_next(
    paths: Paths, store: Store, suffix: str, damage: Callable[[Path], None]
) -> None:
    store.commit(made.commit(1, 200))
    hit = paths.store.with_name(paths.store.name + suffix)

    def strike(statement: str) -> None:
        if statement == "COMMIT":
            damage(hit)

    store._db.set_trace_callback(strike)
    with contextlib.suppress(StoreDamaged, sqlite3.Error):  # or by SQLite itself, at once
        store.commit(made.commit(201, 202))
    store._db.set_trace_callback(None)
    with pytest.raises(StoreDamaged):
        store.commit(made.commit(203, 204))


def test_a_database_that_gives_pages_back_was_not_cut(paths: Paths, store: Store) -> None:
    store.commit(made.commit(1, 3000))
    store._db.execute("PRAGMA wal_checkpoint")
    long = paths.store.stat().st_size
    store._db.execute("PRAGMA wal_autocheckpoint = 1")
    while not store.prune(Retention(days=30, bytes=1, exported=None), time.time_ns()).done:
        pass
    store.commit(made.commit(3001, 3002))
    assert paths.store.stat().st_size < long
    store.check()


def test_a_checkpoint_by_another_program_cuts_nothing_that_is_missed(paths: Paths, store: Store) -> None:
    """By a shell, `sqlite3 store.db "PRAGMA wal_checkpoint(TRUNCATE)"`, or a program that copies databases."""
    store.commit(made.commit(1, 3000))
    store._db.execute("PRAGMA wal_checkpoint")
    long = paths.store.stat().st_size
    store.prune(Retention(days=30, bytes=1), time.time_ns())  # the file is cut by the next checkpoint
    store.commit(made.commit(3001, 3002))
    with contextlib.closing(sqlite3.connect(paths.store)) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    log = paths.store.with_name("store.db-wal")
    assert (log.stat().st_size, paths.store.stat().st_size < long) == (0, True)
    store.check()
    store.commit(made.commit(3003, 3004))
    assert [one.record for one in Reader(paths).events(after=3000, limit=10)] == [3001, 3002, 3003, 3004]
    os.truncate(log, 0)
    with pytest.raises(FilesLost, match="was cut"):
        store.check()


def test_a_checkpoint_right_before_a_transaction_is_none_of_a_log_that_was_cut(paths: Paths, store: Store) -> None:
    store.commit(made.commit(1, 200))

    def checkpoint(statement: str) -> None:
        if statement == "BEGIN IMMEDIATE":
            store._db.set_trace_callback(None)
            with contextlib.closing(sqlite3.connect(paths.store)) as other:
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    store._db.set_trace_callback(checkpoint)
    store.commit(made.commit(201, 202))
    store.check()
    assert Reader(paths).counts().events == 202


def test_a_log_that_was_emptied_with_its_index_was_cut(paths: Paths, store: Store) -> None:
    store.commit(made.commit(1, 200))
    log, index = (paths.store.with_name(f"store.db{suffix}") for suffix in ("-wal", "-shm"))
    size = index.stat().st_size
    for path in (log, index):
        os.truncate(path, 0)
    with pytest.raises(FilesLost, match="was cut"):
        store.check()
    os.truncate(index, size)  # what is mapped must be there


def test_files_are_the_users_alone(paths: Paths, store: Store) -> None:
    store.commit(made.commit(1, 2))
    files = list(paths.state.glob("store.db*"))
    assert len(files) >= 2
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_columns_are_the_fields_of_the_rows(paths: Paths, store: Store) -> None:
    store.commit(made.commit(1, 1))
    with sqlite3.connect(paths.store) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(session)")]
    assert sorted(columns) == sorted(["session", *SessionRow.__struct_fields__])


def test_a_field_that_an_older_version_had_no_column_for_gets_one(paths: Paths, store: Store) -> None:
    """Without a copy of the file, since nothing in it changes; and what a newer version added is let be."""
    store.commit(made.commit(1, 1))
    store.close()
    with sqlite3.connect(paths.store) as db:
        db.execute("ALTER TABLE session DROP COLUMN failure")
        db.execute("ALTER TABLE session ADD COLUMN of_a_newer_version TEXT NOT NULL DEFAULT ''")
    reader = Reader(paths)
    assert reader.sessions() == []  # as long as no agent of this version has opened it
    with contextlib.closing(Store.open(paths)) as opened:
        (row,) = reader.sessions()
        assert (row.failure, row.tools) == ("", 1)
        opened.commit(made.commit(2, 2))
        assert {row.tools for row in reader.sessions()} == {1, 2}
    assert list(paths.state.glob("*.v*")) == []


def test_retention_by_age_spares_what_waits_for_export(paths: Paths, store: Store) -> None:
    now = made.START
    old = made.commit(1, 5_000)
    for each in old.rows:
        for span in each.spans:
            span.start -= 10 * DAY
            span.end -= 10 * DAY
        each.logs[0].at -= 10 * DAY
        each.events[0] = type(each.events[0])(**{**_fields(each.events[0]), "at": each.events[0].at - 10 * DAY})
    ended = old.sessions["session-0"][1]
    assert ended is not None
    ended.ended = ended.last = now - 9 * DAY
    store.commit(old)
    store.commit(made.commit(5_001, 5_010))
    sums = [(one.key, one.value) for one in store.series()]
    exported = SpanKey(4_000, 1).pack()
    while not store.prune(Retention(days=5, bytes=1 << 40, exported=exported, logged=exported + 1), now).done:
        pass
    reader = Reader(paths)
    assert [one.record for one in reader.logs_after(SpanKey(0, 0), 1)[0]] == [4_001]
    left = reader.spans_after(SpanKey(0, 0), 10_000)
    assert [one.record for one in left[:2]] == [4_001, 4_001]
    assert len(reader.events(after=0, limit=10_000)) == 10
    assert reader.counts().spans == len(left) == 2 * 1_010
    assert reader.session("session-0") is not None  # a newer commit touched it again
    while not store.prune(Retention(days=5, bytes=1 << 40), now).done:
        pass
    assert reader.counts().spans == 20
    assert reader.count_logs(SpanKey(0, 0)) == (10, SpanKey(5_010, 0))
    assert [(one.key, one.value) for one in store.series()] == sums


def test_an_old_session_goes_with_all_of_its_rows_wherever_they_lie(paths: Paths, store: Store) -> None:
    """What is imported comes behind newer rows."""
    store.commit(made.commit(1, 2_500))
    of_old = {"session": "old"}
    now, at = made.START + DAY, made.START - 20 * DAY
    imported = made.commit(2_501, 5_000)
    imported.sessions.clear()
    imported.sessions["old"] = (b"old", SessionRow(id="old", project="shop", started=at, last=at, ended=at, local=True))
    for record, rows in enumerate(imported.rows, 2_501):
        rows.spans[:] = [made.span(record, start=at, end=at, local=True, **of_old)]
        rows.logs[:] = [made.log(record, at=at, **of_old)]
        rows.events[:] = [EventRow(record, at, "old", "PostToolUse", "Bash", 0, 0)]
        rows.waste.clear()
        rows.touched = {"old"}
    store.commit(imported)
    policy = Retention(days=5, bytes=1 << 40, exported=SpanKey(4_000, 1).pack())
    reader = Reader(paths)
    foreseen = reader.prunable(policy, now)
    gone = Counter[str]()
    while True:
        pruned = store.prune(policy, now)
        gone.update(events=pruned.events, spans=pruned.spans)
        if pruned.done:
            break
    assert gone == {"events": foreseen.events, "spans": foreseen.spans} == {"events": 2_500, "spans": 1_500}
    assert (reader.counts().events, reader.counts().spans) == (2_500, 2 * 2_500 + 1_000)
    assert reader.session("old") is None
    assert len(reader.sessions()) == 3
    assert reader.count_logs(SpanKey(0, 0))[0] == 2_500
    reader.close()


@pytest.mark.slow
def test_retention_by_size_takes_the_oldest(paths: Paths, store: Store) -> None:
    for first in range(1, 20_000, 500):
        store.commit(made.commit(first, first + 499))
    target = store.size() // 2
    while not store.prune(Retention(days=90, bytes=target), made.START + DAY).done:
        pass
    assert store.size() <= target
    store.close()
    assert paths.store.stat().st_size < 1.5 * target  # the space is given back
    events = Reader(paths).events(after=0, limit=20_000)
    assert events[-1].record == 20_000
    assert 5_000 < len(events) < 15_000


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [1, 300, 1_200])
def test_what_a_wrong_clock_wrote_takes_no_newer_session_with_it(paths: Paths, store: Store, wrong: int) -> None:
    commit = made.commit(1, 5_000)
    for rows in commit.rows[:wrong]:
        for span in rows.spans:
            span.end += 400 * DAY
    for row in commit.sessions.values():
        assert row[1] is not None
        row[1].ended = row[1].last
    store.commit(commit)
    target = store.size() * 3 // 4
    while not store.prune(Retention(days=90, bytes=target), made.START + DAY).done:
        pass
    assert store.size() <= target
    reader = Reader(paths)
    assert len(reader.sessions()) == 3
    assert [event.record for event in reader.events(limit=1)] == [5_000]
    reader.close()


def test_what_a_wrong_clock_wrote_keeps_nothing_from_going_by_its_age(paths: Paths, store: Store) -> None:
    commit = made.commit(1, 2_600)
    for record, rows in enumerate(commit.rows[:2_550], 1):
        days = 400 if record <= 2_500 else -100
        for span in rows.spans:
            span.end += days * DAY
        rows.logs[0].at += days * DAY
        rows.events[0] = type(rows.events[0])(**{**_fields(rows.events[0]), "at": rows.events[0].at + days * DAY})
    ended = commit.sessions["session-0"][1]
    assert ended is not None
    ended.ended = ended.last = made.START + 400 * DAY
    store.commit(commit)
    while not store.prune(Retention(days=90, bytes=1 << 40), made.START + DAY).done:
        pass
    reader = Reader(paths)
    assert reader.counts().spans == 2 * 50
    assert reader.count_logs(SpanKey(0, 0)) == (50, SpanKey(2_600, 0))
    assert [event.record for event in reader.events(after=0, limit=100)] == list(range(2_551, 2_601))
    reader.close()


def test_rollups_become_hours_and_lose_nothing(paths: Paths, store: Store) -> None:
    hour = 3_600_000_000_000
    base = (made.START - 6 * DAY) // hour * hour
    increments = [
        Increment("hookspan.cost", (("hookspan.project", "shop"),), 0.5, base + minute * 60_000_000_000)
        for minute in range(300)
    ]
    store.commit(Commit(position=made.position(2), rows=[Rows(increments=increments)]))
    while not store.prune(Retention(days=30, bytes=1 << 40), made.START).done:
        pass
    totals = Reader(paths).totals("hookspan.cost", since=base, slot=60)["hookspan.cost"]
    assert [(one.minute - base // 60_000_000_000, one.count, one.value) for one in totals] == [
        (60 * index, 60, 30.0) for index in range(5)
    ]
    with sqlite3.connect(paths.store) as db:
        assert db.execute("SELECT count(*) FROM rollup").fetchone() == (5,)


def test_sums_over_days_are_those_of_their_hours(paths: Paths, store: Store) -> None:
    """Also where a day has just begun, ends the time that is asked for, or belongs to a project that is forgotten."""
    hour = 3_600_000_000_000
    base = made.START // DAY * DAY - 5 * DAY
    labels = [(("hookspan.project", name),) for name in ("shop", "api")]
    increments = [Increment("hookspan.cost", labels[n % 2], 1, base + n * 5 * hour) for n in range(24)]
    store.commit(Commit(position=made.position(2), rows=[Rows(increments=increments)]))
    reader = Reader(paths)

    def sums(**asked: int) -> dict[object, float]:
        found: Counter[object] = Counter()
        for one in reader.totals("hookspan.cost", **asked).get("hookspan.cost", ()):
            found[one.attributes] += one.value
        return found

    for since, until in ((0, 9 * DAY), (hour, 4 * DAY), (DAY, 4 * DAY + hour), (DAY + hour, 3 * DAY), (hour, DAY)):
        whole = sums(since=base + since, until=base + until)
        assert whole == sums(since=base + since, until=base + until, slot=60)
        assert whole == sums(since=base + since, until=base + until, slot=1440)
    for shift in (0, 120, -330):
        begins = {one.minute % 1440 for one in reader.totals("hookspan.cost", slot=1440, shift=shift)["hookspan.cost"]}
        assert begins == {-shift % 1440}
    store.forget([], ["api"])
    assert set(sums(since=base)) == {labels[0]}


def test_log_records_come_back_as_they_were(paths: Paths, store: Store) -> None:
    written = [made.log(1, label="a label"), made.log(1, 1), made.log(2, session="", trace_id="", span_id="")]
    assert Reader(paths).last_log() == SpanKey(0, 0)
    store.commit(Commit(position=made.position(3), rows=[Rows(logs=written[:2]), Rows(logs=written[2:])]))
    reader = Reader(paths)
    assert reader.logs_after(SpanKey(0, 0), 10) == (written, SpanKey(2, 0))
    assert reader.logs_after(SpanKey(1, 0), 1) == (written[1:2], SpanKey(2, 0))
    assert reader.last_log() == SpanKey(2, 0)


def test_records_of_a_journal_that_was_cut_replace_those_with_their_numbers(paths: Paths, store: Store) -> None:
    store.commit(made.commit(1, 9))
    other = made.rows(2)
    for row in (*other.spans, *other.logs):
        row.label = "another"
    store.commit(Commit(position=made.position(10), rows=[made.rows(9), other]))
    reader = Reader(paths)
    assert reader.spans_after(SpanKey(0, 0), 4)[2:] == other.spans
    assert reader.logs_after(SpanKey(0, 0), 2)[0][1:] == other.logs
    assert [event.record for event in reader.events(after=0)] == list(range(1, 10))


def test_forgetting_a_session_leaves_nothing_of_it(paths: Paths, store: Store) -> None:
    store.commit(made.commit(1, 9))
    assert store.forget(["session-1", "unknown"]) == 1
    reader = Reader(paths)
    assert {one.session for one in reader.spans_after(SpanKey(0, 0), 100)} == {"session-0", "session-2"}
    assert {one.session for one in reader.events(after=0)} == {"session-0", "session-2"}
    assert {one.session for one in reader.logs_after(SpanKey(0, 0), 100)[0]} == {"session-0", "session-2"}
    assert reader.session("session-1") is None
    assert store.load_session("session-1") is None
    assert reader.counts().spans == 12
    store.commit(made.commit(10, 10))  # and it may come back
    assert [one.record for one in reader.spans_of_session("session-1")] == [10, 10]


def _fields(struct: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def test_a_database_that_was_cut_above_its_size_at_opening_is_noticed(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (x)")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        files = Files(tmp_path / "a.db", db)
        db.execute("INSERT INTO t VALUES (zeroblob(1000000))")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        files.settle()
        files.check()
        os.truncate(tmp_path / "a.db", 500_000)
        with pytest.raises(FilesLost, match="was cut"):
            files.check()
