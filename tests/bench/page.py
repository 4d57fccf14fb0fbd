"""docs/measurements.md, from what the benchmarks measured: `.venv/bin/python -m tests.bench.page FOLDER`.

In the folder are `bench.json`, `client.json` and `jaeger.json` (`hookspan bench --json` and `tests.bench.real --json`),
and `soak.json` (`tests.faults.campaign --json`). `make measurements` makes all four first.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from hookspan.bench.report import rounded
from tests.faults.campaign import Row, table

TARGET = Path(__file__).parents[2] / "docs" / "measurements.md"
HEAD = """\
# What it costs

`make measurements` measures all of this and writes this page; ratios are of programs that ran in turn, in one run.
Parts may be of different runs: the line below them names the machine. `hookspan bench` has the figures of yours. What
the page itself costs is in [The page](page.md#what-it-costs), what a gateway takes in [A gateway for
teams](gateway.md), a day of work in [Endurance](endurance.md), what grows with the events in [What grows](growth.md),
and other tools in [Beside its peers](peers.md).
"""
SOAK = """\
## While something is broken

Sixteen sessions at once, one fault after the other ([Faults](faults.md#agent-and-endpoint)). `hook spans` are those
that the endpoint has once each, `refused` those that it refused by themselves, `counter` what its counter says.
The times are of the hooks that relay processes ran while the fault lasted; other events were appended to the journal.
"""


def benchmark(found: Mapping[str, Any]) -> Iterator[str]:
    """One table for each section of a benchmark's JSON, and the machine."""
    for section, rows in groupby(found["rows"], key=lambda row: row["section"]):
        yield f"## {section}\n"
        yield "| what | measured | bar |\n|---|---|---|"
        for row in rows:
            missed = " **missed**" if row["ok"] is False else ""
            yield f"| {row['name']} | {_figure(row['value'], row['unit'])}{missed} | {_bar(row)} |"
        yield ""
    yield f"Measured on: {', '.join([*found['machine'].values(), *found['versions'].values()])}.\n"


def _bar(row: Mapping[str, Any]) -> str:
    if row["bar"] is None:
        return ""
    return f"at {'least' if row['floor'] else 'most'} {_figure(row['bar'], row['unit'])}"


def _figure(value: float, unit: str) -> str:
    return f"{rounded(value)} {unit}".strip()


def page(folder: Path) -> str:
    """The text of the page."""
    parts = [HEAD]
    for name in ("bench", "client", "jaeger"):
        parts += benchmark(json.loads((folder / f"{name}.json").read_text()))
    soak = json.loads((folder / "soak.json").read_text())
    parts += [SOAK, *table([Row(**row) for row in soak])]
    return "\n".join(parts).rstrip() + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    TARGET.write_text(page(parser.parse_args().folder))


if __name__ == "__main__":
    main()
