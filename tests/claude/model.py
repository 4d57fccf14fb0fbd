"""A scripted model server: it plays Anthropic's Messages API for the real client, also in the clouds' forms.

A script is Python data. Each conversation has a marker, a word that occurs in the prompt that opens it, and a list of
answers; the n-th request of a conversation gets the n-th answer, and a conversation whose list has run out gets a
closing text, so every run ends. A subagent's requests hold the prompt that its Agent call gave it, so its marker
tells it apart. Prompts that the client makes (the end of a background task, the request for a summary) are
conversations of their own.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import itertools
import json
import re
import struct
import threading
import time
import urllib.parse
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from tests.claude.cache import PromptCache

NOTIFICATION = "<task-notification>"
SUMMARY = "(a request for a summary)"
AUXILIARY = "(a request of the client's own, such as for a title)"
UNSCRIPTED = "(unscripted)"
HIDDEN = frozenset({SUMMARY, AUXILIARY})
"""Conversations that no transcript shows."""
CLOSING_TEXT = "All done."
GATE_TIMEOUT = 600.0  # seconds that an answer waits for its gate at most; a test gives up before

# The words in which every version so far asks for a conversation's summary.
_SUMMARY_REQUEST = re.compile(r"create a (detailed )?summary of", re.IGNORECASE)


# Bedrock and Vertex AI name the model in the path. (Mantle and Foundry speak Anthropic's own API.)
_CLOUD_PATH = re.compile(
    r"\A/model/(?P<bedrock>[^/]+)/invoke-with-response-stream\Z|/models/(?P<vertex>[^/:]+):streamRawPredict\Z"
)
_AWS_STRING = 7  # the type of a header's value


@dataclass(frozen=True)
class Tool:
    """A tool call in an answer, with what shall become of it; the rest of the fields is for the expectation only.

    `outcome` is one of success, error, denied, interrupted, unknown. `heard` says whether PreToolUse comes for it.
    `decision` is set when it waits for a permission: approved, refused, aborted, auto_denied.
    """

    name: str
    input: Mapping[str, Any]
    outcome: str = "success"
    heard: bool = True
    decision: str | None = None


@dataclass(frozen=True)
class Answer:
    """One answer of the model.

    `delay` seconds pass before its first byte, `chunk_delay` seconds between two pieces of it. `gate` (if any) must be
    set before it starts, `held` (if any) before it ends. `complete` is False for an answer that the scenario cuts off.
    `padding` is added to the input tokens, e.g. to fill the context so that the client compacts.
    """

    blocks: tuple[str | Tool, ...]
    delay: float = 0.0
    chunk_delay: float = 0.0
    gate: threading.Event | None = None
    held: threading.Event | None = None
    complete: bool = True
    padding: int = 0


@dataclass(frozen=True)
class Failure:
    """An HTTP error in an answer's place, `times` in a row."""

    status: int
    kind: str
    message: str
    times: int = 1


Step = Answer | Failure
Script = Mapping[str, Sequence[Step]]


def says(*blocks: str | Tool, **options: Any) -> Answer:
    """An answer of these texts and tool calls."""
    return Answer(blocks, **options)


@dataclass(frozen=True)
class Usage:
    """Tokens of one answer, as Anthropic counts them (input excludes what was cached)."""

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int
    cache_read_input_tokens: int


@dataclass
class Call:
    """One POST that reached the server; times are unix nanoseconds."""

    number: int
    at: int
    conversation: str
    step: int
    model: str
    status: int = 0
    first_byte_at: int | None = None
    done_at: int | None = None
    message_id: str | None = None
    request_id: str | None = None
    usage: Usage | None = None
    tools: dict[str, Tool] = field(default_factory=dict)
    attempt: int = 0
    aborted: bool = False
    cut: bool = False

    @property
    def complete(self) -> bool:
        """Whether the client got the whole answer, as far as the script and the connection tell."""
        return self.usage is not None and self.done_at is not None and not (self.aborted or self.cut)

    def record(self) -> dict[str, Any]:
        """The call as JSON."""
        return {**asdict(self), "tools": sorted(self.tools)}


