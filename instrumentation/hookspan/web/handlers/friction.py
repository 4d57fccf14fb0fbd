"""What holds you up, and what it costs."""

from __future__ import annotations

import datetime as dt
from typing import Final

from hookspan.store import WasteQuery
from hookspan.web import accounts, schemas, serializers, waste
from hookspan.web import friction as figures
from hookspan.web.context import Context
from hookspan.web.days import midnight, slots_of_days
from hookspan.web.parameters import Arguments

BY_DAY: Final = ("hookspan.time", "hookspan.cost")
SUMS: Final = (
    "hookspan.tool.calls",
    "hookspan.tool.duration",
    "hookspan.cost.unpriced",
    "hookspan.tokens",
    "hookspan.mcp.unavailable",
)


def friction(context: Context, arguments: Arguments) -> schemas.Friction:
    """GET /friction."""
    days, content = arguments["days"], context.content
    project, agent = arguments["project"] or "", arguments["agent"] or ""
    today = dt.datetime.now().astimezone()
    first = today.date() - dt.timedelta(days=days - 1)
    since = midnight(first)
    with context.reader.moment() as moment:
        position = moment.position()
        calls = figures.meant(moment.waited(since), project, agent)
        projects = moment.projects()
    rules = figures.rules(calls) if content else []
    sums = context.reader.waste(WasteQuery(since=since, project=project, agent=agent, local=False), waste.SHOWN)
    slot, shift = slots_of_days(first, today.date())
    gained = context.reader.totals(*BY_DAY, since=since, slot=slot, shift=shift) | context.reader.totals(
        *SUMS, since=since
    )
    totals = figures.of_agent(figures.of_project(gained, project), agent)
    return schemas.Friction(
        now=serializers.now_ms(),
        position=position,
        days=days,
        since=serializers.ms(since),
        content=content,
        projects=projects,
        waits=figures.waits(calls, totals, first, today.date()),
        asked=figures.asked(calls),
        rules=rules,
        failing=figures.failing(totals),
        time=figures.time_split(totals),
        cost=figures.cost(totals, first, today.date()),
        waste=waste.rows(sums, rules),
        unavailable=accounts.unavailable(totals),
    )


def sessions(context: Context, arguments: Arguments) -> schemas.WastedSessions:
    """GET /friction/sessions."""
    first = dt.datetime.now().astimezone().date() - dt.timedelta(days=arguments["days"] - 1)
    query = WasteQuery(
        since=midnight(first), project=arguments["project"] or "", agent=arguments["agent"] or "", local=False
    )
    kind, what = arguments["kind"], arguments["what"] or ""
    sums = context.reader.waste(query, waste.SHOWN)
    of = next((one for one in sums if (one.kind, one.what) == (kind, what)), None)
    found = context.reader.wasted_sessions(query, of, waste.SESSIONS) if of else []
    shown = [one for one in found if one.project not in context.opted_out.names]
    items = waste.sessions(shown, content=context.content)
    return schemas.WastedSessions(now=serializers.now_ms(), items=items)
