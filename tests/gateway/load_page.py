"""The measured figures as docs/gateway.md has them, and the sizing that follows from them.

The page has a pair of markers for each section, `<!-- measured: NAME -->` and `<!-- /measured -->`; what lies between
them is replaced, and the rest is written by hand.
"""

import math
import re
import statistics
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hookspan.config.sections import INTERVAL_AWAY

if TYPE_CHECKING:
    from tests.gateway.load import Figures, Outage
    from tests.gateway.sharing import Moves, Shared
    from tests.gateway.stores import Step, Stored
    from tests.gateway.watch import Rate

HEADROOM = 2  # cores and disks are planned for twice the load
OUTAGE_HOURS = 4  # of Kafka, that a gateway's disk lasts for
DEVELOPERS = (100, 1_000, 10_000)
SECTIONS = ("rates", "developer", "sizing", "stores", "ingesters")
TITLES = {
    "gateway-0": "gateway",
    "ingester-0": "ingester",
    "kafka": "Kafka",
    "jaeger": "Jaeger (badger)",
    "victoria-metrics": "VictoriaMetrics",
}


def filled(page: str, sections: Mapping[str, str]) -> str:
    """The page with these sections in the place of the old ones. ValueError if it lacks a marker."""
    for name in SECTIONS:
        marked = re.compile(rf"(<!-- measured: {name} -->\n).*?(\n<!-- /measured -->)", re.DOTALL)
        if not marked.search(page):
            raise ValueError(f"the page has no place for `{name}`: <!-- measured: {name} --> .. <!-- /measured -->")
        if name in sections:
            page = marked.sub(lambda found, new=sections[name]: f"{found[1]}{new}{found[2]}", page)
    return page


def sections(figures: "Figures") -> dict[str, str]:
    """The sections of what was measured, as Markdown."""
    found = {}
    if figures.outage:
        found["rates"] = f"{_measured(figures)}\n\n{_rates(figures.rates)}\n\n{_outage(figures, figures.outage)}"
        found["developer"] = _developer(figures)
        found["sizing"] = table([_needs(figures, figures.outage, number) for number in DEVELOPERS])
    if figures.steps:
        steps, stored = table([_step(one) for one in figures.steps]), table([_stored(one) for one in figures.stored])
        found["stores"] = f"{_where(figures)}\n\n{steps}\n\n{stored}"
    if figures.moves:
        shared = table([_shared(one) for one in figures.shared])
        found["ingesters"] = f"{_where(figures)}\n\n{shared}\n\n{_moves(figures.moves)}"
    return found


def _measured(figures: "Figures") -> str:
    return _wrapped(f"""
        One run with `--copies {figures.hardware.copies}`, on {_machine(figures)}, the real programs on one disk. The
        rate per core is the work divided by the CPU seconds that the program took; wall-clock times are this machine's.
        Memory is the peak of resident memory.
    """)


def _machine(figures: "Figures") -> str:
    hardware = figures.hardware
    return f"{hardware.cores} cores of an {hardware.processor}, load {hardware.load:.1f} at the start"


def _where(figures: "Figures") -> str:
    return _wrapped(f"On {_machine(figures)}.")


def _step(one: "Step") -> dict[str, Any]:
    return {
        "spans/s offered": f"{one.offered:,}" if one.offered else "as many as it takes",
        "store": one.store,
        "spans/s written": one.accepted / one.seconds,
        "Jaeger's cores": one.jaeger_cpu / one.seconds,
        "the store's cores": one.store_cpu / one.seconds,
        "spans for a second of one core": one.accepted / (one.jaeger_cpu + one.store_cpu),
        "search for a session, ms (worst)": _times(one.search_seconds),
        "open a trace, ms (worst)": _times(one.trace_seconds),
        "of these not answered": f"{one.unanswered} of {one.unanswered + len(one.search_seconds + one.trace_seconds)}",
    }


def _times(seconds: "Sequence[float]") -> str:
    if not seconds:
        return "-"
    return f"{statistics.median(seconds) * 1000:,.0f} ({max(seconds) * 1000:,.0f})"


def _stored(one: "Stored") -> dict[str, Any]:
    return {
        "store": one.store,
        "spans": one.spans,
        "traces not whole, of those looked at": f"{one.incomplete} of {one.checked}",
        "bytes a span on disk": one.disk_bytes / one.spans,
        "Jaeger's memory, MB": one.jaeger_peak / 1e6,
        "the store's memory, MB": one.store_peak / 1e6,
    }


def _shared(one: "Shared") -> dict[str, Any]:
    def each(values: "Sequence[int]") -> str:
        return " ".join(f"{value:,}" for value in values)

    return {
        "ingesters": len(one.spans),
        "partitions of each": each(one.partitions),
        "spans of each": each(one.spans),
        "CPU s of each": " ".join(f"{value:.1f}" for value in one.cpu),
        "wall-clock s": one.wall_seconds,
        "spans/s": sum(one.spans) / one.wall_seconds,
    }


