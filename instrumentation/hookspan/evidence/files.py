"""Log records of files: OTLP JSON, a request a line, as the Collector's file exporter writes them."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hookspan.catalogue.scopes import SCOPE


class Found(NamedTuple):
    """A record of a file: `where` it stands, whether its scope is `ours`; None and `trouble` where it can't be read."""

    where: str
    record: dict[str, Any] | None
    ours: bool = True
    trouble: str = ""


def read(path: Path) -> Iterator[Found]:
    """The records of one file, gzip or not. Raises OSError where it can't be read; damage of a packed one is told."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    number = 0
    with gzip.open(path) if packed else path.open("rb") as lines:
        try:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield from records(line, f"{path.name}:{number}")
        except (zlib.error, EOFError, gzip.BadGzipFile) as error:
            yield Found(f"{path.name}:{number + 1}", None, trouble=f"from here on it can't be unpacked: {error}")


def records(line: bytes, where: str) -> Iterator[Found]:
    """Those of one request. What is no log record (a file may hold spans, too) is passed over."""
    try:
        request = json.loads(line, object_pairs_hook=_once)
        for resource in request.get("resourceLogs", []):
            for scope in resource.get("scopeLogs", []):
                ours = scope.get("scope", {}).get("name") == SCOPE
                for record in scope.get("logRecords", []):
                    yield Found(where, {**record}, ours)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        yield Found(where, None, trouble=f"it is no OTLP JSON: {error}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names stand once: of two, readers take different ones."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return made
