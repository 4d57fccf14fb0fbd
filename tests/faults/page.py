"""docs/faults.md, from the tests themselves: `python -m tests.faults.page [--check]`."""

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from tests.faults import (
    campaign,
    test_agents,
    test_clock,
    test_damage,
    test_disk,
    test_open_files,
)  # each puts its faults into the table
from tests.faults.stand import FAULTS, WELL

TARGET = Path(__file__).parents[2] / "docs" / "faults.md"
MODULES = (test_disk, test_damage, test_open_files, test_clock, test_agents)
HEAD = """\
<!-- Made by `make generate`. -->

# Faults and their outcomes

Each row is a test of `tests/faults`. Once the fault is over, every event that a relay wrote is in the store once and
has been exported at least once, the counter of events is exact, what was not written is counted, and `hookspan status`
says that all is well again. The rows name the exceptions. The last column is what `status` says about the fault, while
it lasts or afterwards; it is empty if there is nothing to report.

`make test` runs all of them with few events, `make faults` with many.
"""
KILLS = """\
## Agent and endpoint

While each of these faults lasts, sixteen sessions run their hooks, every second one Codex's, the others Claude Code's.
Afterwards the endpoint has every hook's span once, except those that it refused individually, which are counted; the
counter of events matches what was sent; and no fault delayed the median hook by as much as anybody notices. `make soak`
does the same with a million events of both; [What it costs](measurements.md) has the times.
"""


def page() -> str:
    """The text of docs/faults.md."""
    order = {module.__name__: place for place, module in enumerate(MODULES)}
    assert {fault.module for fault in FAULTS.values()} == order.keys()
    faults = sorted(FAULTS.values(), key=lambda fault: order[fault.module])
    lines = [HEAD]
    for group, rows in groupby(faults, key=lambda fault: fault.group):
        lines += [f"## {group.capitalize()}", "", "| fault | outcome | `status` says |", "|---|---|---|"]
        lines += [f"| {row.what} | {row.outcome} | {_said(row.says)} |" for row in rows]
        lines.append("")
    return "\n".join([*lines, KILLS, *_kills(), ""])


def _said(words: str) -> str:
    return "" if words == WELL else f"`{' '.join(words.split())}`"


def _kills() -> Iterator[str]:
    yield from ("| fault | agent killed during it |", "|---|---|")
    for fault in campaign.FAULTS:
        yield f"| {fault.name} | {f'{fault.kills} times' if fault.kills > 1 else 'once' if fault.kills else ''} |"


def main(arguments: list[str]) -> int:
    """0, or with `--check` 1 when the page would be made otherwise."""
    if arguments == ["--check"]:
        return int(TARGET.read_text(encoding="utf-8") != page())
    TARGET.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
