"""Reads a rollout, Codex's transcript of one thread: what no hook tells.

A line that can't be read is passed over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from hookspan.catalogue.codex import CODEX
from hookspan.catalogue.enums import ErrorType
from hookspan.clients.line_parser import LineParser
from hookspan.reading import RefusedError
from hookspan.wire.facts import AgentMeta, ClientVersion, Fact, Interruption, Settled, ToolResult, TranscriptEvent
from hookspan.wire.fields import as_count, as_name, as_object
from hookspan.wire.reduced import Reduced

from . import settings_files
from .rollout_lines import OUTPUTS, Line, read

_NAME: Final = re.compile(r"rollout-[\w-]{1,128}\.jsonl")
_DATE: Final = re.compile(r"\d{4}/\d\d/\d\d")
_OPEN: Final = re.compile(r"(?:\A|\n)(?:Process running with session ID \d|aborted by user)")
"""In the output of a command that goes on, whose end is told later, or of a call that its turn's interruption ended."""
_ENDS: Final = frozenset({"task_complete", "turn_aborted"})
_CODE_MAX: Final = 1 << 31


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


class RolloutParser(LineParser):
    """Reads one rollout line by line and gives the facts in it."""

    def __init__(self, session: str, file: str, *, agent_id: str = "", offset: int = 0, **_: object) -> None:
        super().__init__(session, file, offset=offset)
        self._agent_id = agent_id

    def facts(self, data: bytes) -> Iterator[Fact]:
        """See `LineParser`."""
        line = read(data)
        if line is None or not (at := line.at) or (fact := self._fact(line)) is None:
            return
        fact.at, fact.key = at, f"{self._agent_id}/{fact.key}" if self._agent_id else fact.key
        yield fact

    def _fact(self, line: Line) -> Fact | None:
        if line.type == "session_meta" and not self._agent_id:
            version = as_name(line.payload.get("cli_version"))[:40]
            return ClientVersion(at=0, key=f"version:{version}", version=version) if version else None
        if line.type == "event_msg" and line.kind in _ENDS:
            return self._over(line)
        if line.type == "event_msg":
            return self._item(line.item)
        if line.type == "response_item" and line.kind in OUTPUTS:
            return _output(line.payload)
        return None

    def _over(self, line: Line) -> Fact | None:
        """The end of a turn that no hook tells: of one that failed, and of a subagent's that was interrupted."""
        turn = line.turn
        if self._agent_id and line.kind == "turn_aborted":
            return Interruption(at=0, key=f"aborted:{turn}", agent_id=self._agent_id)
        if line.kind == "turn_aborted" or not line.payload.get("error"):
            return None
        if not self._agent_id:
            return Settled(at=0, key=f"failed:{turn}", prompt=turn)
        event = Reduced(at=line.at, agent=CODEX.name, event="SubagentStop", session=self._session)
        event.agent_id, event.failure = self._agent_id, ErrorType.OTHER.value
        return TranscriptEvent(at=0, key=f"failed:{turn}", event=event)

    def _item(self, item: dict[str, Any]) -> Fact | None:
        name, kind = as_name(item.get("id")), item.get("type")
        if kind == "CommandExecution" and type(code := item.get("exit_code")) is int and abs(code) < _CODE_MAX:
            return ToolResult(at=0, key=f"result:{name}", tool_use_id=name, exit_code=code, duration_ms=ran_ms(item))
        if kind == "SubAgentActivity" and item.get("kind") == "started":
            agent = as_name(item.get("agent_thread_id"))
            return AgentMeta(
                at=0, key=f"meta:{agent}", agent_id=agent, tool_use_id=name, parent_agent_id=self._agent_id
            )
        return None


def ran_ms(item: dict[str, Any]) -> float:
    """How long a command ran, as Codex says: that leaves out up to 150 ms at its start."""
    took = as_object(item.get("duration"))
    return as_count(took.get("secs")) * 1e3 + as_count(took.get("nanos")) / 1e6


def goes_on(output: str) -> bool:
    """Whether the output of a call says nothing of its end: it goes on, or its turn was interrupted."""
    return _OPEN.search(output[:400]) is not None


def _output(payload: dict[str, Any]) -> Fact | None:
    """What the model saw of a call; a hook has told of its end before, if it ended well."""
    text, name = payload.get("output"), as_name(payload.get("call_id"))
    if not name or (type(text) is str and goes_on(text)):
        return None
    return ToolResult(at=0, key=f"output:{name}", tool_use_id=name, over=True)
