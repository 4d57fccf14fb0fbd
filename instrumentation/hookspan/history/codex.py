"""Codex's sessions from before hookspan: their rollouts become the records that hooks and observers would have made.

What only hooks report is missing: dialogs, attempts of a model request that failed before one succeeded, and when and
how the session ended. A model request begins when what it is about was written down.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Final, NamedTuple

from hookspan.catalogue.codex import CODEX
from hookspan.clients.codex.reduce import CANCELLED, COMPLETED, FAILED, PATCH, SHELL, reduce_payload
from hookspan.clients.codex.rollout import RolloutParser, goes_on, ran_ms
from hookspan.clients.codex.rollout_lines import (
    CALLS,
    MS,
    OUTPUTS,
    Call,
    Line,
    call_of,
    inner_call,
    never_began,
    output_of,
    read,
    was_interrupted,
)
from hookspan.wire import Fact, Record, Reduced
from hookspan.wire.facts import AgentMeta, ClientVersion, Interruption, Silent, ToolResult, TranscriptRead
from hookspan.wire.fields import as_array, as_count, as_name, as_object, as_path
from hookspan.wire.reduced import SERVED_BY_OPENAI

from .lines import Records, Source, timed, without_digests

WAITED: Final = 300 * MS
"""A command that ran so much later than it was called for may have waited for somebody: Codex's own figure of how long
one ran leaves out up to 150 ms."""
_DECLINED: Final = "declined"
_WELL: Final = frozenset({"", "completed"})
_TELL_THEMSELVES: Final = frozenset({SHELL, PATCH, "view_image"})
"""Tools whose success an item tells; of others the output alone."""


class _Announced(NamedTuple):
    at: int
    call: Call


class _Thread:
    """One rollout: the session's own, or a subagent's."""

    def __init__(self, session: str, source: Source, *, labels: bool) -> None:
        self.agent_id, self._labels = source.agent_id, labels
        self.agent_type = (source.meta.agent_type if source.meta else "") or "default"
        self.parser = RolloutParser(session, source.path, agent_id=source.agent_id)
        self.model = self.mode = self.cwd = self.turn = self._thread = ""
        self.spawned: dict[str, str] = {}  # by thread, the call that started it
        self.is_fork = False
        self._announced: dict[str, _Announced] = {}  # calls of which nothing more is known yet
        self._begun: dict[str, _Announced] = {}
        self._done: set[str] = set()  # whose items say that they ended well
        self._awaited: set[str] = set()  # what the model waits for before it is asked again
        self._asked = 0  # since when it thinks
        self._last = 0  # when something last came of it
        self._said = self._prompted = self._records_usage = False
        self._total: dict[str, Any] = {}

    def told(self, line: Line, data: bytes) -> Iterator[Record]:
        """What a line tells."""
        facts = list(self.parser.feed(data))
        at, payload = line.at, line.payload
        if not at or (self._thread and as_name(payload.get("thread_id")) not in {"", self._thread}):
            return  # of another thread: a copy
        if line.type == "session_meta":
            yield from self._described(payload, facts)
        elif line.type == "turn_context":
            self._learn(payload)
        elif line.type == "token_usage_record":
            self._records_usage = True
            yield from self._answered(line, as_object(payload.get("usage")))
        elif line.type == "response_item" and line.kind in CALLS:
            self._call(line)
        elif line.type == "response_item" and line.kind in OUTPUTS:
            yield from self._output(line, facts)
        elif line.type == "event_msg" and line.kind == "item_completed":
            yield from self._item(line, facts)
        elif line.type == "event_msg" and (handler := self._EVENTS.get(line.kind)):
            yield from handler(self, line)
        self._last = at

    def end(self) -> Iterator[Record]:
        """What the rollout ends with."""
        yield from self._announce()
        if self._asked:
            yield self._request("PreModelRequest", self._asked, f"{self.turn}:{self._last}")

    def _described(self, payload: dict[str, Any], facts: list[Fact]) -> Iterator[Record]:
        if self._thread:
            return  # what a fork began with
        self._thread = as_name(payload.get("id"))
        self.cwd = as_path(payload.get("cwd"))
        self.is_fork = bool(payload.get("forked_from_id"))
        yield from facts

    def _learn(self, payload: dict[str, Any]) -> None:
        self.model = as_name(payload.get("model")) or self.model
        self.cwd = as_path(payload.get("cwd")) or self.cwd
        if approval := payload.get("approval_policy"):
            self.mode = "bypassPermissions" if approval == "never" else "default"

    def _event(self, name: str, at: int, **fields: Any) -> Reduced:
        about = {
            "hook_event_name": name,
            "turn_id": self.turn,
            "model": self.model,
            "permission_mode": self.mode,
            "cwd": self.cwd,
        }
        if self.agent_id:
            about |= {"agent_id": self.agent_id, "agent_type": self.agent_type}
        event = Reduced(at=at, agent=CODEX.name, served_by=SERVED_BY_OPENAI)
        reduce_payload(event, about | fields, b"", labels=self._labels)
        return without_digests(event)

    # --- turns

    def _started(self, line: Line) -> Iterator[Record]:
        yield from self._announce()
        self.turn, self._prompted = line.turn, False
        self._awaited.clear()
        self._begun.clear()
        if self.agent_id:
            self._asked = line.at
            yield self._event("SubagentStart", line.at)

    def _prompt(self, line: Line) -> Iterator[Record]:
        self._asked = line.at
        if self.agent_id:
            return
        texts = [part.get("text") for part in as_array(line.item.get("content")) if isinstance(part, dict)]
        text = "\n".join(text for text in texts if type(text) is str)
        yield self._event("UserPromptSubmit", line.at, prompt=text)
        if not self._prompted:
            yield TranscriptRead(at=line.at, key=f"read:{line.at}")
        self._prompted = True

    def _completed(self, line: Line) -> Iterator[Record]:
        at, error = line.at, as_object(line.payload.get("error")).get("message")
        yield from self._announce()
        if type(error) is str:
            yield from self._unanswered(line, FAILED, error)
        if self.agent_id:
            yield self._event("SubagentStop", at)
        elif self._prompted and type(error) is not str:
            yield self._event("Stop", at)
        self._asked = 0

    def _aborted(self, line: Line) -> Iterator[Record]:
        at = line.at
        yield from self._announce()
        if self._asked:
            yield self._request("PreModelRequest", self._asked, f"{self.turn}:{line.ordinal or at}")
        if self.agent_id:
            yield Interruption(at=at, key=f"{self.agent_id}/aborted:{self.turn}", agent_id=self.agent_id)
        elif self._prompted:
            yield self._event("Interrupt", at)
        if self._asked:
            yield from self._unanswered(line, CANCELLED)
        self._asked = 0
        self._begun.clear()

    def _compacted(self, line: Line) -> Iterator[Record]:
        times = (as_count(line.payload.get(f"{what}_at_ms")) * MS for what in ("started", "completed"))
        started, ended = (min(at, line.at) for at in times)
        trigger = "auto" if self._prompted or self.agent_id else "manual"
        yield self._event("PreCompact", min(started, ended) or line.at, trigger=trigger)
        yield self._event("PostCompact", ended or line.at, trigger=trigger)
        self._asked = line.at if trigger == "auto" else 0

    # --- model requests

    def _request(self, name: str, at: int, request: str, **fields: Any) -> Reduced:
        about = {"request_id": request, "attempt_number": 1, "kind": "sampling"}
        return self._event(name, at, **(about | fields))

    def _answered(self, line: Line, usage: dict[str, Any]) -> Iterator[Record]:
        response = as_name(line.payload.get("response_id"))
        request = response or f"{self.turn}:{line.ordinal or line.at}"
        kind = "sampling" if self._said else "foreground_compaction"  # of which nothing is written down but its tokens
        yield self._request("PreModelRequest", self._asked or self._last or line.at, request, kind=kind)
        told = {"kind": kind, "status": COMPLETED, "response_id": response, "token_usage": usage}
        yield self._request("PostModelRequest", line.at, request, **told)
        self._asked, self._said = 0, False

    def _counted(self, line: Line) -> Iterator[Record]:
        """The tokens of a call, as older versions alone have told them: whenever their sum has changed."""
        info = as_object(line.payload.get("info"))
        usage, total = as_object(info.get("last_token_usage")), as_object(info.get("total_token_usage"))
        if usage and total != self._total and not self._records_usage:
            self._total, self._said = total, True
            yield from self._answered(line, usage)

    def _unanswered(self, line: Line, status: str, error: str = "") -> Iterator[Record]:
        request = f"{self.turn}:{line.ordinal or line.at}"
        if status == FAILED:
            yield self._request("PreModelRequest", self._asked or self._last or line.at, request)
        yield self._request("PostModelRequest", line.at, request, status=status, error=error)

    # --- tool calls

    def _call(self, line: Line) -> None:
        self._said = True
        call = call_of(line.payload)
        if not call.id:
            return
        self._awaited.add(call.id)
        if call.has_hook and call.tool:
            self._announced[call.id] = _Announced(line.at, call)

    def _announce(self, *names: str) -> Iterator[Record]:
        """Calls that may have begun; all of which nothing was heard without names."""
        for name in names or list(self._announced):
            if announced := self._announced.pop(name, None):
                self._begun[name] = announced
                yield self._tool("PreToolUse", announced.at, announced.call)

    def _tool(self, event: str, at: int, call: Call, **fields: Any) -> Reduced:
        return self._event(event, at, tool_name=call.tool, tool_use_id=call.id, tool_input=call.given, **fields)

    def _item(self, line: Line, facts: list[Fact]) -> Iterator[Record]:
        item = line.item
        kind, name = as_name(item.get("type")), as_name(item.get("id"))
        if kind == "UserMessage":
            yield from self._prompt(line)
        elif kind == "ContextCompaction":
            yield from self._compacted(line)
        elif kind in {"AgentMessage", "Reasoning"}:
            self._said = True
        elif kind == "SubAgentActivity" and item.get("kind") == "started":
            self.spawned[as_name(item.get("agent_thread_id"))] = name
            self._done.add(name)
            yield from facts
        else:
            if kind == "CollabAgentToolCall" and item.get("tool") == "spawn_agent":
                self.spawned |= dict.fromkeys(map(as_name, as_array(item.get("receiver_thread_ids"))), name)
            yield from self._over(line, item, facts)

    def _over(self, line: Line, item: dict[str, Any], facts: list[Fact]) -> Iterator[Record]:
        name, at = as_name(item.get("id")), line.at
        inner = inner_call(item) if line.turn in {"", self.turn} else None
        if inner:
            began = as_count(line.payload.get("started_at_ms")) * MS
            self._announced[name] = _Announced(min(began or at, at), inner)
        yield from self._announce(name)
        if name not in self._begun:
            return  # no call, or one of a turn that was interrupted
        call, status = self._begun[name].call, as_name(item.get("status"))
        is_command = item.get("type") == "CommandExecution"
        if is_command and status != _DECLINED:
            yield from facts
            yield self._command_over(line, item, call)
        elif status in _WELL and not item.get("error"):
            self._done.add(name)
        if inner and not is_command:
            yield from self._inner_over(at, item, call)

    def _command_over(self, line: Line, item: dict[str, Any], call: Call) -> Reduced:
        told = item.get("aggregated_output")
        event = self._tool("PostToolUse", line.at, call, tool_response=told if type(told) is str else "")
        ms = ran_ms(item)
        if line.at - round(ms * MS) > self._begun.pop(call.id).at + WAITED:
            event.duration_ms = ms
        return event

    def _inner_over(self, at: int, item: dict[str, Any], call: Call) -> Iterator[Record]:
        """The end of a call that the model's code made, of which there is no output for the model."""
        del self._begun[call.id]
        if call.id in self._done:
            result = as_object(item.get("result"))
            yield self._tool("PostToolUse", at, call, tool_response=result or item.get("stdout") or "")
        else:
            yield ToolResult(at=at, key=f"{self.agent_id}/over:{call.id}", tool_use_id=call.id, over=True)

    def _output(self, line: Line, facts: list[Fact]) -> Iterator[Record]:
        name, output = as_name(line.payload.get("call_id")), output_of(line.payload)
        self._awaited.discard(name)
        if not self._awaited and not was_interrupted(output):
            self._asked = line.at
        if never_began(output):
            self._announced.pop(name, None)
        yield from self._announce(name)
        if name not in self._begun or goes_on(output):
            return
        call = self._begun.pop(name).call
        if name in self._done or (call.tool not in _TELL_THEMSELVES and not call.tool.startswith("mcp__")):
            yield self._tool("PostToolUse", line.at, call, tool_response=output)
        yield from facts

    _EVENTS: ClassVar[dict[str, Callable[[Any, Line], Iterator[Record]]]] = {
        "task_started": _started,
        "task_complete": _completed,
        "turn_aborted": _aborted,
        "token_count": _counted,
    }


