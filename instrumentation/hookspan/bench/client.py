"""What hooks cost in the real client: sessions without any, with hooks that do nothing, and with ours, side by side.

The client talks to a small server that plays the model, so a session costs neither money nor a network. It sends its
own telemetry there too: `hook_execution_complete` says what it measured for every event's hooks, and its transcript
says it for Stop's.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from hookspan.clients.claude_code.handlers import all_hooks
from hookspan.errors import UserError
from hookspan.sandbox import Sandbox, sandbox

ANSWERS: Final = 12  # of the model, each with CALLS tool calls that do nothing
CALLS: Final = 2
TIMEOUT: Final = 120.0  # seconds that one session may take
NO_OP: Final = "/bin/true"
PROMPT: Final = "Do nothing, often."


@dataclass
class Variant:
    """Sessions with the same hooks: how long each took (seconds), and what the client says of them."""

    name: str
    hooks: Mapping[str, Any]
    walls: list[float] = field(default_factory=list)
    hook_ms: list[float] = field(default_factory=list)  # one for every event whose hooks ran
    stop_ms: list[float] = field(default_factory=list)


def measure(claude: Path, sessions: int) -> list[Variant]:
    """Play so many sessions of each variant, in turns."""
    with sandbox("bench") as home, _server() as server:
        home.cli("up")
        variants = [
            Variant("no hooks", {}),
            Variant("no-op hooks", all_hooks([NO_OP])),
            Variant("hookspan", all_hooks(home.relay)),
        ]
        folder = home.folder / "project"
        folder.mkdir()
        for variant in variants:  # the first start of a client writes files that later ones find
            _session(claude, home, server, variant)
            for figures in (variant.walls, variant.hook_ms, variant.stop_ms):
                figures.clear()
        for number in range(sessions):
            for place in range(len(variants)):
                _session(claude, home, server, variants[(number + place) % len(variants)])
    return variants


def per_hook(variant: Variant, without: Variant) -> float:
    """Milliseconds that one hook added to a session's length: the median difference of neighbours in time."""
    added = [mine - other for mine, other in zip(variant.walls, without.walls, strict=True)]
    return statistics.median(added) * 1000 * len(variant.walls) / len(variant.hook_ms)


def _session(claude: Path, home: Sandbox, server: _Server, variant: Variant) -> None:
    settings = home.folder / ".claude" / "settings.json"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(json.dumps(variant.hooks))
    server.logs.clear()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    env = {
        "HOME": str(home.folder),
        "PATH": "/usr/bin:/bin",
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "sk-dummy",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
    }
    command = [str(claude), "-p", PROMPT, "--allowedTools", "Bash", "--output-format", "json"]
    began = time.monotonic()
    done = subprocess.run(
        command, env=env, cwd=home.folder / "project", capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    wall = time.monotonic() - began
    if done.returncode:
        raise UserError(f"`{claude}` exited {done.returncode}: {(done.stderr or done.stdout).strip()[-300:]}")
    variant.walls.append(wall)
    variant.hook_ms += [_number(log["total_duration_ms"]) for log in server.logs]
    variant.stop_ms += _stop_times(home, json.loads(done.stdout)["session_id"])


def _stop_times(home: Sandbox, session: str) -> Iterator[float]:
    """What the transcript says that Stop's hooks took."""
    for file in (home.folder / ".claude" / "projects").glob(f"*/{session}.jsonl"):
        for line in map(json.loads, file.read_bytes().splitlines()):
            if line.get("subtype") == "stop_hook_summary":
                yield from (float(hook["durationMs"]) for hook in line["hookInfos"] if "durationMs" in hook)


def _number(value: object) -> float:
    return float(str(value))


# --- The model, and the endpoint of the client's own telemetry


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.logs: list[dict[str, Any]] = []  # attributes of each hook_execution_complete

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has ended leaves its connections."""


@contextlib.contextmanager
def _server() -> Iterator[_Server]:
    with _Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, *_: object) -> None:
        """Silent."""

    def do_HEAD(self) -> None:
        """The client asks whether it reaches the model."""
        self._send(200, "application/json", b"")

    def do_POST(self) -> None:
        """A question to the model, or telemetry."""
        request = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if self.path.startswith("/v1/messages") and request.get("stream"):
            events = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in _answer(request))
            self._send(200, "text/event-stream", events.encode())
        elif self.path == "/v1/logs":
            self.server.logs += _hook_logs(request)
            self._send(200, "application/json", b"{}")
        else:
            self._send(404, "application/json", b"{}")

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _hook_logs(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in request.get("resourceLogs", ()):
        for scope in resource.get("scopeLogs", ()):
            for record in scope.get("logRecords", ()):
                attributes = {
                    attribute["key"]: next(iter(attribute["value"].values()), None)
                    for attribute in record["attributes"]
                }
                if attributes.get("event.name") == "hook_execution_complete":
                    yield attributes


def _answer(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The next answer of a model that calls tools ANSWERS times and then ends the turn."""
    number = sum(message["role"] == "assistant" for message in request["messages"])
    calls = CALLS if request.get("tools") and number < ANSWERS else 0
    usage = {"input_tokens": 100, "output_tokens": 10}
    message = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": request["model"], "content": []}
    yield {"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None, "usage": usage}}
    for index, (block, delta) in enumerate(_blocks(number, calls)):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    reason = "tool_use" if calls else "end_turn"
    yield {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}
    yield {"type": "message_stop"}


def _blocks(number: int, calls: int) -> Sequence[tuple[dict[str, Any], dict[str, str]]]:
    if not calls:
        return [({"type": "text", "text": ""}, {"type": "text_delta", "text": "Done."})]
    given = {"type": "input_json_delta", "partial_json": json.dumps({"command": "true", "description": "Nothing"})}
    ids = (f"toolu_{time.time_ns():x}_{number}_{place}" for place in range(calls))
    return [({"type": "tool_use", "id": id_, "name": "Bash", "input": {}}, given) for id_ in ids]
