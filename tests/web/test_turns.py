"""The session page against the fold, over every recording of the real client."""

from collections import defaultdict
from pathlib import Path

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import SessionPhase
from hookspan.clients.decode import decode
from hookspan.journal import Position
from hookspan.model.fold import fold
from hookspan.model.open_spans import open_spans
from hookspan.model.rows import Increment
from hookspan.model.state import SessionState, State, dump_session
from hookspan.model.summary import session_row
from hookspan.paths import Paths
from hookspan.store import Commit, Store
from hookspan.web import dialogs, schemas, serializers, turns
from hookspan.web.queries import ORDERS, Filter, PageReader
from tests.model import replay


class Page:
    """A recording, folded into a real store record by record; what the page would have shown on the way."""

    def __init__(self, name: str, root: Path, paths: Paths) -> None:
        paths.create()
        self.state = State()
        self.increments: list[Increment] = []
        self.calls: set[str] = set()  # that started a subagent
        self.late: set[str] = set()  # traces that got a span after their turn's
        store = Store.open(paths)
        for number, line in enumerate(replay.play(name, root).records, 1):
            rows = fold(self.state, number, decode(line, replay.KEY))
            self.increments += rows.increments
            self.late |= {span.trace_id for span in rows.spans if sc.LATE in span.attributes}
            sessions = {
                id_: (dump_session(session), session_row(self.state, session))
                for id_ in rows.touched
                if (session := self.state.sessions.get(id_)) is not None
            }
            store.commit(Commit(position=Position(1, number + 1, 0, ""), rows=[rows], sessions=sessions))
            self.calls |= {span.span_id for span in rows.spans if span.name == "execute_tool Agent"}
        store.close()
        self.reader = PageReader(paths)

    def turns(self) -> list[schemas.Turn]:
        made = []
        with self.reader.moment() as moment:
            all_ = moment.select(Filter(), content=True)
            for row in moment.rows(moment.find(all_, ORDERS["newest"], SessionPhase, limit=100)):
                made += turns.turns(moment, row.id, moment.state(row.id), row.last, turns.Times(), content=True)
        return made


@pytest.mark.parametrize("name", replay.names())
def test_the_bars_say_what_the_counters_say(name: str, tmp_path: Path, paths: Paths) -> None:
    """The page computes a turn's split from its spans, the fold from the facts as they come: the same milliseconds."""
    page = Page(name, tmp_path / "home", paths)
    counted: dict[str, dict[str, float]] = defaultdict(
        lambda: dict.fromkeys(("user", "model", "tool", "wait", "other"), 0)
    )
    for one in page.increments:
        if one.instrument == "hookspan.time":
            counted[one.span_id][dict(one.attributes)[sc.TIME_KIND]] += one.value * 1e3
    shown = {turn.span_id: turn for turn in page.turns() if not turn.open}
    assert counted.keys() == {span_id for span_id, turn in shown.items() if turn.end != turn.start}
    for span_id, expected in counted.items():
        turn = shown[span_id]
        split = {kind: getattr(turn.split, kind) for kind in expected}
        if turn.trace_id in page.late:
            # What transcripts told after the turn had ended is in the spans, and too late for the counter.
            for both in (split, expected):
                both["other"] += both.pop("model") + both.pop("tool")
        assert split == pytest.approx(expected, abs=0.01), turn
        assert turn.end is not None
        longer = sum(split.values()) - split["user"] - (turn.end - turn.start)
        assert longer == pytest.approx(0, abs=0.01) or (longer > 0 and turn.subagents), "background subagents go on"


def test_what_subagents_did_at_once_is_counted_once(tmp_path: Path, paths: Paths) -> None:
    """print_parallel_agents: two calls that overlap."""
    page = Page("print_parallel_agents", tmp_path / "home", paths)
    (turn,) = page.turns()
    with page.reader.moment() as moment:
        written = {one.span_id: one for one in moment.spans_of_trace(turn.trace_id, hooks=False)}
    ran = [written[call] for call in page.calls]
    assert len(ran) == 2
    assert max(one.start for one in ran) < min(one.end for one in ran)
    assert turn.delegated == serializers.ms(max(one.end for one in ran) - min(one.start for one in ran))


def serialized(session: SessionState, *, content: bool) -> list[schemas.Span]:
    return [serializers.open_span(session.id, opened, content=content) for opened in open_spans(session)]


def test_the_page_of_a_session_that_waits(tmp_path: Path, paths: Paths) -> None:
    """permission_approved, up to its dialog."""
    state = State()
    for number, line in enumerate(replay.play("permission_approved", tmp_path / "home").records, 1):
        record = decode(line, replay.KEY)
        fold(state, number, record)
        if getattr(record, "event", "") == "PermissionRequest":
            break
    (session,) = state.sessions.values()
    spans = serialized(session, content=True)
    assert [span.type for span in spans] == ["turn", "wait"]
    turn, wait = spans
    assert wait.parent_id == turn.span_id
    assert wait.trace_id == turn.trace_id
    assert wait.end is None
    assert dialogs.asks(session) == wait.label != ""
    assert [span.label for span in serialized(session, content=False)] == ["", ""]
    (going_on,) = session.turns.values()
    shown = turns.open_turn(going_on, session, [], session.last + 5_000_000_000, content=True)
    assert shown.open
    assert shown.end is None
    assert shown.split.wait == pytest.approx(5_000, abs=0.01)
