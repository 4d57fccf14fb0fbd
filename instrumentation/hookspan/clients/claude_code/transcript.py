"""Transcripts: the lines of one file become facts.

The format is the client's own and changes with any release, so every line that can't be read is passed over. What is
relied upon was seen in Claude Code 2.1.331 (`tests/sessions/`): one answer of the model is several lines of one
message id, of which only the last has the final usage; `requestRef` names an `api-request` line; every HTTP attempt
writes such a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from hookspan.wire.facts import (
    AttemptFailed,
    BackgroundJob,
    ClientVersion,
    CompactBoundary,
    CostState,
    Decided,
    Fact,
    Interruption,
    ModelCall,
    ModelTotal,
    PullRequest,
    QueuedPrompt,
    Rejection,
    StopHooks,
    TeammateMessage,
    Title,
)
from hookspan.wire.fields import as_count, as_given_name, as_number, as_object, as_path, as_word, timestamp_ns
from hookspan.wire.foreign import UNREADABLE
from hookspan.wire.scrub import label

from .transcript_lines import Line, Message, Usage, calls_of, decode, results_of, text_of, tool_results
from .transcript_requests import Asked, asked, listing_of, shape_of

_TEAMMATE_TAG: Final = b"<teammate-message "
_TOOL_RESULT: Final = b'"tool_result"'
_BY_KILL: Final = "interrupted"  # how a resume says that a call was denied which a kill had ended
_INTERRUPTED: Final = "[Request interrupted by user"
_TEAMMATE: Final = re.compile(r'.{0,100}?<teammate-message teammate_id="(?P<name>[^"]{1,128})"[^>]{0,500}>', re.DOTALL)
_TEAMMATE_END: Final = "</teammate-message>"
_MADE_MESSAGE: Final = re.compile(r'\{"type":"(\w{1,40})"')
BACKGROUND: Final = "bg"
"""`sessionKind` of a job in the background."""
_WHERE: Final = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}")
"""`owner/name`."""
_SYNTHETIC: Final = "<synthetic>"
_CACHE_TTL: Final = {"5m": 300, "1h": 3600}
"""How long the client asks for its cache to be kept, in its own words: seconds."""
_RESULTS_MAX: Final = 256
"""Results that one call may be told of; a client asks for fewer at once."""
_MODELS_MAX: Final = 32
"""Models of one session whose totals are taken in; its client knows of fewer."""
_COST_MAX: Final = 1e9
"""US dollars of one session. More is no cost, and its nano-dollars would not fit into 64 bits."""


class _Request(msgspec.Struct):
    """HTTP attempts of one call, so far."""

    id: str
    first: int
    attempts: int
    offset: int
    query_source: str
    asked: Asked


class TranscriptParser:
    """Reads one transcript file line by line and gives the facts in it.

    `safe_offset` is where reading may begin again after a restart: before the first line whose fact is not out yet.
    """

    def __init__(
        self,
        session: str,
        file: str,
        *,
        agent_id: str = "",
        offset: int = 0,
        prompt: str = "",
        labels: bool = True,
        decisions: bool = False,
        **_: object,
    ) -> None:
        """`labels`: scrubbed texts are kept. `decisions`: who let each call run is read, too."""
        self._session = session
        self._file = file
        self._agent_id = agent_id
        self._labels, self._decisions = labels, decisions
        self._offset = offset
        self._prompt = prompt
        self._prompt_offset: int | None = None  # of its line, until a fact tells of it: that is what a restart goes by
        self._version = ""
        self._is_job = False
        self._title = ""
        self._dequeued = 0
        self._last = 0
        self._request: _Request | None = None
        self._message: ModelCall | None = None
        self._message_offset = 0
        self._queued: QueuedPrompt | None = None
        self._queued_offset = 0
        self._results: dict[str, int] = {}
        self._results_offset = 0
        self.unreadable = 0

    @property
    def safe_offset(self) -> int:
        """Where reading may begin again without missing a fact."""
        pending = [self._offset]
        if self._request:
            pending.append(self._request.offset)
        if self._message:
            pending.append(self._message_offset)
        if self._queued:
            pending.append(self._queued_offset)
        if self._results:
            pending.append(self._results_offset)
        if self._prompt_offset is not None:
            pending.append(self._prompt_offset)
        return min(pending)

    @property
    def is_within(self) -> bool:
        """Whether the newest line is of a model call, or of prompts from the queue, whose lines may go on."""
        return self._message is not None or self._queued is not None

    def skip(self, size: int, *, unreadable: bool = True) -> None:
        """Passes over bytes that are not read: a line longer than anything the client means to say, or a copied one."""
        self._offset += size
        self.unreadable += unreadable

    def jump(self, offset: int) -> None:
        """Goes on from another place: the file is another one, or shorter."""
        self._offset = offset
        self._request = self._message = self._queued = self._prompt_offset = None
        self._results = {}

    def feed(self, data: bytes) -> Iterator[Fact]:
        """The facts that one line (with its LF) completes."""
        before = self._offset
        self._offset += len(data)
        try:
            line = decode(data)
        except UNREADABLE:
            self.unreadable += 1
            return
        at = timestamp_ns(line.timestamp)
        self._last = max(self._last, at)
        message = line.message
        kind = line.type or (message.role if message else "")  # lines of 1.0 have no type
        if kind == "assistant" and message and at:
            yield from self._release_queued()
            yield from self._assistant(line, message, at, before)
        elif kind == "user" and message and at:
            yield from self._user(line, message, at, before)
        elif line.type == "api-request" and at:
            yield from self._release_queued()
            yield from self.flush()
            self._requested(line, at, before)
        elif line.type == "api-request-shape":
            yield from self._shaped(line, at)
        elif line.type == "system":
            yield from self.flush()
            yield from self._system(line, at)
        elif line.type == "queue-operation" and line.operation == "dequeue":
            self._dequeued = at
        else:
            yield from self._metadata(line, before)
        if line.session_kind == BACKGROUND and not self._is_job and not self._agent_id:
            self._is_job = True
            yield self._place(BackgroundJob(at=at, key=""), "job")
        if line.version and line.version != self._version and not self._agent_id:
            self._version = line.version
            yield self._place(ClientVersion(at=at, key="", version=line.version[:40]), f"version:{line.version[:40]}")

    def _shaped(self, line: Line, at: int) -> Iterator[Fact]:
        shape = shape_of(line.shape_hash, line.shape)
        if shape:
            shape.at = at
            yield self._place(shape, f"shape:{shape.shape}")

    def _metadata(self, line: Line, before: int) -> Iterator[Fact]:
        """Lines beside the conversation, written again whenever they change."""
        if line.type == "cost-state":
            yield from self._cost(line)
        elif line.type == "attachment":
            if listing := listing_of(line.attachment):
                listing.at, listing.agent_id = timestamp_ns(line.timestamp), self._agent_id
                yield self._place(listing, f"listing:{before}")
        elif line.type == "pr-link":
            if number := as_count(line.pr_number):
                where = line.pr_repository or ""
                where = where if _WHERE.fullmatch(where) else ""
                at = timestamp_ns(line.timestamp)
                yield self._place(PullRequest(at=at, key="", number=number, where=where), f"pull:{number}:{at}")
        elif line.type in {"ai-title", "custom-title"} and self._labels:
            text = line.ai_title or line.custom_title or line.title
            if text and text != self._title:
                self._title = text
                yield self._place(Title(at=0, key="", label=label(text)), f"title:{before}")

    def _place(self, fact: Fact, key: str) -> Fact:
        fact.key = f"{self._agent_id}/{key}" if self._agent_id else key
        fact.at = fact.at or self._last
        if self._prompt and getattr(fact, "prompt", "") == self._prompt:
            self._prompt_offset = None
        fact.session, fact.file, fact.offset = self._session, self._file, self.safe_offset
        return fact

    def _requested(self, line: Line, at: int, before: int) -> None:
        pending = self._request
        if pending and pending.query_source == line.query_source:
            pending.id, pending.attempts = line.id, pending.attempts + 1
            pending.asked = asked(line.shape_hash, line.params)
        else:
            self._request = _Request(line.id, at, 1, before, line.query_source, asked(line.shape_hash, line.params))

    def _assistant(self, line: Line, message: Message, at: int, before: int) -> Iterator[Fact]:
        if message.model == _SYNTHETIC and not line.is_api_error_message:
            return  # filler that the client writes itself after a kill
        message.id = message.id or line.uuid
        if self._message is None or self._message.message_id != message.id:
            yield from self.flush()
            self._begin(line, message, at, before)
        call = self._message
        if call is None:
            return
        call.at = call.end = max(call.end, at)
        call.request_id = line.request_id or call.request_id
        call.finish_reason = message.stop_reason or call.finish_reason
        call.wrote |= calls_of(message.content)
        call.aborted = call.aborted or bool(line.is_aborted_mid_stream)
        if message.usage:
            _take_usage(call, message.usage)

    def _begin(self, line: Line, message: Message, at: int, before: int) -> None:
        request, self._request = self._request, None
        self._message_offset = request.offset if request else before
        error = (line.api_error_status or 599) if line.is_api_error_message else 0
        given = request.asked if request else Asked()
        results: dict[str, int] = {}
        if self._results and not error:  # what failed is sent again
            results, self._results = self._results, {}
            self._message_offset = min(self._message_offset, self._results_offset)
        self._message = ModelCall(
            at=at,
            key="",
            start=min(request.first, at) if request else at,
            end=at,
            start_inferred=request is None,
            attempts=request.attempts if request else 1,
            query_source=request.query_source if request else "",
            message_id=message.id,
            agent_id=self._agent_id,
            prompt=self._prompt,
            request_model=line.requested_model,
            response_model="" if error else message.model,
            effort=line.effort or given.effort,
            error_status=error,
            skill=as_given_name(line.attribution_skill),
            plugin=as_given_name(line.attribution_plugin),
            mcp_server=as_given_name(line.attribution_mcp_server),
            mcp_tool=as_given_name(line.attribution_mcp_tool),
            agent_type=as_given_name(line.attribution_agent),
            shape=given.shape,
            tree=as_path(line.cwd),
            cache_ttl=_CACHE_TTL.get(line.prompt_cache_requested or "", 0),
            results=results,
        )

    def flush(self) -> Iterator[Fact]:
        """The call whose lines are all there: something else followed, or the file has been quiet since."""
        call, self._message = self._message, None
        if call:
            yield self._place(call, f"call:{call.message_id}")

    def end(self) -> Iterator[Fact]:
        """What the lines so far have begun, as they stand: nothing more of it comes."""
        yield from self.flush()
        yield from self._release_queued()

    def _release_queued(self) -> Iterator[Fact]:
        queued, self._queued = self._queued, None
        if queued:
            yield self._place(queued, f"queued:{queued.prompt}")

    def _user(self, line: Line, message: Message, at: int, before: int) -> Iterator[Fact]:
        yield from self._take_results(line, message, before)
        if line.prompt_id and line.prompt_id != self._prompt:
            self._prompt, self._prompt_offset = line.prompt_id, before
        if line.prompt_source == "queued" and line.prompt_id:
            queued = self._queued
            if queued is None:
                self._queued_offset = before
            prompts = queued.prompts + 1 if queued else 1
            text = text_of(message.content) if self._labels else ""
            start = queued.at if queued else self._dequeued or at
            self._queued = QueuedPrompt(at=start, key="", prompt=line.prompt_id, prompts=prompts, label=label(text))
            return
        yield from self._release_queued()
        yield from self._messaged(line, message, at)
        if self._decisions and line.permission_decision:
            yield from self._decided(line.permission_decision, message, at)
        if line.tool_denial_kind and line.tool_denial_kind != _BY_KILL:
            decision = line.permission_decision or {}
            for tool_use_id in tool_results(message.content):
                fact = Rejection(
                    at=at,
                    key="",
                    tool_use_id=tool_use_id,
                    agent_id=self._agent_id,
                    denial=line.tool_denial_kind[:40],
                    before_run=bool(line.tool_denial_before_run),
                    feedback=bool(line.user_feedback),
                    source=str(decision.get("source", ""))[:40],
                )
                yield self._place(fact, f"rejected:{tool_use_id}")
        elif _INTERRUPTED.encode() in bytes(message.content)[:200]:
            text = text_of(message.content)
            if text.startswith(_INTERRUPTED):
                self._request = None
                interruption = Interruption(
                    at=at, key="", prompt=self._prompt, agent_id=self._agent_id, tool_use="tool use" in text
                )
                yield self._place(interruption, f"interrupted:{at}")
        elif line.prompt_source and self._request and self._request.first < at:
            self._request = None  # what was asked for before a new prompt is not answered any more

    def _decided(self, decision: dict[str, Any], message: Message, at: int) -> Iterator[Fact]:
        """Who let the calls of this result run, or not."""
        for tool_use_id in tool_results(message.content):
            fact = Decided(
                at=at,
                key="",
                tool_use_id=tool_use_id,
                agent_id=self._agent_id,
                allowed=decision.get("decision") == "accept",
                source=as_word(decision.get("source")),
                reason=as_word(decision.get("reasonType")),
                rule_source=as_word(decision.get("ruleSource")),
                grant=as_word(decision.get("grantScope")),
            )
            yield self._place(fact, f"decided:{tool_use_id}")

    def _take_results(self, line: Line, message: Message, before: int) -> Iterator[Fact]:
        """Keeps them for the next call, and this line for whoever reads on from the call before.

        They may come while the rest of the answer that asked for them is still streamed; anything else is behind it.
        """
        results = results_of(message.content) if _TOOL_RESULT in bytes(message.content) else {}
        if results and len(self._results) < _RESULTS_MAX:
            self._results_offset = self._results_offset if self._results else before
            self._results |= results
        if not results or line.tool_denial_kind == _BY_KILL:
            yield from self.flush()

    def _messaged(self, line: Line, message: Message, at: int) -> Iterator[Fact]:
        """What a teammate wrote to the main agent."""
        if self._agent_id or not line.prompt_id or _TEAMMATE_TAG not in bytes(message.content)[:200]:
            return
        content = text_of(message.content)
        told = _TEAMMATE.match(content)
        if told and (end := content.find(_TEAMMATE_END, told.end())) >= 0:
            text = content[told.end() : end].removeprefix("\n").removesuffix("\n")
            size = len(text.encode("utf-8", "surrogatepass"))
            made = _MADE_MESSAGE.match(text)  # by the client, about the teammate
            words = made[1].replace("_", " ") if made else text
            said = label(f"{told['name']}: {words}") if self._labels else ""
            fact = TeammateMessage(at=at, key="", prompt=line.prompt_id, teammate=told["name"], size=size, label=said)
            yield self._place(fact, f"teammate:{at}")

    def _system(self, line: Line, at: int) -> Iterator[Fact]:
        if line.subtype == "compact_boundary" and line.compact_metadata:
            get = line.compact_metadata.get
            boundary = CompactBoundary(
                at=at,
                key="",
                agent_id=self._agent_id,
                trigger=str(get("trigger", ""))[:20],
                before=_whole(get("preTokens")),
                after=_whole(get("postTokens")),
                duration_ms=_whole(get("durationMs")),
            )
            yield self._place(boundary, f"compact:{at}")
        elif line.subtype == "stop_hook_summary" and line.hook_infos:
            durations = [number for info in line.hook_infos if (number := as_number(info.get("durationMs"))) >= 0]
            yield self._place(StopHooks(at=at, key="", durations_ms=durations[:64]), f"stop_hooks:{at}")
        elif line.subtype == "api_error" and at and line.retry_attempt:
            get = as_object(line.error).get
            failed = AttemptFailed(
                at=at,
                key="",
                agent_id=self._agent_id,
                status=_whole(get("status")),
                network_down=get("isNetworkDown") is True,
                attempt=line.retry_attempt,
                most=line.max_retries or 0,
                delay_ms=max(0.0, line.retry_in_ms or 0.0),
            )
            yield self._place(failed, f"attempt:{at}:{line.retry_attempt}")

    def _cost(self, line: Line) -> Iterator[Fact]:
        if line.total_cost_usd is not None and 0 <= line.total_cost_usd < _COST_MAX:
            nano = round(line.total_cost_usd * 1e9)
            usages = list((line.model_usage or {}).items())[:_MODELS_MAX]
            models = [_total(model, usage) for model, usage in usages]
            yield self._place(CostState(at=0, key="", cost_nano=nano, models=models), f"cost:{nano}")


def _total(model: str, usage: dict[str, Any]) -> ModelTotal:
    get = usage.get
    cost = get("costUSD")
    return ModelTotal(
        model[:128],
        round(cost * 1e9) if isinstance(cost, int | float) and 0 <= cost < _COST_MAX else 0,
        _whole(get("inputTokens")),
        _whole(get("outputTokens")),
        _whole(get("cacheReadInputTokens")),
        _whole(get("cacheCreationInputTokens")),
    )


def _take_usage(call: ModelCall, usage: Usage) -> None:
    """The largest figure of each kind: the first lines of a message may have partial ones."""
    call.input_tokens = max(call.input_tokens, usage.input_tokens or 0)
    call.output_tokens = max(call.output_tokens, usage.output_tokens or 0)
    call.cache_read_tokens = max(call.cache_read_tokens, usage.cache_read_input_tokens or 0)
    call.cache_write_tokens = max(call.cache_write_tokens, usage.cache_creation_input_tokens or 0)
    if usage.cache_creation:
        call.cache_write_1h_tokens = max(
            call.cache_write_1h_tokens, usage.cache_creation.ephemeral_1h_input_tokens or 0
        )
    if usage.output_tokens_details:
        call.thinking_tokens = max(call.thinking_tokens, usage.output_tokens_details.thinking_tokens or 0)


_WHOLE_MAX: Final = 1 << 53


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) and abs(value) < _WHOLE_MAX else 0
