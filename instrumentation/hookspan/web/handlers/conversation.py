"""What was said in a session, from its transcripts."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from hookspan.catalogue import clients
from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.catalogue.session_fields import SessionRow
from hookspan.clients.conversations import client_of
from hookspan.clients.message import Kind
from hookspan.model import ids
from hookspan.observe.messages import Told, Transcript, holding, read
from hookspan.observe.transcript_paths import Source, in_journal
from hookspan.reading import RefusedError
from hookspan.sharing import document, rules
from hookspan.sharing.as_html import html
from hookspan.sharing.as_markdown import markdown
from hookspan.web import schemas, serializers
from hookspan.web.context import Context
from hookspan.web.handlers.sessions import row_of
from hookspan.web.parameters import Arguments
from hookspan.web.problems import invalid, need_content, not_found
from hookspan.web.serializers import ms_or_none

TEXT_SHOWN: Final = 8 << 10  # characters of a text in a list
WHOLE: Final = 4 << 20  # characters of one that is asked for by its number
TEXTS: Final = "prompts and answers"
KINDS: Final[dict[str, frozenset[Kind]]] = {
    "all": frozenset(),
    "said": frozenset({"prompt", "answer", "error", "compaction"}),
    "calls": frozenset({"call", "result"}),
    "failed": frozenset({"error", "result"}),
}
"""What can be asked for; `all` is whatever there is, `failed` only what failed."""
UNKNOWN: Final = "No transcript of this session is known."
DELETED: Final = "The transcript is not there any more, and hookspan keeps no copy."
DELETED_BY: Final = {
    CLAUDE_CODE.name: (
        "Claude Code's transcript is not there any more: it deletes them after `cleanupPeriodDays` (30 days unless "
        "set), and hookspan keeps no copy."
    )
}
FORMATS: Final[dict[str, tuple[str, Callable[[document.Document], str]]]] = {
    "html": ("html", html),
    "markdown": ("md", markdown),
}
"""How a conversation can be given away: the file's suffix, and what writes it."""
_FILE_NAME: Final = re.compile(r"[^\w-]")
_NUMBER: Final = re.compile(r"\A[0-9]{1,9}\Z")


def messages(context: Context, arguments: Arguments) -> schemas.Messages:
    """GET /sessions/{id}/messages."""
    source, transcript = _open(context, arguments)
    now = serializers.now_ms()
    found = context.messages.subagents(arguments["id"])
    subagents = [schemas.Conversation(subagent=one.id, type=one.type, tool_call=one.tool_call) for one in found]
    if transcript is None or source is None:
        missing = DELETED_BY.get(client_of(source.path), DELETED) if source else UNKNOWN
        return schemas.Messages(
            now=now, items=[], start=0, total=0, next=None, place="", missing=missing, subagents=subagents
        )
    numbers = _numbers(transcript, arguments)
    start = arguments["start"]
    if arguments["message"]:
        start = _place_of(source, transcript, numbers, arguments["message"])
    end = min(len(numbers), start + arguments["limit"])
    items = _read(context, source, transcript, numbers[start:end], arguments["id"], TEXT_SHOWN)
    return schemas.Messages(
        now=now,
        items=items,
        start=start,
        total=len(numbers),
        next=end if end < len(numbers) else None,
        place=context.copies.place(source.path),
        missing="",
        subagents=subagents,
    )


def message(context: Context, arguments: Arguments) -> schemas.Message:
    """GET /sessions/{id}/messages/{number}: one of them, whole."""
    source, transcript = _open(context, arguments)
    number, items = arguments["number"], list[schemas.Message]()
    if source and transcript and _NUMBER.match(number) and int(number) < len(transcript.entries):
        items = _read(context, source, transcript, [int(number)], arguments["id"], WHOLE)
    if not items:
        raise not_found("there is no such message, or its transcript has been deleted")
    return items[0]


def find(context: Context, arguments: Arguments) -> schemas.Hits:
    """GET /sessions/{id}/found: where in a conversation a text is."""
    source, transcript = _open(context, arguments)
    hits: set[int] = set()
    words = arguments["q"] or ""
    if source and transcript is not None and words:
        with contextlib.suppress(OSError, RefusedError):
            hits.update(holding(source, transcript, words, context.messages.opener))
    numbers = _numbers(transcript, arguments) if transcript is not None else []
    starts = [at for at, number in enumerate(numbers) if number in hits]
    return schemas.Hits(now=serializers.now_ms(), starts=starts)


