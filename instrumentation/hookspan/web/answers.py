"""What each question of the API is answered with. Called on worker threads; encodes nothing and knows no HTTP."""

from __future__ import annotations

import collections
import datetime as dt
import re
import sqlite3
import time
from collections.abc import Callable
from typing import Any, Final

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import SessionPhase
from hookspan.catalogue.session_fields import SessionRow
from hookspan.config import is_locked, values
from hookspan.model.open_spans import open_spans
from hookspan.model.state import SessionState
from hookspan.opted_out import OptedOut
from hookspan.store import StoreDamaged, Summary
from hookspan.web import friction, schemas, serializers, turns
from hookspan.web.activity import Activity
from hookspan.web.agent_interface import AgentInterface
from hookspan.web.cache import Cache
from hookspan.web.demo import Demo
from hookspan.web.dialogs import Dialogs
from hookspan.web.parameters import Arguments
from hookspan.web.problems import ProblemError, invalid, not_found
from hookspan.web.queries import OPEN_MAX, Moment, PageReader
from hookspan.web.rawlog import RawLog

EVENTS: Final = 50  # on a session's page
DAY: Final = 86_400 * serializers.NANO
INSTRUMENTS: Final = (
    "hookspan.tool.calls",
    "hookspan.tool.duration",
    "hookspan.time",
    "hookspan.cost",
    "hookspan.cost.unpriced",
    "hookspan.tokens",
)
_TRACE: Final = re.compile(r"\A[0-9a-f]{32}\Z")
_CURSOR: Final = re.compile(r"\A([0-9]{1,19})\.([0-9]{1,19})\Z")
_NUMBER: Final = re.compile(r"\A[0-9]{1,19}\Z")