class CodexHistory(Records):
    """Turns the rollouts of one session into records."""

    def _records(self) -> Iterator[Record]:
        threads = [_Thread(self._session, source, labels=self._labels) for source in self._sources]
        held: list[Record] = []  # what is known before there is a session
        merged = heapq.merge(*(timed(number, source.lines, read) for number, source in enumerate(self._sources)))
        for _, number, _, entry in merged:
            thread = threads[number]
            if isinstance(entry, int):
                thread.parser.skip(entry)
                self.unreadable += 1
                continue
            for record in thread.end() if entry is None else thread.told(entry.line, entry.data):
                if self.first:
                    yield record
                elif isinstance(record, ClientVersion):
                    held.append(record)
                else:
                    self.first = record.at
                    yield self._start(thread, record.at)
                    yield from held
                    yield record
                if isinstance(record, Reduced) and record.event == "SubagentStart":
                    yield from self._started_by(threads, record)
        if self.first:
            yield Silent(at=self._last, key=f"silent:{self._last}")
            yield TranscriptRead(at=self._last, key=f"end:{self._last}")

    def _start(self, thread: _Thread, at: int) -> Reduced:
        return Reduced(
            at=at,
            agent=CODEX.name,
            served_by=SERVED_BY_OPENAI,
            event="SessionStart",
            source="fork" if thread.is_fork else "startup",
            model=thread.model,
            cwd=thread.cwd,
            project_dir=self._project_dir or thread.cwd,
            permission_mode=thread.mode,
            transcript=self._sources[0].path,
        )

    @staticmethod
    def _started_by(threads: list[_Thread], event: Reduced) -> Iterator[Record]:
        """Which call started a subagent."""
        for thread in threads:
            if call := thread.spawned.get(event.agent_id):
                key = f"started:{event.agent_id}"
                yield AgentMeta(
                    at=event.at,
                    key=key,
                    agent_id=event.agent_id,
                    tool_use_id=call,
                    parent_agent_id=thread.agent_id,
                )
