"""The one form of a log record that is hashed and signed: its OTLP JSON object, in an order of its own.

That is what the Collector writes as JSON, without what is empty (senders and Collectors differ in what they leave out),
with whole numbers as texts, attributes sorted, and without the signature, which can't sign itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from json.encoder import encode_basestring_ascii
from typing import Any, Final, NamedTuple, Self

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.logs import Severity

_PURPOSE: Final = b"hookspan audit 1\n"  # a signature of this key under anything else is none of a record
_SAMPLED: Final = 1
_FIELDS: Final = frozenset(
    {"body", "droppedAttributesCount", "flags", "observedTimeUnixNano", "severityNumber", "severityText"}
    | {"eventName", "spanId", "timeUnixNano", "traceId"}
)
"""Fields of a record beside its attributes; some write them though they are empty, and some leave them out."""
_EMPTY: Final[tuple[Any, ...]] = (None, "", 0, "0", [], {})
_HASH: Final = 64  # hex digits

Json = dict[str, Any]
Value = str | int | float | bool | list[str]


class Seal(NamedTuple):
    """What a sealed record says of itself.

    Attributes:
        chain: Which chain it is in, 16 hex digits.
        sequence: Its place there, from 1.
        previous: SHA-256 of the one before, 64 hex digits; of a chain's first, of the last of the chain before it, or
            empty.
        signature: Ed25519 of its canonical form, 128 hex digits.
    """

    chain: str
    sequence: int
    previous: str
    signature: str = ""

    def attributes(self) -> dict[str, Value]:
        """As the record has it."""
        own: dict[str, Value] = {
            sc.AUDIT_CHAIN: self.chain,
            sc.AUDIT_SEQUENCE: self.sequence,
            sc.AUDIT_PREVIOUS: self.previous,
        }
        return own | ({sc.AUDIT_SIGNATURE: self.signature} if self.signature else {})

    @classmethod
    def read(cls, attributes: Mapping[str, Value]) -> Self | None:
        """That of a record; None where it has none, or not a whole one."""
        chain, sequence = attributes.get(sc.AUDIT_CHAIN), attributes.get(sc.AUDIT_SEQUENCE)
        previous, signature = attributes.get(sc.AUDIT_PREVIOUS), attributes.get(sc.AUDIT_SIGNATURE)
        if not (isinstance(chain, str) and isinstance(previous, str) and isinstance(signature, str)):
            return None
        if not isinstance(sequence, int) or sequence < 1 or len(previous) not in {0, _HASH}:
            return None
        return cls(chain, sequence, previous, signature)


def plain(
    *,
    at: int,
    event: str,
    severity: int,
    trace_id: str,
    span_id: str,
    attributes: Mapping[str, Value],
) -> Json:
    """A record's OTLP JSON object as it will be sent; times are Unix nanoseconds, ids hex digits."""
    placed = bool(trace_id and span_id)
    return {
        "timeUnixNano": str(at),
        "observedTimeUnixNano": str(at),
        "severityNumber": severity,
        "severityText": Severity(severity).name,
        "eventName": event,
        "attributes": [{"key": key, "value": _any(value)} for key, value in attributes.items()],
        "traceId": trace_id if placed else "",
        "spanId": span_id if placed else "",
        "flags": _SAMPLED if placed else 0,
    }


def canonical(record: Json) -> bytes:
    """The bytes that are hashed and signed. Raises ValueError for what is no OTLP JSON object of a log record."""
    attributes = record.get("attributes", [])
    kept = [pair for pair in map(_attribute, attributes) if pair[0] != sc.AUDIT_SIGNATURE]
    if strange := record.keys() - _FIELDS - {"attributes"}:
        raise ValueError(f"{min(strange)} is no field of a log record")
    fields = {key: value for key, value in record.items() if key != "attributes"}
    whole = {key: _number(value) for key, value in fields.items() if not _is_empty(value)}
    # By their JSON texts. As long as no key stands twice, that is by those of the keys, in a tenth of the time.
    order = _key_text if len({key for key, _ in kept}) == len(kept) else json.dumps
    text = json.dumps([whole, sorted(kept, key=order)], sort_keys=True, separators=(",", ":"))
    return _PURPOSE + text.encode()


def _key_text(pair: tuple[str, Json]) -> str:
    return encode_basestring_ascii(pair[0])


def digest(form: bytes) -> str:
    """SHA-256 of a record's canonical form, hex: what the next one names, and what was signed."""
    return sha256(form).hexdigest()


def values(record: Json) -> dict[str, Value]:
    """A record's attributes. Raises ValueError where they are none, or one stands twice."""
    found: dict[str, Value] = {}
    for one in record.get("attributes", []):
        key, value = _attribute(one)
        if key in found:
            raise ValueError(f"{key} stands twice")
        found[key] = _value(value)
    return found


def _is_empty(value: object) -> bool:
    return any(type(value) is type(empty) and value == empty for empty in _EMPTY)


def _any(value: Value) -> Json:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, str):
        return {"stringValue": value}
    return {"arrayValue": {"values": [_any(one) for one in value]}}


def _number(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _attribute(one: object) -> tuple[str, Json]:
    if not (isinstance(one, dict) and isinstance(one.get("key"), str) and isinstance(one.get("value"), dict)):
        raise ValueError("an attribute is no pair of key and value")  # noqa: TRY004 - of a file, not of an argument
    if extra := one.keys() - {"key", "value"}:
        raise ValueError(f"an attribute has {min(extra)}")
    return one["key"], _typed(one["value"])


def _typed(value: Json) -> Json:
    """A value with numbers as JSON's writers agree on them: a double may be written as a whole number."""
    typed: Json = {}
    for kind, inner in value.items():
        if kind == "doubleValue" and isinstance(inner, int | float) and not isinstance(inner, bool):
            typed[kind] = float(inner)
        elif kind == "arrayValue" and isinstance(inner, dict):
            typed[kind] = {**inner, "values": [_typed(one) for one in _dicts(inner.get("values", []))]}
        else:
            typed[kind] = _number(inner)
    return typed


def _dicts(values_: object) -> Iterable[Json]:
    if not isinstance(values_, list) or not all(isinstance(one, dict) for one in values_):
        raise ValueError("an array is none")
    return values_


def _value(value: Json) -> Value:
    if len(value) != 1:
        raise ValueError("a value is none, or several")
    ((kind, inner),) = value.items()
    if kind == "stringValue" and isinstance(inner, str):
        return inner
    if kind == "boolValue" and isinstance(inner, bool):
        return inner
    if kind == "intValue" and isinstance(inner, str):
        return int(inner)
    if kind == "doubleValue" and isinstance(inner, float):
        return inner
    if kind == "arrayValue" and isinstance(inner, dict):
        return [str(_value(one)) for one in inner["values"]]
    raise ValueError(f"a value is a {kind}")
