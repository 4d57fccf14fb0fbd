"""Sampling of whole turns: what is sent to a real endpoint, when, how often, and what is said to have stayed behind."""

import random
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.export import Exporter, ExportSettings, Sampling
from hookspan.export.sampling import RANGE
from hookspan.model import ids
from hookspan.model.rows import Increment, Rows, Span
from hookspan.paths import Paths
from hookspan.store import Commit, Store
from tests.export.refused import refusals
from tests.otlp_sink import Sink
from tests.store import made
from tests.waiting import PATIENCE

SECOND = 10**9
SESSION = "5a1b0c9d-8e7f-4a6b-9c5d-4e3f2a1b0c9d"
NONE = Sampling(0.0)
HOOK, TOOL, TURN = NAMES = ("hook UserPromptSubmit", "execute_tool Bash", "invoke_agent claude-code")


class Turns:
    """A store whose spans are of turns, and an exporter that samples them."""

    def __init__(self, paths: Paths, sink: Sink) -> None:
        paths.create()
        self.paths, self.sink = paths, sink
        self.store = Store.open(paths)
        self.exporter: Exporter | None = None
        self.made = self.written = 0

    def start(self, sampling: Sampling, **settings: Any) -> Exporter:
        self.stop()
        known = {"endpoint": self.sink.url, "timeout": PATIENCE, "metric_interval": 3600}
        self.exporter = Exporter(self.paths, ExportSettings(sampling=sampling, **{**known, **settings}))
        self.exporter.start()
        return self.exporter

    def commit(self, *spans: Span, increments: tuple[Increment, ...] = ()) -> None:
        rows = [Rows(spans=[span]) for span in spans]
        rows[0].increments.extend(increments)
        self.written += len(spans)
        self.store.commit(Commit(position=made.position(self.made + 1), rows=rows))
        assert self.exporter is not None
        self.exporter.committed()

    def span(self, trace: str, name: str = TOOL, at: float = 1, seconds: float = 1, **changes) -> Span:
        turn = name == TURN
        known = {
            "trace_id": trace,
            "parent_id": "" if turn else ids.of_turn(SESSION, trace),
            "name": name,
            "start": made.START + int(at * SECOND),
            "end": made.START + int((at + seconds) * SECOND),
            "hook": name.startswith("hook "),
            "session": SESSION,
            "attributes": {sc.SESSION_ID: SESSION},
        }
        own = {"span_id": ids.of_turn(SESSION, trace)} if turn else {}
        self.made += 1
        return made.span(self.made, **{**known, **own, **changes})

    def turn(self, trace: str, seconds: float = 10, **changes) -> list[Span]:
        """A prompt, a tool and the turn's end."""
        hook, tool = self.span(trace, HOOK, 0, 0), self.span(trace, **changes)
        return [hook, tool, self.span(trace, TURN, 0, seconds)]

    def names(self, trace: str) -> list[str]:
        """Of a trace's spans at the endpoint, after all that can be sent was."""
        assert self.exporter is not None
        assert self.exporter.drain(PATIENCE)
        return sorted(span.name for span in self.sink.spans if span.trace_id == trace)

    def balance(self) -> dict[str, int]:
        """What became of all spans; it must add up to what was written and arrived."""
        assert self.exporter is not None
        assert self.exporter.drain(PATIENCE)
        stats = self.exporter.stats()
        outcomes = stats["outcomes"]
        settled = sum(outcomes.values()) - 2 * outcomes["recalled"]
        assert settled + stats["held"] == self.written, stats
        assert outcomes["exported"] == self.sink.distinct_spans
        assert stats["sampled_out"] == outcomes["sampled_out"] - outcomes["recalled"]
        return {name: count for name, count in (outcomes | {"held": stats["held"]}).items() if count}

    def stop(self) -> None:
        if self.exporter is not None:
            self.exporter.stop(5)
            self.exporter = None


@pytest.fixture
def turns(paths: Paths) -> Iterator[Turns]:
    with Sink() as sink:
        some = Turns(paths, sink)
        yield some
        some.stop()
        some.store.close()


def prompt() -> str:
    return uuid.uuid4().hex


