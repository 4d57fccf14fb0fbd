"""Receipts as text, as Markdown for a pull request, as JSON types and as a commit's note."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import click
import msgspec

from hookspan.cli.receipt.meant import Meant
from hookspan.cli.terminal.text import fit, pad, printable, width
from hookspan.sharing.as_markdown import plain
from hookspan.store import Cost, Receipt, Receipts, Work
from hookspan.store.receipts import by_age, together
from hookspan.units import counted, duration, money

DIGITS: Final = 10  # of a commit's id
COLUMNS: Final = ("calls", "input", "cached", "output", "cost")
SUBJECT: Final = 40  # columns
NO_BILL: Final = "At list price, which is no bill."
NANO: Final = 1_000_000_000


def text(meant: Meant, subjects: Mapping[str, str], found: Receipts, columns: int) -> Iterator[str]:
    """For a terminal. Where `found` knows several coding agents it says which did the work."""
    several = len(set(found.agents.values())) > 1

    def agents(work: Work) -> str:
        return printable(", ".join(found.agents_of(work))) if several else ""

    if meant.one:
        yield from (fit(line, columns) for line in _one(meant.receipts[0], subjects, agents(meant.receipts[0].work)))
        return
    shown = [receipt for receipt in meant.receipts if _is_shown(receipt)]
    works = [*(receipt.work for receipt in shown), meant.none]
    total = together(works)
    names = [*(_name(receipt, subjects, agents(receipt.work)) for receipt in shown), "no commit", "total"]
    dearest = max(work.cost.nano for work in (*works, total)) / NANO
    stayed = _stayed(shown)
    lines = [(printable(meant.title), _with(COLUMNS, "stayed" if stayed else ""))]
    for number, (name, work) in enumerate(zip(names, [*works, total], strict=True)):
        figures = _figures(work.cost, dearest)
        lines.append((name, _with(figures, stayed[number] if number < len(shown) else "-") if stayed else figures))
    sizes = [max(width(line[place]) for _, line in lines) for place in range(len(lines[0][1]))]
    size = min(max(width(name) for name, _ in lines), max(DIGITS, columns - sum(sizes) - 2 * len(sizes)))
    for number, (name, line) in enumerate(lines):
        row = pad(fit(name, size), size) + "".join(f"  {cell:>{sizes[place]}}" for place, cell in enumerate(line))
        yield click.style(fit(row, columns), bold=True) if number in {0, len(lines) - 1} else fit(row, columns)
    yield fit(_spent(total), columns)
    yield from (fit(line, columns) for line in _lines(shown))
    yield fit(NO_BILL, columns)


def _one(receipt: Receipt, subjects: Mapping[str, str], agents: str) -> Iterator[str]:
    work, cost = receipt.work, receipt.work.cost
    made = datetime.fromtimestamp(receipt.at / NANO).astimezone()
    yield click.style(f"commit {receipt.sha}", bold=True)
    if subject := subjects.get(receipt.sha):
        yield f"         {printable(subject)}"
    yield f"made     {made:%Y-%m-%d %H:%M}  {printable('  '.join(filter(None, (receipt.project, receipt.branch))))}"
    yield f"cost     {_price(cost)}  {NO_BILL}"
    yield f"work     {_spent(work)}"
    yield f"tokens   {cost.input_tokens:,} in ({_cached(cost)} cached), {cost.output_tokens:,} out"
    yield from (f"lines    {line}" for line in _lines([receipt]))
    if agents:
        yield f"agents   {agents}"
    for model, each in sorted(work.models.items(), key=lambda pair: -pair[1].nano):
        yield f"model    {printable(model)}  {_price(each)}  {counted(each.calls, 'calls')}"
    for session, nano in sorted(work.sessions.items(), key=lambda pair: -pair[1]):
        yield f"session  {session}  {money(nano / NANO)}"
    for old in receipt.replaces:
        yield f"was      {old[:DIGITS]}"
    if receipt.origin:
        yield f"picked   from {receipt.origin[:DIGITS]}, whose work stays there"


def _spent(work: Work) -> str:
    """What it took."""
    parts = [
        counted(work.cost.calls, "calls"),
        counted(len(work.prompts), "turns"),
        counted(len(work.sessions), "sessions"),
        f"model {duration(work.model_time / NANO)}",
        f"tools {duration(work.tool_time / NANO)}",
        f"waited for you {duration(work.waited / NANO)}" if work.waited else "",
        f"{money(work.cost.unseen_nano / NANO)} in no transcript" if work.cost.unseen_nano else "",
    ]
    return ", ".join(filter(None, parts))


def _lines(receipts: Iterable[Receipt]) -> Iterator[str]:
    """How many lines stayed, by age, and what each of these cost."""
    for days, commits, written, stayed, nano in by_age(receipts):
        of = f" of {counted(commits, 'commits')}" if commits > 1 else ""
        each = f", {money(nano / NANO / stayed)} each" if stayed else ""
        lines = f"{stayed:,} of {counted(written, 'lines')}{of} ({stayed / written:.0%})"
        yield f"after {counted(days, 'days')} {lines}{each}"


def _stayed(receipts: Sequence[Receipt]) -> list[str]:
    """The share of each commit's lines that was there last, and when that was; empty where nothing is known of any."""
    newest = [receipt.lines[-1] if receipt.lines else None for receipt in receipts]
    if not any(newest):
        return []
    return [f"{last.stayed / last.written:.0%} {last.days}d" if last else "-" for last in newest]


