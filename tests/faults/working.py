"""Sessions at work, with all that a client leaves behind: hook events, transcripts, and telemetry of its own.

What is said are words of this repository's texts, so that an index has as much to do as with real ones.
"""

import itertools
import json
import queue
import random
import re
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.agent.machine import event
from tests.content.said import iso
from tests.otlp_sink import PROTOBUF
from tests.receive import requests

TURNS = 12  # a session: then it ends, and another one takes its place
TOOLS = 8  # a turn
EVENT_BYTES = 1500  # the median of real events
PROMPT, ANSWER = 300, 600  # characters
KEPT = 600.0  # seconds that a transcript is there after its session's end; the client keeps it for 30 days
MODEL = "claude-opus-4-1"
PATIENCE = 60.0  # seconds for an answer


class Telemetry:
    """Sends what clients tell of themselves to the receiver, in a thread of its own, over one connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._waiting: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run)
        self.spans = self.records = 0
        self.answered = self.refused = 0
        self.took: list[float] = []  # seconds until each answer
        self._thread.start()

    def tell(self, spans: list[dict[str, Any]], records: list[dict[str, Any]]) -> None:
        """What a session's turn came to."""
        self.spans += len(spans)
        self.records += len(records)
        self._waiting.put(("traces", _spans(spans).SerializeToString()))
        self._waiting.put(("logs", requests.logs(*records).SerializeToString()))
        self._waiting.put(("metrics", requests.metrics().SerializeToString()))

    def end(self) -> None:
        """All of it was sent."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        while (one := self._waiting.get()) is not None:
            signal, body = one
            began = time.monotonic()
            try:
                connection.request("POST", f"/v1/{signal}", body, {"content-type": PROTOBUF})
                answer = connection.getresponse()
                answer.read()
                well = answer.status == 200
            except (OSError, HTTPException):
                connection.close()
                well = False
            self.took.append(time.monotonic() - began)
            self.answered += well
            self.refused += not well
        connection.close()


def _spans(spans: list[dict[str, Any]]) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    part = request.resource_spans.add().scope_spans.add()
    part.scope.name = f"{requests.OWN}.tracing"
    trace = uuid.uuid4().bytes
    for span in spans:
        start, end = span.pop("start"), span.pop("end")
        added = part.spans.add(
            trace_id=trace,
            span_id=random.randbytes(8),
            name=span.pop("name"),
            start_time_unix_nano=start,
            end_time_unix_nano=end,
        )
        for key, value in span.items():
            added.attributes.add(key=key).value.string_value = value
    return request


class Work:
    """Sessions without end, whose transcripts are in `folder`."""

    def __init__(self, folder: Path, telemetry: Telemetry) -> None:
        self.folder = folder
        self.telemetry = telemetry
        self.last = ""  # a word that only the newest prompt has
        self._text = " ".join(
            re.findall(r"\S+", "\n".join(path.read_text() for path in sorted(Path("docs").glob("*.md"))))
        )
        self._random = random.Random(1)
        self._number = itertools.count(1)
        self._ended: deque[tuple[float, Path]] = deque()
        folder.mkdir(parents=True)

    def words(self, size: int) -> str:
        """So many characters of text."""
        start = self._random.randrange(len(self._text) - size)
        return self._text[start : start + size]

    def tidy(self) -> None:
        """Delete transcripts of sessions that have ended a while ago, as the client does."""
        while self._ended and self._ended[0][0] < time.monotonic() - KEPT:
            self._ended.popleft()[1].unlink()

    def session(self) -> Iterator[dict[str, Any]]:
        """The hook events of one session; each transcript line is there before the event that goes with it."""
        id_ = str(uuid.uuid4())
        path = self.folder / f"{id_}.jsonl"
        with path.open("a", buffering=1) as file:

            def hook(name: str, **fields: Any) -> dict[str, Any]:
                return event(name, id_, **fields) | {"transcript_path": str(path)}

            yield hook("SessionStart", source="startup")
            for turn in range(TURNS):
                yield from self._turn(_Turn(file, id_), hook, turn)
            yield hook("SessionEnd", reason="other")
        self._ended.append((time.monotonic(), path))

    def _turn(self, turn: "_Turn", hook: Any, number: int) -> Iterator[dict[str, Any]]:
        word = f"asked{next(self._number)}"
        prompt = f"{word} {self.words(PROMPT)}"
        turn.line("user", prompt, promptId=turn.prompt)
        yield hook("UserPromptSubmit", prompt_id=turn.prompt, prompt=prompt)
        self.last = word
        for tool in range(TOOLS):
            name = ("Bash", "Read", "Edit", "Grep")[tool % 4]
            given = {"command": f"pytest -q {self.words(40)}", "file_path": turn.file}
            call = {"tool_name": name, "tool_input": given, "tool_use_id": f"toolu_{uuid.uuid4().hex}"}
            turn.asks(call)
            yield hook("PreToolUse", prompt_id=turn.prompt, **call)
            if (number + tool) % 10 == 0:
                yield hook("PermissionRequest", prompt_id=turn.prompt, **call)
            made = hook("PostToolUse", prompt_id=turn.prompt, **call, duration_ms=12, tool_response={"stdout": ""})
            made["tool_response"]["stdout"] = self.words(max(1, EVENT_BYTES - len(json.dumps(made))))
            turn.gets(call, made["tool_response"]["stdout"])
            yield made
        turn.answers(self.words(ANSWER))
        yield hook("Stop", prompt_id=turn.prompt)
        self.telemetry.tell(turn.spans, turn.records)


class _Turn:
    """One turn's lines, and what the client tells of it."""

    def __init__(self, file: Any, session: str) -> None:
        self._file = file
        self._session = session
        self.file = f"/home/u/shop/{session[:8]}.py"  # each works on a file of its own
        self.prompt = str(uuid.uuid4())
        self.spans: list[dict[str, Any]] = []
        self.records: list[dict[str, Any]] = []
        self._asked = time.time_ns()

    def line(self, kind: str, content: Any, message: dict[str, Any] | None = None, **fields: Any) -> None:
        line = {
            "type": kind,
            "uuid": str(uuid.uuid4()),
            "timestamp": iso(time.time()),
            "sessionId": self._session,
            "message": {"role": kind, "content": content, **(message or {})},
            **fields,
        }
        self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")

    def asks(self, call: dict[str, Any]) -> None:
        """The model wants a call."""
        block = {"type": "tool_use", "id": call["tool_use_id"], "name": call["tool_name"], "input": call["tool_input"]}
        self._model_call([block])
        at = time.time_ns()
        self._asked = at
        self._tell("hook_execution_complete", at, hook_name=f"PreToolUse:{call['tool_name']}", **_HOOKS)
        decided = {"tool_use_id": call["tool_use_id"], "decision": "accept", "source": "config"}
        self._tell("tool_decision", at, tool_name=call["tool_name"], **decided)

    def gets(self, call: dict[str, Any], result: str) -> None:
        """Its result."""
        about = {"type": "tool_result", "tool_use_id": call["tool_use_id"], "content": result, "is_error": False}
        self.line("user", [about], promptId=self.prompt)
        about = {"session.id": self._session, "gen_ai.tool.call.id": call["tool_use_id"]}
        self.spans.append({"name": "claude_code.tool.execution", "start": self._asked, "end": time.time_ns(), **about})
        self._tell("hook_execution_complete", time.time_ns(), hook_name=f"PostToolUse:{call['tool_name']}", **_HOOKS)

    def answers(self, text: str) -> None:
        """The last words of the turn."""
        self._model_call([{"type": "text", "text": text}])

    def _model_call(self, content: list[dict[str, Any]]) -> None:
        request = f"req_{uuid.uuid4().hex[:24]}"
        usage = {"input_tokens": 40, "output_tokens": 200, "cache_read_input_tokens": 20_000}
        about = {"id": f"msg_{uuid.uuid4().hex[:24]}", "model": MODEL, "stop_reason": "end_turn", "usage": usage}
        self.line("assistant", content, about, requestId=request)
        at = time.time_ns()
        told = {"session.id": self._session, "request_id": request, "attempt": "1", "ttft_ms": "420"}
        self.spans.append({"name": "claude_code.llm_request", "start": at - 10**9, "end": at, **told})

    def _tell(self, name: str, at: int, **fields: str) -> None:
        self.records.append({"event.name": name, "at": at, "session.id": self._session, **fields})


_HOOKS = {"num_hooks": "1", "total_duration_ms": "1.5"}
