"""What an agent tells that was there, and one that came when all was over: compared field by field.

Not compared, since they are of the agent and not of what happened: the order of the spans, when a series began, and
which span is its exemplar. `docs/accuracy.md` tells what else may differ, and why.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import EndReason
from hookspan.model.rows import Increment
from hookspan.model.sums import Series, Sums
from hookspan.paths import Paths
from hookspan.store import Reader
from tests.recorded import lines

FIELDS = ("name", "parent_id", "start", "end", "kind", "status")
DIGITS = 6  # sums of seconds are added up in another order, so that their last digits differ

# Only who watched a client knows how long it lived after its last event; all that it cut off ended then.
_CUT_OFF = ("session", "invoke_agent", "execute_tool", "permission")
_LENGTHS = (
    "gen_ai.execute_tool.duration",
    "gen_ai.invoke_agent.duration",
    "hookspan.tool.duration",
    "hookspan.permission.wait",
    "hookspan.time",
)
SEEN_OF_A_KILLED_CLIENT = {
    *((name, field) for name in _CUT_OFF for field in ("end", sc.WAITED)),
    ("execute_tool", "start"),  # of a call whose dialog was open
    ("permission", sc.BASIS),
    *((name, field) for name in _LENGTHS for field in ("value", "buckets")),
    *(("hookspan.time", field) for field in ("name", "count")),  # kinds of time that the rest of its life was of
}

Told = dict[tuple[str, ...], dict[str, Any]]


def spans(found: Iterable[Any]) -> Told:
    """All that is told of each span, by its ids: of the fold's, or of those that an endpoint received.

    Whose a hook is that begins an answer to a teammate is not compared: an agent that is there has folded it before
    the client has written the message that it answers.
    """
    every = list(found)
    teamed = {span.attributes.get(sc.GEN_AI_CONVERSATION_ID) for span in every if sc.TEAMMATE in span.attributes}
    told: Told = {}
    for span in every:
        facts = {
            **{field: getattr(span, field) for field in FIELDS},
            "links": sorted((link.trace_id, link.span_id, sorted(link.attributes.items())) for link in span.links),
            **span.attributes,
        }
        if span.name.startswith("hook ") and facts.get(sc.GEN_AI_CONVERSATION_ID) in teamed:
            del facts["parent_id"]
            told["hook", span.span_id] = facts
        else:
            told[span.trace_id, span.span_id] = facts
    return told


def sums(found: Iterable[Increment]) -> Told:
    """What the increments of a fold come to."""
    made = Sums()
    for increment in found:
        made.find(increment, 0).add([increment])
    return series(made)


def series(found: Iterable[Series]) -> Told:
    """The sum of each series, by its instrument and attributes."""
    return {
        (one.instrument, *(f"{key}={value}" for key, value in one.attributes)): {
            "name": one.instrument,
            "value": round(one.value, DIGITS),
            "count": one.count,
            "buckets": one.buckets,
        }
        for one in found
    }


def store(paths: Paths) -> tuple[Told, Told]:
    """The spans and the sums of an agent's store."""
    reader = Reader(paths)
    try:
        every = [span for row in reader.sessions(limit=1000) for span in reader.spans_of_session(row.id)]
        snapshot = reader.series()
        return spans(every), series(snapshot.series if snapshot else ())
    finally:
        reader.close()


def differences(early: tuple[Told, Told], late: tuple[Told, Told]) -> list[str]:
    """What differs of the spans and sums of two agents and must not: a line for each field, with both values."""
    killed = any(span.get(sc.END_REASON) == EndReason.CLIENT_GONE for span in early[0].values())
    return sorted(
        f"{name} {' '.join(key[1:])}: {field} {one!r}, late {other!r}"
        for before, after in zip(early, late, strict=True)
        for name, key, field, one, other in _compare(before, after)
        if not (killed and (name.split(" ")[0], field) in SEEN_OF_A_KILLED_CLIENT)
    )


def _compare(early: Told, late: Told) -> Iterator[tuple[str, tuple[str, ...], str, Any, Any]]:
    """Name, key, field and both values of what differs; what one of them lacks has no fields there."""
    for key in early.keys() | late.keys():
        one, other = early.get(key, {}), late.get(key, {})
        for field in one.keys() | other.keys():
            if one.get(field) != other.get(field):
                yield {**one, **other}["name"], key, field, one.get(field), other.get(field)


def hand_over(early: Path, late: Path) -> None:
    """Give what the relays wrote into one journal folder to another one, in its order, without the agent's facts."""
    late.mkdir(mode=0o700, parents=True, exist_ok=True)
    heard = [line for line in lines(early) if json.loads(line).get("kind", "event") == "event"]
    (late / "current.jsonl").write_bytes(b"".join(line + b"\n" for line in heard))
