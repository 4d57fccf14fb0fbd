"""The coding agents that hookspan records, and what is asked of them as data."""

from __future__ import annotations

from functools import cache
from typing import Final

from .claude_code import CLAUDE_CODE
from .codex import CODEX
from .copilot import COPILOT
from .events import Client, HookEvent
from .scopes import SERVICE_NAME

CLIENTS: Final[dict[str, Client]] = {client.name: client for client in (CLAUDE_CODE, CODEX, COPILOT)}
"""By name, as records say it."""
EVENTS: Final[dict[str, HookEvent]] = {event.name: event for client in CLIENTS.values() for event in client.events}
"""By name; what several clients have means the same."""
STARTS_AGENTS: Final = frozenset[str]().union(*(client.starts_agents for client in CLIENTS.values()))
RESUMES_AGENTS: Final = frozenset[str]().union(*(client.resumes_agents for client in CLIENTS.values()))
AWAITS_AGENTS: Final = frozenset[str]().union(*(client.awaits_agents for client in CLIENTS.values()))
SHELLS: Final = frozenset[str]().union(*(client.shells for client in CLIENTS.values()))
WRITERS: Final = SHELLS.union(*(client.editors for client in CLIENTS.values()))
"""Tools by which a session may have changed files."""


def of(name: str) -> Client:
    """The client of that name; one that this version doesn't know is taken for Claude Code, whose events others follow."""
    return CLIENTS.get(name, CLAUDE_CODE)


@cache
def service_of(name: str) -> str:
    """`service.name` of what an agent did, where that is not Claude Code's; empty for Claude Code."""
    service = f"{name}-hooks"
    return "" if service == SERVICE_NAME else service


def of_service(service: object) -> str:
    """The agent whose `service.name` a span or a series has, that of Claude Code if it has none."""
    return str(service).removesuffix("-hooks") if service else CLAUDE_CODE.name