def test_errors_and_slow_turns_are_sent_whole_however_late_and_of_the_others_the_share(turns: Turns):
    turns.start(Sampling(0.1))
    dice = random.Random(7)  # by other ids there might be more or fewer
    kinds = {kind: [f"{dice.getrandbits(128):032x}" for _ in range(200)] for kind in ("early", "late", "slow", "plain")}
    for early, late, slow, plain in zip(*kinds.values(), strict=True):
        turns.commit(*turns.turn(early, status=2))
        turns.commit(*turns.turn(late), turns.span(late, at=240, status=2))
        turns.commit(*turns.turn(slow, seconds=400))
        turns.commit(*turns.turn(plain))
    wanted = {trace for kind in ("early", "late", "slow") for trace in kinds[kind]}
    share = {trace for trace in kinds["plain"] if int(trace[-14:], 16) >= 0.9 * RANGE}
    assert turns.names(kinds["late"][0]) == sorted([*NAMES, TOOL])
    got = Counter(span.trace_id for span in turns.sink.spans)
    assert got.keys() == wanted | share
    assert 5 < len(share) < 45
    assert {trace: got[trace] for trace in kinds["late"]} == dict.fromkeys(kinds["late"], 4)
    assert {got[trace] for trace in (*kinds["early"], *kinds["slow"], *share)} == {3}
    late = [trace for trace in kinds["late"] if int(trace[-14:], 16) < 0.9 * RANGE]
    out = 3 * (200 - len(share) + len(late))
    assert turns.balance() == {"exported": len(turns.sink.spans), "sampled_out": out, "recalled": 3 * len(late)}


def test_a_turn_is_held_until_its_end_and_an_error_sends_it_at_once(turns: Turns):
    turns.start(NONE)
    trace = prompt()
    turns.commit(*turns.turn(trace)[:2])
    assert turns.names(trace) == []
    assert turns.balance() == {"held": 2}
    turns.start(NONE)  # a restart knows them
    turns.commit(turns.span(trace, "chat claude-opus-5-5", status=2))
    assert turns.names(trace) == sorted([*NAMES[:2], "chat claude-opus-5-5"])
    turns.start(NONE)
    turns.commit(turns.span(trace, TURN, 0, 10))
    assert turns.names(trace) == sorted([*NAMES[:2], "chat claude-opus-5-5", TURN])
    assert turns.balance() == {"exported": 4}
    assert {span.trace_state for span in turns.sink.spans} == {"ot=th:0"}


def test_spans_carry_the_threshold_that_their_trace_passed(turns: Turns):
    turns.start(Sampling(0.25))
    selected, other = prompt()[:-14] + "c" + "0" * 13, prompt()[:-14] + "b" + "f" * 13
    turns.commit(*turns.turn(selected), *turns.turn(other), turns.span(selected, at=11, seconds=1))
    assert turns.names(selected) == sorted([*NAMES, TOOL])
    assert turns.names(other) == []
    assert {span.trace_state for span in turns.sink.spans} == {"ot=th:c"}
    assert turns.balance() == {"exported": 4, "sampled_out": 3}


def test_sessions_test_spans_and_turns_in_a_trace_of_others_are_always_sent(turns: Turns):
    turns.start(NONE)
    own, doctors, joined = ids.trace_id(SESSION), prompt(), prompt()
    turns.commit(turns.span(own, "session"), turns.span(own, "hook SessionEnd"))
    turns.commit(*(turns.span(doctors, name, attributes={sc.SYNTHETIC: True}) for name in NAMES[:2]))
    turns.commit(*turns.turn(joined)[:2], turns.span(joined, TURN, parent_id="00000000000000ab"))
    assert [len(turns.names(trace)) for trace in (own, doctors, joined)] == [2, 2, 3]
    assert turns.balance() == {"exported": 7}


def test_what_is_long_after_the_turn_is_slow_but_a_late_hook_is_not(turns: Turns):
    turns.start(NONE)
    background, noticed = prompt(), prompt()
    turns.commit(*turns.turn(background), turns.span(background, "invoke_agent Explore", at=5, seconds=300))
    turns.commit(*turns.turn(noticed), turns.span(noticed, "hook Notification", at=400))
    assert turns.names(background) == sorted([*NAMES, "invoke_agent Explore"])
    assert turns.names(noticed) == []
    assert turns.balance() == {"exported": 4, "sampled_out": 7, "recalled": 3}


