"""What idle definitions take: tools of MCP servers, and what plugins have listed, in every request of the main agent.

Sizes in tokens are estimated from lengths; nobody but the API counts them.
"""

from __future__ import annotations

from typing import Final

from hookspan.catalogue import attributes as sc
from hookspan.catalogue import logs as catalogue
from hookspan.catalogue.enums import McpTrouble
from hookspan.wire.facts import Listing, ModelCall, RequestShape

from . import logs
from .labels import bounded
from .state import SessionState
from .step import Step

CHARACTERS_PER_TOKEN: Final = 4
"""Of English and JSON, about."""
KEPT_LISTED: Final = 64
KEPT_TROUBLES: Final = 64
_MCP: Final = "mcp__"
_LOADED: Final = {sc.PLUGIN_NAME: catalogue.PLUGIN_LOADED, sc.MCP_SERVER: catalogue.MCP_CONNECTED}


def listed(step: Step, fact: Listing) -> None:
    """What the client lists to its model. A subagent's list is like that of the session."""
    if fact.agent_id:
        return
    session = step.session
    if fact.whole:
        session.listed = {key: size for key, size in session.listed.items() if key[0] != fact.of}
    for label, sizes in ((sc.PLUGIN_NAME, fact.plugins), (sc.MCP_SERVER, fact.servers)):
        for name, size in sizes.items():
            key = (fact.of, label, name)
            if size or key in session.listed:
                session.listed[key] = session.listed.get(key, 0) + size if size else 0
            if size:
                logs.loaded(step, _LOADED[label], fact.at, {label: name})
    while len(session.listed) > KEPT_LISTED:
        del session.listed[next(iter(session.listed))]
    for trouble, servers in ((McpTrouble.FAILED, fact.failed), (McpTrouble.NEEDS_AUTH, fact.needs_auth)):
        for server in servers:
            _unavailable(step, server, trouble)


def shaped(step: Step, fact: RequestShape) -> None:
    """Tools that a request defines are those of servers that are connected."""
    for server in dict.fromkeys(_server_of(tool.name) for tool in fact.tools):
        logs.loaded(step, catalogue.MCP_CONNECTED, fact.at, {sc.MCP_SERVER: server})


def _server_of(tool: str) -> str:
    """The MCP server in a tool's name (`mcp__SERVER__TOOL`), empty for any other tool."""
    server, separator, _ = tool.removeprefix(_MCP).partition("__")
    return server if tool.startswith(_MCP) and separator else ""


def _unavailable(step: Step, server: str, trouble: McpTrouble) -> None:
    """Counted once in each session."""
    names = {sc.MCP_SERVER: server, sc.MCP_TROUBLE: trouble.value}
    logs.loaded(step, catalogue.MCP_UNAVAILABLE, step.now, names)
    told, key = step.session.troubles, f"{trouble.value}:{server}"
    if key not in told and len(told) < KEPT_TROUBLES:
        told.append(key)
        label = (sc.MCP_SERVER, bounded(step, sc.MCP_SERVER, server))
        step.count("hookspan.mcp.unavailable", 1, label, (sc.MCP_TROUBLE, trouble.value))


def sizes(session: SessionState, shape: str) -> dict[tuple[str, str], int]:
    """Characters in each request of this shape, by label and name."""
    found: dict[tuple[str, str], int] = {}
    for (_, label, name), size in session.listed.items():
        found[label, name] = found.get((label, name), 0) + size
    known = session.shapes.get(shape)
    for tool in known.tools if known else ():
        if server := _server_of(tool.name):
            found[sc.MCP_SERVER, server] = found.get((sc.MCP_SERVER, server), 0) + tool.size
    return found


def count(step: Step, fact: ModelCall) -> dict[tuple[str, str], int]:
    """Adds what the definitions of a request took: tokens by label and name, which it returns."""
    if fact.agent_id or fact.error_status:
        return {}
    found = {key: size // CHARACTERS_PER_TOKEN for key, size in sizes(step.session, fact.shape).items()}
    for (label, name), tokens in found.items():
        if tokens:
            step.count("hookspan.definitions", tokens, (label, bounded(step, label, name)))
    return found