class Model:
    """The server, running on a free port of 127.0.0.1 while it is entered.

    `name` goes into every id, so the ids of different scenarios differ. `headers` go with every answer. With a `cache`
    the usage is what it says.
    """

    def __init__(self, name: str) -> None:
        self.calls: list[Call] = []
        self.headers: dict[str, str] = {}
        self.cache: PromptCache | None = None
        self._prefix = hashlib.sha256(name.encode()).hexdigest()[:8]
        self._script: dict[str, list[Step]] = {}
        self._asked: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.model = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="model", daemon=True
        )

    @property
    def url(self) -> str:
        """The base URL for ANTHROPIC_BASE_URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def play(self, script: Script) -> None:
        """Add conversations to the script."""
        with self._lock:
            self._script |= {marker: list(_expand(steps)) for marker, steps in script.items()}

    def asked(self, marker: str) -> int:
        """How many requests this conversation has made so far."""
        return self._asked[marker]

    def is_done(self) -> bool:
        """Whether all is answered but what the scenario cuts off: a client may have read the whole of an answer, and
        have ended, before it is noted here."""
        return all(call.done_at is not None or call.cut for call in list(self.calls))

    def next_step(self, request: Mapping[str, Any], attempt: int) -> tuple[Call, Step]:
        """Log a request and decide its answer."""
        with self._lock:
            conversation = self._conversation(request.get("messages", []), tools=bool(request.get("tools")))
            steps = self._script.get(conversation, [])
            index = self._asked[conversation]
            self._asked[conversation] += 1
            step = steps[index] if index < len(steps) else _default(conversation)
            number = next(self._numbers)
            call = Call(number, time.time_ns(), conversation, index, str(request.get("model")), attempt=attempt)
            call.request_id = f"req_{self._prefix}_{number}"
            if isinstance(step, Answer):
                call.cut = not step.complete
                call.message_id = f"msg_{self._prefix}_{number}"
                call.usage = Usage(1000 + number + step.padding, 10 + 3 * number, 100 + 7 * number, 10000 + 11 * number)
                if self.cache:
                    read, written = self.cache.take(request)
                    call.usage = Usage(3, 10 + 3 * number, written, read)
                tools = [block for block in step.blocks if isinstance(block, Tool)]
                call.tools = {f"toolu_{self._prefix}_{number}_{index}": tool for index, tool in enumerate(tools)}
            self.calls.append(call)
            return call, step

    def _conversation(self, messages: Sequence[Mapping[str, Any]], *, tools: bool) -> str:
        """Which conversation a request belongs to: the newest user text that holds a marker decides.

        Only the client's own requests offer no tools to the model.
        """
        texts = [text for message in messages if message.get("role") == "user" for text in _texts(message)]
        if texts and _SUMMARY_REQUEST.search(texts[-1]):
            return SUMMARY
        if not tools:
            return AUXILIARY
        for text in reversed(texts):
            if NOTIFICATION in text:
                return NOTIFICATION
            if text.startswith("<system-reminder>"):
                continue
            for marker in self._script:
                if marker in text:
                    return marker
        return UNSCRIPTED


def _texts(message: Mapping[str, Any]) -> list[str]:
    """A message's text blocks, tool results left out."""
    content = message.get("content", "")
    if isinstance(content, str):
        return [content]
    return [block["text"] for block in content if block.get("type") == "text"]


def _expand(steps: Sequence[Step]) -> Iterator[Step]:
    for step in steps:
        yield from [step] * step.times if isinstance(step, Failure) else [step]


