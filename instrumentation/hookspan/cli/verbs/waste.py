"""`hookspan waste`: what work was for nothing, with its price, and what to do about it."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import click
import msgspec

from hookspan.cli.terminal import completers, unread
from hookspan.cli.terminal.moments import Moment
from hookspan.cli.terminal.options import AGENT, JSON
from hookspan.cli.terminal.text import fit, pad, printable, short, width
from hookspan.config import load
from hookspan.opted_out import OptedOut
from hookspan.paths import Paths
from hookspan.store import WasteQuery, schema
from hookspan.units import elapsed, money

if TYPE_CHECKING:
    from hookspan.web.schemas import Waste, WastedSession

COLUMNS: Final = 100  # where there is no terminal


@click.command()
@click.option("--since", type=Moment(), default="7d", show_default=True, help="From when: `24h`, `7d`, a date, `all`.")
@click.option("--until", type=Moment(), default=None, help="Until when (`today`: midnight).")
@click.option("--project", default="", help="Only sessions of this project.", shell_complete=completers.projects)
@AGENT
@click.option(
    "-n", "count", type=click.IntRange(1, 1000), default=20, show_default=True, help="Maximum number of rows."
)
@JSON
def waste(since: int, until: int | None, project: str, agent: str | None, count: int, as_json: bool) -> None:
    """What held agents and people up, largest first: its price, its time and what to do. Works without an agent.

    Prices are list prices, as in `hookspan cost`. No token is counted for two kinds, so the sum is never more than
    what calls cost; what no price can be told of has none. Times of one turn may overlap. Hours are whole.
    """
    from hookspan.web import friction
    from hookspan.web import waste as told
    from hookspan.web.queries import PageReader

    paths = Paths.from_environment()
    settings = load(paths)
    end = schema.INTEGER_MAX if until is None else until
    query = WasteQuery(since=since, until=end, project=project, agent=agent or "")
    with contextlib.closing(PageReader(paths)) as reader:
        sums = reader.waste(query, count)
        with reader.moment() as moment:
            asked_about = [span for span in moment.waited(since) if span.end < end]
            rules = friction.rules(friction.meant(asked_about, project, agent or "")) if settings.content.local else []
        hidden = OptedOut(settings.projects).names
        most = [reader.wasted_sessions(query, one, told.SESSIONS) for one in sums]
    rows = told.rows(sums, rules)
    shown = [[one for one in each if one.project not in hidden] for each in most]
    sessions = [told.sessions(each, content=settings.content.local) for each in shown]
    if as_json:
        asked = {"since": since, "until": until, "project": project or None, "agent": agent}
        plain = [
            msgspec.to_builtins(row) | {"sessions": msgspec.to_builtins(own)}
            for row, own in zip(rows, sessions, strict=True)
        ]
        click.echo(json.dumps(asked | {"rows": plain, "usd": sum(row.cost or 0 for row in rows)}))
    elif not rows:
        click.echo(unread.explained("Nothing held anybody up in that time.", paths))
    else:
        for line in _table(rows, sessions, shutil.get_terminal_size((COLUMNS, 24)).columns):
            click.echo(line)


def _table(rows: Sequence[Waste], sessions: Sequence[Sequence[WastedSession]], columns: int) -> Iterator[str]:
    """The rows as lines of at most `columns`, with what to do and the sessions that have most below each."""
    dearest = max((row.cost or 0 for row in rows), default=0.0)
    heads = ["times", "time", "cost"]
    lines = [heads, *(_figures(row, dearest) for row in rows)]
    sizes = [max(map(width, column)) for column in zip(*lines, strict=True)]
    names = ["what", *(printable(row.title) for row in rows)]
    room = max(1, min(columns - sum(size + 2 for size in sizes), max(map(width, names))))
    for number, (name, line) in enumerate(zip(names, lines, strict=True)):
        text = pad(fit(name, room), room) + "".join(f"  {cell:>{size}}" for cell, size in zip(line, sizes, strict=True))
        yield click.style(fit(text, columns), bold=True) if not number else fit(text, columns)
        if number:
            row = rows[number - 1]
            yield click.style(f"    {fit(printable(row.todo), columns - 4)}", dim=True)
            for part in row.copy.splitlines():
                yield click.style(f"    {row.into}: {part}", dim=True)
            ids = "  ".join(short(one.id) for one in sessions[number - 1])
            if ids:
                yield click.style(fit(f"    sessions: {ids}", columns), dim=True)


def _figures(row: Waste, dearest: float) -> list[str]:
    price = "-" if row.cost is None else money(row.cost, dearest) + ("+" if row.priced < row.count else "")
    return [f"{row.count:,}", elapsed(row.time / 1000) if row.time else "-", price]
