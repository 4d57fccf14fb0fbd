"""Where a turn's time went, as a tree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue import session_fields
from hookspan.catalogue.child_attributes import without_content
from hookspan.catalogue.enums import Decision, PromptKind, TimeKind
from hookspan.catalogue.session_fields import SessionRow
from hookspan.catalogue.spans import is_turn
from hookspan.cli.terminal import tree
from hookspan.cli.terminal.lookup import find
from hookspan.cli.terminal.text import columns, fit, printable, short
from hookspan.config import load
from hookspan.model import times
from hookspan.model.rows import Span
from hookspan.paths import Paths
from hookspan.store import Reader

WORDS: Final = {
    TimeKind.MODEL: "model",
    TimeKind.TOOL: "tools",
    TimeKind.WAIT: "waiting for you",
    TimeKind.OTHER: "other",
}


def answer() -> tuple[str, int]:
    """Of the newest turn."""
    return told(Paths.from_environment(), "last"), 0


def told(paths: Paths, id_: str, *, hooks: bool = False, as_json: bool = False) -> str:
    """What an id means, as a tree or as JSON. UserError where it means nothing, or more than one."""
    labels = load(paths).content.local
    reader = Reader(paths)
    row, spans = find(reader, id_)
    if row and not labels:
        row = session_fields.without_content(row)
    later = followed_by(reader, spans)
    if as_json:
        plain = as_plain(row, spans, hooks=hooks, labels=labels)
        return json.dumps(plain | {"followed_by": [turn.trace_id for turn in later]})
    shown = list(lines(row, spans, hooks=hooks, labels=labels, agents=len(reader.agents()) > 1))
    for turn in later:
        length = tree.duration(turn.end - turn.start)
        shown.append(f"then a turn without a typed prompt, {length}: hookspan trace {short(turn.trace_id)}")
    room = columns(0)
    return "\n".join(fit(line, room) if room else line for line in shown)


def followed_by(reader: Reader, spans: Sequence[Span]) -> list[Span]:
    """Turns that nobody typed, begun by the end of what these spans started or right after them; and theirs in turn."""
    if not spans:
        return []
    traces, later = {span.trace_id for span in spans}, []
    for turn in reader.turns_of_session(spans[0].session):
        own = turn.attributes.get(sc.PROMPT_KIND) == PromptKind.TASK_NOTIFICATION
        if own and turn.trace_id not in traces and any(link.trace_id in traces for link in turn.links):
            traces.add(turn.trace_id)
            later.append(turn)
    return later


def lines(
    row: SessionRow | None, spans: Sequence[Span], *, hooks: bool, labels: bool, agents: bool = False
) -> Iterator[str]:
    """The printed lines. `agents`: say whose session it is."""
    if row:
        started = datetime.fromtimestamp(row.started / 1e9).astimezone()
        parts = [
            f"session {row.id}",
            row.agent if agents else "",
            row.project,
            row.branch,
            row.title,
            f"{started:%Y-%m-%d %H:%M:%S}",
        ]
        yield printable("  ".join(part for part in parts if part))
    shown = tree.render(spans, hooks=hooks, labels=labels)
    turns = {span.trace_id: span for span in spans if is_turn(span.name, span.attributes)}
    for line in shown:
        yield line
        if line.startswith("trace "):
            turn = turns.get(line.removeprefix("trace "))
            yield f"{'seconds':>10}  {breakdown(turn, spans) if turn else ''}".rstrip()
    if not shown:
        yield "None of its spans has ended yet."


def breakdown(turn: Span, spans: Sequence[Span]) -> str:
    """What the time of the turn and of its subagents was spent on, each moment counted once."""
    parts = [_part(span) for span in spans if span.trace_id == turn.trace_id and not span.hook]
    spent = times.spent(*times.of_spans(bytes.fromhex(turn.span_id), parts), turn.start, turn.end)
    return ", ".join(f"{WORDS[kind]} {tree.duration(length)}" for kind, length in spent.items() if length)


def _part(span: Span) -> times.Part:
    no_time = sc.NEVER_RAN in span.attributes or span.attributes.get(sc.DECISION) == Decision.AUTO_DENIED
    parent = bytes.fromhex(span.parent_id) if span.parent_id else None
    return times.Part(bytes.fromhex(span.span_id), parent, span.name, span.start, span.end, no_time)


def as_plain(row: SessionRow | None, spans: Sequence[Span], *, hooks: bool, labels: bool) -> dict[str, Any]:
    """The same as JSON types; labels only where content is shown."""
    plain = [msgspec.to_builtins(span) for span in spans if hooks or not span.hook]
    for entry in plain if not labels else ():
        entry.pop("label", None)
        entry["attributes"] = without_content(entry["attributes"])
    return {"session": msgspec.to_builtins(row) if row else None, "spans": plain}
