"""What relays have recorded, while others and an agent may be at it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]


def lines(journal: Path) -> list[bytes]:
    """Every line in a journal's folder, in its order, without LF.

    One whose relay found the journal locked lies in a file of its own until an agent takes it in: it stands where its
    time is. A line that is still being written is not there yet.
    """
    # In this order: what is taken in or finished meanwhile is seen at its new place, too.
    strays = dict.fromkeys(_lines(journal.glob("stray-*")))
    current = list(_lines([journal / "current.jsonl"]))
    found = list(dict.fromkeys([*_lines(sorted(journal.glob("0*.jsonl"))), *current]))
    for stray in strays.keys() - set(found):
        found.insert(next((place for place, line in enumerate(found) if _at(line) > _at(stray)), len(found)), stray)
    return found


def records(journal: Path) -> list[Record]:
    """The same, decoded."""
    return [json.loads(line) for line in lines(journal)]


def events(journal: Path) -> list[Record]:
    """The payloads of hook events among them."""
    return [record["event"] for record in records(journal) if record.get("kind", "event") == "event"]


def whole_lines(file: Path) -> list[bytes]:
    """Those of a file whose last one is still being written, or was cut off when its writer was killed; without LF."""
    return file.read_bytes().split(b"\n")[:-1]


def _at(line: bytes) -> int:
    return int(json.loads(line)["at"])


def _lines(files: Iterable[Path]) -> Iterator[bytes]:
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            yield from whole_lines(file)
