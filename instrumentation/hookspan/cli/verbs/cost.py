"""`hookspan cost`: what model calls cost at list price, by day, project, model and more."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, get_args

import click
import msgspec

from hookspan.cli.terminal import completers, unread
from hookspan.cli.terminal.moments import Moment
from hookspan.cli.terminal.options import AGENT, JSON
from hookspan.cli.terminal.text import fit, pad, printable, short, width
from hookspan.config import load
from hookspan.paths import Paths
from hookspan.store import UNSEEN, Cost, Grouping, Reader
from hookspan.units import counted, money

GROUPINGS: Final = get_args(Grouping)
NAMELESS: Final = {"skill": "no skill", "plugin": "no plugin", "mcp-server": "no MCP server", "workflow": "no workflow"}
"""What calls are called that have no such thing."""
NAME_LEAST: Final = 12  # columns
COLUMNS: Final = 100  # where there is no terminal


class Row(NamedTuple):
    """One group, with what stands beside its name."""

    name: str
    beside: str
    cost: Cost


@click.command()
@click.option(
    "--by", "grouping", type=click.Choice(GROUPINGS), default="day", show_default=True, help="What a line stands for."
)
@click.option("--since", type=Moment(), default="7d", show_default=True, help="From when: `24h`, `7d`, a date, `all`.")
@click.option("--until", type=Moment(), default=None, help="Until when (`today`: midnight).")
@click.option("--project", default="", help="Only sessions of this project.", shell_complete=completers.projects)
@AGENT
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@JSON
def cost(
    grouping: Grouping,
    since: int,
    until: int | None,
    project: str,
    agent: str | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """What model calls cost at list price: no bill, which a subscription doesn't have. Works without an agent.

    Input tokens include cached ones. A call counts where it began. `in no transcript` is what clients counted beyond
    the calls in their transcripts, such as titles and compactions; with it the total is the client's own, where it has
    one (Claude Code). A skill's cost is that of the rest of its turn.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other")
    paths = Paths.from_environment()
    reader = Reader(paths)
    window = {"since": since} | ({} if until is None else {"until": until})
    costs = reader.costs(grouping, project=project, agent=agent or "", **window)
    total = Cost()
    for each in costs.values():
        total.add(each)
    rows = ordered(grouping, costs)
    if as_json:
        shown = {"by": grouping, "since": since, "until": until, "project": project or None, "agent": agent}
        click.echo(json.dumps(shown | {"rows": [plain(row) for row in rows], "total": figures(total)}))
    elif as_csv:
        click.echo(comma_separated(grouping, rows), nl=False)
    elif not total.calls and not total.nano:
        click.echo(unread.explained("No model calls in that time.", paths))
    else:
        if grouping == "session" and load(paths).content.local:
            titles = {row.id: row.title for row in reader.sessions(since=since, limit=100_000)}
            rows = [row._replace(beside=" ".join(filter(None, (row.beside, titles.get(row.name))))) for row in rows]
        for line in table(grouping, rows, total, shutil.get_terminal_size((COLUMNS, 24)).columns):
            click.echo(line)
        if lacking := unread.note(paths, nothing=False):
            click.echo(lacking, err=True)


def ordered(grouping: Grouping, costs: dict[tuple[str, str], Cost]) -> list[Row]:
    """Days by date, other groups by cost, the dearest first; calls that have no such thing stand last."""
    rows = [Row(name, beside, each) for (name, beside), each in costs.items()]
    if grouping == "day":
        return sorted(rows)
    return sorted(rows, key=lambda row: (row.name == UNSEEN, not row.name, -row.cost.nano, -row.cost.calls, row.name))


def figures(cost: Cost) -> dict[str, Any]:
    """The sums as JSON types; money in US dollars."""
    sums: dict[str, Any] = msgspec.to_builtins(cost)
    return sums | {"usd": sums.pop("nano") / 1e9, "unseen_usd": sums.pop("unseen_nano") / 1e9}


def plain(row: Row) -> dict[str, Any]:
    """A row as JSON types."""
    return {"name": row.name} | ({"project": row.beside} if row.beside else {}) | figures(row.cost)


def comma_separated(grouping: Grouping, rows: Sequence[Row]) -> str:
    """The rows with a line of names above, as RFC 4180 has it; no line of totals, which a sum would count twice."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([grouping, *(["project"] if grouping == "session" else []), *figures(Cost())])
    for row in rows:
        beside = [_cell(row.beside)] if grouping == "session" else []
        writer.writerow([_cell(row.name), *beside, *figures(row.cost).values()])
    return text.getvalue()


def _cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def table(grouping: Grouping, rows: Sequence[Row], total: Cost, columns: int) -> Iterator[str]:
    """The rows as lines of at most `columns`, the total below; the figures that matter least are left out first."""
    heads = ["calls", "input", "cached", "output", "share", "cost"]
    dearest = max(total.nano, *(row.cost.nano for row in rows)) / 1e9
    body = [_figures(row.cost, total, dearest) for row in rows]
    body.append(_figures(total, total, dearest))
    names = [grouping.replace("-", " "), *(_name(grouping, row) for row in rows), "total"]
    lines = [heads, *body]
    sizes = [max(map(width, column)) for column in zip(*lines, strict=True)]
    shown = list(range(len(heads)))
    for less in (4, 2, 0, 3, 1):
        if NAME_LEAST + sum(sizes[place] + 2 for place in shown) <= columns:
            break
        shown.remove(less)
    room = max(1, columns - sum(sizes[place] + 2 for place in shown))
    size = min(room, max(map(width, names)))
    for number, (name, line) in enumerate(zip(names, lines, strict=True)):
        text = pad(name, size) + "".join(f"  {line[place]:>{sizes[place]}}" for place in shown)
        yield click.style(fit(text, columns), bold=True) if number in {0, len(names) - 1} else fit(text, columns)
    if total.unpriced:
        yield fit(f"+ {counted(total.unpriced, 'calls')} of models without a known price", columns)


def _name(grouping: Grouping, row: Row) -> str:
    if grouping == "day":
        return f"{row.name} {datetime.fromisoformat(row.name):%a}"
    if grouping == "session":
        return printable(f"{short(row.name)}  {row.beside}".rstrip())
    return printable(row.name) or NAMELESS.get(grouping, f"no {grouping}")


def _figures(cost: Cost, total: Cost, dearest: float) -> list[str]:
    cached = f"{cost.cache_read_tokens / cost.input_tokens:.0%}" if cost.input_tokens else "-"
    share = f"{cost.nano / total.nano:.0%}" if total.nano > 0 else "-"
    price = money(cost.nano / 1e9, dearest) + ("+" if cost.unpriced else "")
    return [f"{cost.calls:,}", f"{cost.input_tokens:,}", cached, f"{cost.output_tokens:,}", share, price]