def _default(conversation: str) -> Answer:
    return says(
        {NOTIFICATION: "Noted.", SUMMARY: "<summary>Nothing but tests so far.</summary>"}.get(
            conversation, CLOSING_TEXT
        )
    )


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    model: Model

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed or interrupted leaves its connections; that is part of the scenarios."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Silent: a test's output is the test's."""

    def do_HEAD(self) -> None:
        """The client's check that it can reach the server."""
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        """Nothing can be fetched."""
        self._json(404, {"type": "error", "error": {"type": "not_found_error", "message": "not here"}})

    def do_POST(self) -> None:
        """One request for an answer."""
        request = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        if "count_tokens" in self.path:
            self._json(200, {"input_tokens": 10})
            return
        if cloud := _CLOUD_PATH.search(self.path):
            request["model"] = urllib.parse.unquote(cloud.group("bedrock") or cloud.group("vertex"))
        elif not self.path.startswith("/v1/messages"):
            self.do_GET()
            return
        call, step = self.server.model.next_step(request, int(self.headers.get("x-stainless-retry-count", 0)))
        if isinstance(step, Failure):
            call.status = step.status
            self._json(step.status, {"type": "error", "error": {"type": step.kind, "message": step.message}})
            call.done_at = time.time_ns()
            return
        if step.gate is not None:
            step.gate.wait(GATE_TIMEOUT)
        time.sleep(step.delay)
        call.status = 200
        try:
            self._stream(call, step)
        except OSError:  # the client has hung up: interrupted or killed
            call.aborted = True
            raise
        finally:
            call.done_at = time.time_ns()

    def _json(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, call: Call, answer: Answer) -> None:
        """Answer as server-sent events in a chunked body; Bedrock's are messages of AWS's event stream."""
        of_aws = self.path.startswith("/model/")
        self.send_response(200)
        self.send_header("content-type", "application/vnd.amazon.eventstream" if of_aws else "text/event-stream")
        self.send_header("request-id", str(call.request_id))
        self.send_header("transfer-encoding", "chunked")
        for name, value in self.server.model.headers.items():
            self.send_header(name, value)
        self.end_headers()
        call.first_byte_at = time.time_ns()
        for event in _events(call, answer):
            if event["type"] == "message_delta" and answer.held is not None:
                answer.held.wait(GATE_TIMEOUT)
            data = _aws_message(event) if of_aws else f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
            if event["type"] == "content_block_delta":
                time.sleep(answer.chunk_delay)
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()


def _aws_message(event: dict[str, Any]) -> bytes:
    """An event in the framing `application/vnd.amazon.eventstream`: sizes, headers, payload, each with its checksum."""
    payload = json.dumps({"bytes": base64.b64encode(json.dumps(event).encode()).decode()}).encode()
    named = {":event-type": b"chunk", ":content-type": b"application/json", ":message-type": b"event"}
    headers = b"".join(
        struct.pack(f">B{len(name)}sBH", len(name), name.encode(), _AWS_STRING, len(value)) + value
        for name, value in named.items()
    )
    sizes = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = sizes + struct.pack(">I", zlib.crc32(sizes)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def _events(call: Call, answer: Answer) -> Iterator[dict[str, Any]]:
    """The events of a streamed answer, in the API's order."""
    usage = asdict(call.usage) if call.usage else {}
    message: dict[str, Any] = {
        "id": call.message_id,
        "type": "message",
        "role": "assistant",
        "model": call.model,
        "content": [],
        "stop_reason": None,
    }
    yield {
        "type": "message_start",
        "message": {**message, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}},
    }
    ids = iter(call.tools)
    for index, block in enumerate(answer.blocks):
        if isinstance(block, str):
            start: dict[str, Any] = {"type": "text", "text": ""}
            words = re.findall(r"\S+\s*", block) if answer.chunk_delay else [block]
            deltas = [{"type": "text_delta", "text": word} for word in words]
        else:
            start = {"type": "tool_use", "id": next(ids), "name": block.name, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block.input)}]
        yield {"type": "content_block_start", "index": index, "content_block": start}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    stop = "tool_use" if call.tools else "end_turn"
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": stop, "stop_sequence": None},
        "usage": {"output_tokens": usage["output_tokens"]},
    }
    yield {"type": "message_stop"}