def _moves(moves: "Moves") -> str:
    after = "; ".join(f"{what}: {', '.join(map(str, partitions))}" for what, partitions in moves.after)
    return _wrapped(f"""
        While three developers worked, the partitions of each ingester were: {after}. Of the {moves.spans:,} spans that
        were accepted meanwhile, {moves.missing or "none"} {"are" if moves.missing else "is"} missing in Jaeger.
    """)


def _rates(rates: "Sequence[Rate]") -> str:
    return table(
        [
            {
                "program": TITLES[rate.program],
                "work": rate.what,
                "per core and second": rate.per_core_second,
                "done": rate.done,
                "CPU s": rate.cpu_seconds,
                "wall-clock s": rate.wall_seconds,
                "peak MB": rate.peak_bytes / 1e6,
            }
            for rate in sorted(rates, key=lambda rate: list(TITLES).index(rate.program))
        ]
    )


def _outage(figures: "Figures", outage: "Outage") -> str:
    synced, unsynced = _by_the_clock(figures)
    return _wrapped(f"""
        In wall-clock time one gateway accepted {synced:,.0f} spans/s in
        {synced / figures.density.spans_per_request:,.0f} requests/s, with a sync of its disk for each, and
        {unsynced:,.0f} spans/s without. While Kafka was stopped, a gateway accepted {outage.spans:,} spans: each took
        {outage.queue_bytes_per_span:,.0f} bytes of its disk, and its memory peaked at {outage.peak_bytes / 1e6:,.0f}
        MB. When Kafka was back, they were delivered within {outage.drained_seconds:.1f} s.
    """)


def _developer(figures: "Figures") -> str:
    one = figures.density
    return _wrapped(f"""
        How much one developer produces is computed from the {one.sessions} recorded sessions of Claude Code in
        `tests/sessions`, folded as the agent does it: {one.events:,} events and {one.spans:,} spans for
        {one.model_calls:,} model calls, which is {one.events / one.model_calls:.1f} events and
        {one.spans / one.model_calls:.1f} spans for each; {one.bytes_per_span:,.0f} bytes a span; {one.series:,} series,
        the agent's included, for somebody who has done everything that was recorded in three projects ({one.native:,}
        in a store that keeps a histogram as one native series; {one.series_of_all:,} for somebody who has done what was
        recorded of Codex and Copilot CLI, too). In the recordings the model answers at once, which
        gives {one.events_per_hour_at_most:,.0f} events an hour: no developer is that fast. **Assumed, not measured:** a
        model call every {one.stretch * one.seconds / one.model_calls:.0f} s throughout the hour, which gives
        {one.events_per_hour:,.0f} events and {one.spans_per_hour:,.0f} spans. If your developers produce half as much,
        halve the columns up to spans/s. Sums are exported every {INTERVAL_AWAY:g} s
        (`export.metric_interval`).
    """)


def _needs(figures: "Figures", outage: "Outage", number: int) -> dict[str, Any]:
    """What so many developers need who all work at the same time."""
    density = figures.density
    load = {
        "spans": number * density.spans_per_hour / 3600,
        "samples": number * density.series / INTERVAL_AWAY,
    }

    def cores(program: str) -> float:
        rates = (rate for rate in figures.rates if rate.program == program and rate.sized)
        return HEADROOM * sum(load[rate.kind] / rate.per_core_second for rate in rates)

    def memory(program: str) -> float:
        """Of so many with one core each, and never fewer than two."""
        peak = max(rate.peak_bytes for rate in figures.rates if rate.program == program)
        return max(2, math.ceil(cores(program))) * peak / 1e9

    disks = OUTAGE_HOURS * 3600 * load["spans"] * outage.queue_bytes_per_span * HEADROOM
    return {
        "developers": number,
        "events/s": number * density.events_per_hour / 3600,
        "spans/s": load["spans"],
        "samples/s": load["samples"],
        "series": number * density.series,
        "gateway cores": cores("gateway-0"),
        "gateways, by their disks' syncs": max(2, math.ceil(HEADROOM * load["spans"] / _by_the_clock(figures)[0])),
        "ingester cores": cores("ingester-0"),
        "gateways' and ingesters' memory, GB": memory("gateway-0") + memory("ingester-0"),
        "Kafka cores": cores("kafka"),
        "Jaeger cores": cores("jaeger"),
        "store cores": cores("victoria-metrics"),
        "gateway disks, GB": disks / 1e9,
        "spans, MB/s": load["spans"] * density.bytes_per_span / 1e6,
    }


def _by_the_clock(figures: "Figures") -> tuple[float, float]:
    """Spans/s of one gateway with and without the sync of its disk."""
    synced, unsynced = (rate for rate in figures.rates if (rate.program, rate.kind) == ("gateway-0", "spans"))
    return synced.done / synced.wall_seconds, unsynced.done / unsynced.wall_seconds


def _wrapped(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 120, break_long_words=False, break_on_hyphens=False)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """As Markdown."""
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    lines += [f"| {' | '.join(_shown(row[name]) for name in names)} |" for row in rows]
    return "\n".join(lines)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
