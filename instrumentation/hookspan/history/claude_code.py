"""Claude Code's sessions from before hookspan.

What only hooks report is missing: dialogs, the moments of approval, when and how the session ended.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from hookspan.clients.claude_code.reduce import TASK_NOTIFICATION, reduce_payload, verdict
from hookspan.clients.claude_code.transcript import TranscriptParser
from hookspan.clients.claude_code.transcript_lines import HistoryLine, blocks, read_history_line, text_of
from hookspan.model.agents import QUIET
from hookspan.model.attempts import error_type
from hookspan.observe.prices import put_price
from hookspan.observe.repositories import work_tree
from hookspan.wire import Fact, Record, Reduced
from hookspan.wire.facts import AgentMeta, CompactBoundary, Interruption, ModelCall, Silent, TranscriptRead
from hookspan.wire.foreign import value_of
from hookspan.wire.reduced import Call

from .lines import Records, Source, timed, without_digests

MS: Final = 1_000_000
KEPT_CALLS: Final = 10_000
"""Tool calls whose results are awaited; one of a session that was killed never comes."""
UNKNOWN_AGENT: Final = "subagent"
"""Type of a subagent whose transcript has no `.meta.json`: only the client's own subagents have no type at all."""

_NO_PROMPT: Final = re.compile(
    r"\A\s*(?:<local-command-|<bash-|<command-contents|Caveat: |\[Request interrupted by user)"
)
_COMMAND: Final = re.compile(r"<command-name>\s*/?([^<\s]{1,64})\s*</command-name>")
_ARGUMENTS: Final = re.compile(r"<command-args>([^<]{0,600})")
_GOES_ON: Final = frozenset({"tool_use", "pause_turn"})
"""Finish reasons of an answer that is not the last one of its turn."""


class Copies:
    """Recognises lines that are in several transcripts because forks and resumes copy them; the first one has them.

    An answer is known by its message id, everything else by its uuid. 100 bytes for each.
    """

    def __init__(self) -> None:
        self._owners: dict[int, int] = {}
        self._sources = 0

    def source(self) -> int:
        """A number for one more transcript."""
        self._sources += 1
        return self._sources

    def is_copy(self, line: HistoryLine, source: int) -> bool:
        """Whether another transcript, or this one, had it before."""
        if line.kind == "assistant" and line.message.id:
            return self._owners.setdefault(hash((line.message.id, line.request_id)), source) != source
        if line.kind != "user" or not line.uuid:
            return False
        is_copy = hash(line.uuid) in self._owners
        self._owners.setdefault(hash(line.uuid), source)
        return is_copy

    def learn(self, lines: Iterable[bytes | int]) -> None:
        """Registers the lines of a transcript that is not imported, since hookspan recorded its session itself."""
        source = self.source()
        for data in lines:
            if isinstance(data, bytes) and (line := read_history_line(data)):
                self.is_copy(line, source)


class _Stream:
    """One agent's lines: the main one's, a subagent's with a file of its own, or one in the main file (1.0)."""

    def __init__(self, parser: TranscriptParser, agent_id: str = "", meta: AgentMeta | None = None) -> None:
        self.parser = parser
        self.agent_id = agent_id
        self.agent_type = (meta.agent_type if meta else "") or UNKNOWN_AGENT
        self.meta = meta
        self.started = False
        self.interrupted = False
        self.last = 0
        self.answered = 0  # when the newest answer was written
        self.message = ""
        self.prompt = ""  # the turn that the answer at hand belongs to
        self.calls_tools = False  # whether the answer at hand does


class _Pending(NamedTuple):
    """A tool call whose result is awaited."""

    tool: str
    agent_id: str
    prompt: str


