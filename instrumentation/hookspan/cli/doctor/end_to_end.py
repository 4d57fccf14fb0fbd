"""Whether an event gets through every stage: sends a marked session through the installed hook and looks for it."""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from hookspan.agent import fetch
from hookspan.agent.client import Client
from hookspan.cli.lifecycle.agent import kinds_sent
from hookspan.config import SIGNALS, Settings
from hookspan.errors import UserError
from hookspan.model.ids import trace_id
from hookspan.paths import Paths
from hookspan.setup import relay
from hookspan.store import Reader
from hookspan.units import counted
from hookspan.values import without_secrets
from hookspan.wire.fields import SYNTHETIC_KEY

HOOK_TIMEOUT: Final = 5.0  # seconds; what agents give a hook of ours
WAIT: Final = (
    30.0  # seconds to look for it in each place: Prometheus sees it after the Collector's and our own intervals
)
POLL: Final = 0.25
PROJECT: Final = "hookspan-doctor"  # what lists, page and counters show, so that no project of the user's has it
REQUEST_TIMEOUT: Final = 5.0


@dataclass(frozen=True, slots=True)
class Step:
    """One place: whether the session was found there, after how many seconds, and what to say about it."""

    name: str
    found: bool
    seconds: float
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Synthetic:
    """The session that is sent."""

    session: str
    prompt: str
    events: Sequence[dict[str, Any]]

    @classmethod
    def make(cls, paths: Paths) -> Synthetic:
        """A session with one turn that calls one tool, in a project of its own."""
        session, prompt = str(uuid.uuid4()), str(uuid.uuid4())
        call = {"tool_name": "Bash", "tool_use_id": f"toolu_{uuid.uuid4().hex}", "tool_input": {"command": "true"}}
        common = {"session_id": session, "transcript_path": "", "cwd": str(paths.state / PROJECT), SYNTHETIC_KEY: True}
        of_turn = {"prompt_id": prompt, "permission_mode": "default"}
        events: list[dict[str, Any]] = [
            {"hook_event_name": "SessionStart", "source": "startup"},
            {"hook_event_name": "UserPromptSubmit", "prompt": "hookspan doctor --end-to-end", **of_turn},
            {"hook_event_name": "PreToolUse", **of_turn, **call},
            {"hook_event_name": "PostToolUse", "duration_ms": 1, "tool_response": {"stdout": ""}, **of_turn, **call},
            {"hook_event_name": "Stop", "stop_hook_active": False, **of_turn},
            {"hook_event_name": "SessionEnd", "reason": "other"},
        ]
        return cls(session, prompt, [common | event for event in events])


def run(
    paths: Paths, settings: Settings, command: Sequence[str], *, jaeger: str | None, prometheus: str | None
) -> Iterator[Step]:
    """Each step as it is known; the later ones are left out when an earlier one shows that they can't succeed."""
    synthetic = Synthetic.make(paths)
    counted = None if prometheus is None else _try(lambda: _counted(prometheus))
    hooked = _hook(command, synthetic)
    yield hooked
    if not hooked.found:
        return
    stored = _store(paths, synthetic)
    yield stored
    if not stored.found:
        return
    if not settings.export.on:
        yield Step("export", True, 0.0, f"off: {settings.export.off}, so no backend is searched")
        return
    exported = _export(paths, settings)
    yield exported
    if settings.collector.health is not None:
        yield _collector(settings.collector.health)
    if not exported.found:
        return
    if jaeger is not None and settings.export.sends("traces"):
        yield _jaeger(jaeger, synthetic)
    if prometheus is not None and settings.export.sends("metrics"):
        yield _prometheus(prometheus, counted, len(synthetic.events))


def _hook(command: Sequence[str], synthetic: Synthetic) -> Step:
    """Run the hook as Claude Code does: exec form, the event on stdin, and it must print nothing."""
    began, longest = time.monotonic(), 0.0
    environment = os.environ | {
        "CLAUDE_CODE_SESSION_ID": synthetic.session,
        "CLAUDE_CODE_ENTRYPOINT": "hookspan-doctor",
    }
    for event in synthetic.events:
        started = time.monotonic()
        try:
            done = relay.run(command, json.dumps(event).encode(), timeout=HOOK_TIMEOUT, env=environment)
        except (OSError, subprocess.TimeoutExpired) as error:
            return Step("hook", False, time.monotonic() - began, f"`{command[0]}` fails: {error}", "`hookspan install`")
        longest = max(longest, time.monotonic() - started)
        if done.returncode or done.stdout or done.stderr:
            output = f"exit {done.returncode}, {counted(len(done.stdout) + len(done.stderr), 'bytes')} of output"
            return Step(
                "hook", False, time.monotonic() - began, f"`{command[0]}` disturbs the agent that runs it: {output}"
            )
    took = time.monotonic() - began
    played = counted(len(synthetic.events), "events")
    return Step("hook", True, took, f"{played}, the slowest process took {longest * 1000:.1f} ms")


