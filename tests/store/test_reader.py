"""Questions to the store."""

import time

import msgspec
import pytest

from hookspan.agent import attention
from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import SessionPhase
from hookspan.catalogue.session_fields import SessionRow
from hookspan.model.rows import Increment, Rows
from hookspan.paths import Paths
from hookspan.store import Commit, Counts, Reader, SpanKey, SpanQuery, Store, Summary, ToolCount, set_aside
from tests.store import made

MINUTE = 60_000_000_000


@pytest.fixture
def reader(paths: Paths):
    paths.create()
    asked = Reader(paths)
    yield asked
    asked.close()


def test_before_there_is_a_store_all_answers_are_empty(reader: Reader) -> None:
    assert reader.counts() == Counts()
    assert reader.summary(time.time_ns()) == Summary()
    assert reader.series() is None
    assert reader.last_span() == (0, 0)
    assert (reader.sessions(), reader.events(), reader.spans_after(SpanKey(0, 0), 1)) == ([], [], [])


def test_export_sees_no_local_spans_and_hook_spans_only_if_asked(paths: Paths, reader: Reader) -> None:
    store = Store.open(paths)
    spans = [
        made.span(1, 0),
        made.span(1, 1, local=True),
        made.span(1, 2, hook=True),
        made.span(2, 0),
        made.span(3, 0, local=True),
    ]
    store.commit(Commit(position=made.position(4), rows=[Rows(spans=spans)]))

    def keys(**how) -> list[tuple[int, int]]:
        return [(one.record, one.ordinal) for one in reader.spans_after(SpanKey(0, 0), 100, **how)]

    assert keys() == [(1, 0), (1, 2), (2, 0)]
    assert keys(hooks=False) == [(1, 0), (2, 0)]
    assert reader.count_spans(SpanKey(0, 0)) == (3, SpanKey(3, 0))
    assert reader.count_spans(SpanKey(1, 0), hooks=False) == (1, SpanKey(3, 0))
    assert reader.count_spans(SpanKey(3, 0)) == (0, SpanKey(3, 0))
    assert reader.last_span() == SpanKey(3, 0)
    store.close()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["NPM"], [1, 2]),
        (["npm", "Test"], [1]),
        (["shop"], [1, 3]),
        (["Über"], [2]),
        (["100%"], [3]),
        (["a_b"], [3]),
        (["%"], [3]),
        (["\\"], [1]),
        (["chat"], [4, 6, 7]),
        (["gpt"], [6, 7]),
        (["zyx"], []),
        (["npm" * 100_000], []),
    ],
)
def test_spans_are_found_by_words_and_added_up(
    paths: Paths, reader: Reader, words: list[str], found: list[int]
) -> None:
    store = Store.open(paths)
    spans = [
        made.span(1, label="npm test c:\\tmp", attributes={sc.PROJECT: "Shop", sc.WAITED: 1.5}),
        made.span(2, label="npm run Über", attributes={sc.PROJECT: "till", sc.WAITED: 2}),
        made.span(3, label="a_b 100%", attributes={sc.PROJECT: "shop"}),
        made.span(4, name="chat claude", attributes={sc.GEN_AI_USAGE_INPUT_TOKENS: 7, sc.COST_USD: 0.5}),
        made.span(5, name="hook PostToolUse", hook=True, label="npm shop Über 100% a_b"),
        made.span(6, name="child chat gpt", label="gpt 1", attributes={sc.GEN_AI_USAGE_INPUT_TOKENS: 9, sc.WAITED: 1}),
        made.span(7, name="child chat gpt", label="gpt 2", attributes={sc.GEN_AI_USAGE_INPUT_TOKENS: 9}),
    ]
    store.commit(Commit(position=made.position(9), rows=[Rows(spans=spans)]))
    page, sums = reader.find_and_add_spans(SpanQuery(words=tuple(words)))
    assert sorted(span.record for span in page) == found
    cost, waited, tokens = ({4: 0.5}, {1: 1.5, 2: 2}, {4: 7})
    assert (sums.spans, sums.cost, sums.waited, sums.input) == (
        len(found),
        *(sum(of.get(record, 0) for record in found) for of in (cost, waited, tokens)),
    )
    # Those of which one page has not all are added up by the store.
    first, added = reader.find_and_add_spans(SpanQuery(words=tuple(words), limit=max(len(found), 1)))
    assert (first, added) == (page, sums)
    for session in {"", *(span.session for span in spans)}:
        wanted = SpanQuery(words=tuple(words), session=session, limit=100)
        _, by_the_store = reader.find_and_add_spans(msgspec.structs.replace(wanted, limit=1))
        assert by_the_store == reader.find_and_add_spans(wanted)[1]
    store.close()


def test_compactions_are_counted_for_each_session(paths: Paths, reader: Reader) -> None:
    now = time.time_ns()
    auto, manual = {sc.TRIGGER: "auto"}, {sc.TRIGGER: "manual"}
    asked = [("s1", auto, 1), ("s1", auto, 2), ("s1", manual, 3), ("s1", auto, 30), ("s2", auto, 1), ("s3", auto, 1)]
    store = Store.open(paths)
    spans = [
        made.span(n, name="compact", session=who, attributes=why, start=now - ago * MINUTE, end=now)
        for n, (who, why, ago) in enumerate(asked, 1)
    ]
    sessions = {who: (b"", SessionRow(id=who, phase=SessionPhase.WORKING, last=now)) for who in ("s1", "s2", "s3")}
    store.commit(Commit(position=made.position(9), rows=[Rows(spans=spans)], sessions=sessions))
    assert reader.most_compactions(now - 15 * MINUTE) == 2
    assert reader.most_compactions(now + MINUTE) == 0
    store.close()


