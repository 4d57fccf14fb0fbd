"""Sessions: all of them in a list, and one with its turns and spans."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Final

from hookspan.catalogue.enums import SessionPhase
from hookspan.catalogue.session_fields import SessionRow
from hookspan.model.open_spans import open_spans
from hookspan.model.state import SessionState
from hookspan.store.schema import INTEGER_MAX
from hookspan.web import days, schemas, serializers, turns
from hookspan.web.activity import MINUTES
from hookspan.web.context import Context
from hookspan.web.parameters import Arguments
from hookspan.web.problems import invalid, not_found
from hookspan.web.queries import OPEN_MAX, ORDERS, START, Filter, Match, Moment, Selection, Wanted

EVENTS: Final = 50  # on a session's page
SPANS_MAX, BRIEF_MAX = 2_000, 20_000  # in an answer: a megabyte and a half, or seven
_CURSOR: Final = re.compile(r"\A(?:([a-z]{1,19})\.)?([0-9]{1,19})\.([0-9]{1,19})\Z")
_ID: Final = re.compile(r"\A[0-9a-f]+\Z")


def sessions(context: Context, arguments: Arguments) -> schemas.Sessions:
    """GET /sessions: those that have not ended in the order of who needs you first, then a page of ended ones."""
    limit, sort = arguments["limit"], arguments["sort"]
    before = _cursor("before", arguments["before"], sort) if arguments["before"] else None
    phases = serializers.PHASES[arguments["state"]]
    strips = context.activity.strips(time.time_ns())
    with context.reader.moment() as moment:
        position, order = moment.position(), ORDERS[sort]
        selection = moment.select(_filter(arguments), content=context.content)
        sums = moment.by_phase(selection)
        unfinished = phases & sums.keys() - {SessionPhase.ENDED} if before is None else set[SessionPhase]()
        count = min(OPEN_MAX, sum(sums[phase].sessions for phase in unfinished))
        open_rows = serializers.in_order(moment.rows(moment.find(selection, order, unfinished, count)))
        found = moment.find(selection, order, phases & {SessionPhase.ENDED}, limit + 1, before)
        page = found[:limit]
        ended_rows = moment.rows(page)
        items = [listed(context, moment, row, strips.get(row.id)) for row in open_rows + ended_rows]
        waits = context.waits.by_session(moment)
        projects, agents = moment.projects_and_agents()
        branches = moment.branches(arguments["project"] or "")
        of_days = _days(moment, selection, page) if sort == "newest" else []
    ended = sums.get(SessionPhase.ENDED) if SessionPhase.ENDED in phases else None
    return schemas.Sessions(
        now=serializers.now_ms(),
        position=position,
        sessions=items,
        next="{}.{}.{}".format(sort, *page[-1].place) if len(found) > limit else None,
        counts={phase.value: sums[phase].sessions if phase in sums else 0 for phase in SessionPhase},
        cost=ended.cost / serializers.NANO if ended else 0,
        days=of_days,
        waited={row.id: waits[row.id] * 1e3 for row in open_rows + ended_rows if row.id in waits},
        projects=projects,
        agents=agents,
        branches=branches,
    )


def _filter(arguments: Arguments) -> Filter:
    """What the parameters ask for. Raises a problem, 400, for what is no day."""
    since, until = (days.read(name, arguments[name]) if arguments[name] else None for name in ("since", "until"))
    return Filter(
        project=arguments["project"] or "",
        branch=arguments["branch"] or "",
        agent=arguments["agent"] or "",
        since=days.midnight(since) if since else 0,
        until=days.midnight(days.after(until)) if until else INTEGER_MAX,
        words=(arguments["q"] or "").split(),
    )


def _days(moment: Moment, selection: Selection, page: Sequence[Match]) -> list[schemas.Day]:
    """What the days that a page is of came to, with those of their sessions that are on other pages. Newest first."""
    found = []
    for day in dict.fromkeys(days.day_at(match.last) for match in page):
        since, until = days.midnight(day), days.midnight(days.after(day))
        count, cost = moment.sum_between(selection, since, until)
        found.append(
            schemas.Day(
                date=day.isoformat(),
                since=serializers.ms(since),
                until=serializers.ms(until),
                sessions=count,
                cost=cost / serializers.NANO,
            )
        )
    return found


def session(context: Context, arguments: Arguments) -> schemas.SessionPage:
    """GET /sessions/{id}: everything about one."""
    id_, content, now = arguments["id"], context.content, time.time_ns()
    strips = context.activity.strips(now)
    with context.reader.moment() as moment:
        row = row_of(context, moment, id_)
        state = moment.state(id_)
        page = moment.spans(id_, START, arguments["limit"])
        events = moment.events(after=None, before=None, limit=EVENTS, session=id_)
        return schemas.SessionPage(
            now=serializers.ms(now),
            position=moment.position(),
            session=listed(context, moment, row, strips.get(id_)),
            asking=context.dialogs.details(moment, state) if state is not None else [],
            turns=turns.turns(moment, id_, state, now, context.times, content=content),
            open=unwritten(state, content=content),
            spans=schemas.SpanPage(
                items=[serializers.span(span, content=content) for span in page.spans],
                next=page.next or None,
                total=page.total,
            ),
            events=[serializers.event(event, content=content) for event in events],
            links=schemas.Links(jaeger=context.agent.settings().links.jaeger or ""),
        )


def spans(context: Context, arguments: Arguments) -> schemas.SessionSpans:
    """GET /sessions/{id}/spans: more of its spans."""
    content, after = context.content, START
    if arguments["after"]:
        after = _cursor("after", arguments["after"])
    if arguments["limit"] > SPANS_MAX and not arguments["brief"]:
        raise invalid(f"`limit` must be an integer from 1 to {SPANS_MAX}", "`brief` has it go further")
    wanted = Wanted(
        trace=_id("trace", arguments["trace"], 32),
        span=_id("span", arguments["span"], 16),
        hooks=arguments["hooks"],
    )
    id_, limit = arguments["id"], arguments["limit"]
    with context.reader.moment() as moment:
        row_of(context, moment, id_)
        position = moment.position()
        if arguments["brief"]:
            brief = moment.brief_spans(id_, after, limit, wanted)
            items = [serializers.brief_span(span, id_, content=content) for span in brief.spans]
            following, total = brief.next, brief.total
        else:
            page = moment.spans(id_, after, limit, wanted)
            items = [serializers.span(span, content=content) for span in page.spans]
            following, total = page.next, page.total
    return schemas.SessionSpans(
        now=serializers.now_ms(), position=position, items=items, next=following or None, total=total
    )


def open_now(context: Context, arguments: Arguments) -> schemas.OpenSpans:
    """GET /sessions/{id}/open: its open spans."""
    with context.reader.moment() as moment:
        row_of(context, moment, arguments["id"])
        state, position = moment.state(arguments["id"]), moment.position()
    opened = unwritten(state, content=context.content)
    return schemas.OpenSpans(now=serializers.now_ms(), position=position, open=opened)


def listed(context: Context, moment: Moment, row: SessionRow, strip: list[int] | None = None) -> schemas.Session:
    """A session as lists show it. `strip`: its events by minute, none if it had none."""
    state = moment.state(row.id) if row.phase in serializers.WAITING else None
    dialog = context.dialogs.foremost(moment, state) if state is not None else ("", None)
    return serializers.session(row, content=context.content, dialog=dialog, activity=strip or [0] * MINUTES)


def unwritten(state: SessionState | None, *, content: bool) -> list[schemas.Span]:
    """A session's open spans; none while nothing is known of it."""
    if state is None:
        return []
    return [serializers.open_span(state.id, opened, content=content) for opened in open_spans(state)]


def row_of(context: Context, moment: Moment, id_: str) -> SessionRow:
    """The row of a session, or what the archive knows of it. Raises a problem, 404, if there is none."""
    row = moment.session(id_) or context.search.session(id_)
    if row is None:
        raise not_found("there is no such session", "it may be past `store.days`; `hookspan sessions` lists them")
    return row


def _id(name: str, text: str | None, digits: int) -> str:
    """The id of a trace or a span, empty without one. Raises a problem, 400, for what is none."""
    if text and (len(text) != digits or not _ID.match(text)):
        raise invalid(f"`{name}` must have {digits} digits of 0-9 and a-f")
    return text or ""


def _cursor(name: str, text: str, order: str | None = None) -> tuple[int, int]:
    """The place that a cursor is of, and of that order if the list has several. Raises a problem, 400."""
    match = _CURSOR.match(text)
    place = (int(match[2]), int(match[3])) if match else START
    if match is None or max(place) >> 63 or (match[1] is None) != (order is None):
        raise invalid(f"`{name}` is not a cursor", "use the `next` of the previous answer")
    if match[1] != order:
        raise invalid(f"`{name}` is a cursor of the order `{match[1]}`, not of `{order}`", "begin without it")
    return place
