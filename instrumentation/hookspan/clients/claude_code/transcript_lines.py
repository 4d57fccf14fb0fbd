"""The types of a transcript's lines: what becomes facts, and what else the importer needs."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import msgspec

from hookspan.wire.fields import timestamp_ns
from hookspan.wire.foreign import UNREADABLE, decoder, value_of

Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=256)]
"""Ids and names, which become attributes. None of the client's is longer: a line with one that is can't be read."""


class _CacheCreation(msgspec.Struct):
    ephemeral_1h_input_tokens: int | None = 0


class _Details(msgspec.Struct):
    thinking_tokens: int | None = 0


class Usage(msgspec.Struct):
    """Tokens of an answer, so far."""

    input_tokens: int | None = 0
    output_tokens: int | None = 0
    cache_creation_input_tokens: int | None = 0
    cache_read_input_tokens: int | None = 0
    cache_creation: _CacheCreation | None = None
    output_tokens_details: _Details | None = None


class Message(msgspec.Struct):
    """A prompt, an answer of the model, or results of tools."""

    id: Name = ""
    role: str = ""
    model: Name = ""
    stop_reason: Name | None = None
    usage: Usage | None = None
    content: msgspec.Raw = msgspec.Raw(b"null")


class Line(msgspec.Struct, rename="camel"):
    """What becomes facts."""

    type: str = ""
    timestamp: str = ""
    subtype: str = ""
    id: Name = ""
    uuid: Name = ""
    prompt_id: Name = ""
    cwd: str | None = ""
    version: str = ""
    session_kind: str = ""
    request_id: Name = ""
    request_ref: str = ""
    requested_model: Name = ""
    effort: Name | None = None
    query_source: Name = ""
    prompt_source: str = ""
    operation: str = ""
    message: Message | None = None
    is_api_error_message: bool | None = False
    api_error_status: int | None = None
    is_aborted_mid_stream: bool | None = False
    tool_denial_kind: str = ""
    tool_denial_before_run: bool | None = False
    user_feedback: str | None = None
    permission_decision: dict[str, Any] | None = None
    compact_metadata: dict[str, Any] | None = None
    hook_infos: list[dict[str, Any]] | None = None
    total_cost_usd: float | None = msgspec.field(name="totalCostUSD", default=None)
    model_usage: dict[str, dict[str, Any]] | None = None
    shape_hash: str = ""
    shape: msgspec.Raw = msgspec.Raw(b"null")
    params: msgspec.Raw = msgspec.Raw(b"null")
    attachment: msgspec.Raw = msgspec.Raw(b"null")
    prompt_cache_requested: str | None = ""
    attribution_skill: str | None = ""
    attribution_plugin: str | None = ""
    attribution_mcp_server: str | None = ""
    attribution_mcp_tool: str | None = ""
    attribution_agent: str | None = ""
    error: Any = None
    retry_in_ms: float | None = None
    retry_attempt: int | None = None
    max_retries: int | None = None
    ai_title: str = ""
    custom_title: str = ""
    title: str = ""
    pr_number: int | None = None
    pr_repository: str | None = None


decode = decoder(Line)
"""The line of some bytes; raises what msgspec raises, UnicodeDecodeError and RecursionError."""


class _HistoryMessage(msgspec.Struct):
    id: str = ""
    role: str = ""
    content: msgspec.Raw = msgspec.Raw(b"null")


class HistoryLine(msgspec.Struct, rename="camel"):
    """What the importer looks at.

    It decodes a line once more for itself: 2 % of an import, and a line that one of the two can't read is not lost to
    the other.
    """

    type: str = ""
    timestamp: str = ""
    uuid: str = ""
    parent_uuid: str | None = ""
    request_id: str = ""
    prompt_id: str = ""
    prompt_source: str = ""
    turn_origin: str = ""
    row_source: str = ""
    origin: dict[str, Any] | None = None
    is_meta: bool | None = False
    is_sidechain: bool | None = False
    is_compact_summary: bool | None = False
    tool_denial_kind: str = ""
    permission_mode: str = ""
    entrypoint: str = ""
    cwd: str = ""
    message: _HistoryMessage = msgspec.field(default_factory=_HistoryMessage)
    tool_use_result: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def kind(self) -> str:
        """Its type; lines of 1.0 have only the role of their message."""
        return self.type or self.message.role

    @property
    def at(self) -> int:
        """Unix nanoseconds, 0 without a time."""
        return timestamp_ns(self.timestamp) if self.timestamp else 0


_decode_history = decoder(HistoryLine)


def read_history_line(data: bytes) -> HistoryLine | None:
    """A line for the importer, or None for one that can't be read."""
    try:
        return _decode_history(data)
    except UNREADABLE:
        return None


def blocks(content: msgspec.Raw) -> list[dict[str, Any]]:
    """The blocks of a message; none if it is a text."""
    given = value_of(content)
    return [block for block in given if isinstance(block, dict)] if isinstance(given, list) else []


class _Block(msgspec.Struct):
    type: str = ""
    id: Name = ""
    tool_use_id: Name = ""
    text: str = ""
    input: msgspec.Raw = msgspec.Raw(b"")
    content: msgspec.Raw = msgspec.Raw(b"")


_blocks = msgspec.json.Decoder(list[_Block]).decode


def _read_blocks(content: msgspec.Raw) -> list[_Block]:
    try:
        return _blocks(content)
    except UNREADABLE:  # a text, mostly
        return []


def calls_of(content: msgspec.Raw) -> dict[str, int]:
    """Ids of the tool calls that a message asks for, with the bytes of their inputs."""
    return {one.id: len(bytes(one.input)) for one in _read_blocks(content) if one.type == "tool_use" and one.id}


def results_of(content: msgspec.Raw) -> dict[str, int]:
    """Ids of the tool calls whose results a message has, with the bytes of their texts; pictures are left out."""
    results = (one for one in _read_blocks(content) if one.type == "tool_result" and one.tool_use_id)
    return {one.tool_use_id: _text_size(one.content) for one in results}


def _text_size(content: msgspec.Raw) -> int:
    data = bytes(content)
    if not data.startswith(b"["):
        return max(0, len(data) - len(b'""'))
    return sum(len(one.text.encode("utf-8", "surrogatepass")) for one in _read_blocks(content))


def tool_results(content: msgspec.Raw) -> list[str]:
    """Ids of the tool calls whose results a message has."""
    ids = (block.get("tool_use_id") for block in blocks(content) if block.get("type") == "tool_result")
    return [id_[:256] for id_ in ids if isinstance(id_, str)]


def text_of(content: msgspec.Raw | bytes) -> str:
    """The text of a message: itself, or its first block of text."""
    given = value_of(content)
    if isinstance(given, str):
        return given
    if not isinstance(given, list):
        return ""
    texts = (block.get("text") for block in given if isinstance(block, dict) and block.get("type") == "text")
    return next((text for text in texts if isinstance(text, str)), "")
