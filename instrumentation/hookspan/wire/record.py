"""A journal line, read and written: a raw event as the relay wrote it, a reduced event or a fact."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from .facts import Fact, Forgotten
from .foreign import UNREADABLE, decoder
from .reduced import Reduced

Record: TypeAlias = Reduced | Fact

EVENT: Final = "event"
STATUS_LINE: Final = "status_line"
"""Kinds of lines that a relay writes."""
_AT_MAX: Final = 1 << 63
"""Unix nanoseconds, in the year 2262: a larger number is not a time and counts as 0, no time."""
_AGE_MAX: Final = 60 * 1_000_000_000
"""Nanoseconds. A client gives up on its hooks long before that, so a greater age is an error in the kernel's
accounting.
"""
_REDUCED_PREFIX: Final = b'{"v":1,"kind":"reduced",'
_FACT_PREFIX: Final = b'{"v":1,"kind":"fact",'


class Unreadable(Exception):
    """A line that is not a record. `reason` is one of: not_json, not_an_object, foreign, no_event, no_session."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RawEvent(msgspec.Struct, gc=False):
    """A hook event, or a status line's input, as the relay wrote it.

    Attributes:
        at: Unix nanoseconds of the relay's first instruction.
        agent: The coding agent that it came from.
        age: Nanoseconds that the relay's process was old by then, 0 if unknown.
        env: Variables of the client's environment that the relay passes on.
        event: The payload, unchanged.
        bytes: Size of a payload that was over the relay's cap (`cut`) and is lost.
    """

    at: int
    v: int = 1
    kind: str = EVENT
    agent: str = "claude-code"
    took: int = 0
    age: int = 0
    pid: int = 0
    ppid: int = 0
    host: str = ""
    pidns: int = 0
    env: dict[str, str] = {}
    event: msgspec.Raw = msgspec.Raw(b"null")
    bytes: int = 0
    cut: bool = False

    def begin(self) -> Reduced:
        """A reduced event with what the relay itself recorded; the client's reducer fills in the rest."""
        age = self.age if 0 < self.age <= _AGE_MAX else 0
        return Reduced(
            at=self.at - age,
            took=self.took,
            age=age,
            pid=self.pid,
            ppid=self.ppid,
            host=self.host,
            pidns=self.pidns,
            agent=self.agent,
            traceparent=self.env.get("TRACEPARENT", "")[:64],
        )


read_raw: Final = decoder(RawEvent)
"""A line as the relay writes it, whatever its `kind`; raises msgspec's errors, UnicodeDecodeError, RecursionError."""
_encoder = msgspec.json.Encoder()


MAKING: Final = threading.Lock()
"""Held while a decoder is made in a thread: msgspec ends a process in which two are made of the same types at once.

All others are made when their module is imported.
"""


_KINDS: Final[dict[str, Any]] = {"fact": Fact, "reduced": Reduced}


@functools.cache
def _decoder(kind: str) -> Callable[[bytes], Any]:
    """Made when it is used first: those of all facts take 10 ms, which a command that shows rows never needs."""
    with MAKING:
        return decoder(_KINDS[kind])


def read_line(data: bytes) -> RawEvent | Record:
    """The record in one journal line (without its LF).

    Raises:
        Unreadable: It is not JSON, not an object, or not hookspan's.
    """
    try:
        line = read_raw(data)
        if line.kind in _KINDS:
            record: Record = _decoder(line.kind)(data)
            return record
    except msgspec.ValidationError as error:
        raise Unreadable("not_an_object" if data[:1] != b"{" else "foreign") from error
    except UNREADABLE as error:
        raise Unreadable("not_json") from error
    if line.kind not in {EVENT, STATUS_LINE} or not 0 < line.at < _AT_MAX:
        raise Unreadable("foreign")
    return line


def encode(record: Record) -> bytes:
    """The journal line (without LF) of a reduced event or a fact; `clients.decode` gives an equal record back."""
    prefix = _REDUCED_PREFIX if isinstance(record, Reduced) else _FACT_PREFIX
    return prefix + _encoder.encode(record)[1:]


FORGOTTEN: Final = encode(Forgotten(at=0, key=""))
"""The line that replaces a record that is not kept."""
