"""One step of the fold: the record at hand, the session it belongs to, and the rows that come out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.clients import service_of
from hookspan.catalogue.logs import LogEvent, Severity
from hookspan.wire.scrub import folder_name

from . import ids
from .open_spans import OpenSpan
from .rows import (
    INTERNAL,
    STATUS_UNSET,
    Attributes,
    Increment,
    LogRow,
    Rows,
    SeriesAttributes,
    Span,
    SpanEvent,
    SpanLink,
    Waste,
)
from .state import Place, SessionState, State

NANO: Final = 1_000_000_000
WASTE_NAME: Final = 128
"""Characters of what waste is of."""
_NONE: Final[Mapping[str, str]] = {}


@lru_cache(maxsize=4096)
def _series(pairs: tuple[tuple[str, str], ...]) -> SeriesAttributes:
    return tuple(sorted({key: value for key, value in pairs if value}.items()))


class Step:
    """Collects the rows of one record. `now` is the record's own time: the fold has no clock."""

    __slots__ = ("_base", "_service", "now", "number", "project", "rows", "session", "state")

    def __init__(self, state: State, session: SessionState, number: int, now: int) -> None:
        self.state = state
        self.session = session
        self.number = number
        self.now = now
        self.rows = Rows(touched={session.id})
        self._base: Attributes | None = None
        self.project = project_of(state, session)
        self._service = service_of(session.agent)

    def base(self) -> Attributes:
        """What every span of the session carries, whenever it was."""
        if self._base is None:
            session = self.session
            base: Attributes = {**self._labels(), sc.SESSION_ID: session.id, sc.GEN_AI_CONVERSATION_ID: session.id}
            if self._service:
                base[sc.SERVICE_NAME] = self._service
            if self.project:
                base[sc.PROJECT] = self.project
            if repository := repository_of(self.state, session):
                base[sc.VCS_REPOSITORY_NAME] = repository
            if session.synthetic:
                base[sc.SYNTHETIC] = True
            self._base = base
        return self._base

    def span(
        self,
        name: str,
        place: Place,
        own_id: str,
        start: int,
        end: int,
        attributes: Attributes,
        *,
        kind: int = INTERNAL,
        status: int = STATUS_UNSET,
        links: tuple[SpanLink, ...] = (),
        events: tuple[SpanEvent, ...] = (),
        hook: bool = False,
        label: str = "",
        tree: str = "",
    ) -> None:
        """Writes a span under `place`. An end before the start is the start, and flagged."""
        whole: Attributes = self.base().copy()
        if place.prompt:
            whole[sc.PROMPT_ID] = place.prompt_id
        whole[sc.GEN_AI_AGENT_NAME] = place.agent or self.session.agent
        if branch := branch_at(self.session, end):
            whole[sc.VCS_REF_HEAD_NAME] = branch
        for key, value in attributes.items():
            if value or value == 0:  # no empty text, no empty list, nothing that is not known
                whole[key] = value
        if end < start:
            end = start
            whole[sc.END_INFERRED] = True
        rows = self.rows
        rows.spans.append(
            Span(
                record=self.number,
                ordinal=len(rows.spans),
                trace_id=place.trace_id,
                span_id=own_id,
                parent_id=place.span_id,
                name=name,
                start=start,
                end=end,
                attributes=whole,
                kind=kind,
                status=status,
                links=links,
                events=events,
                hook=hook,
                session=self.session.id,
                local=self.session.local,
                label=label,
                tree=tree,
            )
        )

    def close(
        self,
        opened: OpenSpan,
        end: int,
        attributes: Attributes,
        *,
        start: int | None = None,
        status: int = STATUS_UNSET,
        links: tuple[SpanLink, ...] = (),
        events: tuple[SpanEvent, ...] = (),
    ) -> None:
        """Writes a span that was open, with what its end adds; `start` where that is known better now."""
        self.span(
            opened.name,
            opened.place,
            opened.span_id,
            opened.start if start is None else start,
            end,
            opened.attributes | attributes,
            status=status,
            links=links,
            events=events,
            label=opened.label,
        )

    def log(
        self,
        event: LogEvent,
        place: Place,
        at: int,
        attributes: Attributes,
        *key: str,
        severity: Severity | None = None,
        label: str = "",
    ) -> None:
        """Writes a log record of what happened in the span that `place` names, where these are wanted.

        `key` names it among those of its kind, session and time.
        """
        if self.session.local or not logs_on(self.state):
            return
        whole: Attributes = {**self.base(), sc.LOG_RECORD_UID: ids.log_uid(event.name, self.session.id, at, *key)}
        if place.prompt:
            whole[sc.PROMPT_ID] = place.prompt_id
        whole[sc.GEN_AI_AGENT_NAME] = place.agent or self.session.agent
        if branch := branch_at(self.session, at):
            whole[sc.VCS_REF_HEAD_NAME] = branch
        whole |= {name: value for name, value in attributes.items() if value not in {"", None}}
        self.rows.logs.append(
            LogRow(
                record=self.number,
                ordinal=len(self.rows.logs),
                at=at,
                event=event.name,
                severity=severity or event.severity,
                attributes=whole,
                trace_id=place.trace_id,
                span_id=place.span_id,
                session=self.session.id,
                label=label,
            )
        )

    def add(
        self,
        instrument: str,
        value: float,
        *attributes: tuple[str, str],
        place: Place | None = None,
        own_id: str = "",
        at: int = 0,
    ) -> None:
        """One observation; with a place its exemplar points to the span `own_id` there. None for imported sessions.

        `at` is when it happened, where that is not the record's own time: what is written once a transcript is read
        may be long over.
        """
        if self.session.local:
            return
        if self._service:
            attributes = (*attributes, (sc.SERVICE_NAME, self._service))
        self.rows.increments.append(
            Increment(
                instrument,
                _series(attributes),
                value,
                at or self.now,
                place.trace_id if place else "",
                (own_id or place.span_id) if place else "",
            )
        )

    def waste(
        self, kind: str, what: str, at: int, *, count: int, priced: int, tokens: int, nano: int, took: int
    ) -> None:
        """Some waste of the session, imported ones included; `rows.Waste` says what each figure is."""
        self.rows.waste.append(
            Waste(kind, what[:WASTE_NAME], at, self.session.id, count, priced, tokens, nano, max(0, took))
        )

    def count(
        self,
        instrument: str,
        value: float,
        *attributes: tuple[str, str],
        place: Place | None = None,
        own_id: str = "",
        at: int = 0,
    ) -> None:
        """Like `add`, for what is a project's: its name and its labels are among the attributes."""
        labels = self._labels().items()
        self.add(instrument, value, *labels, (sc.PROJECT, self.project), *attributes, place=place, own_id=own_id, at=at)

    def _labels(self) -> Mapping[str, str]:
        """Those that the project was given. Whoever adds attributes puts them after these: no label replaces one."""
        policy = self.state.world.policy
        return policy.labels.get(self.project, _NONE) if policy else _NONE


