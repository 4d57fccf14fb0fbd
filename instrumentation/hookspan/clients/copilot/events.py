"""Reads the events that Copilot CLI keeps of a session, one a line: all that happens in it, with its ids and times.

Forms of lines: Copilot CLI 1.0.102, `schemas/session-events.schema.json` of its package. What another client's hook
would tell is given as the event of that hook, anything else as the fact that it is. A line that can't be read is passed
over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Final

import msgspec

from hookspan.catalogue.copilot import COPILOT
from hookspan.catalogue.enums import ErrorType
from hookspan.clients.line_parser import LineParser
from hookspan.wire import command
from hookspan.wire.facts import (
    AgentMeta,
    ClientVersion,
    CompactBoundary,
    Fact,
    Interruption,
    ModelCall,
    Permitted,
    Rejection,
    TranscriptEvent,
)
from hookspan.wire.fields import as_count, as_name, as_number, as_object, as_path, as_word, digest, timestamp_ns
from hookspan.wire.foreign import UNREADABLE, decoder
from hookspan.wire.reduced import Reduced
from hookspan.wire.results import timeless
from hookspan.wire.scrub import label

from . import writes
from .writes import SHELL

_TOKENS_MAX: Final = 1_000_000_000
_CODE_MAX: Final = 1 << 31
_FAILURES: Final = {
    400: "invalid_request",
    401: "authentication_failed",
    402: "billing_error",
    404: "model_not_found",
    429: "rate_limit",
    529: "overloaded",
}
"""What a turn failed of, by the HTTP status of its model request."""
_SERVER_ERROR: Final = 500
_ALLOWED: Final = "approved"
_BY_USER: Final = "denied-interactively-by-user"
_BY_HOOK: Final = "denied-by-permission-request-hook"
_CANCELLED: Final = "cancelled"
_SHELL_ID: Final = re.compile(rb"<shellId: \d{1,9} ")
"""The number of a command's shell, in what the model is told at its end."""
KEPT_CHANGES: Final = 256
_encode = msgspec.json.Encoder(order="sorted").encode


class Line(msgspec.Struct):
    """A line."""

    type: str = ""
    data: dict[str, Any] = {}
    id: str = ""
    timestamp: str = ""
    agentId: str = ""  # noqa: N815 - the client's name


_decode = decoder(Line)


def read(data: bytes) -> Line | None:
    """The line, or None for one that can't be read."""
    try:
        return _decode(data)
    except UNREADABLE:
        return None


