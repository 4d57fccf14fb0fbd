"""What holds of the fold for anything the client, parallel hooks and crashes can make of a session's events."""

from __future__ import annotations

import copy
import json
import random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hookspan import wire
from hookspan.clients.decode import decode
from hookspan.model.fold import fold
from hookspan.model.state import State, dump_session, dump_world, load_session, load_world
from hookspan.wire.facts import Silent, TranscriptRead

from .replay import KEY, names, play

pytestmark = pytest.mark.slow  # all recordings, many times

EXAMPLES = settings.default.max_examples  # a hundred, or what `--hypothesis-profile` says
NAMES = names()
HOUR = 3_600_000_000_000
SECOND = 1_000_000_000
TURN = "invoke_agent claude-code"


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Every recording's whole record stream: events and the facts that the observers found."""
    return {name: play(name, tmp_path_factory.mktemp(name)).records for name in NAMES}


class All(dict):
    """The records under a short name, for failure reports of hypothesis."""

    def __repr__(self):
        return "records"


@pytest.fixture(scope="module")
def all_records(records):
    return All(records)


def run(lines, *, state=None, start=1, times=1):
    state = state or State()
    spans, increments = [], []
    for number, line in ((number, line) for number, line in enumerate(lines, start) for _ in range(times)):
        rows = fold(state, number, decode(line, KEY))
        spans += rows.spans
        increments += rows.increments
    return state, spans, increments


def finish(state, spans, number=10**6):
    """Silence and a last look at the transcripts end whatever is open."""
    for session in list(state.sessions.values()):
        late = session.last + HOUR
        for fact in (
            Silent(at=late, key="end", session=session.id, judged_at=number),
            TranscriptRead(at=late, key="read-end", session=session.id),
        ):
            spans += fold(state, number, fact).spans
    return spans


def plain(spans):
    """Spans without the record numbers, which are the only thing that may differ."""
    return sorted(
        (s.trace_id, s.span_id, s.parent_id, s.name, s.start, s.end, sorted(map(str, s.attributes.items())), s.status)
        for s in spans
    )


def total(increments, instrument):
    return sum(i.value for i in increments if i.instrument == instrument)


def sums(increments):
    total: dict = {}
    for i in increments:
        key = (i.instrument, i.attributes)
        total[key] = total.get(key, 0) + i.value
    return {key: pytest.approx(value) for key, value in total.items()}


@pytest.mark.parametrize("name", NAMES)
def test_raw_and_reduced_fold_alike(records, name):
    reduced = [wire.encode(decode(line, KEY)) for line in records[name]]
    assert plain(run(records[name])[1]) == plain(run(reduced)[1])
    assert reduced == [wire.encode(decode(line, b"another key" + KEY)) for line in reduced], "reduce is idempotent"


@pytest.mark.parametrize("name", NAMES)
def test_a_restart_between_any_two_records_changes_nothing(records, name):
    whole = run(records[name])
    for cut in range(0, len(records[name]), 7):
        state, spans, increments = run(records[name][:cut])
        sessions = {name: load_session(dump_session(session)) for name, session in state.sessions.items()}
        state = State(world=load_world(dump_world(state.world)), sessions=sessions)
        _, more, rest = run(records[name][cut:], state=state, start=cut + 1)
        assert plain(spans + more) == plain(whole[1])
        assert sums(increments + rest) == sums(whole[2])


@pytest.mark.parametrize("name", NAMES)
def test_every_record_twice_gives_nothing_more(records, name):
    whole, twice = run(records[name]), run(records[name], times=2)
    assert plain(twice[1]) == plain(whole[1])
    assert sums(twice[2]) == sums(whole[2])


@settings(
    max_examples=4 * EXAMPLES,
    deadline=None,
    print_blob=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(name=st.sampled_from(NAMES), seed=st.integers(0, 2**32), lost=st.sampled_from([0, 0, 0.1, 0.4]))
@example(name="print_denied", seed=3820274592, lost=0.1)  # a dialog read twice, with its call between
def test_any_order_within_two_seconds_any_loss_any_repeat(all_records, name, seed, lost):
    """No exception, nothing open after the end, no span twice, no call counted twice; ids as in the right order."""
    chance = random.Random(seed)
    timed = []
    for line in all_records[name]:
        if chance.random() < lost:
            continue
        at = json.loads(line)["at"]
        for _ in range(2 if chance.random() < 0.2 else 1):
            delay = chance.randrange(2 * SECOND) if chance.random() < 0.3 else 0
            timed.append((at + delay, line))
    timed.sort(key=lambda entry: entry[0])
    state, spans, increments = run([line for _, line in timed])
    finish(state, spans)
    for session in state.sessions.values():
        assert (session.calls, session.waits, session.turns, session.agents, session.compactions) == (
            {},
            [],
            {},
            {},
            [],
        )
    keys = [(span.trace_id, span.span_id) for span in spans]
    assert len(keys) == len(set(keys))
    assert all(span.start <= span.end for span in spans)
    hooks = sum(1 for span in spans if span.hook)
    assert hooks == sum(i.value for i in increments if i.instrument == "hookspan.hook.events")
    _, whole, counted = run(all_records[name])
    for instrument in ("hookspan.hook.events", "hookspan.tool.calls", "hookspan.tokens", "hookspan.turn.finished"):
        assert total(increments, instrument) <= total(counted, instrument)
    named = [span for span in spans if span.name.startswith(("chat ", "execute_tool ", TURN))]
    extra = {(span.name, span.span_id) for span in named} - {(span.name, span.span_id) for span in whole}
    assert not extra or lost, "the same ids whatever the order"


@settings(max_examples=EXAMPLES // 2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES), data=st.data())
def test_any_prefix_can_end(all_records, name, data):
    cut = data.draw(st.integers(0, len(all_records[name])))
    state, spans, _ = run(all_records[name][:cut])
    finish(state, spans)
    for session in state.sessions.values():
        assert (session.calls, session.turns, session.agents) == ({}, {}, {})


def test_unknown_events_and_fields_make_a_hook_span():
    event = {
        "session_id": "s",
        "hook_event_name": "BrandNew",
        "x": [1, {"y": None}],
        "tool_name": 7,
        "prompt_id": ["?"],
    }
    line = json.dumps({"v": 1, "at": SECOND, "took": 5, "event": event, "new": 1}).encode()
    _, spans, _ = run([line])
    assert [(span.name, span.hook) for span in spans] == [("hook other", True)]
    assert spans[0].attributes["hook.event"] == "BrandNew"


def test_the_fold_does_not_touch_what_it_is_given(records):
    for line in records["print"]:
        record = decode(line, KEY)
        before = copy.deepcopy(record)
        fold(State(), 1, record)
        assert record == before
