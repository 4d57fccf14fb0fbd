"""The top of the first page: metrics, who waits, and what is missing."""

from __future__ import annotations

import time
from datetime import datetime

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.store import earlier
from hookspan.web import schemas, serializers
from hookspan.web.context import Context
from hookspan.web.handlers.sessions import listed
from hookspan.web.parameters import Arguments


def summary(context: Context, _arguments: Arguments) -> schemas.Summary:
    """GET /summary."""
    with context.reader.moment() as moment:
        position, any_event = moment.position(), moment.any_event()
        sessions = [listed(context, moment, row) for row in serializers.in_order(moment.waiting_sessions())]
        demo = moment.any_local()
    numbers = live(context)
    links = context.agent.settings().links
    return schemas.Summary(
        now=numbers.now,
        position=position,
        top_tools=numbers.top_tools,
        states=numbers.states,
        oldest_wait=numbers.oldest_wait,
        quota=numbers.quota,
        waiting=sessions,
        hooks=numbers.hooks,
        health=numbers.health,
        setup=_setup(context, any_event=any_event),
        demo=demo,
        content=context.content,
        links=schemas.Links(jaeger=links.jaeger or "", grafana=links.grafana or ""),
        cache=context.cache.report(),
        stream=context.stream(),
    )


def live(context: Context) -> schemas.LiveSummary:
    """The numbers that change with every event; the stream sends them, too."""
    now = time.time_ns()
    summary = context.reader.summary(now)
    return schemas.LiveSummary(
        now=serializers.now_ms(),
        top_tools=serializers.top_tools(summary),
        states=serializers.states(summary),
        oldest_wait=serializers.ms_or_none(summary.oldest_wait),
        quota=[serializers.quota(use) for use in context.reader.quota(now)],
        hooks=serializers.hooks(context.agent.hooks()),
        health=context.health,
    )


def today(context: Context, _arguments: Arguments) -> schemas.Today:
    """GET /today."""
    now = datetime.now().astimezone()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)

    def until_now(days: int) -> schemas.Figures:
        end = earlier(now, days) if days else now  # in an hour that comes twice it is the second time, maybe
        since, until = (int(moment.timestamp() * 1e9) for moment in (earlier(midnight, days), end))
        day = (context.reader.past_day if days else context.reader.day)(since, until)
        return serializers.figures(day, since, until)

    return schemas.Today(now=serializers.now_ms(), today=until_now(0), yesterday=until_now(1), week=until_now(7))


def _setup(context: Context, *, any_event: bool) -> schemas.Setup:
    if any_event:
        return schemas.Setup()
    agents = context.agent.installed()
    if not agents:
        return schemas.Setup(
            step="install", detail="No coding agent runs hookspan's hooks yet.", command="hookspan install"
        )
    program = "claude" if CLAUDE_CODE.name in agents else agents[0]
    return schemas.Setup(step="use", detail="No event has been recorded yet: start a new session.", command=program)