def logs_on(state: State) -> bool:
    """Whether log records are written."""
    policy = state.world.policy
    return policy is not None and policy.logs


def project_of(state: State, session: SessionState) -> str:
    """The project's name: of the main repository if known, else the last part of the project folder.

    The folder is CLAUDE_PROJECT_DIR (`cwd` follows `cd` and worktrees), else the first cwd, else what the transcript's
    folder is named after: the working directory with every separator turned into a dash, which is lossy.
    """
    folder = folder_of(session)
    repository = state.world.repositories.get(folder)
    if project := (repository.project if repository else session.project):
        return project
    if folder:
        return folder_name(folder)
    parts = session.transcript.rsplit("/", 2)
    return parts[1].rsplit("-", 1)[-1] if len(parts) > 2 else ""  # noqa: PLR2004 (folder/project/file)


def folder_of(session: SessionState) -> str:
    """The session's project folder, empty if nothing told it."""
    return session.folder or session.project_dir or session.cwd


def tree_of(state: State, session: SessionState, folder: str) -> str:
    """The work tree of a folder, of the session's own where that is not known; empty outside of any."""
    repositories = state.world.repositories
    repository = repositories.get(folder) or repositories.get(folder_of(session))
    return repository.tree if repository else ""


def repository_of(state: State, session: SessionState) -> str:
    """The name of the main repository that the session's folder belongs to, empty if it is in none that is known."""
    repository = state.world.repositories.get(folder_of(session))
    return repository.name if repository else session.repository


def branch_at(session: SessionState, at: int) -> str:
    """The branch that was checked out then; what was before the first that is known was on that one.

    Empty for a session that no hook told of: what is known is the branch of its import.
    """
    if session.local:
        return ""
    branch = session.branches[0][1] if session.branches else ""
    for since, name in session.branches:
        if since > at:
            break
        branch = name
    return branch
