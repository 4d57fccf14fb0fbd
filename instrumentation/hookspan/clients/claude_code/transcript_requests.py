"""What a transcript tells of requests beside their messages: model, effort, tools, and what is listed to the model.

Definitions and listings are texts of other people's. Of each no more is kept than its name, its length, and a digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any, Final

import msgspec

from hookspan.wire.facts import Definition, Listing, RequestShape
from hookspan.wire.fields import as_array, as_given_name, as_object
from hookspan.wire.foreign import UNREADABLE, value_of

MCP: Final = "mcp__"
"""How the name of an MCP server's tool begins: `mcp__SERVER__TOOL`."""
_PLUGIN: Final = ":"
"""What stands between a plugin's name and what it brings: `PLUGIN:SKILL`."""
_SHAPE_DIGITS: Final = 16
"""Of the client's 64: enough to tell the shapes of a session apart."""
_TOOLS_MAX: Final = 512
_SOURCES_MAX: Final = 64
_LISTINGS: Final = {
    "skill_listing": "skills",
    "agent_listing_delta": "agents",
    "deferred_tools_delta": "deferred_tools",
}


class _Tool(msgspec.Struct):
    name: str = ""
    defer_loading: bool | None = False


class _Shape(msgspec.Struct):
    system: msgspec.Raw = msgspec.Raw(b"")
    tools: list[msgspec.Raw] = []


class _Kind(msgspec.Struct):
    type: str = ""


_tool = msgspec.json.Decoder(_Tool).decode
_shape = msgspec.json.Decoder(_Shape | None).decode
_kind = msgspec.json.Decoder(_Kind).decode


class Asked(msgspec.Struct):
    """What a request asked for: its shape and effort, empty where it doesn't say."""

    shape: str = ""
    effort: str = ""


def asked(shape_hash: str, params: msgspec.Raw) -> Asked:
    """From an `api-request` line."""
    given = as_object(value_of(params))
    effort = as_object(given.get("output_config")).get("effort")
    return Asked(shape_hash[:_SHAPE_DIGITS], as_given_name(effort))


def shape_of(shape_hash: str, shape: msgspec.Raw) -> RequestShape | None:
    """From an `api-request-shape` line; None for one without tools and system prompt, or of another form."""
    try:
        parts = _shape(shape)
    except UNREADABLE:
        return None
    if parts is None or not shape_hash:
        return None
    return RequestShape(
        at=0,
        key="",
        shape=shape_hash[:_SHAPE_DIGITS],
        system=_digest(bytes(parts.system)),
        tools=list(_definitions(parts.tools[:_TOOLS_MAX])),
    )


def _definitions(tools: Iterable[msgspec.Raw]) -> Iterator[Definition]:
    """Those that are loaded: a deferred one is not part of what the model reads."""
    for tool in tools:
        try:
            head = _tool(tool)
        except UNREADABLE:
            continue
        if head.name and not head.defer_loading:
            yield Definition(as_given_name(head.name), _digest(bytes(tool)), len(bytes(tool).decode(errors="replace")))


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=8).hexdigest()


def server_of(tool: str) -> str:
    """The MCP server of a tool, as the tool's name has it; empty for another tool."""
    server, separator, _ = tool.removeprefix(MCP).partition("__")
    return as_given_name(server) if tool.startswith(MCP) and separator else ""


def listing_of(attachment: msgspec.Raw) -> Listing | None:
    """From an `attachment` line; None for one that lists nothing that somebody has added."""
    try:
        kind = _LISTINGS.get(_kind(attachment).type)
        listed = msgspec.json.decode(attachment) if kind else {}
    except UNREADABLE:
        return None
    if kind is None:
        return None
    get = listed.get
    fact = Listing(at=0, key="", of=kind, whole=get("isInitial") is True)
    if kind == "skills":
        fact.plugins = _sizes(_skills(listed), _plugin_of)
    elif kind == "agents":
        fact.plugins = _sizes(zip(as_array(get("addedTypes")), as_array(get("addedLines")), strict=False), _plugin_of)
    else:
        fact.servers = _sizes(zip(as_array(get("addedNames")), as_array(get("addedLines")), strict=False), server_of)
        removed = (server_of(name) for name in as_array(get("removedNames")) if type(name) is str)
        fact.servers |= {server: 0 for server in removed if server and server not in fact.servers}
        fact.failed = _names(get("failedMcpServers"))
        fact.needs_auth = _names(get("needsAuthMcpServers"))
    return fact if fact.plugins or fact.servers or fact.failed or fact.needs_auth or fact.whole else None


def _plugin_of(name: str) -> str:
    plugin, separator, _ = name.partition(_PLUGIN)
    return as_given_name(plugin) if separator else ""


def _skills(listed: dict[str, Any]) -> Iterator[tuple[object, object]]:
    """Each skill with its part of the listing, which begins with `- NAME:`."""
    content, names = listed.get("content"), as_array(listed.get("names"))
    if type(content) is not str:
        return
    begins = sorted((content.find(f"- {name}"), name) for name in names if type(name) is str)
    ends = [at for at, _ in begins[1:]] + [len(content)]
    for (at, name), end in zip(begins, ends, strict=True):
        if at >= 0:
            yield name, content[at:end]


def _sizes(items: Iterable[tuple[object, object]], source_of: Any) -> dict[str, int]:
    """Characters by who brought it: names with their lines."""
    sizes: dict[str, int] = {}
    for name, line in items:
        source = source_of(name) if type(name) is str else ""
        if source and type(line) is str and (source in sizes or len(sizes) < _SOURCES_MAX):
            sizes[source] = sizes.get(source, 0) + len(line)
    return sizes


def _names(value: object) -> list[str]:
    """Names of servers, which may be given as objects with one."""
    names = (as_object(each).get("name") if type(each) is dict else each for each in as_array(value)[:_SOURCES_MAX])
    return [name for each in names if (name := as_given_name(each))]
