"""What holds you up, and what it costs."""

from __future__ import annotations

import datetime as dt
from typing import Final

from hookspan.catalogue import attributes as sc
from hookspan.web import accounts, schemas, serializers
from hookspan.web import friction as figures
from hookspan.web.context import Context
from hookspan.web.days import midnight
from hookspan.web.parameters import Arguments

INSTRUMENTS: Final = (
    "hookspan.tool.calls",
    "hookspan.tool.duration",
    "hookspan.time",
    "hookspan.cost",
    "hookspan.cost.unpriced",
    "hookspan.tokens",
    "hookspan.cache.recached",
    "hookspan.cache.recached.cost",
    "hookspan.definitions",
    "hookspan.mcp.unavailable",
)


def friction(context: Context, arguments: Arguments) -> schemas.Friction:
    """GET /friction."""
    days, project, content = arguments["days"], arguments["project"] or "", context.content
    today = dt.datetime.now().astimezone()
    first = today.date() - dt.timedelta(days=days - 1)
    since = midnight(first)
    with context.reader.moment() as moment:
        position = moment.position()
        calls = [span for span in moment.waited(since) if not span.local]
        projects = moment.projects()
    if project:
        calls = [span for span in calls if span.attributes.get(sc.PROJECT) == project]
    totals = figures.of_project(context.reader.totals(*INSTRUMENTS, since=since, slot=60), project)
    return schemas.Friction(
        now=serializers.now_ms(),
        position=position,
        days=days,
        since=serializers.ms(since),
        content=content,
        projects=projects,
        waits=figures.waits(calls, totals, first, today.date()),
        asked=figures.asked(calls),
        rules=figures.rules(calls) if content else [],
        failing=figures.failing(totals),
        time=figures.time_split(totals),
        cost=figures.cost(totals, first, today.date()),
        definitions=accounts.definitions(totals),
        unavailable=accounts.unavailable(totals),
    )
