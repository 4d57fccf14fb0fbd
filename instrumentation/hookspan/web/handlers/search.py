"""Search over all sessions: messages by their words, and spans by what they are."""

from __future__ import annotations

import re
import time
from typing import Any, Final

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.clients import of_service
from hookspan.catalogue.spans import is_child
from hookspan.content import Hit, Query
from hookspan.model.rows import STATUS_ERROR, Span
from hookspan.store import SpanKey, SpanQuery, Sums
from hookspan.web import schemas, serializers
from hookspan.web.accounts import SOURCES
from hookspan.web.context import Context
from hookspan.web.parameters import Arguments
from hookspan.web.problems import invalid, need_content
from hookspan.web.serializers import ms, ns
from hookspan.wire.scrub import label

HOUR: Final = 3600 * 1_000_000_000
_CURSOR: Final = re.compile(r"\A([0-9]{1,19})(?:\.([0-9]{1,19}))?\Z")
_FILTERS: Final = ("project", "branch", "model", "tool", "session", "agent", "waste")


def search(context: Context, arguments: Arguments) -> schemas.Found:
    """GET /search."""
    asked: dict[str, Any] = {name: arguments[name] or "" for name in (*_FILTERS, "outcome")}
    asked |= {"longer": ns(arguments["longer"] or 0), "costlier": (arguments["cents"] or 0) / 100}
    asked |= {"since": ns(arguments["since"] or 0), "limit": arguments["limit"]}
    if arguments["until"] is not None:
        asked["until"] = ns(arguments["until"])
    cursor = _cursor(arguments["before"])
    if arguments["what"] == "spans":
        return _spans(context, arguments, asked, cursor)
    need_content(shown=context.content, what="messages")
    del asked["waste"]  # of spans
    query = Query(
        text=arguments["q"] or "",
        kind="" if arguments["kind"] == "all" else arguments["kind"],
        before=cursor[0] if cursor else 0,
        **asked,
    )
    found = context.search.messages(query)
    hidden = context.opted_out.names
    items = [_of_message(hit) for hit in found.hits if hit.project not in hidden]
    return _answer(context, items, str(found.next) if found.next else None)


def _spans(context: Context, arguments: Arguments, asked: dict[str, Any], cursor: list[int] | None) -> schemas.Found:
    query = SpanQuery(
        words=tuple((arguments["q"] or "").split()),
        exit_code=arguments["exit"],
        collisions=arguments["collisions"],
        type="" if arguments["type"] == "all" else arguments["type"],
        trace=arguments["trace"] or "",
        ended=ns(arguments["ended"] or 0),
        own=arguments["own"],
        waited=arguments["waited"],
        decision=arguments["decision"] or "",
        call=_call(arguments["call"]),
        account=_account(arguments["account"]),
        before=(cursor[0], cursor[1]) if cursor else None,
        **asked,
    )
    if cursor is None:
        spans, all_ = context.reader.find_and_add_spans(query)
        sums = _of_sums(all_)
    else:
        spans, sums = context.reader.find_spans(query), None
    hidden = context.opted_out.names
    items = [_of_span(span, content=context.content) for span in spans if span.attributes.get(sc.PROJECT) not in hidden]
    if context.content:
        _add_errors(context, spans, items)
    following = None
    if len(spans) == query.limit:
        last = spans[-1]
        following = f"{last.start}.{SpanKey(last.record, last.ordinal).pack()}"
    return _answer(context, items, following, sums)


def _of_sums(sums: Sums) -> schemas.FoundSums:
    return schemas.FoundSums(
        spans=sums.spans,
        cost=sums.cost,
        waited=sums.waited * 1e3,
        tokens=schemas.Tokens(
            input=sums.input - sums.cache_read - sums.cache_write,
            output=sums.output,
            cache_read=sums.cache_read,
            cache_write=sums.cache_write,
        ),
    )


def _call(text: str | None) -> tuple[str, str] | None:
    """The tool and the program of `Bash git`; no program of `Bash`."""
    tool, _, program = (text or "").partition(" ")
    return (tool, program) if tool else None


def _account(text: str | None) -> tuple[str, str] | None:
    """The attribute and the name of `skill:NAME`. Raises a problem, 400."""
    if text is None:
        return None
    kind, _, name = text.partition(":")
    key = next((key for known, key in SOURCES.items() if known == kind), None)
    if key is None or not name:
        raise invalid("`account` must be a kind, a colon and a name", f"kinds are {', '.join(SOURCES)}")
    return key, name


def _add_errors(context: Context, spans: list[Span], items: list[schemas.FoundItem]) -> None:
    """What the failed calls among them said, from the transcripts of their sessions."""
    calls = {span.span_id: str(span.attributes.get(sc.GEN_AI_TOOL_CALL_ID, "")) for span in spans}
    failed: dict[str, list[schemas.FoundItem]] = {}
    for item in items:
        if item.failed and calls[item.span]:
            failed.setdefault(item.session, []).append(item)
    for session, ones in failed.items():
        results = context.messages.results(session, [calls[item.span] for item in ones])
        for item in ones:
            result = results.get(calls[item.span])
            item.error = label(result.text) if result else ""


def _answer(
    context: Context, items: list[schemas.FoundItem], following: str | None, sums: schemas.FoundSums | None = None
) -> schemas.Found:
    settings = context.agent.settings()
    hours = settings.archive.days * 24 if settings.archive.enabled else settings.journal.raw_hours
    return schemas.Found(
        now=serializers.now_ms(),
        items=items,
        next=following,
        archive=settings.archive.enabled,
        since=ms(time.time_ns() - hours * HOUR),
        sums=sums,
        unread=context.agent.unread(),
    )


def _of_message(hit: Hit) -> schemas.FoundItem:
    return schemas.FoundItem(
        kind=hit.kind,
        at=ms(hit.at),
        session=hit.session,
        project=hit.project,
        branch=hit.branch,
        title=hit.title,
        message=hit.message,
        subagent=hit.subagent,
        tool=hit.tool,
        failed=hit.failed,
        trace=hit.trace,
        span=hit.span,
        snippet=[schemas.SnippetPart(text=text, hit=is_hit) for text, is_hit in hit.snippet],
        agent=hit.agent,
    )


def _of_span(span: Span, *, content: bool) -> schemas.FoundItem:
    about = span.attributes
    label = span.label if content else ""
    return schemas.FoundItem(
        kind="span",
        at=ms(span.start),
        session=span.session,
        project=str(about.get(sc.PROJECT, "")),
        branch=str(about.get(sc.VCS_REF_HEAD_NAME, "")),
        title="",
        message="",
        subagent="",
        tool=str(about.get(sc.GEN_AI_TOOL_NAME, "")),
        failed=about.get(sc.OUTCOME) == "error" or (span.status == STATUS_ERROR and is_child(span.name)),
        trace=span.trace_id,
        span=span.span_id,
        name=span.name,
        duration=ms(span.end - span.start),
        outcome=str(about.get(sc.OUTCOME, "")),
        agent=of_service(about.get(sc.SERVICE_NAME)),
        snippet=[schemas.SnippetPart(text=label, hit=False)] if label else [],
    )


def _cursor(text: str | None) -> list[int] | None:
    if text is None:
        return None
    match = _CURSOR.match(text)
    numbers = [int(number) for number in match.groups(default="0")] if match else []
    if not numbers or max(numbers) >> 63:
        raise invalid("`before` is not a cursor", "use the `next` of the previous answer")
    return numbers
