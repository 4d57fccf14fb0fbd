"""What open dialogs ask: the command or file of a call; questions, a plan or an MCP server's words.

The former are labels in the store. The latter are kept nowhere but in the hook event itself, so they are read from the
journal, for as long as it has that event's content, and only where the user's texts may be shown.
"""

from __future__ import annotations

from typing import Any, Final

from hookspan.model.state import SessionState, Wait
from hookspan.model.summary import foremost
from hookspan.opted_out import OptedOut, projects_in
from hookspan.web import schemas
from hookspan.web.agent_interface import AgentInterface
from hookspan.web.queries import Moment
from hookspan.web.rawlog import RawLog
from hookspan.web.serializers import ms

QUESTIONS: Final = 20  # of a dialog, and answers of a question; the client asks at most four
TEXT_MAX: Final = 2_000  # characters of a question or an answer
PLAN_MAX: Final = 64 << 10  # characters
TELLS_MORE: Final = frozenset({"AskUserQuestion", "ExitPlanMode"})


class Dialogs:
    """Reads what open dialogs ask. Thread-safe."""

    def __init__(self, agent: AgentInterface) -> None:
        self._agent = agent
        self._log = RawLog(agent.paths)

    def foremost(self, moment: Moment, state: SessionState) -> tuple[str, schemas.Asking | None]:
        """What the dialog that a session is shown by is about, in one line, and what it asks beside yes or no.

        Empty and None if that is not to be shown.
        """
        wait = foremost(state)
        if wait is None or not self._agent.settings().content.local:
            return "", None
        asking = self._read_event(moment, state, wait)
        if asking is None or not (asking.questions or asking.message or asking.plan):
            return asks(state), None
        return asking.message or (asking.questions[0].question if asking.questions else asks(state)), asking

    def details(self, moment: Moment, state: SessionState) -> list[schemas.Asking]:
        """What all open dialogs ask beside yes or no, the oldest first."""
        if not self._agent.settings().content.local:
            return []
        read = (self._read_event(moment, state, wait) for wait in sorted(state.waits, key=lambda wait: wait.at))
        return [asking for asking in read if asking is not None and (asking.questions or asking.plan or asking.message)]

    def _read_event(self, moment: Moment, state: SessionState, wait: Wait) -> schemas.Asking | None:
        if not wait.elicitation and wait.tool not in TELLS_MORE:
            return None
        record = moment.asked_at(state.id, wait.at)
        if not record:
            return None
        opted_out = OptedOut(self._agent.settings().projects, project_of=projects_in(moment))
        line = self._log.one(record, opted_out)
        return _read(line.json, wait, record) if line is not None else None


def asks(state: SessionState) -> str:
    """What the dialog that a session is shown by is about: the command, file or address of its call."""
    wait = foremost(state)
    if wait is None:
        return ""
    if wait.elicitation:
        return wait.mcp_server
    call = state.calls.get(wait.tool_use_id)
    return call.label if call is not None else ""


def _read(line: Any, wait: Wait, record: int) -> schemas.Asking | None:
    """From the journal's line; None once its content is gone."""
    event = _dict(_dict(line).get("event"))
    if not event:
        return None
    given = _dict(event.get("tool_input"))
    return schemas.Asking(
        tool=wait.tool,
        since=ms(wait.at),
        record=record,
        questions=[
            made for one in _list(given.get("questions"))[:QUESTIONS] if (made := _question(_dict(one))).question
        ],
        plan=_text(given.get("plan"), PLAN_MAX),
        message=_text(event.get("message")) if wait.elicitation else "",
    )


def _question(given: dict[str, Any]) -> schemas.Question:
    options = (_dict(one) for one in _list(given.get("options"))[:QUESTIONS])
    return schemas.Question(
        header=_text(given.get("header")),
        question=_text(given.get("question")),
        options=[
            schemas.Option(label=_text(one.get("label")), description=_text(one.get("description"))) for one in options
        ],
        multiple=given.get("multiSelect") is True,
    )


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object, most: int = TEXT_MAX) -> str:
    if not isinstance(value, str):
        return ""
    return value if len(value) <= most else f"{value[: most - 1]}…"
