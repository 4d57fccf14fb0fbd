"""Measures hookspan beside its peers: `.venv/bin/python -m tests.peers [--rounds N] [--write docs/peers.md]`.

Installs from npm and PyPI, into the cache of what tests install, what is not there yet; each runs in a home of its own
with an empty environment. `chrt -r 5` before the command (root) takes other work on the machine out of the times.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from hookspan.bench.machine import machine, versions
from hookspan.units import size
from tests.bench.turns import Took
from tests.peers import costs, hooks, packages

HEAD = """\
# Beside its peers

`make peers` installed these tools from npm and PyPI, ran them beside hookspan on one machine, and wrote this page, on
{date}. Each ran in a home of its own with an empty environment, its hooks as its own installer writes them. What else
they do, and hookspan does, is not compared here; [How it compares](comparison.md) has viewers.

Measured on: {machine}{how}.

| tool | version | from | licence | what it is |
|---|---|---|---|---|
"""
REALTIME = "; what is timed had real-time priority, since the machine did other work"
COSTS = """
## Time to a report of costs

Over the same {count:,} transcripts ({size}): {recorded} recorded sessions, copied with ids of their own. All count the
same tokens: {input:,} input, {cache:,} read from the cache or written to it, {output:,} output. Each ran {rounds}
times, in turns.
`hookspan import` reads all of it once; its row ends when the agent has taken it in, and has the agent's time of a
processor, too. `hookspan cost` then reads hookspan's store.

| command | until its end, p50 | processor, p50 |
|---|---|---|
"""
HOOK = """
## What a hook costs

One event before a tool call, with what receives it at work; as Claude Code starts the command. {rounds:,} rounds in
turns with `/bin/true`, those that start an interpreter in every {rarely}th. `cc-observatory` has no command: the client
itself posts to its service, and below it is posted as the client does.

| hook | until its end, p50 | processor, p50 | to `/bin/true`, p50 |
|---|---|---|---|
"""
LOST = """
## Events while nobody receives

The events of a session until its first turn has ended, those that the tool has hooks for; once with nothing that
receives them, which is then started, and once with it. "Kept" is what the receiver has in the end: its rows, lines or
hook spans. A tool that keeps fewer than it has hooks for, with its receiver at work, keeps only some kinds of events.

| tool | receiver | events | kept, receiver at work | kept, receiver started later | lost |
|---|---|---|---|---|---|
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2000, help="of hooks")
    parser.add_argument("--transcripts", type=int, default=1000)
    parser.add_argument("--reports", type=int, default=5, help="rounds of reports")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write this page")
    options = parser.parse_args()
    for package in packages.ALL:
        package.installed()
    where = ", ".join([*machine().values(), *versions(None).values()])
    with tempfile.TemporaryDirectory(prefix="hookspan-peers-") as folder:
        root = Path(folder)
        tokens, reports = costs.compare(root / "costs", options.transcripts, options.reports)
        print("\n".join(times(reports)), flush=True)
        written = sum(path.stat().st_size for path in (root / "costs" / ".claude").rglob("*.jsonl"))
        lost = list(losses(root / "losses"))
        peers = [peer(root / "hooks" / peer.name) for peer in hooks.COMMANDS]
        took = hooks.cost(peers, options.rounds)
    head = HEAD.format(date=datetime.now(UTC).date(), machine=where, how=REALTIME if os.sched_getscheduler(0) else "")
    over = COSTS.format(
        count=options.transcripts,
        size=size(written),
        recorded=len(costs.RECORDED),
        rounds=options.reports,
        **vars(tokens),
    )
    hook = HOOK.format(rounds=options.rounds, rarely=hooks.RARELY)
    page = "\n".join([head.rstrip(), *tools(), hook.rstrip(), *hook_costs(took), LOST.rstrip(), *lost, over.rstrip()])
    page = "\n".join([page, *times(reports), ""])
    print(page)
    if options.write is not None:
        options.write.write_text(page)


def tools() -> Iterator[str]:
    """A row for each."""
    for one in packages.ALL:
        yield f"| {one.name} | {one.version} | {one.registry} | {one.licence} | {one.what} |"


def losses(folder: Path) -> Iterator[str]:
    """A row for each tool with hooks."""
    for number, kind in enumerate(hooks.PEERS):
        peer = kind(folder / str(number))
        try:
            sent, down, up = hooks.losses(peer)
        finally:
            peer.stop()
        row = f"| {peer.name} | {peer.receiver} | {sent} | {up} | {down} | {max(0, up - down)} |"
        print(row, flush=True)
        yield row


def hook_costs(took: Mapping[str, Took]) -> Iterator[str]:
    """A row for each hook."""
    base = statistics.median(took[hooks.TRUE].wall)
    for name, one in took.items():
        p50 = statistics.median(one.wall)
        cells = [_ms(p50), _ms(statistics.median(one.processor)), f"{p50 / base:.2f} x"]
        yield f"| {f'`{name}`' if name == hooks.TRUE else name} | {' | '.join(cells)} |"


def times(reports: Mapping[str, Took]) -> Iterator[str]:
    """A row for each command."""
    for name, one in reports.items():
        yield f"| `{name}` | {_ms(statistics.median(one.wall))} | {_ms(statistics.median(one.processor))} |"


def _ms(value: float) -> str:
    return f"{value:,.{2 if value < 10 else 0}f} ms"


if __name__ == "__main__":
    main()
