"""What one session cost, and on whose account."""

from __future__ import annotations

from hookspan.web import accounts, schemas, serializers
from hookspan.web.context import Context
from hookspan.web.handlers.sessions import row_of
from hookspan.web.parameters import Arguments


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
