"""What was said in a session, message by message, for those who look at it: nothing of it is kept.

Files are read once and remembered by places; a message itself is read again whenever it is shown.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.clients.claude_code.transcript_files import read_meta
from hookspan.clients.conversations import (
    Conversation,
    client_of,
    conversation,
    marks_of_results,
    names_answers_later,
)
from hookspan.clients.message import Answered, Kind, Message
from hookspan.model import ids
from hookspan.reading import MAX_LINE, RefusedError, open_regular, read_on
from hookspan.store import Reader
from hookspan.wire.scrub import label

from .line_index import CHUNK, LineIndex, LineIndexes, Place
from .transcript_paths import Roots, Source, in_journal, sources_of

FILES_KEPT: Final = 32
"""Transcripts of which it is remembered where what stands: 200 bytes a message."""
BYTES_KEPT: Final = 128 << 20
"""Of these transcripts: that of 10,000 calls has 7 MB or far more; where what stands in it takes 12 MB of memory."""
_RESULT_OF: Final = re.compile(rb'"(?:tool_use_id|call_id|toolCallId|id)"\s?:\s?"([^"]{1,256})"')
LABEL_MOST: Final = 160
"""Characters of what a model call is named by where it called several tools."""


class Entry(NamedTuple):
    """Where a message is (its line, and which part of it), and what it is found by. `call`: the model's message id."""

    place: Place
    part: int
    kind: Kind
    turn: str
    failed: bool
    call: str = ""


class Subagent(NamedTuple):
    """Whose conversation has a file of its own; `tool_call`: the call that started it, empty if unknown."""

    id: str
    type: str
    tool_call: str


class Told(NamedTuple):
    """A message, its number in its file, and of a result what its call was: tool and label."""

    number: int
    message: Message
    tool: str
    about: str


class Transcript(LineIndex):
    """One file, as far as it is read.

    Attributes:
        entries: Its messages in their order; a message's number is its place here.
        said: By the model's message id, what that call said, or else called: one line.
        turns: By the same id, the turn that it was in.
        calls: By the id of a tool call, its tool and what it is about, in one line.
        numbers: By a message's id.
    """

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self.said: dict[str, str] = {}
        self.turns: dict[str, str] = {}
        self.calls: dict[str, tuple[str, str]] = {}
        self.numbers: dict[str, int] = {}
        self._answered: set[str] = set()
        self._unnamed: dict[str, tuple[Kind, str]] = {}  # messages whose model call is not told yet, and what they say
        self._names_later = names_answers_later(client_of(source.path))
        self._reader = _conversation(source)

    def line(self, data: bytes, place: Place) -> None:
        """Keep where its messages are."""
        for part, message in enumerate(self._reader.feed(data, place.offset)):
            self.numbers[message.id] = len(self.entries)
            turn, tool = sys.intern(message.turn), sys.intern(message.tool)  # of each message another copy otherwise
            self.entries.append(Entry(place, part, message.kind, turn, message.failed, message.call))
            text = ""
            if message.kind == "call":
                about = label(message.text)
                self.calls[message.tool_call] = (tool, about)
                text = f"{message.tool}: {about}" if about else message.tool
            elif message.kind == "answer" and message.text.strip():
                text = label(message.text)
            if message.call:
                self._say(message.call, turn, message.kind, text)
            elif self._names_later and message.role == "assistant":
                self._unnamed[message.id] = (message.kind, text)
        if answer := self._reader.answered:
            self._name(answer)

    def _name(self, answer: Answered) -> None:
        """Messages of before are of this answer."""
        for name in answer.messages:
            if name in self._unnamed:
                number, (kind, text) = self.numbers[name], self._unnamed[name]
                self.entries[number] = self.entries[number]._replace(call=answer.call)
                self._say(answer.call, self.entries[number].turn, kind, text)
        self._unnamed.clear()

    def _say(self, call: str, turn: str, kind: Kind, text: str) -> None:
        self.turns[call] = turn
        if kind == "answer" and text and call not in self._answered:
            self._answered.add(call)
            self.said[call] = text
        elif kind == "call" and call not in self._answered:
            former = self.said.get(call)
            self.said[call] = f"{former}, {text}" if former and len(former) + len(text) < LABEL_MOST else former or text


