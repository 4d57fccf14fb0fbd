"""The page's questions to the store: what they read for an answer, and what is kept for the next."""

import weakref

from hookspan.catalogue.enums import SessionPhase
from hookspan.catalogue.session_fields import SessionRow
from hookspan.paths import Paths
from hookspan.store import Commit, Store
from hookspan.store.schema import MINUTE
from hookspan.web.activity import Activity
from hookspan.web.queries import Filter, Moment, PageReader
from tests.store import made

DAY = 86_400 * 10**9


def test_what_a_day_came_to_is_read_from_its_own_sessions(paths: Paths) -> None:
    paths.create()
    store, reader = Store.open(paths), PageReader(paths)
    read: list[int] = []

    def steps_for_day(moment: Moment, wanted: Filter) -> int:
        steps = []
        moment._db.set_progress_handler(lambda: steps.append(1), 1)
        assert moment.sum_between(moment.select(wanted, content=True), 9 * DAY, 10 * DAY) == (2, 5)
        moment._db.set_progress_handler(None, 0)
        return len(steps)

    for number, before in enumerate((3, 300)):
        rows = [
            SessionRow(id=f"{number}-{day}-{each}", phase=SessionPhase.ENDED, last=day * DAY + each, cost_nano=2 + each)
            for day, count in ((8, before), (9, 0 if number else 2), (10, before))
            for each in range(count)
        ]
        store.commit(Commit(position=made.position(number + 2), sessions={row.id: (b"", row) for row in rows}))
        with reader.moment() as moment:
            read.append(steps_for_day(moment, Filter()))
            assert moment.sum_between(moment.select(Filter(since=9 * DAY + 1), content=True), 9 * DAY, 10 * DAY) == (
                1,
                3,
            )
            assert moment.sum_between(moment.select(Filter(until=9 * DAY), content=True), 9 * DAY, 10 * DAY) == (0, 0)
    assert read[0] == read[1]
    reader.close()
    store.close()


class Batch(list):
    """A list that tells when it is gone."""


def test_events_are_counted_when_they_come_and_not_kept_until_a_page_asks(paths: Paths) -> None:
    paths.create()
    store, reader = Store.open(paths), PageReader(paths)
    activity = Activity(reader)
    now = made.START + MINUTE
    store.commit(made.commit(1, 3))
    assert list(map(sum, activity.strips(now).values())) == [1, 1, 1]
    committed = made.commit(4, 6)
    store.commit(committed)
    events = Batch(event for rows in committed.rows for event in rows.events)
    kept = weakref.ref(events)
    activity.committed(events)
    del events
    assert kept() is None
    assert list(map(sum, activity.strips(now).values())) == [2, 2, 2]
    assert activity.strips(now) == Activity(reader).strips(now)
    reader.close()
    store.close()
