"""What is to be sent of a batch of rows, and what is to be noted of them when that is done."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, Literal, NamedTuple, TypeVar

import msgspec

from hookspan.model.rows import LogRow, Span
from hookspan.store import SpanKey

Row = TypeVar("Row", Span, LogRow)
Outcome = Literal["exported", "rejected", "expired"]


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a turn's trace.

    Attributes:
        first: Key of its first span that was not sent at once (SpanKey.pack).
        back: How many of its spans stay behind.
        start: Of all its spans, Unix nanoseconds.
        end: Of all but those of hooks, which may come long after the turn.
        over: The turn's own span was there.
        threshold: That which its spans are sent with; empty as long as they aren't.
    """

    first: int
    back: int = 0
    start: int
    end: int
    over: bool = False
    threshold: str = ""

    @property
    def open(self) -> bool:
        """Whether it is undecided."""
        return not self.over and not self.threshold


class Refusal(msgspec.Struct, frozen=True):
    """A row that the endpoint will not take. `status` is 0 where it could not even be encoded."""

    key: SpanKey
    at: int
    status: int
    reason: str


class Settlement(NamedTuple):
    """What is to be noted when the cursor moves over some rows.

    Attributes:
        cursor: Where to.
        rows: How many of them there were.
        counts: What became of them and, with them, of earlier ones of their traces.
        refused: Those that were.
        traces: What is now known of sampled traces, by id.
    """

    cursor: SpanKey
    rows: int
    counts: Mapping[str, int]
    refused: Sequence[Refusal] = ()
    traces: Mapping[str, Trace] = {}


class Sent(NamedTuple, Generic[Row]):
    """A row to be sent; `threshold` is empty where nothing is sampled."""

    row: Row
    threshold: str = ""


class Step(NamedTuple, Generic[Row]):
    """What one row behind the cursor leads to.

    Attributes:
        key: Of that row: where the cursor is afterwards.
        sends: What is to be sent, with rows of its trace from before.
        trace: What is then known of its trace, by id.
        sampled_out: How many spans are now known to stay behind.
        recalled: How many of those that were said to stay behind are sent after all.
        gone: How many were to be sent but are no longer in the store.
    """

    key: SpanKey
    sends: Sequence[Sent[Row]] = ()
    trace: tuple[str, Trace] | None = None
    sampled_out: int = 0
    recalled: int = 0
    gone: int = 0


class Plan(Generic[Row]):
    """What is to be sent for a batch, in order, and how far the cursor gets when so much of that is settled.

    A step counts as a whole: if it is interrupted, all of it is sent again and counted then.
    """

    def __init__(self, steps: Iterable[Step[Row]]) -> None:
        self._steps: deque[Step[Row]] = deque(steps)
        self.sends: list[Sent[Row]] = [sent for step in self._steps for sent in step.sends]
        self._outcomes: deque[Outcome | Refusal] = deque()  # of sends that are settled, of steps that are not

    def settle(self, outcomes: Iterable[Outcome | Refusal]) -> Settlement | None:
        """These became of the next sends: what is to be noted of the steps that are now done, None without any."""
        self._outcomes += outcomes
        done: list[Step[Row]] = []
        became: list[Outcome | Refusal] = []
        while self._steps and len(self._steps[0].sends) <= len(self._outcomes):
            done.append(step := self._steps.popleft())
            became += (self._outcomes.popleft() for _ in step.sends)
        if not done:
            return None
        counts: Counter[str] = Counter(outcome for outcome in became if not isinstance(outcome, Refusal))
        counts["expired"] += sum(step.gone for step in done)
        counts["sampled_out"] = sum(step.sampled_out for step in done)
        counts["recalled"] = sum(step.recalled for step in done)
        return Settlement(
            cursor=done[-1].key,
            rows=len(done),
            counts=+counts,
            refused=[outcome for outcome in became if isinstance(outcome, Refusal)],
            traces=dict(step.trace for step in done if step.trace is not None),
        )
