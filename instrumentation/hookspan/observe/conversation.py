"""What was said in a session, for spans that are about to leave with it: nothing of it is kept.

Prompts and answers are read from the transcripts, what a tool was given and gave from the raw event that ended its
call. Where the source is gone (deleted, compacted, unreadable) the span leaves without.
"""

from __future__ import annotations

import os
from typing import Any, Final

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.clients.claude_code import conversation
from hookspan.journal.records import Records
from hookspan.model.rows import Span
from hookspan.model.state import bound
from hookspan.paths import Paths
from hookspan.reading import RefusedError, is_at_limit, open_regular
from hookspan.store import Reader
from hookspan.wire.foreign import UNREADABLE, decoder
from hookspan.wire.scrub import bounded_json, bounded_text

from .line_index import LineIndex, LineIndexes, Place
from .transcript_paths import Source, sources_of

FILES_KEPT: Final = 32
"""Transcripts of which it is remembered where what stands: 200 bytes for each model call."""
SESSIONS_KEPT: Final = 64
"""Sessions of which it is remembered where their transcripts are: the store tells that in a state of up to 140 KB."""


class _Said(msgspec.Struct):
    """Where in its file a model call's part of the conversation is: what was new to the model, and its answer."""

    asked: list[Place]
    answered: list[Place]


class _Index(LineIndex):
    """Where in a transcript what stands, as far as it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[str, _Said] = {}
        self.prompts: dict[str, Place] = {}
        self.answers: dict[str, str] = {}  # prompt -> the model call that answered it last
        self.first: Place | None = None
        self.last = ""
        self._asked: list[Place] = []
        self._prompt = ""

    def line(self, data: bytes, place: Place) -> None:
        line = conversation.read(data)
        if line is None or line.message is None:
            return
        if line.role == "user":
            self._prompt = line.prompt_id or self._prompt
            self._asked.append(place)
            if line.is_prompt:
                self.first = self.first or place
                self.prompts.setdefault(self._prompt, place)
        elif line.role == "assistant" and not line.is_api_error_message:
            name = line.message.id
            if name not in self.calls:
                self.calls[name] = _Said(self._asked, [])
                self._asked = []
            self.calls[name].answered.append(place)
            self.answers[self._prompt] = self.last = name


class _Ended(msgspec.Struct):
    """Of a payload that ended a tool call."""

    tool_use_id: str = ""
    tool_input: Any = None
    tool_response: Any = None
    error: Any = None


class _Line(msgspec.Struct):
    event: _Ended


_line = decoder(_Line)


class Conversation:
    """Finds it. For one thread: the exporter's."""

    def __init__(self, paths: Paths, reader: Reader) -> None:
        self._records, self._reader = Records(paths), reader
        self._indexes: LineIndexes[_Index] = LineIndexes(FILES_KEPT)
        self._known: dict[str, list[Source]] = {}

    def __call__(self, span: Span, limit: int) -> dict[str, str]:
        """The attributes with what was said in a span, each of at most `limit` bytes; none where nothing is known.

        Raises OSError where too many files are open.
        """
        operation = span.attributes.get(sc.GEN_AI_OPERATION_NAME)
        found: dict[str, str] = {}
        try:
            if operation == "execute_tool":
                found = self._tool(span, limit)
            elif operation == "chat":
                found = self._call(span, limit)
            elif operation == "invoke_agent":
                found = self._agent(span, limit)
        except (OSError, RefusedError, *UNREADABLE) as error:
            if is_at_limit(error):
                raise
        return {key: text for key, text in found.items() if text}

    def _tool(self, span: Span, limit: int) -> dict[str, str]:
        data = self._records.read(span.record, packed=False)
        if data is None:
            return {}
        event = _line(data).event
        if event.tool_use_id != span.attributes.get(sc.GEN_AI_TOOL_CALL_ID):
            return {}
        gave = event.tool_response if event.error is None else event.error
        return {
            sc.GEN_AI_TOOL_CALL_ARGUMENTS: "" if event.tool_input is None else bounded_json(event.tool_input, limit),
            sc.GEN_AI_TOOL_CALL_RESULT: ""
            if gave is None
            else bounded_text(gave, limit)
            if isinstance(gave, str)
            else bounded_json(gave, limit),
        }

    def _call(self, span: Span, limit: int) -> dict[str, str]:
        name = str(span.attributes.get(sc.GEN_AI_RESPONSE_ID, ""))
        for look in (self._known.get, self._sources):  # a session has new transcripts now and then
            for path, _ in look(span.session) or ():
                if said := self._index(path).calls.get(name):
                    return self._messages(path, said.asked, said.answered, limit)
        return {}

    def _agent(self, span: Span, limit: int) -> dict[str, str]:
        agent, prompt = span.attributes.get(sc.AGENT_ID), str(span.attributes.get(sc.PROMPT_ID, ""))
        for path, subagent in self._sources(span.session):
            if subagent != (agent or ""):
                continue
            index = self._index(path)
            asked = index.first if agent else index.prompts.get(prompt)
            last = index.calls.get(index.last if agent else index.answers.get(prompt, ""))
            return self._messages(path, [asked] if asked else [], last.answered if last else [], limit)
        return {}

    def _sources(self, session: str) -> list[Source]:
        """Of Claude Code's sessions: other agents' transcripts have another form, and their spans leave without."""
        self._known.pop(session, None)
        self._known[session] = found = sources_of(self._reader, session, client=CLAUDE_CODE.name)
        bound(self._known, SESSIONS_KEPT)
        return found

    def _index(self, path: str) -> _Index:
        return self._indexes.of(path, _Index)

    def _messages(self, path: str, asked: list[Place], answered: list[Place], limit: int) -> dict[str, str]:
        descriptor = open_regular(path)
        try:
            given, gave = (_lines(descriptor, places) for places in (asked, answered))
        finally:
            os.close(descriptor)
        inputs = [message for line in given for message in conversation.messages(line)]
        outputs = conversation.answer(gave)
        return {
            sc.GEN_AI_INPUT_MESSAGES: bounded_json(inputs, limit) if inputs else "",
            sc.GEN_AI_OUTPUT_MESSAGES: bounded_json(outputs, limit) if outputs else "",
        }


def _lines(descriptor: int, places: list[Place]) -> list[conversation.SaidLine]:
    lines = (conversation.read(place.read(descriptor)) for place in places)
    return [line for line in lines if line]