class History(Records):
    """Turns the transcripts of one session into records. `copies`: what other transcripts had."""

    def __init__(
        self, session: str, sources: list[Source], copies: Copies, *, labels: bool = True, project_dir: str = ""
    ) -> None:
        super().__init__(session, sources, labels=labels, project_dir=project_dir)
        self._copies = copies
        self._prompt = ""
        self._started = False
        self._calls: dict[str, _Pending] = {}
        self._deferred: HistoryLine | None = None
        self._side: dict[str, _Stream] = {}  # by uuid of each line: subagents in the main file
        self._side_calls: dict[str, _Stream] = {}  # by the call that started them
        self._prompts_of_calls: dict[str, str] = {}

    def _records(self) -> Iterator[Record]:
        streams = []
        for source in self._sources:
            parser = TranscriptParser(self._session, source.path, agent_id=source.agent_id, labels=self._labels)
            streams.append(_Stream(parser, source.agent_id, source.meta))
        merged = heapq.merge(
            *(timed(number, source.lines, read_history_line) for number, source in enumerate(self._sources))
        )
        numbers = [self._copies.source() for _ in self._sources]
        for _, number, _, entry in merged:
            stream = streams[number]
            if entry is None:
                yield from self._close(stream)
            elif isinstance(entry, int):
                stream.parser.skip(entry)
            elif self._copies.is_copy(entry.line, numbers[number]):
                stream.parser.skip(len(entry.data), unreadable=False)
            else:
                yield from self._line(stream, entry.line, entry.data)
        self.unreadable = sum(stream.parser.unreadable for stream in streams)
        if self._started:
            yield Silent(at=self._last, key=f"silent:{self._last}")
            yield TranscriptRead(at=self._last, key=f"end:{self._last}")

    def _line(self, stream: _Stream, line: HistoryLine, data: bytes) -> Iterator[Record]:
        at = line.at
        work = line.kind in {"user", "assistant"} and at > 0
        if work and not self._started:
            self._started, self.first = True, at
            yield self._start(line, at)
        if line.is_sidechain and not stream.agent_id and line.uuid:
            stream.parser.skip(len(data), unreadable=False)
            stream = self._side_of(line)
        if work:
            stream.last = max(stream.last, at)
            if stream.agent_id and not stream.started:
                yield from self._agent_start(stream, at)
        if line.kind == "assistant" and not stream.agent_id and self._deferred:
            yield from self._submit(self._deferred)
        for fact in stream.parser.feed(data):
            yield from self._fact(stream, fact)
        if work:
            stream.interrupted = False if line.kind == "assistant" else stream.interrupted
            handler = self._assistant if line.kind == "assistant" else self._user
            yield from handler(stream, line, at)

    # --- beginnings and ends

    def _start(self, line: HistoryLine, at: int) -> Reduced:
        event = Reduced(at=at, event="SessionStart", cwd=line.cwd, project_dir=self._project_dir or line.cwd)
        event.transcript = self._sources[0].path
        event.entrypoint, event.permission_mode = line.entrypoint[:64], line.permission_mode[:64]
        return event

    def _agent_start(self, stream: _Stream, at: int) -> Iterator[Record]:
        stream.started = True
        yield self._event("SubagentStart", at, stream)
        if stream.meta:
            yield msgspec.structs.replace(stream.meta, at=at, key=f"meta:{stream.agent_id}")

    def _close(self, stream: _Stream) -> Iterator[Record]:
        """The end of a file."""
        if not stream.started and stream.agent_id:
            return
        for fact in stream.parser.end():
            yield from self._fact(stream, fact)
        if stream.agent_id and not stream.interrupted:
            yield self._event("SubagentStop", stream.last, stream)

    def _event(self, name: str, at: int, stream: _Stream, prompt: str = "") -> Reduced:
        event = Reduced(at=at, event=name, prompt=prompt or self._prompt)
        if stream.agent_id:
            event.agent_id, event.agent_type = stream.agent_id, stream.agent_type
        return event

    # --- facts

    def _fact(self, stream: _Stream, fact: Fact) -> Iterator[Record]:
        if isinstance(fact, ModelCall):
            fact.tree = work_tree(fact.tree)
            put_price(fact)
            fact.prompt = stream.prompt
            yield fact
            if not stream.agent_id:
                yield from self._answered(stream, fact)
            return
        if isinstance(fact, CompactBoundary):
            # /compact is outside of any turn, an automatic compaction is inside one.
            prompt = "" if fact.trigger == "manual" else self._prompt
            for name, moment in (("PreCompact", fact.at - fact.duration_ms * MS), ("PostCompact", fact.at)):
                yield Reduced(at=moment, event=name, prompt=prompt, trigger=fact.trigger)
        if isinstance(fact, Interruption):
            stream.interrupted = True
        yield fact

    def _answered(self, stream: _Stream, call: ModelCall) -> Iterator[Record]:
        """An answer without tool calls is the end of its turn, unless more follows."""
        if call.error_status:
            event = self._event("StopFailure", call.end, stream)
            event.failure = error_type(call.error_status)
            yield event
        elif not stream.calls_tools and not call.aborted and call.finish_reason not in _GOES_ON:
            yield self._event("Stop", call.end, stream)

    # --- lines

    def _assistant(self, stream: _Stream, line: HistoryLine, at: int) -> Iterator[Record]:
        if line.message.id != stream.message or not line.message.id:
            stream.message, stream.prompt, stream.calls_tools = line.message.id, self._prompt, False
        stream.answered = at
        for block in blocks(line.message.content):
            call_id, tool = block.get("id"), block.get("name")
            if block.get("type") != "tool_use" or not isinstance(call_id, str) or not isinstance(tool, str):
                continue
            stream.calls_tools = True
            if call_id in self._calls:
                continue
            self._calls[call_id] = _Pending(tool, stream.agent_id, self._prompt)
            if len(self._calls) > KEPT_CALLS:
                del self._calls[next(iter(self._calls))]
            given = block.get("input")
            if isinstance(given, dict) and isinstance(given.get("prompt"), str):
                self._prompts_of_calls[given["prompt"][:200]] = call_id
            fields = {"tool_name": tool, "tool_use_id": call_id, "tool_input": given}
            yield self._tool("PreToolUse", at, stream, self._prompt, fields)

    def _user(self, stream: _Stream, line: HistoryLine, at: int) -> Iterator[Record]:
        results = [block for block in blocks(line.message.content) if block.get("type") == "tool_result"]
        for block in results:
            yield from self._result(stream, line, block, at)
        if stream.agent_id:
            is_over = stream.answered and not (results or stream.calls_tools or stream.interrupted)
            if is_over and at >= stream.answered + QUIET and _is_message(line):
                yield from self._another_run(stream, at)
            return
        if results:
            return
        text = text_of(line.message.content)
        if line.prompt_source == "queued" and line.prompt_id:
            self._prompt = line.prompt_id  # the parser's QueuedPrompt opens the turn
        elif _is_prompt(line, text):
            if _COMMAND.search(text[:400]) and not line.prompt_id:
                self._deferred = line  # one of the client's own has no answer
            else:
                yield from self._submit(line)

    def _another_run(self, stream: _Stream, at: int) -> Iterator[Record]:
        """A subagent that had stopped goes on."""
        stop = stream.answered
        yield self._event("SubagentStop", stop, stream)
        yield TranscriptRead(at=stop, key=f"read:{stop}:{stream.agent_id}")
        yield self._event("SubagentStart", at, stream)

    def _submit(self, line: HistoryLine) -> Iterator[Record]:
        """A prompt begins a turn, so the turn before it can be written."""
        self._deferred = None
        at = line.at
        self._prompt = line.prompt_id or line.uuid or f"{self._session}:{at}"
        text = text_of(line.message.content)
        if command := _COMMAND.search(text[:400]):
            arguments = _ARGUMENTS.search(text[:2000])
            text = f"/{command.group(1)} {arguments.group(1) if arguments else ''}".strip()
        event = Reduced(at=at, event="", permission_mode=line.permission_mode[:64])
        fields = {"hook_event_name": "UserPromptSubmit", "prompt_id": self._prompt, "prompt": text}
        yield self._reduce(event, fields)
        yield TranscriptRead(at=at, key=f"read:{at}")

    def _result(self, stream: _Stream, line: HistoryLine, block: dict[str, Any], at: int) -> Iterator[Record]:
        call_id = block.get("tool_use_id")
        call = self._calls.pop(call_id, None) if isinstance(call_id, str) else None
        if call is None or not isinstance(call_id, str):
            return
        if side := self._side_calls.pop(call_id, None):
            yield from self._close(side)
        if line.tool_denial_kind:
            return  # the parser's Rejection says more
        content = block.get("content")
        text = content if isinstance(content, str) else text_of(msgspec.json.encode(content))
        if reason := verdict(text):
            event = self._event("PostToolBatch", at, stream, call.prompt)
            event.calls = (Call(call_id, call.tool, reason),)
            yield event
            return
        fields: dict[str, Any] = {"tool_name": call.tool, "tool_use_id": call_id}
        name = "PostToolUse"
        if block.get("is_error") is True:
            name, fields["error"] = "PostToolUseFailure", text
        else:
            response = value_of(line.tool_use_result)
            fields["tool_response"] = content if response is None else response
        yield self._tool(name, at, stream, call.prompt, fields)

    def _tool(self, name: str, at: int, stream: _Stream, prompt: str, fields: dict[str, Any]) -> Reduced:
        about = {"hook_event_name": name, "prompt_id": prompt}
        if stream.agent_id:
            about |= {"agent_id": stream.agent_id, "agent_type": stream.agent_type}
        return self._reduce(Reduced(at=at), about | fields)

    def _reduce(self, event: Reduced, fields: dict[str, Any]) -> Reduced:
        """As a hook's payload is reduced; digests are left out, since they need the install's secret."""
        mode = event.permission_mode
        reduce_payload(event, fields, b"", labels=self._labels)
        event.permission_mode = event.permission_mode or mode
        return without_digests(event)

    # --- subagents whose lines stand in the main file, as 1.0 wrote them

    def _side_of(self, line: HistoryLine) -> _Stream:
        stream = self._side.get(line.parent_uuid or "")
        if stream is None:
            agent_id = f"side-{line.uuid}"[:128]
            call = self._prompts_of_calls.pop(text_of(line.message.content)[:200], "")
            meta = None
            if call:
                meta = AgentMeta(at=0, key="", agent_id=agent_id, tool_use_id=call)
            stream = _Stream(TranscriptParser(self._session, "", agent_id=agent_id, labels=False), agent_id, meta)
            if call:
                self._side_calls[call] = stream
        self._side[line.uuid] = stream
        if len(self._side) > KEPT_CALLS:
            del self._side[next(iter(self._side))]
        return stream


def _is_message(line: HistoryLine) -> bool:
    """Whether a line of a subagent has what a SendMessage call sent it."""
    return (line.origin or {}).get("kind") == "coordinator"


def _is_prompt(line: HistoryLine, text: str) -> bool:
    """Whether a user line without results is a prompt that somebody typed, or the end of a task."""
    if line.is_meta or line.is_compact_summary or _NO_PROMPT.match(text):
        return False
    origin = line.origin or {}
    if line.prompt_source or line.turn_origin or origin.get("kind") == "human" or text.startswith(TASK_NOTIFICATION):
        return True
    return not line.row_source and not origin and bool(text)  # before 2.1 no field says who wrote it