def test_an_alarm_is_told_however_many_sessions_are_newer(paths: Paths, reader: Reader) -> None:
    store = Store.open(paths)
    rows = [SessionRow(id=f"s{number}", phase=SessionPhase.WORKING, last=number) for number in range(1, 151)]
    rows[0] = msgspec.structs.replace(rows[0], alarm="repeated_call", alarm_calls=9)
    rows[1] = msgspec.structs.replace(rows[1], alarm="repeated_call", alarm_ended=5)
    store.commit(Commit(position=made.position(9), sessions={row.id: (b"", row) for row in rows}))
    assert [(alarm["session"], alarm["calls"]) for alarm in attention.alarms(reader)] == [("s1", 9)]
    store.close()


def test_events_page_in_both_directions(paths: Paths, reader: Reader) -> None:
    store = Store.open(paths)
    store.commit(made.commit(1, 20))
    assert [one.record for one in reader.events(limit=3)] == [20, 19, 18]
    assert [one.record for one in reader.events(before=18, limit=2)] == [17, 16]
    assert [one.record for one in reader.events(after=18)] == [19, 20]
    assert [one.record for one in reader.events(limit=2, session="session-1")] == [19, 16]
    assert reader.find_sessions("session-") == ["session-0", "session-1", "session-2"]
    assert [one.session for one in reader.spans_of_trace(made.TRACE)][:2] == ["session-1", "session-1"]
    store.close()


def test_summary(paths: Paths, reader: Reader) -> None:
    now = time.time_ns() // MINUTE * MINUTE
    store = Store.open(paths)

    def session(number: int, phase: SessionPhase, last: int, **more) -> SessionRow:
        return SessionRow(id=f"s{number}", phase=phase, started=last - 10 * MINUTE, last=last, **more)

    sessions = [
        session(1, SessionPhase.WORKING, now - MINUTE),
        session(2, SessionPhase.WAITING, now - 5 * MINUTE, waiting_since=now - 4 * MINUTE),
        session(3, SessionPhase.WAITING, now - 50 * MINUTE, waiting_since=now - 49 * MINUTE),
        session(4, SessionPhase.ENDED, now - 90 * MINUTE, ended=now - 90 * MINUTE, end_reason="session_end"),
    ]

    def gained(instrument: str, attributes: dict[str, str], count: int, minutes_ago: int) -> list[Increment]:
        return [Increment(instrument, tuple(sorted(attributes.items())), 1, now - minutes_ago * MINUTE)] * count

    calls = {"Bash": 7, "Read": 6, "Edit": 5, "Grep": 4, "Glob": 2, "Write": 1}
    increments = [
        *gained("hookspan.tool.calls", {sc.GEN_AI_TOOL_NAME: "Write", sc.OUTCOME: "success"}, 90, 61),
        *(
            one
            for tool, count in calls.items()
            for one in gained("hookspan.tool.calls", {sc.GEN_AI_TOOL_NAME: tool, sc.OUTCOME: "success"}, count, 59)
        ),
    ]
    store.commit(
        Commit(
            position=made.position(2),
            rows=[Rows(increments=increments)],
            sessions={one.id: (b"", one) for one in sessions},
        )
    )
    assert reader.summary(now) == Summary(
        top_tools=tuple(ToolCount(tool, count) for tool, count in list(calls.items())[:5]),
        phases={"working": 1, "waiting": 2},
        oldest_wait=now - 49 * MINUTE,
    )
    assert [one.id for one in reader.sessions()] == ["s1", "s2", "s3", "s4"]
    assert [one.id for one in reader.sessions(open_only=True, since=now - 10 * MINUTE)] == ["s1", "s2"]
    answered = session(2, SessionPhase.WORKING, now)
    store.commit(
        Commit(
            position=made.position(3),
            rows=[Rows(increments=gained("hookspan.tool.calls", {sc.GEN_AI_TOOL_NAME: "Write"}, 2, 0))],
            sessions={"s2": (b"", answered)},
        )
    )
    assert reader.summary(now).phases == {"working": 2, "waiting": 1}
    assert ToolCount("Write", 3) in reader.summary(now).top_tools
    assert reader.summary(now, local=False) == reader.summary(now)
    assert reader.summary(now + 2 * MINUTE).top_tools == (ToolCount("Write", 2),)
    store.close()


def test_a_reader_that_looks_while_the_writer_writes_sees_whole_commits(paths: Paths, reader: Reader) -> None:
    store = Store.open(paths)
    store.commit(made.commit(1, 1))
    with reader._readings.snapshot() as db:
        assert db is not None
        first = db.execute("SELECT count(*) FROM span").fetchone()
        store.commit(made.commit(2, 50))
        assert db.execute("SELECT count(*) FROM span").fetchone() == first
    assert reader.counts().events == 50
    snapshot = reader.series()
    assert snapshot is not None
    assert (snapshot.record, snapshot.epoch) == (51, store.epoch)
    store.close()


def test_a_reader_follows_to_the_store_that_takes_the_place_of_a_damaged_one(paths: Paths, reader: Reader) -> None:
    store = Store.open(paths)
    store.commit(made.commit(1, 50))
    assert reader.counts().events == 50
    store.close()
    set_aside(paths.store, 1)
    assert reader.counts().events == 0
    store = Store.open(paths)
    store.commit(made.commit(1, 10))
    assert reader.counts().events == 10
    store.close()
