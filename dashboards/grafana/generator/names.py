"""The catalogue's names as Prometheus and VictoriaLogs have them: a dashboard that asks for another one is not made."""

from __future__ import annotations

import re
from typing import Final

from hookspan.catalogue.attributes import ATTRIBUTES
from hookspan.catalogue.logs import LOG_EVENTS
from hookspan.catalogue.metrics import BY_NAME, Instrument, Kind

_UNITS: Final = {"s": "_seconds", "USD": "_USD", "By": "_bytes", "1": "_ratio"}
_SUFFIXES: Final = {Kind.COUNTER: ("_total",), Kind.GAUGE: ("",), Kind.HISTOGRAM: ("", "_bucket", "_sum", "_count")}
_OURS: Final = re.compile(r"(?<![\w:])(?:hookspan|gen_ai)_\w+")
"""A name of ours in PromQL; those of recording rules have a colon, and those of dashboards a dash."""
_SENT: Final = re.compile(r"(?<![\w./-])hookspan\.[a-z_.]*[a-z_]")
"""A name of ours in LogsQL and in searches of traces, as it was sent."""


def series(instrument: Instrument) -> tuple[str, ...]:
    """Names of an instrument's series, as Prometheus' OTLP receiver makes them; a histogram's without one, too."""
    name = instrument.name.replace(".", "_") + _UNITS.get(instrument.unit, "")
    return tuple(name + suffix for suffix in _SUFFIXES[instrument.kind])


KNOWN: Final = {name for instrument in BY_NAME.values() for name in series(instrument)} | {
    key.replace(".", "_") for key in ATTRIBUTES
}
SENT: Final = {*ATTRIBUTES, *(event.name for event in LOG_EVENTS)}


def check(board: str, text: str) -> None:
    """Raises LookupError for a name of ours that nobody sends."""
    for name in sorted(set(_OURS.findall(text)) - KNOWN):
        raise LookupError(f"{board}: no metric and no attribute of hookspan/catalogue is {name!r} in Prometheus")
    for name in sorted(set(_SENT.findall(text)) - SENT):
        raise LookupError(f"{board}: no attribute and no log record of hookspan/catalogue is {name!r}")