class EventsParser(LineParser):
    """Reads one session's events line by line and gives the facts in them. `prompt`: the turn that is going on."""

    def __init__(
        self,
        session: str,
        file: str,
        *,
        offset: int = 0,
        prompt: str = "",
        labels: bool = True,
        key: bytes = b"",
        cwd: str = "",
        **_: object,
    ) -> None:
        super().__init__(session, file, offset=offset)
        self._prompt, self._labels, self._key, self._cwd = prompt, labels, key, cwd
        self._changes: dict[str, writes.Change] = {}  # of calls that go on
        self._model, self._last = "", 0  # what was asked last, and when the newest line of the main agent's was written

    def facts(self, data: bytes) -> Iterator[Fact]:
        """See `LineParser`."""
        line = read(data)
        reader = self.READ.get(line.type) if line else None
        if line is None or reader is None or not line.id or not (at := timestamp_ns(line.timestamp)):
            return
        for number, fact in enumerate(reader(self, line, at)):
            fact.at, fact.key = at, f"{line.id[:64]}:{number}"
            yield fact
        self._last = self._last if line.agentId else at

    def _event(self, name: str, line: Line, at: int, **more: Any) -> TranscriptEvent:
        """As a hook would tell it. What a subagent does has no prompt: that is the root's."""
        agent = as_name(line.agentId)
        event = Reduced(
            at=at,
            agent=COPILOT.name,
            event=name,
            session=self._session,
            agent_id=agent,
            prompt="" if agent else self._prompt,
            **more,
        )
        return TranscriptEvent(at=at, key="", event=event, prompt=event.prompt)

    def _started(self, line: Line, _at: int) -> Iterator[Fact]:
        self._cwd = as_path(as_object(line.data.get("context")).get("cwd")) or self._cwd
        self._model = as_name(line.data.get("selectedModel")) or self._model
        if version := as_word(line.data.get("copilotVersion")):
            yield ClientVersion(at=0, key="", version=version[:40])

    def _went(self, line: Line, _at: int) -> Iterator[Fact]:
        self._cwd = as_path(line.data.get("cwd")) or self._cwd
        return iter(())

    def _said(self, line: Line, at: int) -> Iterator[Fact]:
        """A prompt; of a subagent, what it is given."""
        if line.agentId:
            return
        self._prompt = as_name(line.data.get("interactionId")) or self._prompt
        text = line.data.get("content")
        text = text if type(text) is str else ""
        size = len(text.encode("utf-8", "surrogatepass"))
        yield self._event("UserPromptSubmit", line, at, prompt_size=size, label=label(text) if self._labels else "")

    def _answered(self, line: Line, at: int) -> Iterator[Fact]:
        """An answer that asks for no tool may be the turn's last."""
        self._prompt = (not line.agentId and as_name(line.data.get("interactionId"))) or self._prompt
        if not line.agentId and not line.data.get("toolRequests"):
            yield self._event("Stop", line, at)

    def _called(self, line: Line, at: int) -> Iterator[Fact]:
        given = as_object(line.data.get("arguments"))
        text = next((given[key] for key in ("command", "path", "pattern") if type(given.get(key)) is str), "")
        tool, whole = as_name(line.data.get("toolName")), _encode(given)
        told = self._event(
            "PreToolUse",
            line,
            at,
            begins=at,
            cwd=self._cwd,
            tool=tool,
            tool_use_id=as_name(line.data.get("toolCallId")),
            mcp_server=as_name(line.data.get("mcpServerName")),
            input_size=len(whole),
            input_digest=digest(whole, self._key),
            program=command.program(text) if tool == SHELL and text else "",
            label=label(text) if self._labels else "",
        )
        change = writes.reduce(told.event, given, self._key, labels=self._labels)
        if change is not None:
            self._changes[told.event.tool_use_id] = change
            if len(self._changes) > KEPT_CHANGES:
                del self._changes[next(iter(self._changes))]
        yield told

    def _returned(self, line: Line, at: int) -> Iterator[Fact]:
        code = as_object(line.data.get("shellExecution")).get("exitCode")
        code = code if type(code) is int and abs(code) < _CODE_MAX else -1
        failed = line.data.get("success") is False
        error = "tool_error" if failed else "exit_nonzero" if code > 0 else ""
        told = as_object(line.data.get("error" if failed else "result"))
        text = told.get("message" if failed else "content")
        result = text.encode("utf-8", "surrogatepass") if type(text) is str else b""
        ended = self._event(
            "PostToolUseFailure" if error else "PostToolUse",
            line,
            at,
            tool_use_id=as_name(line.data.get("toolCallId")),
            error=error,
            exit_code=code,
            output_size=len(result),
            output_digest=digest(timeless(_SHELL_ID.sub(b"<shell ", result)), self._key),
        )
        change = self._changes.pop(ended.event.tool_use_id, None)
        if change is not None and not error:
            change.put(ended.event)
        yield ended

    def _asked(self, line: Line, at: int) -> Iterator[Fact]:
        call = as_name(as_object(line.data.get("permissionRequest")).get("toolCallId"))
        if call:
            yield self._event("PermissionRequest", line, at, tool_use_id=call)

    def _decided(self, line: Line, _at: int) -> Iterator[Fact]:
        call, how = as_name(line.data.get("toolCallId")), as_object(line.data.get("result")).get("kind")
        if not call or type(how) is not str:
            return
        if how.startswith(_ALLOWED):
            yield Permitted(at=0, key="", tool_use_id=call)
            return
        source = {_BY_USER: "user", _BY_HOOK: "hook", _CANCELLED: ""}.get(how, "config")
        yield Rejection(at=0, key="", tool_use_id=call, agent_id=as_name(line.agentId), before_run=True, source=source)

    def _used(self, line: Line, at: int) -> Iterator[Fact]:
        usage = as_object(line.data.get("usage"))
        yield self._model_call(line, at, usage, as_word(usage.get("interactionType")))

    def _model_call(self, line: Line, at: int, usage: dict[str, Any], why: str) -> ModelCall:
        """Its end is when the line was written, its start so much before as it says that it took."""
        get, agent = usage.get, as_name(line.agentId)
        read, written = _tokens(get("cacheReadTokens")), _tokens(get("cacheWriteTokens"))
        ms, name = max(0.0, as_number(get("duration"))), as_name(get("model"))
        answer = as_name(get("apiCallId"))
        self._model = name or self._model
        return ModelCall(
            at=at,
            key="",
            start=max(0, at - round(ms * 1e6)),
            end=at,
            name="" if answer else line.id[:64],  # a compaction's has none
            message_id=answer,
            agent_id=agent,
            prompt="" if agent else self._prompt,
            request_model=name,
            response_model=name,
            tree=self._cwd,
            query_source=why,
            input_tokens=max(0, _tokens(get("inputTokens")) - read - written),
            output_tokens=_tokens(get("outputTokens")),
            cache_read_tokens=read,
            cache_write_tokens=written,
            thinking_tokens=_tokens(get("reasoningTokens")),
            cache_ttl=-1,
        )

    def _delegated(self, line: Line, at: int) -> Iterator[Fact]:
        kind = as_name(line.data.get("agentName"))
        yield self._event("SubagentStart", line, at, agent_type=kind)
        call = as_name(line.data.get("toolCallId"))
        yield AgentMeta(at=0, key="", agent_id=as_name(line.agentId), agent_type=kind, tool_use_id=call)

    def _delivered(self, line: Line, at: int) -> Iterator[Fact]:
        yield self._event("SubagentStop", line, at, agent_type=as_name(line.data.get("agentName")))

    def _broke_off(self, line: Line, at: int) -> Iterator[Fact]:
        kind = as_name(line.data.get("agentName"))
        yield self._event("SubagentStop", line, at, agent_type=kind, failure=ErrorType.OTHER.value)

    def _compacts(self, line: Line, at: int) -> Iterator[Fact]:
        yield self._event("PreCompact", line, at, trigger=as_word(line.data.get("trigger")))

    def _compacted(self, line: Line, at: int) -> Iterator[Fact]:
        """With the model call that it took. Nothing ends one that failed."""
        if line.data.get("success") is not True:
            return
        trigger = as_word(line.data.get("trigger"))
        yield self._event("PostCompact", line, at, trigger=trigger)
        before, after = (as_count(line.data.get(f"{when}CompactionTokens")) for when in ("pre", "post"))
        if used := as_object(line.data.get("compactionTokensUsed")):
            yield self._model_call(line, at, used, "compaction")
        yield CompactBoundary(at=0, key="", agent_id=as_name(line.agentId), trigger=trigger, before=before, after=after)

    def _aborted(self, line: Line, _at: int) -> Iterator[Fact]:
        yield Interruption(at=0, key="", prompt=self._prompt, agent_id=as_name(line.agentId))

    def _failed(self, line: Line, at: int) -> Iterator[Fact]:
        status = as_count(line.data.get("statusCode"))
        failure = _FAILURES.get(status) or ("server_error" if status >= _SERVER_ERROR else "unknown")
        if status and not line.agentId:
            yield ModelCall(
                at=at,
                key="",
                start=min(self._last or at, at),
                end=at,
                start_inferred=True,
                name=line.id[:64],
                message_id="",
                prompt=self._prompt,
                request_model=self._model,
                tree=self._cwd,
                error_status=status,
                failed=True,
                cache_ttl=-1,
            )
        yield self._event("StopFailure", line, at, failure=failure)

    def _ended(self, line: Line, at: int) -> Iterator[Fact]:
        if not line.agentId:
            yield self._event("SessionEnd", line, at, reason=as_word(line.data.get("shutdownType")))

    READ: ClassVar[dict[str, Callable[[Any, Line, int], Iterator[Fact]]]] = {
        "session.start": _started,
        "session.resume": _started,
        "session.context_changed": _went,
        "user.message": _said,
        "assistant.message": _answered,
        "tool.execution_start": _called,
        "tool.execution_complete": _returned,
        "permission.requested": _asked,
        "permission.completed": _decided,
        "session.usage_record": _used,
        "subagent.started": _delegated,
        "subagent.completed": _delivered,
        "subagent.failed": _broke_off,
        "session.compaction_start": _compacts,
        "session.compaction_complete": _compacted,
        "abort": _aborted,
        "session.error": _failed,
        "session.shutdown": _ended,
    }


def _tokens(value: object) -> int:
    """A number of tokens; 0 for one that no request has."""
    count = as_count(value)
    return count if count < _TOKENS_MAX else 0