class SessionMessages:
    """Finds a session's messages. Thread-safe."""

    def __init__(
        self,
        reader: Reader,
        roots: Roots,
        opener: Callable[[str], int] = open_regular,
        elsewhere: Callable[[str, list[Source]], list[Source]] = lambda _, known: known,
    ) -> None:
        """`roots`: the folders that clients keep transcripts in. `opener`: gives a descriptor of one.

        `elsewhere` gives, of a session and what is known of its conversations, what `opener` can open.
        """
        self._reader, self._roots, self.opener, self._elsewhere = reader, roots, opener, elsewhere
        self._lock = threading.Lock()
        self._transcripts: LineIndexes[Transcript] = LineIndexes(FILES_KEPT, opener, BYTES_KEPT)

    def sources(self, session: str) -> list[Source]:
        """Its conversations, the main one first; their files may have been deleted."""
        return self._elsewhere(session, sources_of(self._reader, session, self._roots))

    def source(self, session: str, subagent: str = "") -> Source | None:
        """One of them; None if nothing is known of it."""
        return next((source for source in self.sources(session) if source.subagent == subagent), None)

    def subagents(self, session: str) -> list[Subagent]:
        """Those whose conversations are known. Their spans say whose they are once the client's own word is gone."""
        found = []
        for path, name in self.sources(session):
            if name:
                meta = read_meta(f"{path.removesuffix('.jsonl')}.meta.json", session, name)
                found.append(Subagent(name, meta.agent_type if meta else "", meta.tool_use_id if meta else ""))
        if all(one.type for one in found):
            return found
        known = self._of_spans(session)
        return [one if one.type else known.get(one.id, one) for one in found]

    def _of_spans(self, session: str) -> dict[str, Subagent]:
        """Its subagents that are done, by their ids; the span of each lies in that of the call that started it."""
        spans = self._reader.subagents_of_session(session)
        above = self._reader.spans_of_session_by_id(session, {span.parent_id for span in spans})
        calls = {span.span_id: str(span.attributes.get(sc.GEN_AI_TOOL_CALL_ID, "")) for span in above}
        return {
            name: Subagent(name, str(span.attributes.get(sc.GEN_AI_AGENT_NAME, "")), calls.get(span.parent_id, ""))
            for span in spans
            if (name := str(span.attributes[sc.AGENT_ID]))
        }

    def transcript(self, source: Source) -> Transcript | None:
        """What is known of a conversation, read to its end; None if it can't be read (any more)."""
        with contextlib.suppress(OSError, RefusedError), self._lock:
            return self._transcripts.of(source.path, lambda: Transcript(source), source.subagent)
        return None

    def said(self, session: str, trace: str = "") -> Iterator[tuple[str, str, str]]:
        """Of each model call the subagent (or nothing), its message id, and what it said or called in one line.

        `trace`: only of the turn with that trace id.
        """
        for source in self.sources(session):
            if transcript := self.transcript(source):
                turns = transcript.turns
                wanted = {turn for turn in {*turns.values()} if not trace or ids.trace_id(turn) == trace}
                for call, text in list(transcript.said.items()):
                    if turns.get(call) in wanted:
                        yield source.subagent, call, text

    def spans_of_calls(self, sources: Iterable[Source], session: str) -> Callable[[str, str], str]:
        """What gives the span of a model call, by the subagent (or nothing) and its message id; empty for none."""
        if not any(names_answers_later(client_of(source.path)) for source in sources):
            return lambda subagent, call: ids.of_model_call(session, subagent, call)
        spans = self._reader.spans_of_session(session, hooks=False)
        known = {str(name): one.span_id for one in spans if (name := one.attributes.get(sc.GEN_AI_RESPONSE_ID))}
        return lambda _subagent, call: known.get(call, "")

    def results(self, session: str, tool_calls: Collection[str]) -> dict[str, Message]:
        """The results of these calls by their ids, as far as the transcripts have them. Files are read, not indexed."""
        wanted, found = set(tool_calls), dict[str, Message]()
        for source in self.sources(session):
            if len(found) == len(wanted):
                break
            with contextlib.suppress(OSError, RefusedError):
                descriptor = self.opener(source.path)
                try:
                    for line in _lines(descriptor, marks_of_results(source.path, of_events=_is_of_events(source))):
                        if wanted.isdisjoint(name.decode(errors="replace") for name in _RESULT_OF.findall(line)):
                            continue
                        for message in _conversation(source).feed(line, 0):
                            if message.kind == "result" and message.tool_call in wanted:
                                found[message.tool_call] = message
                finally:
                    os.close(descriptor)
        return found


def _conversation(source: Source) -> Conversation:
    return conversation(client_of(source.path), source.subagent, of_events=_is_of_events(source))


def _is_of_events(source: Source) -> bool:
    return bool(in_journal(source.path))


def _lines(descriptor: int, marks: Sequence[bytes]) -> Iterator[bytes]:
    """Those lines of a file that may hold results of tools."""
    rest, offset = b"", 0
    while data := read_on(descriptor, CHUNK, offset):
        offset += len(data)
        *lines, rest = (rest + data).split(b"\n")
        yield from (line for line in lines if any(mark in line for mark in marks))
        if len(rest) > MAX_LINE:
            return


def read(
    source: Source, transcript: Transcript, numbers: Iterable[int], opener: Callable[[str], int]
) -> Iterator[Told]:
    """Messages of a conversation by their numbers, rising. One whose line has changed is left out.

    Raises:
        RefusedError: It is no regular file of ours.
        OSError: It can't be read.
    """
    entries: Sequence[Entry] = transcript.entries
    descriptor = opener(source.path)
    try:
        at, messages = Place(-1, 0), list[Message]()
        for number in numbers:
            entry = entries[number]
            if entry.place != at:
                at = entry.place
                messages = _conversation(source).feed(at.read(descriptor), at.offset)
            if entry.part < len(messages):
                message = messages[entry.part]
                message.turn, message.call = entry.turn, entry.call
                tool, about = transcript.calls.get(message.tool_call, ("", ""))
                yield Told(number, message, tool, about)
    finally:
        os.close(descriptor)


def holding(source: Source, transcript: Transcript, words: str, opener: Callable[[str], int]) -> list[int]:
    """The numbers of a conversation's messages with a text in them, whatever its case. Raises what `read` raises."""
    wanted = words.casefold()
    found = []
    for number, message, _, about in read(source, transcript, range(len(transcript.entries)), opener):
        texts = (message.text, message.tool, about, message.diff, *message.attached)
        given = msgspec.json.encode(message.given).decode() if message.given and not message.diff else ""
        if any(wanted in text.casefold() for text in (*texts, given)):
            found.append(number)
    return found
