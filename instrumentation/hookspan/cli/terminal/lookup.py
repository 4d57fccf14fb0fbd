"""What an id on the command line means: a session, a turn, or the newest turn."""

from __future__ import annotations

from typing import Final

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import PromptKind
from hookspan.catalogue.session_fields import SessionRow
from hookspan.cli.terminal.text import printable
from hookspan.errors import UserError
from hookspan.model.rows import Span
from hookspan.store import Reader

SHOWN: Final = 5  # of ids that a prefix could mean
HEX: Final = frozenset("0123456789abcdef")


def refuse_empty(id_: str) -> None:
    """Raise UserError where no id is given, as by a variable that isn't set: every id begins with that."""
    if not id_.strip():
        raise UserError("the id is empty", hint="`hookspan sessions` lists sessions")


def find(reader: Reader, id_: str) -> tuple[SessionRow | None, list[Span]]:
    """The session's row, and the spans that were asked for. UserError names what else the id could mean."""
    refuse_empty(id_)
    if id_ == "last":
        return _last(reader)
    wanted = id_.strip().lower()
    sessions = reader.find_sessions(id_, SHOWN + 1) or reader.find_sessions(wanted, SHOWN + 1)
    traces: list[str] = []
    digits = wanted.replace("-", "")
    if digits and len(digits) <= 32 and HEX.issuperset(digits):  # noqa: PLR2004 - of a trace id
        of_sessions = {session.replace("-", "") for session in sessions}
        traces = [trace for trace in reader.find_traces(digits, SHOWN + 1) if trace not in of_sessions]
    meant = [*sessions, *traces]
    if id_ in sessions:
        meant = [id_]
    if not meant:
        raise UserError(f"nothing has the id `{printable(id_)}`", hint="`hookspan sessions` lists sessions")
    if len(meant) > 1:
        more = ", ..." if len(meant) > SHOWN else ""
        raise UserError(f"`{id_}` could be {', '.join(meant[:SHOWN])}{more}", hint="give more of the id")
    if sessions:
        return reader.session(meant[0]), reader.spans_of_session(meant[0])
    spans = reader.spans_of_trace(meant[0])
    return reader.session(spans[0].session), spans


def _last(reader: Reader) -> tuple[SessionRow | None, list[Span]]:
    """The turn that has ended last, of any session; one that began by itself only where there is no other."""
    newest: tuple[bool, int, SessionRow, Span] | None = None
    for row in reader.sessions(limit=100):
        if newest is not None and newest[0] and row.last < newest[1]:
            break
        for turn in reader.turns_of_session(row.id):
            is_yours = turn.attributes.get(sc.PROMPT_KIND) != PromptKind.TASK_NOTIFICATION
            if newest is None or (is_yours, turn.end) > newest[:2]:
                newest = is_yours, turn.end, row, turn
    if newest is not None:
        return newest[2], reader.spans_of_trace(newest[3].trace_id)
    raise UserError("no turn has ended yet", hint="`hookspan sessions` shows what runs")
