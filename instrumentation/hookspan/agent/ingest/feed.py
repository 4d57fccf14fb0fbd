"""The subscribers to changes of the store. Made before ingest, so that every part of the agent can subscribe."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from hookspan.journal import Position
from hookspan.model.rows import Collided, EventRow


class Committed(msgspec.Struct):
    """What a transaction brought, for those who show or export it.

    `collided`: sessions that write the same at the same time, each two once.
    `told`: sessions that told their status lines something, whether it was news or not.
    """

    position: Position
    events: list[EventRow]
    spans: int
    sessions: frozenset[str]
    removed: frozenset[str]
    collided: list[Collided] = msgspec.field(default_factory=list)
    told: frozenset[str] = frozenset()


class Feed(msgspec.Struct):
    """Subscribers, each called in the ingest thread; what one raises is counted there and harms nobody.

    Attributes:
        opened: Called when the store is open, before the first commit; again whenever another has taken its place.
            All of them are called once more as long as the disk is full.
        committed: Called after each commit.
        every_second: Called every second, or two at rest, to look after other files.
    """

    opened: list[Callable[[], None]] = msgspec.field(default_factory=list)
    committed: list[Callable[[Committed], None]] = msgspec.field(default_factory=list)
    every_second: list[Callable[[], None]] = msgspec.field(default_factory=list)

    def tell_opened(self) -> None:
        """The store is open. Raises what the first of them raises: those after it have not heard."""
        for subscriber in self.opened:
            subscriber()
