"""What model calls cost: the spans of calls, added up by one thing that they have in common."""

# ruff: noqa: S608 - statements are put together from names of our own; values are always bound

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Literal, TypeAlias

import msgspec

from hookspan.catalogue import attributes as sc

from . import found
from .schema import NANOSECONDS

Grouping: TypeAlias = Literal[
    "day",
    "project",
    "agent",
    "model",
    "branch",
    "session",
    "prompt",
    "skill",
    "plugin",
    "mcp-server",
    "subagent",
    "workflow",
]

UNSEEN: Final = "in no transcript"
"""The group of what clients counted beyond the calls in their transcripts, where groups are not made of sessions."""


class Cost(msgspec.Struct, kw_only=True):
    """What some model calls came to.

    Attributes:
        input_tokens: With those that were read from the cache or written to it.
        nano: List price in nano-USD, with `unseen_nano`.
        unseen_nano: What clients counted beyond the calls in their transcripts (titles, compactions).
        unpriced: Calls of models whose price is not known; they are in `calls` and tokens, not in `nano`.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    nano: int = 0
    unseen_nano: int = 0
    unpriced: int = 0

    def add(self, other: Cost) -> None:
        """Adds another's sums to these."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of a model call's span that are added up, or by which they are."""

    project: str = msgspec.field(default="", name=sc.PROJECT)
    branch: str = msgspec.field(default="", name=sc.VCS_REF_HEAD_NAME)
    prompt: str = msgspec.field(default="", name=sc.PROMPT_ID)
    requested: str = msgspec.field(default="", name=sc.GEN_AI_REQUEST_MODEL)
    answered: str = msgspec.field(default="", name=sc.GEN_AI_RESPONSE_MODEL)
    agent: str = msgspec.field(default="", name=sc.GEN_AI_AGENT_NAME)
    skill: str = msgspec.field(default="", name=sc.SKILL_NAME)
    plugin: str = msgspec.field(default="", name=sc.PLUGIN_NAME)
    server: str = msgspec.field(default="", name=sc.MCP_SERVER)
    workflow: str = msgspec.field(default="", name=sc.WORKFLOW_NAME)
    input_tokens: int = msgspec.field(default=0, name=sc.GEN_AI_USAGE_INPUT_TOKENS)
    output_tokens: int = msgspec.field(default=0, name=sc.GEN_AI_USAGE_OUTPUT_TOKENS)
    cache_read: int = msgspec.field(default=0, name=sc.GEN_AI_USAGE_CACHE_READ)
    cache_write: int = msgspec.field(default=0, name=sc.GEN_AI_USAGE_CACHE_WRITE)
    usd: float | None = msgspec.field(default=None, name=sc.COST_USD)

    def cost(self) -> Cost:
        """The sums of this one call."""
        used = self.input_tokens + self.output_tokens
        return Cost(
            calls=1,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cache_read_tokens=self.cache_read,
            cache_write_tokens=self.cache_write,
            nano=round((self.usd or 0) * NANOSECONDS),
            unpriced=int(self.usd is None and used > 0),
        )


_KEYS: Final[Mapping[str, Callable[[Call], str]]] = {
    "project": lambda call: call.project,
    "model": lambda call: call.answered or call.requested,
    "branch": lambda call: call.branch,
    "prompt": lambda call: call.prompt,
    "skill": lambda call: call.skill,
    "plugin": lambda call: call.plugin,
    "mcp-server": lambda call: call.server,
    "subagent": lambda call: call.agent,
    "workflow": lambda call: call.workflow,
}
_ASKED: Final = "session.last >= ? AND ? IN ('', session.project) AND ? IN ('', session.agent)"
_SESSIONS: Final = f"SELECT session, id, project, branch, agent, last, residual_nano FROM session WHERE {_ASKED}"
# By name and start, as an index has them: no other span is read.
_CALLS: Final = f"""
WITH {found.NAMES} SELECT session, start, attributes
FROM named CROSS JOIN span ON span.name = named.one CROSS JOIN session USING (session)
WHERE named.one GLOB 'chat *' AND NOT hook AND start >= ? AND start < ? AND {_ASKED}
"""
_call = msgspec.json.Decoder(Call).decode


def by(
    db: sqlite3.Connection, grouping: Grouping, since: int, until: int, project: str, agent: str
) -> dict[tuple[str, str], Cost]:
    """Sums of the model calls that began in a time (Unix nanoseconds), by name of the group.

    A group of sessions is named by session id and project, any other by its name and nothing. A call that has no such
    thing is in the group of the empty name. Days are those of the local time zone, `2026-11-25`. What no transcript
    shows is of the day of its session's last event; no model or skill has it, and so a group UNSEEN of its own.
    """
    costs: dict[tuple[str, str], Cost] = defaultdict(Cost)
    key = _KEYS.get(grouping)
    groups: dict[int, tuple[str, str] | None] = {}  # of sessions, if they are what is asked for
    for session, id_, of_project, branch, of_agent, last, residual in db.execute(_SESSIONS, (since, project, agent)):
        of_session = {
            "session": (id_, of_project),
            "project": (of_project, ""),
            "branch": (branch, ""),
            "agent": (of_agent, ""),
        }
        groups[session] = of_session.get(grouping)
        if residual and last < until:
            unseen = (_day(last), "") if grouping == "day" else groups[session] or (UNSEEN, "")
            costs[unseen].add(Cost(nano=residual, unseen_nano=residual))
    for session, start, attributes in db.execute(_CALLS, (since, until, since, project, agent)):
        call = _call(attributes)
        name = (key(call), "") if key else groups[session]
        costs[name or (_day(start), "")].add(call.cost())
    return dict(costs)


def _day(at: int) -> str:
    return datetime.fromtimestamp(at / NANOSECONDS).astimezone().date().isoformat()
