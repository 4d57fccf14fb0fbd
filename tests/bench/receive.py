"""What the receiver takes, and what it costs: `.venv/bin/python -m tests.bench.receive [--write docs/receive.md]`.

10,000 spans a second for a minute, in the SDK's batches of 512 over one connection, as Claude Code's own and as a
child's; the endpoint refuses all of it for a third of the time. Beside it ten hooks a second, with and without the
load: how long each event takes from its relay to the store. Then the real client's exit: a receiver that answers,
one that is stopped, one that is held (SIGSTOP), and one that answers after three seconds.
"""

import argparse
import contextlib
import http.client
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from hookspan.agent.client import Client
from hookspan.sandbox import Sandbox, sandbox
from tests.otlp_sink import PROTOBUF, Sink

RATE = 10_000  # spans a second
BATCH = 512  # spans a request, as SDKs have it
SECONDS = 60
HOOKS = 10  # a second
ATTRIBUTES = 8  # of a span, as instrumented code has them
PATIENCE = 120.0
SCOPES = {"Claude Code's own": "com.anthropic.claude_code.tracing", "a child's": "opentelemetry.instrumentation.pytest"}


def batch(scope: str) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    part = request.resource_spans.add().scope_spans.add()
    part.scope.name = scope
    trace = random.randbytes(16)
    for number in range(BATCH):
        span = part.spans.add(
            trace_id=trace,
            span_id=random.randbytes(8),
            parent_span_id=trace[:8],
            name="GET /carts",
            start_time_unix_nano=time.time_ns(),
            end_time_unix_nano=time.time_ns() + number,
        )
        for attribute in range(ATTRIBUTES):
            span.attributes.add(key=f"http.attribute.{attribute}").value.string_value = f"value {number} of {attribute}"
    return request


def send(port: int, scope: str, seconds: float) -> tuple[int, list[float], int]:
    """So many spans were answered, each request's time in seconds, and how many were refused."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    pause, answered, refused, times = BATCH / RATE, 0, 0, []
    prepared = [batch(scope).SerializeToString() for _ in range(20)]
    due = began = time.monotonic()
    number = 0
    while due < began + seconds:
        time.sleep(max(0.0, due - time.monotonic()))
        due += pause
        body = fresh(prepared[number % len(prepared)], number)
        number += 1
        sent = time.monotonic()
        connection.request("POST", "/v1/traces", body, {"Content-Type": PROTOBUF})
        answer = connection.getresponse()
        answer.read()
        times.append(time.monotonic() - sent)
        if answer.status == http.HTTPStatus.OK:
            answered += BATCH
        else:
            refused += BATCH
    return answered, times, refused


def fresh(body: bytes, number: int) -> bytes:
    """The same batch with other ids, without the cost of making it."""
    request = ExportTraceServiceRequest.FromString(body)
    for index, span in enumerate(request.resource_spans[0].scope_spans[0].spans):
        span.span_id = (number * BATCH + index + 1).to_bytes(8, "big")
    return request.SerializeToString()


@contextlib.contextmanager
def hooking(home: Sandbox) -> Iterator[list[float]]:
    """Hook events at a pace; seconds from each relay's start until the event was committed."""
    delays: list[float] = []
    stop = threading.Event()
    session = str(uuid.uuid4())

    def run() -> None:
        while not stop.is_set():
            call = {"tool_name": "Bash", "tool_input": {"command": "true"}, "tool_use_id": f"toolu_{uuid.uuid4().hex}"}
            event = {"hook_event_name": "PreToolUse", "session_id": session, "cwd": "/", "prompt_id": session, **call}
            subprocess.run(home.relay, input=json.dumps(event).encode(), env=home.env, check=True)
            delays.append(float(Client(home.paths).request("status")["ingest"]["delay_seconds"]))
            stop.wait(1 / HOOKS)

    thread = threading.Thread(target=run)
    thread.start()
    yield delays
    stop.set()
    thread.join()


@contextlib.contextmanager
def endpoint() -> Iterator[str]:
    """A sink in a process of its own; the address of its control port is the same."""
    command, pipe = [sys.executable, "-m", "tests.otlp_sink", "--control"], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as sink:
        assert sink.stdout is not None
        try:
            yield next(word for word in sink.stdout.readline().split() if word.startswith("http"))
        finally:
            sink.terminate()


