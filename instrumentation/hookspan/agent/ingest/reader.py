"""Reads the journal from the last commit on."""

from __future__ import annotations

from collections.abc import Sequence

from hookspan.agent.ingest.watermark import Watermark
from hookspan.journal import Line, Position, Tail
from hookspan.paths import Paths


class JournalReader:
    """A tail that is put where the last commit ends. What it has met counts on when it is put somewhere else."""

    def __init__(self, paths: Paths, watermark: Watermark) -> None:
        self._paths = paths
        self._watermark = watermark
        self._tail: Tail | None = None
        self._restarts = self._damaged = self._set_aside = 0  # of the tails before this one

    def begin(self, position: Position | None) -> None:
        """Read on from there; None: from the oldest record."""
        self.leave()
        self._tail = Tail(self._paths, position)

    def leave(self) -> None:
        """Close the journal."""
        tail, self._tail = self._tail, None
        if tail is not None:
            tail.close()
            self._restarts += tail.restarts
            self._damaged += tail.damaged
            self._set_aside += tail.set_aside

    def read(self, max_lines: int) -> Sequence[Line]:
        """The next lines; none when there are no more yet.

        They end where metrics were last exported: a store that is rebuilt must pass through the state that was sent.
        """
        return self._opened().read(max_lines=max_lines, before=self._watermark.metrics)

    @property
    def position(self) -> Position:
        """The position after the lines that were read last."""
        return self._opened().position

    # --- for any thread

    @property
    def restarts(self) -> int:
        """How often the journal had been cut, replaced or deleted."""
        return self._restarts + (tail.restarts if (tail := self._tail) is not None else 0)

    @property
    def damaged(self) -> int:
        """The packed segments that could not be read to their end."""
        return self._damaged + (tail.damaged if (tail := self._tail) is not None else 0)

    @property
    def set_aside(self) -> int:
        """The lines that are too long or have no end."""
        return self._set_aside + (tail.set_aside if (tail := self._tail) is not None else 0)

    def backlog(self) -> int:
        """Bytes that are still to be read."""
        tail = self._tail
        return 0 if tail is None else tail.backlog()[0]

    def _opened(self) -> Tail:
        if self._tail is None:
            raise RuntimeError("the journal is not open")
        return self._tail
