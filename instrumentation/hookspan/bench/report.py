"""The report of a benchmark: figures, each with its limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure, and what it has to be: at most, or at least (`floor`)."""

    name: str
    value: float
    unit: str = ""
    bar: float | None = None
    floor: bool = False

    @property
    def ok(self) -> bool | None:
        """Whether the bar is held; None without one."""
        if self.bar is None:
            return None
        return self.value >= self.bar if self.floor else self.value <= self.bar

    def __str__(self) -> str:
        bar = "" if self.bar is None else f"{'at least' if self.floor else 'at most'} {rounded(self.bar)}"
        held = {None: "", True: "ok", False: "MISSED"}[self.ok]
        return f"  {self.name:<52}{rounded(self.value):>10} {self.unit:<9}{bar:<16}{held}".rstrip()


@dataclass
class Report:
    """What was measured so far."""

    rows: list[tuple[str, Row]] = field(default_factory=list)  # with the section that each is in
    samples: dict[str, Any] = field(default_factory=dict)  # percentiles behind the rows, milliseconds

    def add(self, section: str, rows: Sequence[Row]) -> str:
        """Add a section; its text."""
        self.rows += [(section, row) for row in rows]
        return "\n".join([section, *map(str, rows), ""])

    @property
    def missed(self) -> bool:
        """Whether a bar is not held."""
        return any(row.ok is False for _, row in self.rows)

    def as_rows(self) -> list[Mapping[str, Any]]:
        """The rows as JSON types."""
        return [{"section": section, **asdict(row), "ok": row.ok} for section, row in self.rows]


def rounded(value: float) -> str:
    """Three significant digits, no more."""
    if value == int(value) or abs(value) >= 1000:  # noqa: PLR2004 - no digit behind the point says anything then
        return f"{value:,.0f}"
    return f"{value:.3g}"
