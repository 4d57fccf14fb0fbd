"""Small line charts, one under the other over the same time, as SVG: no library, so that the same numbers give the same
file."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 860, 70, 20
PANEL, GAP, TOP = 110, 34, 40
COLOURS = ("#2563eb", "#d97706", "#059669")


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines that share a scale. A line is a name and its points, (minute, value)."""

    title: str
    lines: dict[str, Sequence[tuple[float, float]]]


def svg(title: str, panels: Sequence[Panel], bands: Sequence[tuple[float, float]] = ()) -> str:
    """The chart; `bands` are shaded from minute to minute."""
    end = max((x for panel in panels for line in panel.lines.values() for x, _ in line), default=1.0) or 1.0
    height = TOP + len(panels) * (PANEL + GAP) + 10

    def across(minute: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * minute / end

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f'<g font-family="sans-serif" font-size="12"><title>{escape(title)}</title>',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-size="14" fill="#111">{escape(title)}</text>',
    ]
    for number, panel in enumerate(panels):
        top = TOP + number * (PANEL + GAP)
        for begin, stop in bands:
            parts.append(
                f'<rect x="{across(begin):.1f}" y="{top}" width="{across(min(stop, end)) - across(begin):.1f}" '
                f'height="{PANEL}" fill="#fde68a" opacity="0.6"/>'
            )
        parts += _panel(panel, top, across)
        parts += [
            f'<text x="{across(end * share / 4):.1f}" y="{top + PANEL + 14}" fill="#555" text-anchor="middle">'
            f"{end * share / 4:.{0 if end >= 8 else 1}f} min</text>"
            for share in range(5)
        ]
    return "\n".join([*parts, "</g></svg>", ""])


def _panel(panel: Panel, top: int, across) -> list[str]:
    most = max((y for line in panel.lines.values() for _, y in line), default=0.0) or 1.0
    parts = [
        f'<line x1="{LEFT}" y1="{top + PANEL}" x2="{WIDTH - RIGHT}" y2="{top + PANEL}" stroke="#999"/>',
        f'<line x1="{LEFT}" y1="{top}" x2="{WIDTH - RIGHT}" y2="{top}" stroke="#ddd"/>',
        f'<text x="{LEFT - 6}" y="{top + PANEL}" text-anchor="end" fill="#555">0</text>',
        f'<text x="{LEFT - 6}" y="{top + 10}" text-anchor="end" fill="#555">{most:,.{0 if most >= 10 else 2}f}</text>',
        f'<text x="{LEFT + 4}" y="{top - 5}" fill="#111">{escape(panel.title)}</text>',
    ]
    for place, (name, line) in enumerate(panel.lines.items()):
        colour = COLOURS[place % len(COLOURS)]
        points = " ".join(f"{across(x):.1f},{top + PANEL * (1 - y / most):.1f}" for x, y in line)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.3"/>')
        if len(panel.lines) > 1:
            x = WIDTH - RIGHT - 110 * (len(panel.lines) - place)
            parts.append(f'<text x="{x}" y="{top - 5}" fill="{colour}">{escape(name)}</text>')
    return parts
