"""A journal line, read and written: a raw event, a reduced event or a fact."""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from .facts import Fact, Forgotten
from .reduce import reduce_event
from .reduced import Reduced

Record: TypeAlias = Reduced | Fact

_PID_DIGITS: Final = 12
_AT_MAX: Final = 1 << 63
"""Unix nanoseconds, in 2262: what does not fit is no time, and 0 stands for none."""
_AGE_MAX: Final = 60 * 1_000_000_000
"""Nanoseconds. A client gives its hooks up long before that, so what is older is an error of the kernel's account."""
_REDUCED_PREFIX: Final = b'{"v":1,"kind":"reduced",'
_FACT_PREFIX: Final = b'{"v":1,"kind":"fact",'


class Unreadable(Exception):
    """A line that is no record. `reason` is one of: not_json, not_an_object, foreign, no_event, no_session."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Line(msgspec.Struct):
    at: int
    v: int = 1
    kind: str = "event"
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


class _Input(msgspec.Struct):
    command: str = ""


class _Event(msgspec.Struct):
    tool_input: _Input = msgspec.field(default_factory=_Input)


_line = msgspec.json.Decoder(_Line).decode
_event = msgspec.json.Decoder(_Event).decode
_payload = msgspec.json.Decoder().decode
_reduced = msgspec.json.Decoder(Reduced).decode
_fact: msgspec.json.Decoder[Fact] = msgspec.json.Decoder(Fact)
_encoder = msgspec.json.Encoder()


def decode(data: bytes, key: bytes, *, labels: bool = True) -> Record:
    """The record of one journal line (without its LF).

    Args:
        data: The line.
        key: The install's secret for digests, at most 64 bytes.
        labels: Whether scrubbed labels are kept (setting `content.local`).

    Raises:
        Unreadable: It is no JSON, no object, not ours, or has no event in it.
    """
    try:
        line = _decode_line(data)
        if line.kind == "fact":
            return _fact.decode(data)
        if line.kind == "reduced":
            return _reduced(data)
    except msgspec.ValidationError as error:
        raise Unreadable("not_an_object" if data[:1] != b"{" else "foreign") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable("not_json") from error
    if line.kind != "event" or not 0 < line.at < _AT_MAX:
        raise Unreadable("foreign")
    return _reduce_line(line, key, labels=labels)


def _decode_line(data: bytes) -> _Line:
    try:
        return _line(data)
    except (msgspec.ValidationError, RecursionError):
        raise
    except msgspec.DecodeError:
        # Bytes that are not UTF-8 come through a hook as they are; the event around them is still good.
        return _line(data.decode("utf-8", "replace").encode())


def _reduce_line(line: _Line, key: bytes, *, labels: bool) -> Reduced:
    env = line.env.get
    pid = env("CLAUDE_PID", "")
    age = line.age if 0 < line.age <= _AGE_MAX else 0
    event = Reduced(
        at=line.at - age,
        took=line.took,
        age=age,
        pid=line.pid,
        ppid=line.ppid,
        host=line.host,
        pidns=line.pidns,
        agent=line.agent,
        client_pid=int(pid) if pid.isascii() and pid.isdigit() and len(pid) < _PID_DIGITS else 0,
        entrypoint=env("CLAUDE_CODE_ENTRYPOINT", "")[:64],
        project_dir=env("CLAUDE_PROJECT_DIR", ""),
        remote=env("CLAUDE_CODE_REMOTE", "").lower() in {"1", "true"},
        traceparent=env("TRACEPARENT", "")[:64],
        session=env("CLAUDE_CODE_SESSION_ID", "")[:64],
        effort=env("CLAUDE_EFFORT", "")[:16],
    )
    if line.cut:
        event.cut, event.size = True, line.bytes
        return event
    try:
        payload = _payload(line.event)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable("not_json") from error
    if type(payload) is not dict:
        raise Unreadable("no_event")
    reduce_event(event, bytes(line.event), payload, key, labels=labels)
    if not event.session:
        raise Unreadable("no_session")
    return event


def shell_command(data: bytes) -> str:
    """The command in the event of a raw journal line; empty where there is none (any more). Content: not to be kept."""
    try:
        event = _event(_decode_line(data).event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return event.tool_input.command


def encode(record: Record) -> bytes:
    """The journal line (without LF) of a reduced event or a fact; `decode` gives an equal record back."""
    prefix = _REDUCED_PREFIX if isinstance(record, Reduced) else _FACT_PREFIX
    return prefix + _encoder.encode(record)[1:]


FORGOTTEN: Final = encode(Forgotten(at=0, key=""))
"""The line that stands for a record that is not kept."""
