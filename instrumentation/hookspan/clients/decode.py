"""Decodes a journal line into a record. A raw event is reduced by the reducer of its client."""

from __future__ import annotations

from typing import Any, Final, Protocol

import msgspec

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.catalogue.codex import CODEX
from hookspan.catalogue.copilot import COPILOT
from hookspan.wire.facts import StatusLine
from hookspan.wire.fields import digest
from hookspan.wire.foreign import UNREADABLE
from hookspan.wire.record import STATUS_LINE, RawEvent, Record, Unreadable, read_line, read_raw
from hookspan.wire.reduced import Reduced

from .claude_code import reduce as claude_code
from .codex import reduce as codex
from .copilot import reduce as copilot


class Reducer(Protocol):
    """What a client's `reduce` module does."""

    def reduce_environment(self, event: Reduced, env: dict[str, str]) -> None:
        """Fills in what the variables tell that the relay passes on."""

    def reduce_payload(self, event: Reduced, fields: dict[str, Any], key: bytes, *, labels: bool) -> None:
        """Fills in what the payload tells; `fields` are what it holds."""

    def status_line(self, fields: dict[str, Any], at: int, *, labels: bool) -> StatusLine:
        """What a status line was told, at that time."""

    def shell_command(self, payload: bytes) -> str:
        """The command of the tool call in a payload, empty for none. Raises what msgspec raises."""


REDUCERS: Final[dict[str, Reducer]] = {
    CLAUDE_CODE.name: claude_code,
    CODEX.name: codex,
    COPILOT.name: copilot,
}
"""By the client's name, as the relay records it."""
_DEFAULT: Final[Reducer] = claude_code

_decode = msgspec.json.Decoder().decode


def decode(data: bytes, key: bytes, *, labels: bool = True) -> Record:
    """The record of one journal line (without its LF).

    Args:
        data: The line.
        key: The install's secret for digests, at most 64 bytes.
        labels: Whether scrubbed labels are kept (setting `content.local`).

    Raises:
        Unreadable: It is no JSON, no object, not ours, or has no event in it.
    """
    line = read_line(data)
    return _reduce(line, key, labels=labels) if isinstance(line, RawEvent) else line


def _reduce(line: RawEvent, key: bytes, *, labels: bool) -> Record:
    reducer = REDUCERS.get(line.agent, _DEFAULT)
    if line.kind == STATUS_LINE:
        told = reducer.status_line(_fields(line), line.at, labels=labels)
        if not told.session:
            raise Unreadable("no_session")
        return told
    event = line.begin()
    reducer.reduce_environment(event, line.env)
    if line.cut:
        event.cut, event.size = True, line.bytes
        return event
    fields = _fields(line)
    event.size, event.digest = len(line.event), digest(line.event, key)
    reducer.reduce_payload(event, fields, key, labels=labels)
    if not event.session:
        raise Unreadable("no_session")
    return event


def _fields(line: RawEvent) -> dict[str, Any]:
    try:
        fields = _decode(line.event)
    except UNREADABLE as error:
        raise Unreadable("not_json") from error
    if type(fields) is not dict:
        raise Unreadable("no_event")
    return fields


def shell_command(data: bytes) -> str:
    """The command in the event of a raw journal line; empty where there is none (any more). Content: not to be kept."""
    try:
        line = read_raw(data)
        return REDUCERS.get(line.agent, _DEFAULT).shell_command(line.event)
    except UNREADABLE:
        return ""