def _store(paths: Paths, synthetic: Synthetic) -> Step:
    reader = Reader(paths)

    def look() -> str | None:
        spans = reader.spans_of_session(synthetic.session)
        tools = [span for span in spans if span.name == "execute_tool Bash"]
        hooks = [span for span in spans if span.hook]
        return counted(len(spans), "spans") if tools and len(hooks) == len(synthetic.events) else None

    try:
        return _until("store", look, "the agent does not read the journal", "`hookspan up`, then look into `agent.log`")
    finally:
        reader.close()


def _export(paths: Paths, settings: Settings) -> Step:
    began = time.monotonic()
    try:
        answer = Client(paths).request("flush", timeout=WAIT + REQUEST_TIMEOUT, wait=WAIT)
    except UserError as error:
        return Step("export", False, time.monotonic() - began, error.message, error.hint or "")
    took = time.monotonic() - began
    to = {signal: without_secrets(settings.export.endpoint_of(signal) or "") for signal in SIGNALS}
    if answer.get("exported"):
        sent = kinds_sent(answer)
        where = " and ".join(dict.fromkeys(to["traces" if kind == "spans" else "metrics"] for kind in sent))
        return Step("export", True, took, f"all {' and '.join(sent)} went to {where}")
    left = answer.get("spans_left") or 0
    waiting = f"{counted(left, 'spans') if left else 'metrics'} waiting for {to['traces' if left else 'metrics']}"
    return Step("export", False, took, waiting, "start the collector, or correct `export.endpoint`; nothing is lost")


def _collector(url: str) -> Step:
    return _until(
        "collector",
        lambda: f"{url} says that it is healthy" if _get(url) is not None else None,
        f"{url} does not answer",
        "",
    )


def _jaeger(url: str, synthetic: Synthetic) -> Step:
    """API v3, which outlives the older ones; the prompt's id is the trace's."""
    trace = trace_id(synthetic.prompt)

    def look() -> str | None:
        body = _get(f"{url.rstrip('/')}/api/v3/traces/{trace}")
        return f"trace {trace}" if body is not None and trace.encode() in body else None

    return _until("jaeger", look, f"no trace {trace} at {url}", "does the collector export traces to this Jaeger?")


def _prometheus(url: str, before: float | None, events: int) -> Step:
    def look() -> str | None:
        now = _counted(url)
        return f"{counted(round(now), 'hook events')} counted" if now >= (before or 0.0) + events else None

    message = f"`hookspan_hook_events_total` did not rise by {events} at {url}"
    return _until("prometheus", look, message, "does the collector export metrics to this Prometheus?")


def _counted(url: str) -> float:
    query = urlencode({"query": 'sum({__name__=~"hookspan[._]hook[._]events(_total)?"})'}, quote_via=quote)
    answer = _get(f"{url.rstrip('/')}/api/v1/query?{query}")
    result = json.loads(answer or b"{}").get("data", {}).get("result", [])
    return float(result[0]["value"][1]) if result else 0.0


def _until(name: str, look: Callable[[], str | None], otherwise: str, hint: str) -> Step:
    """Look until it is found, or `WAIT` is over."""
    began, problem = time.monotonic(), ""
    while True:
        try:
            message = look()
        except (OSError, ValueError) as error:
            message, problem = None, f" ({getattr(error, 'reason', error)})"
        took = time.monotonic() - began
        if message is not None:
            return Step(name, True, took, message)
        if took >= WAIT:
            return Step(name, False, took, otherwise + problem, hint)
        time.sleep(POLL)


def _try(ask: Callable[[], float]) -> float | None:
    try:
        return ask()
    except (OSError, ValueError):
        return None  # the search for it will say so


def _get(url: str) -> bytes | None:
    """The body of a 2xx answer; None for another answer. Raises OSError when there is none."""
    status, body = fetch.get(url, REQUEST_TIMEOUT)
    return body if 200 <= status < 300 else None  # noqa: PLR2004 - HTTP's own
