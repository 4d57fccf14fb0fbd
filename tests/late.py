"""What an agent tells that was there, and one that came when all was over: compared field by field."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hookspan.model.rows import Increment
from hookspan.model.sums import Series, Sums
from hookspan.paths import Paths
from hookspan.store import Reader

FIELDS = ("name", "parent_id", "start", "end", "kind", "status")
DIGITS = 6  # sums of seconds are added up in another order, so that their last digits differ

Told = dict[tuple[str, ...], dict[str, Any]]


def spans(found: Iterable[Any]) -> Told:
    """All that is told of each span, by its ids: of the fold's, or of those that an endpoint received."""
    return {
        (span.trace_id, span.span_id): {
            **{field: getattr(span, field) for field in FIELDS},
            "links": sorted((link.trace_id, link.span_id, sorted(link.attributes.items())) for link in span.links),
            **span.attributes,
        }
        for span in found
    }


def sums(found: Iterable[Increment]) -> Told:
    """What the increments of a fold come to."""
    made = Sums()
    for increment in found:
        made.apply(increment, 0)
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


def differences(early: Mapping[tuple[str, ...], Any], late: Mapping[tuple[str, ...], Any]) -> list[str]:
    """What differs, a line each: the span or the series, the field, and both values."""
    found = []
    for key in early.keys() | late.keys():
        one, other = early.get(key), late.get(key)
        if one is None or other is None:
            found.append(f"only {'late' if one is None else 'early'}: {(one or other or {})['name']} {key}")
            continue
        fields = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
        found += [f"{one['name']} {key[1:]}: {name} {one.get(name)!r}, late {other.get(name)!r}" for name in fields]
    return sorted(found)


def all_differences(early: tuple[Told, Told], late: tuple[Told, Told]) -> list[str]:
    """What differs of spans and sums."""
    return [line for one, other in zip(early, late, strict=True) for line in differences(one, other)]


def hand_over(early: Path, late: Path) -> None:
    """Give what the relays wrote into one journal folder to another one, in its order, without the agent's facts."""
    late.mkdir(mode=0o700, parents=True, exist_ok=True)
    finished = sorted(path for path in early.glob("0*.jsonl") if path.stat().st_size)
    lines = [line for path in (*finished, early / "current.jsonl") for line in path.read_bytes().splitlines()]
    heard = [line for line in lines if json.loads(line).get("kind", "event") == "event"]
    (late / "current.jsonl").write_bytes(b"".join(line + b"\n" for line in heard))


def unexplained(found: list[str]) -> list[str]:
    """The differences that nothing in `docs/accuracy.md` tells of."""
    return found
