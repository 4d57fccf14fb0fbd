"""Reads a rollout, Codex's transcript of one thread: what no hook tells.

Forms of lines: Codex 0.171.0, as in `tests/sessions`. A line that can't be read is passed over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from hookspan.reading import RefusedError
from hookspan.wire.facts import AgentMeta, ClientVersion, Fact, ToolResult
from hookspan.wire.fields import as_count, as_name, as_object, timestamp_ns

from . import settings_files

_NAME: Final = re.compile(r"rollout-[\w-]{1,128}\.jsonl")
_DATE: Final = re.compile(r"\d{4}/\d\d/\d\d")
_OPEN: Final = re.compile(r"(?:\A|\n)(?:Process running with session ID \d|aborted by user)")
"""In the output of a command that goes on, whose end is told later, or of a call that its turn's interruption ended."""


_CODE_MAX: Final = 1 << 31


class _Payload(msgspec.Struct):
    type: str = ""
    cli_version: str = ""
    call_id: str = ""
    output: Any = None
    item: Any = None


class _Line(msgspec.Struct):
    timestamp: str = ""
    type: str = ""
    payload: _Payload = msgspec.field(default_factory=_Payload)


_decode = msgspec.json.Decoder(_Line).decode


def rollout_roots(env: Mapping[str, str], hooks: tuple[Path, ...] = ()) -> tuple[str, ...]:
    """The folders that rollouts are in. `hooks`: files of hooks that are known to be in Codex's folder."""
    folders = [settings_files.config_folder(env), *(file.parent for file in hooks)]
    return tuple(dict.fromkeys(os.path.realpath(folder / "sessions") for folder in folders))


def rollout_of(path: str, _session: str, roots: tuple[str, ...]) -> str:
    """The real path of a rollout, checked to be `<root>/YYYY/MM/DD/rollout-*.jsonl`.

    Raises:
        RefusedError: The payload's path is anything else.
    """
    if not path.startswith("/") or "\0" in path:
        raise RefusedError("the payload's path is no rollout's")
    folder, name = os.path.split(path)
    real = os.path.realpath(folder)
    root = next((root for root in roots if real.startswith(f"{root}/")), None)
    if root is None or not _NAME.fullmatch(name) or not _DATE.fullmatch(real.removeprefix(f"{root}/")):
        raise RefusedError(f"{path} is outside of the client's folders of rollouts")
    return f"{real}/{name}"


class RolloutParser:
    """Reads one rollout line by line and gives the facts in it."""

    is_within: Final = False
    """No line goes on with what another began."""

    def __init__(self, session: str, file: str, *, agent_id: str = "", offset: int = 0, **_: object) -> None:
        self._session, self._file, self._agent_id, self._offset = session, file, agent_id, offset

    def skip(self, size: int) -> None:
        """Passes over bytes that are not read."""
        self._offset += size

    def jump(self, offset: int) -> None:
        """Goes on from another place: the file is another one, or shorter."""
        self._offset = offset

    def end(self) -> list[Fact]:
        """Nothing: each line is whole."""
        return []

    def feed(self, data: bytes) -> Iterator[Fact]:
        """The facts in one line (with its LF)."""
        self._offset += len(data)
        try:
            line = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        fact, at = self._fact(line), timestamp_ns(line.timestamp)
        if fact is not None and at:
            fact.key = f"{self._agent_id}/{fact.key}" if self._agent_id else fact.key
            fact.at, fact.session, fact.file, fact.offset = at, self._session, self._file, self._offset
            yield fact

    def _fact(self, line: _Line) -> Fact | None:
        payload = line.payload
        if line.type == "session_meta" and payload.cli_version and not self._agent_id:
            version = payload.cli_version[:40]
            return ClientVersion(at=0, key=f"version:{version}", version=version)
        if line.type == "event_msg" and payload.type == "item_completed":
            return _item(as_object(payload.item))
        if line.type == "response_item" and payload.type in {"function_call_output", "custom_tool_call_output"}:
            return _output(payload)
        return None


def _item(item: dict[str, Any]) -> Fact | None:
    name, kind = as_name(item.get("id")), item.get("type")
    if kind == "CommandExecution" and type(code := item.get("exit_code")) is int and abs(code) < _CODE_MAX:
        took = as_object(item.get("duration"))
        ms = as_count(took.get("secs")) * 1e3 + as_count(took.get("nanos")) / 1e6
        return ToolResult(at=0, key=f"result:{name}", tool_use_id=name, exit_code=code, duration_ms=ms)
    if kind == "SubAgentActivity" and item.get("kind") == "started":
        thread = as_name(item.get("agent_thread_id"))
        return AgentMeta(at=0, key=f"meta:{thread}", agent_id=thread, tool_use_id=name)
    return None


def _output(payload: _Payload) -> Fact | None:
    """What the model saw of a call; a hook has told of its end before, if it ended well."""
    text = payload.output if type(payload.output) is str else ""
    if not payload.call_id or _OPEN.search(text[:400]):
        return None
    name = payload.call_id[:256]
    return ToolResult(at=0, key=f"output:{name}", tool_use_id=name, over=True)