def _with(figures: Sequence[str], stayed: str) -> list[str]:
    """A column more before the cost, if there is one."""
    return [*figures[:-1], *([stayed] if stayed else []), figures[-1]]


def _is_shown(receipt: Receipt) -> bool:
    return bool(receipt.work.cost.calls)


def _name(receipt: Receipt, subjects: Mapping[str, str], agents: str) -> str:
    by = f" ({agents})" if agents else ""
    return printable(f"{receipt.sha[:DIGITS]}{by} {subjects.get(receipt.sha) or receipt.branch}".rstrip())


def _price(cost: Cost, of: float | None = None) -> str:
    return money(cost.nano / NANO, of) + ("+" if cost.unpriced else "")


def _cached(cost: Cost) -> str:
    return f"{cost.cache_read_tokens / cost.input_tokens:.0%}" if cost.input_tokens else "-"


def _figures(cost: Cost, dearest: float) -> list[str]:
    return [
        f"{cost.calls:,}",
        f"{cost.input_tokens:,}",
        _cached(cost),
        f"{cost.output_tokens:,}",
        _price(cost, dearest),
    ]


def markdown(meant: Meant, subjects: Mapping[str, str]) -> Iterator[str]:
    """A table for a pull request."""
    shown = [receipt for receipt in meant.receipts if _is_shown(receipt) or meant.one]
    works = [*(receipt.work for receipt in shown), *([] if meant.one else [meant.none])]
    total = together(works)
    dearest = max(total.cost.nano, 0) / NANO
    yield f"### What {plain(meant.title[:DIGITS] if meant.one else meant.title)} cost"
    yield ""
    stayed = _stayed(shown)
    columns = _with(COLUMNS, "stayed" if stayed else "")
    yield _row("commit", columns)
    yield f"|---|{'--:|' * len(columns)}"
    for number, receipt in enumerate(shown):
        name = f"`{receipt.sha[:DIGITS]}` {plain(subjects.get(receipt.sha, ''))}".rstrip()
        yield _row(name, _with(_figures(receipt.work.cost, dearest), stayed[number] if stayed else ""))
    if not meant.one:
        yield _row("no commit", _with(_figures(meant.none.cost, dearest), "-" if stayed else ""))
        yield _row("**total**", _with(_figures(total.cost, dearest), "-" if stayed else ""))
    yield ""
    if lines := list(_lines(shown)):
        yield f"Lines that stayed: {'; '.join(lines)}."
        yield ""
    models = ", ".join(sorted(filter(None, total.models)))
    yield f"{NO_BILL} {_spent(total)}{f', {plain(models)}' if models else ''}."


def _row(name: str, figures: list[str]) -> str:
    return f"| {' | '.join((name, *figures))} |"


def note(receipt: Receipt) -> str:
    """The lines of a commit's note: names and values as trailers have them."""
    cost = receipt.work.cost
    lines = {
        "Cost": f"{cost.nano / NANO:.9f} USD (list price, no bill)",
        "Calls": cost.calls,
        "Tokens": f"{cost.input_tokens} in ({cost.cache_read_tokens} cached), {cost.output_tokens} out",
        "Models": ", ".join(sorted(filter(None, receipt.work.models))),
        "Sessions": ", ".join(sorted(receipt.work.sessions)),
    }
    return "".join(f"Hookspan-{name}: {value}\n" for name, value in lines.items())


def as_plain(meant: Meant, subjects: Mapping[str, str], found: Receipts) -> dict[str, Any]:
    """As JSON types; money in US dollars, and `nano_usd` to the nano-dollar."""
    receipts = [
        {
            "sha": receipt.sha,
            "subject": subjects.get(receipt.sha),
            "at": receipt.at,
            "project": receipt.project,
            "branch": receipt.branch,
            "replaces": receipt.replaces,
            "origin": receipt.origin or None,
            "agents": found.agents_of(receipt.work),
            "lines": [each._asdict() for each in receipt.lines],
            **_work(receipt.work),
        }
        for receipt in meant.receipts
    ]
    total = together((*(receipt.work for receipt in meant.receipts), meant.none))
    lines = [
        {"days": days, "commits": commits, "written": written, "stayed": stayed, "usd": nano / NANO, "nano_usd": nano}
        for days, commits, written, stayed, nano in by_age(meant.receipts)
    ]
    return {
        "of": meant.title,
        "receipts": receipts,
        "no_commit": _work(meant.none),
        "total": _work(total),
        "lines": lines,
    }


def _work(work: Work) -> dict[str, Any]:
    return {
        **_cost(work.cost),
        "turns": len(work.prompts),
        "model_seconds": work.model_time / NANO,
        "tool_seconds": work.tool_time / NANO,
        "waited_seconds": work.waited / NANO,
        "models": {model: _cost(cost) for model, cost in work.models.items()},
        "sessions": {session: {"usd": nano / NANO, "nano_usd": nano} for session, nano in work.sessions.items()},
    }


def _cost(cost: Cost) -> dict[str, Any]:
    sums: dict[str, Any] = msgspec.to_builtins(cost)
    nano, unseen = sums.pop("nano"), sums.pop("unseen_nano")
    return {**sums, "usd": nano / NANO, "nano_usd": nano, "unseen_usd": unseen / NANO}
