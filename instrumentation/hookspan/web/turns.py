"""The turns of a session's page: what each was, and where its time went."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final, NamedTuple

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.clients import AWAITS_AGENTS
from hookspan.catalogue.enums import TimeKind
from hookspan.model import places, times
from hookspan.model.rows import Span as SpanRow
from hookspan.model.state import SessionState
from hookspan.model.state import Turn as OpenTurn
from hookspan.model.times import Interval
from hookspan.web import schemas
from hookspan.web.queries import Moment
from hookspan.web.serializers import NANO, ms

TURNS_KEPT: Final = 2_000


class Work(NamedTuple):
    """Where a finished turn's time went."""

    split: schemas.Split
    delegated: float
    spans: int


class Times:
    """What finished turns' times came to, as long as nothing is added to their traces. Thread-safe.

    A turn of 10,000 spans costs 60 ms, and a page that shows it asks again with each event.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cached: OrderedDict[tuple[str, str], tuple[tuple[int, int], Work]] = OrderedDict()

    def of(self, moment: Moment, row: SpanRow) -> Work:
        """Where the time of a turn went that is written as `row`."""
        key, extent = (row.session, row.span_id), moment.extent(row.trace_id)
        with self._lock:
            cached = self._cached.get(key)
            if cached is not None and cached[0] == extent:
                self._cached.move_to_end(key)
                return cached[1]
        work = _work(row, moment.parts(row.session, row.trace_id))
        with self._lock:
            self._cached[key] = (extent, work)
            while len(self._cached) > TURNS_KEPT:
                self._cached.popitem(last=False)
        return work


def turns(
    moment: Moment, session: str, state: SessionState | None, now: int, times_of: Times, *, content: bool
) -> list[schemas.Turn]:
    """All turns of a session by start, those that are still open last. `now` in Unix nanoseconds."""
    finished = moment.turns(session)
    made = [_finished(row, times_of.of(moment, row), content=content) for row in finished]
    written = {row.span_id for row in finished}
    if state is not None:
        made += [
            open_turn(turn, state, moment.parts(session, turn.trace_id), now, content=content)
            for turn in state.turns.values()
            if turn.span_id not in written
        ]
    made.sort(key=lambda turn: turn.start)
    for number, turn in enumerate(made, 1):
        turn.number = number
    return made


def _work(row: SpanRow, parts: list[times.Part]) -> Work:
    own, beside = times.of_spans(bytes.fromhex(row.span_id), parts)
    idle = row.attributes.get(sc.IDLE_BEFORE, 0)
    user = float(idle) * 1e3 if isinstance(idle, int | float) else 0.0
    split = _split(times.spent(own, beside, row.start, row.end), user)
    return Work(split, _delegated(own, beside), len(parts))


def _finished(row: SpanRow, work: Work, *, content: bool) -> schemas.Turn:
    attributes = row.attributes

    def text(key: str) -> str:
        return str(attributes.get(key, ""))

    def number(key: str) -> float:
        value = attributes.get(key, 0)
        return value if isinstance(value, int | float) else 0

    return schemas.Turn(
        number=0,
        prompt=text(sc.PROMPT_ID),
        trace_id=row.trace_id,
        span_id=row.span_id,
        start=ms(row.start),
        end=ms(row.end),
        open=False,
        label=row.label if content else "",
        prompt_kind=text(sc.PROMPT_KIND),
        outcome=text(sc.OUTCOME),
        end_reason=text(sc.END_REASON),
        error_type=text(sc.ERROR_TYPE),
        permission_mode=text(sc.PERMISSION_MODE),
        split=work.split,
        delegated=work.delegated,
        tools=int(number(sc.TOOLS)),
        tools_failed=int(number(sc.TOOLS_FAILED)),
        model_calls=int(number(sc.MODEL_CALLS)),
        subagents=int(number(sc.SUBAGENTS)),
        input_tokens=int(number(sc.TOTAL_INPUT_TOKENS)),
        output_tokens=int(number(sc.TOTAL_OUTPUT_TOKENS)),
        cost=number(sc.TOTAL_COST_USD),
        spans=work.spans,
    )


def open_turn(turn: OpenTurn, state: SessionState, parts: list[times.Part], now: int, *, content: bool) -> schemas.Turn:
    """A turn whose span is not written; one that stopped is shown as it will be unless something else comes."""
    end = turn.stop if turn.stop and (turn.fixed or turn.last <= turn.stop) else 0
    until = max(end or now, turn.start)
    own, beside = times.of_spans(bytes.fromhex(turn.span_id), parts)
    for wait in state.waits:
        if places.of_wait(state, wait).prompt == turn.prompt:
            (beside if wait.agent_id else own).append(Interval(times.WAIT, wait.at, wait.answered or until))
    waiting = {wait.tool_use_id for wait in state.waits if not (wait.inside or wait.answered)}
    for call in state.calls.values():
        if call.at and call.id not in waiting and places.of_call(state, call).prompt == turn.prompt:
            rank = times.FRAME if call.tool in AWAITS_AGENTS else times.TOOL
            (beside if call.agent_id else own).append(Interval(rank, call.at, until))
    tally = turn.tally
    return schemas.Turn(
        number=0,
        prompt=places.of_turn(turn).prompt_id,
        trace_id=turn.trace_id,
        span_id=turn.span_id,
        start=ms(turn.start),
        end=ms(end) if end else None,
        open=not end,
        label=turn.label if content else "",
        prompt_kind=turn.kind.value,
        outcome="",
        end_reason="",
        error_type=turn.error,
        permission_mode=turn.permission_mode,
        split=_split(times.spent(own, beside, turn.start, until), turn.idle_before / 1e6),
        delegated=_delegated(own, beside),
        tools=tally.tools,
        tools_failed=tally.failed,
        model_calls=tally.model_calls,
        subagents=tally.subagents,
        input_tokens=tally.whole_input,
        output_tokens=tally.output_tokens,
        cost=tally.cost_nano / NANO,
        spans=len(parts),
    )


def _split(spent: Mapping[TimeKind, int], user: float) -> schemas.Split:
    return schemas.Split(
        user=user,
        model=ms(spent[TimeKind.MODEL]),
        tool=ms(spent[TimeKind.TOOL]),
        wait=ms(spent[TimeKind.WAIT]),
        other=ms(spent[TimeKind.OTHER]),
    )


def _delegated(own: list[Interval], beside: list[Interval]) -> float:
    """Milliseconds in which a foreground subagent's call ran or a subagent did something, each moment once."""
    return ms(times.covered(*beside, *(interval for interval in own if interval.rank == times.FRAME)))
