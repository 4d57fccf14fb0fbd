"""Figures of a day that is over: kept while nothing of it changes, and right when something does."""

import time

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.session_fields import SessionRow
from hookspan.model.rows import Rows, Span
from hookspan.paths import Paths
from hookspan.store import Commit, Reader, Retention, Store, days
from tests.store import made

DAY = 86_400 * 10**9
NOW = time.time_ns()
SINCE, UNTIL = NOW - 2 * DAY, NOW - DAY
NANO = 10**9


class Past:
    """A store, and two who read a past day of it: one again and again, the other for the first time."""

    def __init__(self, paths: Paths) -> None:
        paths.create()
        self.paths, self.store, self.record = paths, Store.open(paths), 0
        self.reader = Reader(paths)

    def call(self, start: int, usd: float, session: str = "one", *, last: int = NOW, unseen: int = 0) -> None:
        """A model call becomes known, and a tool call that waited half a second."""
        self.record += 1
        about = {"start": start, "end": start + 1, "session": session}
        model = made.span(self.record, name="chat m", attributes={sc.COST_USD: usd}, **about)
        tool = made.span(self.record, 1, name="execute_tool Bash", attributes={sc.WAITED: 0.5}, **about)
        row = SessionRow(id=session, project="shop", started=SINCE, last=last, ended=last, residual_nano=unseen)
        position = made.position(self.record + 1)
        self.store.commit(Commit(position=position, rows=[Rows(spans=[model, tool])], sessions={session: (b"", row)}))

    def told(self) -> tuple[float, float]:
        """USD and seconds waited."""
        known = self.reader.past_day(SINCE, UNTIL)
        assert known == Reader(self.paths).day(SINCE, UNTIL)
        return known.nano / NANO, known.waited


@pytest.fixture
def past(paths: Paths):
    past = Past(paths)
    yield past
    past.reader.close()
    past.store.close()


def test_whatever_changes_a_day_that_is_over_is_seen(past: Past) -> None:
    past.call(SINCE + 1, 1.0)
    past.call(SINCE + 2, 2.0, "two")
    assert past.told() == (3.0, 1.0)
    past.call(NOW, 4.0)
    assert past.told() == (3.0, 1.0)
    past.call(SINCE + 3, 8.0)
    assert past.told() == (11.0, 1.5), "a late record"
    past.call(NOW, 1.0, "three", last=UNTIL - 1, unseen=NANO)
    assert past.told() == (12.0, 1.5), "what was counted beyond the transcript"
    past.call(NOW, 1.0, "three", last=NOW, unseen=NANO)
    assert past.told() == (11.0, 1.5), "the session went on, later"
    past.store.forget(["two"])
    past.call(NOW, 1.0)
    assert past.told() == (9.0, 1.0), "a session was forgotten, and another went on"
    policy = Retention(days=1, bytes=1 << 40)
    while not past.store.prune(policy, NOW + DAY // 2).done:
        pass
    assert past.told() == (0.0, 0.0), "pruned"


def test_until_later_only_what_came_between_is_read(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    past.call(SINCE + 1, 1.0)
    past.call(SINCE + 100, 2.0)
    asked: list[tuple[int, int]] = []
    read = days._of_spans
    monkeypatch.setattr(
        days, "_of_spans", lambda db, since, until: asked.append((since, until)) or read(db, since, until)
    )
    assert past.reader.past_day(SINCE, SINCE + 50).nano == NANO
    past.call(NOW, 4.0)
    assert past.reader.past_day(SINCE, SINCE + 150).nano == 3 * NANO
    assert past.reader.past_day(SINCE, SINCE + 50).nano == NANO, "the clock was put back"
    assert asked == [(SINCE, SINCE + 50), (SINCE + 50, SINCE + 150), (SINCE, SINCE + 50)]


def test_of_days_that_are_asked_for_none_is_forgotten(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each day yesterday and the same day of the week before are; only the first is new."""
    read: list[int] = []
    monkeypatch.setattr(days, "_of_spans", lambda _db, since, _until: read.append(since) or days.Day())
    week_ago = NOW - 20 * DAY
    for today in range(8):
        before = len(read)
        for _ in range(3):
            past.reader.past_day(week_ago, week_ago + DAY)
            past.reader.past_day(NOW - DAY + today * DAY, NOW + today * DAY)
        again = [since for since in read[before:] if since == week_ago]
        assert len(again) == (not today)


def test_of_turns_those_that_failed_are_counted_and_subagents_are_none(past: Past) -> None:
    def spans(record: int, start: int) -> list[Span]:
        failed = {sc.OUTCOME: "error"}
        names = {
            "invoke_agent claude-code": failed,
            "invoke_agent codex": failed,
            "invoke_agent copilot": {sc.OUTCOME: "ok"},
            "invoke_agent Explore": {**failed, sc.AGENT_ID: "a1"},
            "execute_tool Bash": failed,
        }
        return [
            made.span(record, number, name=name, attributes=attributes, start=start, end=start + 1, session="one")
            for number, (name, attributes) in enumerate(names.items())
        ]

    rows = [Rows(spans=spans(number, start)) for number, start in enumerate((SINCE - 1, SINCE, UNTIL - 1, UNTIL), 1)]
    row = SessionRow(id="one", started=SINCE - 1, last=NOW)
    past.store.commit(Commit(position=made.position(5), rows=rows, sessions={"one": (b"", row)}))
    day = past.reader.day(SINCE, UNTIL)
    assert (day.turns, day.failed) == (2 * 3, 2 * 2)
