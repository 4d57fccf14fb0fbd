"""What the watchdog remembers: of each agent what it did lately, and the alarms. Plain data, bounded."""

from __future__ import annotations

from typing import Final

import msgspec

from hookspan.catalogue.enums import AlarmKind

KEPT_WATCHES: Final = 32
"""Agents of a session that are watched at a time; a subagent's watch ends with it."""
KEPT_CALLS: Final = 32
"""Calls with their results: a cycle of more different ones is not seen as one."""
KEPT_ERRORS: Final = 12
KEPT_EDITS: Final = 24
KEPT_COSTS: Final = 64
"""Model calls whose cost is remembered, so that an alarm has what was spent before it was raised."""
KEPT_ALARMS: Final = 8


class Repeat(msgspec.Struct, array_like=True):
    """Something that was seen once or more.

    Attributes:
        since: When its call began, Unix nanoseconds, and `first` that call's id.
        answer: In which answer of the model it was seen last. Calls of one answer can't learn from each other.
        count: How often it was seen; what begins the count anew is said where it is used.
        whole: The same, begun anew by less.
        stretch: In which stretch without news `count` began.
    """

    since: int
    first: str
    answer: int
    count: int = 1
    whole: int = 1
    stretch: int = 0


class Watch(msgspec.Struct):
    """What an agent did lately.

    Attributes:
        answers: How many answers of the model have had their calls ended.
        ended: When the newest call ended.
        calls: Calls with their results, the newest last.
        errors: Errors by tool, program and text.
        edits: Edits; an undone one is gone.
        stretch: Counts the stretches without news: a call with a result that was not among `calls` ends one.
        stale: Calls in this stretch, the first of them `stale_first`, which began at `stale_since`.
        background: It has started something that goes on by itself.
        calls_since: Calls since the newest compaction; `compactions` are those that followed each other closely.
        costs: End and nano-USD of its newest model calls.
    """

    answers: int = 0
    ended: int = 0
    calls: dict[str, Repeat] = {}
    errors: dict[str, Repeat] = {}
    edits: dict[str, Repeat] = {}
    stretch: int = 0
    stale: int = 0
    stale_since: int = 0
    stale_first: str = ""
    background: bool = False
    calls_since: int = 0
    compactions: int = 0
    costs: list[tuple[int, int]] = []

    def forget(self) -> None:
        """Begins anew: somebody has told the agent something, or its context is another one."""
        self.calls, self.errors, self.edits = {}, {}, {}
        self.stale, self.background = 0, False


class Alarm(msgspec.Struct, kw_only=True):
    """An agent that gets nowhere, or a turn that runs away.

    Attributes:
        kind: An AlarmKind.
        agent_id: Whose it is, empty for the main agent.
        prompt: Of the turn that it is about or in.
        key: What repeats.
        strict: Whether the first call that brings news ends it; else `CALM` calls in a row that are not of it do.
        since: When the first call of it began.
        first: That call's id; `last` the newest one's, which ended at `last_at`.
        calls: How many calls it has come to.
        raised: When it was noticed.
        ended: 0 while it goes on.
        away: Calls since `last` that are not of it.
        written: Whether its span is.
    """

    kind: AlarmKind
    agent_id: str = ""
    prompt: str = ""
    key: str = ""
    strict: bool = False
    since: int
    first: str = ""
    last: str = ""
    last_at: int = 0
    calls: int = 0
    cost_nano: int = 0
    raised: int
    ended: int = 0
    away: int = 0
    written: bool = False
