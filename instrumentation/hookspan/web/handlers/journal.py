"""Hook events, and the journal's lines behind them."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from hookspan.web import schemas, serializers
from hookspan.web.context import Context
from hookspan.web.parameters import Arguments
from hookspan.web.problems import invalid, need_content, not_found

RAW: Final = "raw events"
_NUMBER: Final = re.compile(r"\A[0-9]{1,19}\Z")


def events(context: Context, arguments: Arguments) -> schemas.Events:
    """GET /events."""
    after, before = _range(arguments)
    session, limit, content = arguments["session"] or "", arguments["limit"], context.content
    with context.reader.moment() as moment:
        rows = moment.events(after=after, before=before, limit=limit, session=session)
        position = moment.position()
    items = [serializers.event(row, content=content) for row in rows]
    return schemas.Events(now=serializers.now_ms(), position=position, items=items)


def lines(context: Context, arguments: Arguments) -> schemas.Log:
    """GET /log: lines as far as they are in the store, since that is how far their number is told."""
    need_content(shown=context.content, what=RAW)
    after, before = _range(arguments)
    with context.reader.moment() as moment:
        end = moment.position()
    log, opted_out, limit = context.log, context.opted_out, arguments["limit"]
    first = log.first()
    if after is not None:
        items = log.page(max(after + 1, first), min(limit, max(0, end - after - 1)), opted_out)
    else:
        end_of_page = end if before is None else min(before, end)
        start = max(first, end_of_page - limit)
        items = log.page(start, max(0, end_of_page - start), opted_out)[::-1]
    return schemas.Log(now=serializers.now_ms(), first=first, last=max(0, end - 1), items=items)


def line(context: Context, arguments: Arguments) -> schemas.LogRecord:
    """GET /log/{record}."""
    need_content(shown=context.content, what=RAW)
    number = arguments["record"]
    exists = _NUMBER.match(number) and int(number) >> 53 == 0
    item = context.log.one(int(number), context.opted_out) if exists else None
    if item is None:
        raise not_found("there is no such record, or it has been deleted", "`journal.days` says how long they are kept")
    return schemas.LogRecord(now=serializers.now_ms(), **msgspec.structs.asdict(item))


def _range(arguments: Arguments) -> tuple[int | None, int | None]:
    if arguments["after"] is not None and arguments["before"] is not None:
        raise invalid("`after` and `before` exclude each other")
    return arguments["after"], arguments["before"]
