"""A scripted model behind OpenAI's Responses API, and a witness: it notes every request with Codex's own words for it.

A script is {"conversation": [answer, ...]}. A request belongs to the conversation whose name stands in the prompt as
`[[name]]`; a compaction to "compact"; a title, which Codex asks for apart, is answered by itself. An answer:

    {"say": [text | {"tool": name, "input": arguments or text, "namespace"?: name}],
     "usage"?: [in, cached, out, reasoning], "wait"?: seconds, "error"?: HTTP status, "cut"?: the stream breaks off,
     "limited"?: seconds after which it may be asked again}

`{{REGEX}}` within an input stands for group 1 of its last match in the request: ids that Codex makes up; `"#{{..}}"` is
the same as a bare number.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

MARKER = re.compile(r"\[\[([\w-]+)\]\]")
_LATER = re.compile(r'"#\{\{(.*?)\}\}"|\{\{(.*?)\}\}')
OVER: dict[str, Any] = {"say": ["(the script is over)"]}
SHORT: dict[str, Any] = {"say": ["A short text."]}

Answer = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A request as the model saw it. `usage` is what it answered, None for a failure."""

    at: int
    conversation: str
    about: dict[str, Any]
    usage: list[int] | None


class Model:
    """One server for many scripts: each is known by its name as a part of the URL.

    HANDLER: how requests are answered; None for Codex's.
    """

    HANDLER: ClassVar[type[BaseHTTPRequestHandler] | None] = None

    def __init__(self) -> None:
        self._scripts: dict[str, dict[str, list[Answer]]] = {}
        self._next: dict[tuple[str, str], int] = {}
        self.asked: dict[str, list[Asked]] = {}
        self._lock = threading.Lock()

        handler = type("Scripted", (self.HANDLER or Handler,), {"scripted": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def add(self, name: str, script: dict[str, list[Answer]]) -> str:
        """The base URL under which this script is played."""
        with self._lock:
            self._scripts[name], self.asked[name] = script, []
        return f"http://127.0.0.1:{self.port}/{name}/v1"

    def close(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, name: str, body: dict[str, Any], raw: bytes, about: dict[str, Any]) -> tuple[str, int, Answer]:
        """The next answer of the conversation that a request is of."""
        script = self._scripts[name]
        tools = [each for each in body.get("input", []) if each.get("type") == "additional_tools"] or body.get("tools")
        said = json.dumps([each for each in body.get("input", []) if _is_users(each)])
        of = next((each for each in MARKER.findall(said) if each in script), "aux") if tools else "aux"
        of = "compact" if about.get("request_kind") == "compaction" else of
        with self._lock:
            index = self._next.get((name, of), 0)
            self._next[name, of] = index + 1
        answers = script.get(of, [])
        default = SHORT if of in {"aux", "compact"} else OVER
        answer = answers[index] if index < len(answers) else default
        usage = None if {"error", "cut", "limited"} & answer.keys() else usage_of(answer, of, index)
        with self._lock:
            self.asked[name].append(Asked(time.time_ns(), of, about, usage))
        return of, index, _filled(answer, raw)


def _is_users(item: dict[str, Any]) -> bool:
    return item.get("role") == "user" or item.get("type") == "agent_message"


def _filled(answer: Answer, raw: bytes) -> Answer:
    text = raw.decode().replace('\\"', '"')

    def found(match: re.Match[str]) -> str:
        pattern = json.loads(f'"{match[1] or match[2]}"')
        return str((re.findall(pattern, text) or ["0"])[-1])

    filled: Answer = json.loads(_LATER.sub(found, json.dumps(answer)))
    return filled


def usage_of(answer: Answer, name: str, index: int) -> list[int]:
    """Other numbers for each answer, so that one which is missing or doubled shows in the sums."""
    given: list[int] = answer.get("usage") or [
        1000 + 13 * index + sum(map(ord, name)) % 89,
        300 + 17 * index,
        50 + 23 * index,
        7 * index,
    ]
    return given


def events(answer: Answer, name: str, index: int, model: str) -> Iterator[dict[str, Any]]:
    """An answer as the API streams it."""
    response = f"resp_{name}{index:02d}"
    yield {"type": "response.created", "response": {"id": response, "model": model}}
    if seconds := answer.get("limited"):
        said = f"Rate limit reached for {model}. Please try again in {seconds}s."
        error = {"code": "rate_limit_exceeded", "message": said}
        yield {"type": "response.failed", "response": {"id": response, "status": "failed", "error": error}}
        return
    for number, said in enumerate(answer["say"]):
        place = f"{name}{index:02d}{number}"
        if isinstance(said, str):
            content = [{"type": "output_text", "text": said, "annotations": []}]
            item = {"type": "message", "role": "assistant", "id": f"msg_{place}", "content": content}
        elif isinstance(said["input"], str):
            item = {"type": "custom_tool_call", "id": f"ctc_{place}", "call_id": f"call_{place}", "name": said["tool"]}
            item["input"] = said["input"]
        else:
            item = {"type": "function_call", "id": f"fc_{place}", "call_id": f"call_{place}", "name": said["tool"]}
            item["arguments"] = json.dumps(said["input"])
            if "namespace" in said:
                item["namespace"] = said["namespace"]
        yield {"type": "response.output_item.done", "output_index": number, "item": {**item, "status": "completed"}}
    if answer.get("cut"):
        return
    whole, cached, output, reasoning = usage_of(answer, name, index)
    usage = {
        "input_tokens": whole,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": whole + output,
    }
    done = {"id": response, "object": "response", "status": "completed", "model": model, "output": [], "usage": usage}
    yield {"type": "response.completed", "response": done}


class Handler(BaseHTTPRequestHandler):
    """Codex's requests."""

    protocol_version = "HTTP/1.1"
    scripted: Model

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        found = self.path.split("?")[0].endswith("/models")
        self.send(200 if found else 404, {"object": "list", "data": [], "models": []} if found else {})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        path = self.path.split("?")[0]
        if not path.endswith("/responses"):
            self.send(404, {})
            return
        body = json.loads(raw)
        about = json.loads(self.headers.get("x-codex-turn-metadata") or "{}")
        name, index, answer = self.scripted.answer(path.split("/")[1], body, raw, about)
        time.sleep(answer.get("wait", 0))
        if "error" in answer:
            self.send(answer["error"], {"error": {"message": "scripted failure", "type": "scripted"}})
            return
        told = events(answer, name, index, body.get("model", ""))
        self.stream(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in told)

    def stream(self, lines: Iterable[str]) -> None:
        """Server-sent events."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # a client that was interrupted
            for line in lines:
                self.wfile.write(line.encode())
                self.wfile.flush()
        self.close_connection = True

    def send(self, status: int, body: dict[str, Any]) -> None:
        """JSON."""
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
