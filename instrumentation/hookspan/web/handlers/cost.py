"""What model calls cost: those of a time by what they have in common, those of a session by what they were for."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from hookspan import store
from hookspan.catalogue import attributes as sc
from hookspan.model.ids import trace_id
from hookspan.store import UNSEEN
from hookspan.web import accounts, days, schemas, serializers
from hookspan.web.context import Context
from hookspan.web.handlers.sessions import row_of
from hookspan.web.parameters import Arguments
from hookspan.web.queries import Moment

NAMED: Final = 500  # groups whose titles are looked up, the dearest


def costs(context: Context, arguments: Arguments) -> schemas.Costs:
    """GET /cost."""
    by: schemas.CostBy = arguments["by"]
    today = dt.datetime.now().astimezone().date()
    since = arguments["since"]
    if since is None:
        since = serializers.ms(days.midnight(today - dt.timedelta(days=arguments["days"] - 1)))
    until = arguments["until"]
    window: dict[str, Any] = {"since": serializers.ns(since)}
    if until is not None:
        window["until"] = serializers.ns(until)
    grouping: Any = by.replace("_", "-")
    found = context.reader.costs(grouping, project=arguments["project"] or "", agent=arguments["agent"] or "", **window)
    total = store.Cost()
    for one in found.values():
        total.add(one)
    order = sorted(found.items(), key=lambda group: group[0][0] if by == "day" else (-group[1].nano, group[0]))
    with context.reader.moment() as moment:
        projects = moment.projects()
        rows = [_row(by, name, project, one) for (name, project), one in order]
        for row in rows[:NAMED]:
            _add_title(moment, by, row, content=context.content)
    return schemas.Costs(
        now=serializers.now_ms(),
        since=since,
        until=until,
        by=by,
        projects=projects,
        rows=rows,
        total=_row(by, "", "", total),
    )


def _row(by: schemas.CostBy, name: str, project: str, cost: store.Cost) -> schemas.CostRow:
    row = schemas.CostRow(
        name=name,
        project=project,
        calls=cost.calls,
        cost=cost.nano / serializers.NANO,
        unseen=cost.unseen_nano / serializers.NANO,
        unpriced=cost.unpriced,
        input=cost.input_tokens,
        output=cost.output_tokens,
        cache_read=cost.cache_read_tokens,
        cache_write=cost.cache_write_tokens,
        is_unseen=name == UNSEEN and not cost.calls,
    )
    if by == "day" and name:
        day = dt.date.fromisoformat(name)
        row.since, row.until = (serializers.ms(days.midnight(one)) for one in (day, days.after(day)))
    return row


def _add_title(moment: Moment, by: schemas.CostBy, row: schemas.CostRow, *, content: bool) -> None:
    """What a session or a prompt is called, and where it is."""
    if by == "session":
        row.session = row.name
        session = moment.session(row.name)
        row.title = session.title if session and content else ""
    elif by == "prompt" and row.name:
        row.trace = trace_id(row.name)
        turn = moment.turn_of(row.trace)
        if turn is not None:
            row.session, row.title = turn.session, turn.label if content else ""
            row.project = str(turn.attributes.get(sc.PROJECT, ""))


def cost(context: Context, arguments: Arguments) -> schemas.SessionCost:
    """GET /sessions/{id}/cost."""
    found = accounts.Sources()
    with context.reader.moment() as moment:
        row, position = row_of(context, moment, arguments["id"]), moment.position()
        calls = moment.calls_by(arguments["id"], tuple(accounts.SOURCES.values()))
        events = moment.span_events(arguments["id"])
    for labels, usd, count in calls:
        found.add(labels, usd, count)
    return schemas.SessionCost(
        now=serializers.now_ms(),
        position=position,
        total=row.cost_nano / serializers.NANO,
        unseen=row.residual_nano / serializers.NANO,
        unpriced=row.unpriced,
        sources=found.rows(),
        misses=accounts.misses_of(events),
    )
