"""What is given away: a session's conversation or one turn of it, after the rules."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec

from hookspan.catalogue.session_fields import SessionRow
from hookspan.clients.message import Message
from hookspan.model import ids
from hookspan.observe.messages import SessionMessages, read
from hookspan.observe.transcript_paths import Source
from hookspan.reading import RefusedError
from hookspan.sharing.rules import RULES, Redaction, names_here

TEXT_MAX: Final = 20_000
"""Characters of one text: what is longer is cut, and says so."""


@dataclass(frozen=True, slots=True)
class Part:
    """One conversation: the main one (without a name), or a subagent's."""

    name: str
    messages: list[Message]


@dataclass(frozen=True, slots=True)
class Document:
    """All texts of it are redacted; `facts`: a name and a value each. `removed`: how often each rule was applied."""

    title: str
    facts: list[tuple[str, str]]
    parts: list[Part]
    removed: dict[str, int] = field(default_factory=dict)

    def rules(self) -> list[str]:
        """What was removed, a line for each rule that was applied."""
        return [f"{name}: {RULES[name]} ({count:,} removed)" for name, count in self.removed.items()]


def collect(messages: SessionMessages, row: SessionRow, *, trace: str = "", keep: Collection[str] = ()) -> Document:
    """The document of a session, or of its turn with that trace id.

    A conversation whose transcript is gone is left out; so the document may have no parts.
    """
    redaction = Redaction(names_here(row.host), keep)
    types = {one.id: one.type for one in messages.subagents(row.id)}
    parts = []
    for source in messages.sources(row.id):
        subagent = source.subagent
        found = _messages(messages, source, trace, redaction)
        if found:
            name = f"{types.get(subagent) or 'Subagent'} {subagent.rpartition('-')[2][:8]}" if subagent else ""
            parts.append(Part(redaction.text(name), found))
    prompt = next((one.text for part in parts for one in part.messages if one.kind == "prompt"), "")
    title = redaction.text(row.title) if row.title and not trace else (prompt.partition("\n")[0][:120] or "A session")
    started = datetime.fromtimestamp(row.started / 1e9, UTC)
    facts = [
        ("Project", row.project),
        ("Started", f"{started:%Y-%m-%d %H:%M} UTC"),
        ("Model", row.model),
        ("Part", "one turn" if trace else ""),
    ]
    told = [(name, redaction.text(value)) for name, value in facts if value]
    removed = {name: redaction.counts[name] for name in RULES if name == "secrets" or name not in keep}
    return Document(title, told, parts, removed)


def _messages(messages: SessionMessages, source: Source, trace: str, redaction: Redaction) -> list[Message]:
    transcript = messages.transcript(source)
    if transcript is None:
        return []
    turns = {entry.turn for entry in transcript.entries}
    wanted = {turn for turn in turns if not trace or ids.trace_id(turn) == trace}
    numbers = [number for number, entry in enumerate(transcript.entries) if entry.turn in wanted]
    found: list[Message] = []
    with contextlib.suppress(OSError, RefusedError):
        for told in read(source, transcript, numbers, messages.opener):
            message = told.message
            message.tool = redaction.text(message.tool or told.tool)
            message.text = _cut(redaction.text(message.text))
            message.diff = _cut(redaction.text(message.diff))
            message.attached = list(map(redaction.text, message.attached))
            message.given = None if message.diff or not message.given else redaction.value(message.given)
            found.append(message)
    return found


def input_of(message: Message) -> str:
    """What a call was given beside its text, as JSON; empty if that is all."""
    given = message.given
    if isinstance(given, dict):
        given = {name: value for name, value in given.items() if value != message.text}
    return _cut(msgspec.json.format(msgspec.json.encode(given), indent=2).decode()) if given else ""


def _cut(text: str) -> str:
    left = len(text) - TEXT_MAX
    return text if left <= 0 else f"{text[:TEXT_MAX]}\n… {left:,} more characters"