class Answers:
    """One method for each path of the API."""

    def __init__(
        self,
        agent: AgentInterface,
        reader: PageReader,
        cache: Cache,
        activity: Activity,
        dialogs: Dialogs,
        stream: Callable[[], schemas.Stream],
    ) -> None:
        self._agent = agent
        self._reader = reader
        self._cache = cache
        self._activity = activity
        self._stream = stream
        self._log = RawLog(agent.paths)
        self._dialogs = dialogs
        self._times = turns.Times()
        self._demo = Demo(agent.paths, reader, agent.caught_up)

    @property
    def content(self) -> bool:
        """Whether the user's texts may be shown."""
        return self._agent.settings().content.local

    # --- Now

    def live(self) -> schemas.LiveSummary:
        """The numbers that change with every event."""
        found = self._reader.summary(time.time_ns())
        return schemas.LiveSummary(
            now=serializers.now_ms(),
            metrics=serializers.metrics(found),
            states=serializers.states(found),
            oldest_wait=serializers.ms_or_none(found.oldest_wait),
            hooks=serializers.hooks(self._agent.hooks()),
            health=self._health_status(),
        )

    def summary(self, _arguments: Arguments) -> schemas.Summary:
        """The top of the first page."""
        with self._reader.moment() as moment:
            position, any_event = moment.position(), moment.any_event()
            rows = moment.open_sessions()
            waiting = [
                self._session(moment, row) for row in serializers.in_order(rows) if row.phase in serializers.WAITING
            ]
        found: Summary = self._reader.summary(time.time_ns())
        links = self._agent.settings().links
        return schemas.Summary(
            now=serializers.now_ms(),
            position=position,
            metrics=serializers.metrics(found),
            states=serializers.states(found),
            oldest_wait=serializers.ms_or_none(found.oldest_wait),
            waiting=waiting,
            hooks=serializers.hooks(self._agent.hooks()),
            health=self._health_status(),
            setup=self._setup(any_event=any_event),
            demo=any(row.local for row in rows),
            content=self.content,
            links=schemas.Links(jaeger=links.jaeger or "", grafana=links.grafana or ""),
            cache=self._cache.report(),
            stream=self._stream(),
        )

    def _setup(self, *, any_event: bool) -> schemas.Setup:
        if any_event:
            return schemas.Setup()
        if not self._agent.installed():
            return schemas.Setup(
                step="install", detail="Claude Code does not run hookspan's hooks yet.", command="hookspan install"
            )
        return schemas.Setup(step="use", detail="No event has come yet: begin a new session.", command="claude")

    def sessions(self, arguments: Arguments) -> schemas.Sessions:
        """Who needs you first."""
        limit, before, words = arguments["limit"], _before(arguments["before"]), (arguments["q"] or "").split()
        phases = serializers.PHASES[arguments["state"]]
        strips = self._activity.strips(time.time_ns())
        with self._reader.moment() as moment:
            position = moment.position()
            found = moment.find(arguments["project"] or "", words, content=self.content)
            wanted = [one for one in found if one[1] in phases]
            going_on = [one for one in wanted if one[1] != SessionPhase.ENDED] if before is None else []
            ended = [one for one in wanted if one[1] == SessionPhase.ENDED and (before is None or one[2] < before)]
            following = str(ended[limit - 1][2]) if len(ended) > limit else None
            rows = serializers.in_order(moment.rows(going_on[:OPEN_MAX])) + moment.rows(ended[:limit])
            sessions = [self._session(moment, row, strips.get(row.id)) for row in rows]
            projects = moment.projects()
        counts = collections.Counter(phase for _, phase, _ in found)
        return schemas.Sessions(
            now=serializers.now_ms(),
            position=position,
            sessions=sessions,
            next=following,
            counts={phase.value: counts[phase] for phase in SessionPhase},
            projects=projects,
        )

    def _session(self, moment: Moment, row: SessionRow, strip: list[int] | None = None) -> schemas.Session:
        state = moment.state(row.id) if row.phase in serializers.WAITING else None
        asks = self._dialogs.summary(moment, state) if state is not None else ""
        return serializers.session(row, content=self.content, asks=asks, activity=strip or [0] * 30)

    # --- Demo data

    def load_demo(self, _arguments: Arguments) -> schemas.Demo:
        """Put it in, if it isn't."""
        self._demo.load()
        return self._demo_now()

    def remove_demo(self, _arguments: Arguments) -> schemas.Demo:
        """Take it out."""
        self._demo.remove()
        return self._demo_now()

    def _demo_now(self) -> schemas.Demo:
        self._cache.clear()
        with self._reader.moment() as moment:
            return schemas.Demo(now=serializers.now_ms(), position=moment.position(), sessions=moment.demo_sessions())

    # --- One session

    def session(self, arguments: Arguments) -> schemas.SessionPage:
        """Everything about one."""
        id_, content, now = arguments["id"], self.content, time.time_ns()
        strips = self._activity.strips(now)
        with self._reader.moment() as moment:
            row = self._known(moment, id_)
            state = moment.state(id_)
            found = moment.spans(id_, (-1, -1), arguments["limit"], hooks=False)
            events = moment.events(after=None, before=None, limit=EVENTS, session=id_)
            made = turns.turns(moment, id_, state, now, self._times, content=content)
            return schemas.SessionPage(
                now=serializers.ms(now),
                position=moment.position(),
                session=self._session(moment, row, strips.get(id_)),
                asking=self._dialogs.details(moment, state) if state is not None else [],
                turns=made,
                open=_open_spans(state, content=content),
                spans=schemas.SpanPage(
                    items=[serializers.span(one, content=content) for one in found.spans],
                    next=found.next or None,
                    total=found.total,
                ),
                events=[serializers.event(one, content=content) for one in events],
                links=schemas.Links(jaeger=self._agent.settings().links.jaeger or ""),
            )

    def session_spans(self, arguments: Arguments) -> schemas.SessionSpans:
        """More of its spans."""
        content, after = self.content, (-1, -1)
        if arguments["after"]:
            match = _CURSOR.match(arguments["after"])
            numbers = (int(match[1]), int(match[2])) if match else (-1, -1)
            if match is None or max(numbers) >> 63:
                raise invalid("`after` is no cursor", "pass on the `next` of the answer before")
            after = numbers
        with self._reader.moment() as moment:
            self._known(moment, arguments["id"])
            found = moment.spans(arguments["id"], after, arguments["limit"], hooks=arguments["hooks"])
            position = moment.position()
        return schemas.SessionSpans(
            now=serializers.now_ms(),
            position=position,
            items=[serializers.span(one, content=content) for one in found.spans],
            next=found.next or None,
            total=found.total,
        )

    def session_open(self, arguments: Arguments) -> schemas.OpenSpans:
        """What goes on in it."""
        with self._reader.moment() as moment:
            self._known(moment, arguments["id"])
            state, position = moment.state(arguments["id"]), moment.position()
        spans = _open_spans(state, content=self.content)
        return schemas.OpenSpans(now=serializers.now_ms(), position=position, open=spans)

    @staticmethod
    def _known(moment: Moment, id_: str) -> SessionRow:
        row = moment.session(id_)
        if row is None:
            raise not_found("there is no such session", "it may be past `store.days`; `hookspan sessions` lists them")
        return row

    def trace(self, arguments: Arguments) -> schemas.Trace:
        """All spans of a trace, and what is still open of it."""
        id_, content = arguments["id"], self.content
        if not _TRACE.match(id_):
            raise not_found("a trace id has 32 digits of 0-9 and a-f")
        with self._reader.moment() as moment:
            position = moment.position()
            rows = moment.trace(id_, hooks=arguments["hooks"])
            owner = rows[0].session if rows else self._owner(moment, id_)
            state = moment.state(owner) if owner else None
        spans = [serializers.span(one, content=content) for one in rows]
        written = {span.span_id for span in spans}
        unwritten = _open_spans(state, content=content)
        spans += [span for span in unwritten if span.trace_id == id_ and span.span_id not in written]
        if not spans:
            raise not_found("there is no such trace", "it may be past `store.days`, or its turn has not begun")
        spans.sort(key=lambda span: span.start)
        jaeger = self._agent.settings().links.jaeger
        return schemas.Trace(
            now=serializers.now_ms(),
            position=position,
            trace_id=id_,
            session=owner,
            items=spans,
            links=schemas.Links(jaeger=f"{jaeger.rstrip('/')}/trace/{id_}" if jaeger else ""),
        )

    @staticmethod
    def _owner(moment: Moment, trace_id: str) -> str:
        """The session whose turn has this trace, of which nothing is written yet."""
        for row in moment.unwritten_sessions():
            state = moment.state(row.id)
            if state is not None and any(turn.trace_id == trace_id for turn in state.turns.values()):
                return row.id
        return ""

    # --- Events and journal

    def events(self, arguments: Arguments) -> schemas.Events:
        """Hook events."""
        after, before = _one_of(arguments)
        with self._reader.moment() as moment:
            found = moment.events(
                after=after, before=before, limit=arguments["limit"], session=arguments["session"] or ""
            )
            position = moment.position()
        content = self.content
        return schemas.Events(
            now=serializers.now_ms(),
            position=position,
            items=[serializers.event(one, content=content) for one in found],
        )

    def log(self, arguments: Arguments) -> schemas.Log:
        """Lines of the journal: as far as they are in the store, since that is how far their number is told."""
        self._need_content()
        after, before = _one_of(arguments)
        with self._reader.moment() as moment:
            end = moment.position()
        first, limit, opted_out = self._log.first(), arguments["limit"], self._opted_out()
        if after is not None:
            items = self._log.page(max(after + 1, first), min(limit, max(0, end - after - 1)), opted_out)
        else:
            end_of_page = end if before is None else min(before, end)
            start = max(first, end_of_page - limit)
            items = self._log.page(start, max(0, end_of_page - start), opted_out)[::-1]
        return schemas.Log(now=serializers.now_ms(), first=first, last=max(0, end - 1), items=items)

    def log_record(self, arguments: Arguments) -> schemas.LogRecord:
        """One line."""
        self._need_content()
        number = arguments["record"]
        known = _NUMBER.match(number) and int(number) >> 53 == 0
        found = self._log.one(int(number), self._opted_out()) if known else None
        if found is None:
            raise not_found("there is no such record (any more)", "`journal.days` says how long they are kept")
        return schemas.LogRecord(
            now=serializers.now_ms(), **{name: getattr(found, name) for name in found.__struct_fields__}
        )

    def _opted_out(self) -> OptedOut:
        return OptedOut(self._agent.settings().projects)

    def _need_content(self) -> None:
        if not self.content:
            raise ProblemError(
                403,
                "content",
                "raw events are not shown: `content.local` is off",
                "`hookspan config set content.local true` shows them to you alone",
            )

    # --- Friction

    def friction(self, arguments: Arguments) -> schemas.Friction:
        """What holds you up."""
        days, project, content = arguments["days"], arguments["project"] or "", self.content
        today = dt.datetime.now().astimezone()
        first = today.date() - dt.timedelta(days=days - 1)
        since = int(dt.datetime(first.year, first.month, first.day).astimezone().timestamp()) * serializers.NANO
        with self._reader.moment() as moment:
            position = moment.position()
            calls = [span for span in moment.waited(since) if not span.local]
            projects = moment.projects()
        if project:
            calls = [span for span in calls if span.attributes.get(sc.PROJECT) == project]
        totals = friction.of_project(self._reader.totals(*INSTRUMENTS, since=since, slot=60), project)
        return schemas.Friction(
            now=serializers.now_ms(),
            position=position,
            days=days,
            since=serializers.ms(since),
            content=content,
            projects=projects,
            waits=friction.waits(calls, totals, first, today.date()),
            asked=friction.asked(calls),
            rules=friction.rules(calls) if content else [],
            failing=friction.failing(totals),
            time=friction.time_split(totals),
            cost=friction.cost(totals, first, today.date()),
        )

    # --- Health

    def health(self, _arguments: Arguments) -> schemas.Health:
        """The newest round of checks."""
        rounds = self._agent.health(1)
        newest: dict[str, Any] = dict(rounds[-1]) if rounds else {"checks": {}, "at": None, "took": 0.0}
        status = self._agent.status()
        return schemas.Health(
            now=serializers.now_ms(),
            status=self._health_status(),
            at=None if newest["at"] is None else newest["at"] * 1e3,
            took=newest["took"] * 1e3,
            checks=[serializers.check(name, report) for name, report in newest["checks"].items()],
            agent=status["agent"],
            ingest=status["ingest"],
            export=status["export"],
            loops=status["loops"],
            drops=status["drops"],
            cache=self._cache.report(),
            stream=self._stream(),
        )

    def history(self, arguments: Arguments) -> schemas.History:
        """Rounds of checks, newest first."""
        rounds = [
            schemas.Round(
                at=one["at"] * 1e3,
                took=one["took"] * 1e3,
                status=one["status"],
                checks={name: report["status"] for name, report in one["checks"].items()},
                values={name: report["value"] for name, report in one["checks"].items()},
            )
            for one in reversed(self._agent.health(arguments["limit"]))
        ]
        return schemas.History(now=serializers.now_ms(), rounds=rounds)

    def settings(self, _arguments: Arguments) -> schemas.Settings:
        """The settings in force."""
        settings = self._agent.settings()
        found = [
            schemas.Setting(key=key, value=value, origin=settings.origin(key), locked=is_locked(key, settings.locked))
            for key, value in values(settings).items()
        ]
        return schemas.Settings(now=serializers.now_ms(), settings=found, warnings=list(settings.warnings))

    def _health_status(self) -> schemas.HealthStatus:
        rounds = self._agent.health(1)
        status: schemas.HealthStatus = rounds[-1]["status"] if rounds else "unknown"
        return status

    def ready(self) -> bool:
        """Whether the store can be read."""
        try:
            self._reader.counts()
        except (StoreDamaged, sqlite3.Error):
            return False
        return self._agent.paths.store.exists()


def _open_spans(state: SessionState | None, *, content: bool) -> list[schemas.Span]:
    if state is None:
        return []
    return [serializers.open_span(state.id, opened, content=content) for opened in open_spans(state)]


def _one_of(arguments: Arguments) -> tuple[int | None, int | None]:
    if arguments["after"] is not None and arguments["before"] is not None:
        raise invalid("`after` and `before` exclude each other")
    return arguments["after"], arguments["before"]


def _before(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not _NUMBER.match(cursor) or int(cursor) >> 63:
        raise invalid("`before` is no cursor", "pass on the `next` of the answer before")
    return int(cursor)