def said(context: Context, arguments: Arguments) -> schemas.Said:
    """GET /sessions/{id}/said: names for its model calls."""
    session = arguments["id"]
    _may(context, session)
    span_of = context.messages.spans_of_calls(context.messages.sources(session), session)
    found = context.messages.said(session, arguments["trace"] or "")
    named = {span: text for agent, call, text in found if (span := span_of(agent, call))}
    return schemas.Said(now=serializers.now_ms(), said=named)


def shared(context: Context, arguments: Arguments) -> schemas.Shared:
    """GET /sessions/{id}/shared: one file of it."""
    row, trace = _may(context, arguments["id"]), arguments["trace"] or ""
    keep = [name for name in rules.OPTIONAL if not arguments[name]]
    found = document.collect(context.messages, row, trace=trace, keep=keep)
    suffix, write = FORMATS[arguments["format"]]
    return schemas.Shared(
        now=serializers.now_ms(),
        name=f"hookspan-{_FILE_NAME.sub('', trace or row.id)[:8]}.{suffix}",
        text=write(found),
        count=sum(len(part.messages) for part in found.parts),
        rules=[
            schemas.SharedRule(name=name, text=text, removed=found.removed.get(name))
            for name, text in rules.RULES.items()
        ],
    )


def _may(context: Context, session: str) -> SessionRow:
    """The session's row, if what was said in it may be shown."""
    need_content(shown=context.content, what=TEXTS)
    with context.reader.moment() as moment:
        row = row_of(context, moment, session)
    if row.project in context.opted_out.names:
        raise not_found("this session's project is not recorded")
    return row


def _open(context: Context, arguments: Arguments) -> tuple[Source | None, Transcript | None]:
    """The conversation that is asked for, and what is known of it."""
    session, subagent = arguments["id"], arguments["subagent"] or ""
    _may(context, session)
    source = context.messages.source(session, subagent)
    if subagent and not source:
        raise not_found("there is no such subagent, or nothing of it is known")
    return source, context.messages.transcript(source) if source else None


def _numbers(transcript: Transcript, arguments: Arguments) -> Sequence[int]:
    """The messages of the turn and kinds that are asked for."""
    kinds, trace = KINDS[arguments["kind"]], arguments["trace"]
    if not kinds and not trace:
        return range(len(transcript.entries))
    turns = {entry.turn for entry in transcript.entries}
    wanted = {turn for turn in turns if not trace or ids.trace_id(turn) == trace}
    only_failed = arguments["kind"] == "failed"
    return [
        number
        for number, entry in enumerate(transcript.entries)
        if entry.turn in wanted
        and (not kinds or entry.kind in kinds)
        and (not only_failed or entry.failed or entry.kind == "error")
    ]


def _place_of(source: Source, transcript: Transcript, numbers: Sequence[int], message_id: str) -> int:
    """Where among these messages one is, by its id or its number; the first, where ids of a transcript mean nothing."""
    number = transcript.numbers.get(message_id, -1)
    if number < 0 and _NUMBER.match(message_id):
        number = int(message_id)
    if number not in numbers and in_journal(source.path):
        return 0
    if number not in numbers:
        raise invalid("there is no such message among these")
    return numbers.index(number)


def _read(
    context: Context, source: Source, transcript: Transcript, numbers: Sequence[int], session: str, shown: int
) -> list[schemas.Message]:
    """The messages; none of a file that went away meanwhile."""
    try:
        found = read(source, transcript, numbers, context.messages.opener)
        span_of = context.messages.spans_of_calls([source], session)
        return [_message(told, session, client_of(source.path), span_of, shown) for told in found]
    except (OSError, RefusedError):
        return []


def _message(told: Told, session: str, client: str, span_of: Callable[[str, str], str], shown: int) -> schemas.Message:
    message = told.message
    given = None if message.kind != "call" or message.diff else message.given
    encoded = len(msgspec.json.encode(given)) if given is not None else 0
    span, tool = "", message.tool or told.tool
    if message.tool_call and tool in clients.of(client).without_span:
        pass
    elif message.tool_call:
        span = ids.of_tool(session, message.tool_call)
    elif message.call:
        span = span_of(message.subagent, message.call)
    return schemas.Message(
        number=told.number,
        id=message.id,
        kind=message.kind,
        at=ms_or_none(message.at),
        trace_id=ids.trace_id(message.turn) if message.turn else "",
        span_id=span,
        text=message.text[:shown],
        size=len(message.text) + len(message.diff),
        cut=len(message.text) > shown or len(message.diff) > shown or encoded > shown,
        tool=tool,
        tool_call=message.tool_call,
        about=told.about,
        given=given if encoded <= shown else None,
        diff=message.diff[:shown],
        failed=message.failed,
        attached=message.attached,
    )
