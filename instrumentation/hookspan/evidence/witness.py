"""What a store of log records has of chains: a copy that whoever holds a file of them may not be able to reach.

The store is VictoriaLogs. It keeps every value as text, so that a record's signature can't be verified from it. But the
same record has the same signature always, and another one has another: to compare these is to compare the records.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import Final, NamedTuple

from hookspan.catalogue import attributes as sc
from hookspan.catalogue import logs

Ask = Callable[[str, int], Iterable[bytes]]
"""LogsQL and since when (Unix nanoseconds; 0: all) -> the answer's lines, each a JSON object. Raises WitnessTrouble."""


class WitnessTrouble(Exception):
    """The store was not asked, or its answer is none, and why."""


_FIELDS: Final = (sc.AUDIT_CHAIN, sc.AUDIT_SEQUENCE, sc.AUDIT_SIGNATURE)


class Kept(NamedTuple):
    """A sealed record as the store has it; `at` in Unix nanoseconds, to the microsecond."""

    chain: str
    sequence: int
    signature: str
    at: int


def chains_of(ask: Ask, keys: Collection[str], since: int) -> set[str]:
    """The chains that began with one of these public keys, as far as the store remembers. Raises WitnessTrouble."""
    started = f"event_name:={_quoted(logs.AUDIT_START.name)} {_quoted(sc.AUDIT_KEY)}:{_among(keys)}"
    found = _rows(ask(f"{started} | fields {_quoted(sc.AUDIT_CHAIN)}", since)) if keys else ()
    return {str(row[sc.AUDIT_CHAIN]) for row in found}


def kept(ask: Ask, chains: Collection[str], since: int) -> Iterator[Kept]:
    """The records of chains, in no order, each as often as the store has it. Raises WitnessTrouble."""
    if not chains:
        return
    fields = ", ".join(map(_quoted, _FIELDS))
    for row in _rows(ask(f"{_quoted(sc.AUDIT_CHAIN)}:{_among(chains)} | fields _time, {fields}", since)):
        chain, sequence, signature = (str(row.get(name, "")) for name in _FIELDS)
        try:
            at = datetime.fromisoformat(str(row.get("_time", "")))
            yield Kept(chain, int(sequence), signature, round(at.timestamp() * 1e6) * 1000)
        except ValueError as error:
            raise WitnessTrouble(f"it has a record that is none: {error}") from error


def _rows(lines: Iterable[bytes]) -> Iterator[dict[str, object]]:
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise WitnessTrouble(f"its answer is not that of a VictoriaLogs: {line[:80]!r}")
        yield row


def _among(values: Iterable[str]) -> str:
    return f"in({', '.join(map(_quoted, sorted(values)))})"


def _quoted(text: str) -> str:
    return json.dumps(text)