def test_an_interrupted_turn_is_sent_again_and_counted_once(turns: Turns):
    """A turn of more spans than fit a request: the endpoint fails in its middle, and the agent is started anew."""
    turns.start(NONE)
    trace = prompt()
    many = [turns.span(trace) for _ in range(1_200)]
    turns.commit(*many)
    assert turns.balance() == {"held": 1_200}
    turns.sink.fault(signal="traces", when=lambda _: turns.sink.span_count > 500, status=503)
    turns.commit(turns.span(trace, TURN, 0, 500))
    turns.sink.wait(lambda: turns.sink.span_count == 512)
    turns.start(NONE)
    turns.sink.heal()
    assert turns.balance() == {"exported": 1_201}
    assert turns.sink.span_count == 1_201 + 512


def test_a_refused_span_of_a_held_turn_is_marked_and_the_others_arrive(turns: Turns):
    turns.start(NONE)
    bad, good = prompt(), prompt()
    refused = turns.span(bad)
    turns.sink.fault(signal="traces", when=lambda request: refused.span_id in request.span_ids, status=400)
    turns.commit(refused, *turns.turn(bad, status=2), *turns.turn(good, seconds=400))
    assert len(turns.names(good)) == 3
    assert turns.balance() == {"exported": 6, "refused": 1}
    assert turns.exporter is not None
    assert [one.key for one in refusals(turns.exporter.db)] == [(refused.record, 0)]


def test_it_begins_and_ends_with_the_setting(turns: Turns):
    """Nothing that was sent before is sent again, what is held is not lost, and what was before export is not sent."""
    turns.start(NONE, traces=False)
    first, second, third = prompt(), prompt(), prompt()
    turns.commit(turns.span(first))
    turns.written -= 1
    turns.start(Sampling(1.0))
    turns.commit(turns.span(first), *turns.turn(second))
    assert turns.names(first) == sorted([TOOL])
    turns.start(NONE)
    turns.commit(turns.span(first, TURN, 0, 400), turns.span(second, at=20), turns.span(third))
    assert turns.names(first) == sorted([TOOL, TURN])
    assert turns.names(second) == sorted([*NAMES, TOOL])  # its turn was sent
    turns.start(Sampling(1.0))
    turns.commit(turns.span(third, at=3), turns.span(third, TURN, 0, 5))
    assert turns.names(third) == sorted([TOOL, TOOL, TURN])
    assert turns.balance() == {"exported": 9}
    assert turns.sink.span_count == 9


def test_what_is_gone_when_its_turn_is_sent_has_expired(turns: Turns):
    turns.start(NONE)
    trace, forgotten = prompt(), prompt()
    turns.commit(turns.span(forgotten, session="other", attributes={}), *turns.turn(trace)[:2])
    assert turns.balance() == {"held": 3}
    turns.stop()
    with turns.store._transaction():
        turns.store._db.execute("DELETE FROM span WHERE hook")
    turns.store.forget(["other"])
    turns.written -= 1
    turns.start(NONE)
    assert turns.balance() == {"held": 2}
    turns.commit(turns.span(trace, TURN, 0, 400))
    assert turns.balance() == {"exported": 2, "expired": 1}


def test_exemplars_lead_to_traces_that_are_sent(turns: Turns):
    turns.start(Sampling(0.5), metric_interval=3600)
    kept, dropped = prompt()[:-14] + "f" * 14, prompt()[:-14] + "0" * 14
    for trace, tool in ((kept, "Bash"), (dropped, "Read")):
        at = made.START + SECOND
        labels = ((sc.GEN_AI_TOOL_NAME, tool),)
        seen = Increment("hookspan.tool.duration", labels, 0.3, at, trace, "00000000000000cd")
        turns.commit(*turns.turn(trace), increments=(seen,))
    assert turns.names(dropped) == []
    points = [point for point in turns.sink.points if point.name == "hookspan.tool.duration" and point.count]
    assert {
        point.attributes[sc.GEN_AI_TOOL_NAME]: [exemplar.trace_id for exemplar in point.exemplars] for point in points
    } == {"Bash": [kept], "Read": []}
