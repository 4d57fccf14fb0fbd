"""What an agent tells, by its names alone: the fields of each kind of event, line and span.

A new version of an agent that adds one, or drops one, is told from the version before by that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("shapes")

Shape = dict[str, list[str]]
"""Kind: its fields, in order."""


def of(told: Iterable[tuple[str, Mapping[str, Any]]]) -> Shape:
    """All fields that any of a kind had."""
    found: dict[str, set[str]] = {}
    for kind, fields in told:
        found.setdefault(kind, set()).update(fields)
    return {kind: sorted(found[kind]) for kind in sorted(found)}


def known(agent: str) -> Shape:
    """Of the version that the tests use."""
    shape: Shape = json.loads((FOLDER / f"{agent}.json").read_text())
    return shape


def keep(agent: str, shape: Shape) -> None:
    """Makes this the known one."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{agent}.json").write_text(json.dumps(shape, indent=1) + "\n")


def differences(before: Shape, now: Shape, *, whole: bool = True) -> Iterator[str]:
    """What came and went, in words; `whole`: everything that could come was played."""
    for kind in sorted(before.keys() | now.keys()):
        if kind not in before:
            yield f"{kind}: is new ({', '.join(now[kind])})"
        elif kind in now:
            if came := sorted(set(now[kind]) - set(before[kind])):
                yield f"{kind}: has now {', '.join(came)}"
            if whole and (went := sorted(set(before[kind]) - set(now[kind]))):
                yield f"{kind}: lacks {', '.join(went)}"
        elif whole:
            yield f"{kind}: did not come"