def ask(url: str, path: str, body: object = None) -> object:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=PATIENCE)
    connection.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body))
    data = connection.getresponse().read()
    connection.close()
    return json.loads(data) if data else None


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def load(rows: list[tuple[str, str, str]]) -> None:
    """A minute of spans of each kind, with the endpoint away for a third of it."""
    for kind, scope in SCOPES.items():
        with (
            endpoint() as url,
            sandbox(
                "receive",
                {
                    "RECEIVE_ENABLED": "true",
                    "EXPORT_ENDPOINT": url,
                    "EXPORT_METRICS": "false",
                    "EXPORT_TRACES": "false",
                    "DASHBOARD_ENABLED": "false",
                },
            ) as home,
        ):
            home.cli("up")
            port = status(home)["receive"]["ports"][0]
            agent = psutil.Process(status(home)["agent"]["pid"])
            with hooking(home) as quiet:
                time.sleep(SECONDS / 6)
            memory = [agent.memory_info().rss]
            outage = threading.Timer(SECONDS / 3, lambda: ask(url, "/control/fault", {"status": 503}))
            healed = threading.Timer(2 * SECONDS / 3, lambda: ask(url, "/control/heal", {}))
            before = agent.cpu_times()
            outage.start()
            healed.start()
            with hooking(home) as busy, watching(agent, memory):
                answered, times, refused = send(port, scope, SECONDS)
            used = agent.cpu_times()
            cpu = (used.user + used.system - before.user - before.system) / SECONDS
            lost = "not forwarded"
            if scope.startswith("com.anthropic"):
                deadline = time.monotonic() + PATIENCE
                while (came := ask(url, "/control/stats"))["distinct_spans"] < answered and time.monotonic() < deadline:  # type: ignore[index]
                    time.sleep(0.2)
                lost = f"{answered - came['distinct_spans']:,} of {answered:,}"  # type: ignore[index]
            rows += [
                (
                    f"spans of {kind}, answered a second",
                    f"at least {RATE:,}" if RATE else "",
                    f"{answered / SECONDS:,.0f}",
                ),
                (f"{kind}: refused", "0", f"{refused:,}"),
                (f"{kind}: answered and not at the endpoint", "0", lost),
                (
                    f"{kind}: until the answer, p50 / p99",
                    "",
                    f"{ms(percentile(times, 0.5))} / {ms(percentile(times, 0.99))}",
                ),
                (f"{kind}: the agent's memory before / at most", "", f"{memory[0] >> 20} / {max(memory) >> 20} MB"),
                (f"{kind}: the agent's processor time, of one", "", f"{cpu:.0%}"),
                (
                    f"{kind}: a hook's event until it is in the store, p50 / p95: quiet, under this load",
                    "",
                    " / ".join(ms(percentile(quiet, share)) for share in (0.5, 0.95))
                    + ", "
                    + " / ".join(ms(percentile(busy, share)) for share in (0.5, 0.95)),
                ),
            ]


def status(home: Sandbox) -> dict[str, object]:
    return dict(Client(home.paths).request("status"))


@contextlib.contextmanager
def watching(agent: psutil.Process, memory: list[int]) -> Iterator[None]:
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.2):
            memory.append(agent.memory_info().rss)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    stop.set()
    thread.join()


RUNS = 5
SLOW = 3.0  # seconds


def exits(rows: list[tuple[str, str, str]]) -> None:
    """The time from the client's result on its output to its end, by what becomes of its telemetry."""
    from tests.claude.model import Model, says  # noqa: PLC0415 - needs the client, which the load does not

    with Model("receive") as model:
        model.play({PROMPT: [says("Done.")]})
        with Sink() as slow:
            slow.fault(delay=SLOW)
            rows += [
                (f"client's exit, {what}", bar, " / ".join(ms(one) for one in found))
                for what, bar, found in _exits(model.url, slow.url)
            ]


PROMPT = "say done"


def _exits(model: str, slow: str) -> Iterator[tuple[str, str, tuple[float, float]]]:
    from tests.claude import native  # noqa: PLC0415
    from tests.claude.installed import InstalledHome, down  # noqa: PLC0415

    with InstalledHome(model, settings={"receive.enabled": "true"}) as home:
        yield "no telemetry", "", _times(home, {})
        home.hookspan("up")
        report = Client(home.paths).request("status")
        url, pid = report["receive"]["url"], report["agent"]["pid"]
        env = native.environment(url) | dict.fromkeys(
            ("OTEL_METRIC_EXPORT_INTERVAL", "OTEL_LOGS_EXPORT_INTERVAL", "OTEL_TRACES_EXPORT_INTERVAL"), "60000"
        )
        yield "receiver answers", "0.5 s more at most", _times(home, env)
        os.kill(pid, signal.SIGSTOP)
        yield "agent held (SIGSTOP)", "", _times(home, env)
        os.kill(pid, signal.SIGCONT)
        yield (
            f"another endpoint, which answers after {SLOW:g} s",
            "",
            _times(home, env | {"OTEL_EXPORTER_OTLP_ENDPOINT": slow}),
        )
        down(home)
        yield "agent stopped (`hookspan down`)", "", _times(home, env)


def _times(home: Any, env: dict[str, str]) -> tuple[float, float]:
    """Median and longest of RUNS."""
    from tests.claude import client  # noqa: PLC0415

    found = []
    for _ in range(RUNS):
        command = [str(client.executable()), "-p", PROMPT, "--output-format", "json"]
        with subprocess.Popen(
            command, cwd=home.project, env={**home.env, **env}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            told = time.monotonic()
            process.wait()
            found.append(time.monotonic() - told)
    return statistics.median(found), max(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put what was measured into this page")
    parser.add_argument("--only", choices=("load", "exits"), help="a part of it")
    options = parser.parse_args()
    began, rows = os.getloadavg()[0], []
    parts: dict[str, Callable[[list[tuple[str, str, str]]], None]] = {"load": load, "exits": exits}
    for name, part in parts.items():
        if options.only in {None, name}:
            part(rows)
    loads = sorted((began, os.getloadavg()[0]))
    text = (
        f"`python -m tests.bench.receive --write docs/receive.md` wrote what follows, on a machine of {os.cpu_count()} "
        f"processors that also ran the senders and the endpoint (load {loads[0]:.1f} to {loads[1]:.1f}).\n\n"
        "| what | bar | measured |\n|---|---|---|\n"
    ) + "".join(f"| {what} | {bar} | {found} |\n" for what, bar, found in rows)
    print(text)
    if options.write:
        new, count = PLACE.subn(lambda place: f"{place[1]}{text}{place[2]}", options.write.read_text())
        assert count == 1, f"{options.write} has no place for what was measured"
        options.write.write_text(new)


PLACE = re.compile(r"(<!-- measured: receive -->\n).*?(\n?<!-- /measured -->)", re.DOTALL)

if __name__ == "__main__":
    main()
