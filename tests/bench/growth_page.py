"""docs/growth.md and its plot, from what `tests.bench.growth` measured."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape

TYPICAL = "10"  # open sessions that the last column and the plot are of
CONSTANT = 1.5  # times, from the least to the most events
UNITS = {
    "an event, taken in": "us",
    "agent's memory after its start": "MB",
    "agent's memory after all this": "MB",
    "journal": "bytes an event",
    "store": "bytes an event",
}
"""All others are milliseconds."""
ONCE = ("journal", "store")  # the same for all numbers of open sessions
HEAD = """\
# What grows

`make growth` measured all of this and wrote this page, on {date}. For each number of events there is a home whose
sessions (about 410 events each, of 1.6 KB) are spread over the last 14 days; in it 1 / 10 / 100 sessions are open,
one number after the other, each with 10,000 events of its own. All times are of a processor, user and system, which
other work on the machine changes little.

- **An event, taken in**: of 10,000 that come at once, all that the agent uses meanwhile.
- **From summary to search**: what the agent uses for an answer over HTTP, login included, the query cache off.
- **The command line**: the installed `hookspan`, p50, in turns with a Python that does nothing.
- **Agent's start**: until its page answers. **After all this**: after the events and the questions above.
- **Retention pass**: `hookspan prune` when nothing is too old, the command's own start included; the agent does the
  same, in small pieces.
- **Disk**: of a store as it was filled, and of a journal in which no event has been reduced yet.
- **Constant**: less than one and a half times from the least to the most events, with ten sessions open.

Measured on: {machine}.

![What grows with the number of events](growth.svg)
"""
COLOURS = ("#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2", "#be185d", "#4d7c0f", "#78350f", "#475569")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 420, 60, 290, 40, 40

Found = Mapping[int, Mapping[str, Mapping[str, float]]]
"""By number of events, then of open sessions: what, and how much."""


def page(found: Found, machine: str) -> str:
    """The text of it."""
    levels = list(found)
    head = HEAD.format(date=datetime.now(UTC).date(), machine=machine)
    lines = [head, f"| what | unit | {' | '.join(f'{events:,} events' for events in levels)} | grows |"]
    lines.append(f"|---|---|{'---|' * len(levels)}---|")
    for name in names(found):
        cells = [_cell(found[events], name) for events in levels]
        lines.append(
            f"| {_shown(name)} | {UNITS.get(name, 'ms')} | {' | '.join(cells)} | {_growth(series(found, name))} |"
        )
    return "\n".join([*lines, ""])


def names(found: Found) -> list[str]:
    """What was measured of every number of events."""
    first, *others = (one[TYPICAL] for one in found.values())
    return [name for name in first if all(name in other for other in others)]


def series(found: Found, name: str) -> list[tuple[int, float]]:
    """It, by number of events."""
    return [(events, one[TYPICAL][name]) for events, one in found.items()]


def _shown(name: str) -> str:
    return f"`{name}`" if name.startswith(("hookspan ", "python ")) else name


def _cell(found: Mapping[str, Mapping[str, float]], name: str) -> str:
    values = [one[name] for one in found.values() if name in one]
    return " / ".join(_digits(value) for value in (values[:1] if name in ONCE else values))


def _digits(value: float) -> str:
    return f"{value:,.{2 if value < 1 else 1 if value < 100 else 0}f}"


def _growth(points: Sequence[tuple[int, float]]) -> str:
    """Constant, or how many times from the least to the most, and with which power between the last two."""
    (few, least), (many, most) = points[0], points[-1]
    if few == many or not least:
        return ""
    times = most / least
    if 1 / CONSTANT < times < CONSTANT:
        return "constant"
    (before, earlier), (_, last) = points[-2:]
    power = math.log(last / earlier) / math.log(many / before)
    return f"{_digits(times)} times; at the end as n^{power:.1f}"


def plot(found: Found) -> str:
    """Each figure to what it was with the least events, both axes logarithmic; what is constant is one grey band."""
    lines = {name: series(found, name) for name in names(found) if name not in ONCE}
    levels = list(found)
    ratios = {name: [(n, value / line[0][1]) for n, value in line] for name, line in lines.items()}
    most = max(10.0, *(ratio for line in ratios.values() for _, ratio in line))
    growing = sorted(
        (name for name, line in ratios.items() if line[-1][1] >= CONSTANT), key=lambda n: -ratios[n][-1][1]
    )

    def across(events: float) -> float:
        whole = math.log(levels[-1] / levels[0]) or 1.0
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(events / levels[0]) / whole

    def up(ratio: float) -> float:
        low = math.log(0.5)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (math.log(max(ratio, 0.5)) - low) / (math.log(most) - low)

    title = f"Each figure to what it is with {levels[0]:,} events, {TYPICAL} sessions open"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f'<g font-family="sans-serif" font-size="12"><title>{escape(title)}</title>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-size="14" fill="#111">{escape(title)}</text>',
    ]
    parts += [
        f'<line x1="{LEFT}" y1="{up(ratio):.1f}" x2="{WIDTH - RIGHT}" y2="{up(ratio):.1f}" stroke="#ddd"/>'
        f'<text x="{LEFT - 6}" y="{up(ratio) + 4:.1f}" text-anchor="end" fill="#555">{ratio:,.0f} x</text>'
        for ratio in (10.0**power for power in range(math.ceil(math.log10(most)) + 1) if 10.0**power <= most)
    ]
    parts += [
        f'<text x="{across(events):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="#555">{events:,}</text>'
        for events in levels
    ]
    label = TOP + 4.0
    for name, line in ratios.items():
        if name in growing:
            continue
        parts.append(_line([(across(n), up(ratio)) for n, ratio in line], "#bbb"))
    for place, name in enumerate(growing):
        colour = COLOURS[place % len(COLOURS)]
        points = [(across(n), up(ratio)) for n, ratio in ratios[name]]
        parts.append(_line(points, colour))
        label = max(label + (14 if place else 0), points[-1][1] + 4)
        times = _digits(ratios[name][-1][1])
        parts.append(f'<text x="{WIDTH - RIGHT + 8}" y="{label:.1f}" fill="{colour}">{escape(name)}, {times} x</text>')
    label = max(label + 14, up(1.0) + 4)
    others = f"{len(ratios) - len(growing)} others: constant"
    parts.append(f'<text x="{WIDTH - RIGHT + 8}" y="{label:.1f}" fill="#777">{others}</text>')
    return "\n".join([*parts, "</g></svg>", ""])


def _line(points: Sequence[tuple[float, float]], colour: str) -> str:
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
