"""The whole path, nothing made up: the real client with hookspan installed, the real Collector, Jaeger, Prometheus."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.claude import native
from tests.claude.drivers import Home, PrintSession
from tests.claude.model import Model, Tool, says
from tests.claude.scenarios.printed import agent, bash
from tests.otlp_sink import Sink

HOOKSPAN = str(Path(sys.executable).with_name("hookspan"))
PROMPT = "fix the cart"
ALLOW = ("--permission-mode", "acceptEdits", "--allowedTools", "Bash Read Agent", "--output-format", "json")
PATIENCE = 60


@pytest.fixture
def native_sink():
    with Sink() as sink:
        yield sink


@pytest.fixture
def home(native_sink):
    with Model("path") as model, Home(model.url, env=native.environment(native_sink.url)) as home:
        home.model = model
        yield home
        hookspan(home, "down", check=False)


def hookspan(home: Home, *args: str, check: bool = True) -> str:
    """Run the command line as the home's user would."""
    env = {**home.env, "HOOKSPAN_HOME": str(home.root / "hs")}
    done = subprocess.run([HOOKSPAN, *args], env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.need_npm
def test_a_real_session_is_found_in_jaeger_and_prometheus(stack, home, native_sink):
    hookspan(home, "config", "set", "export.endpoint", stack.otlp_http)
    hookspan(home, "config", "set", "dashboard.enabled", "false")
    hookspan(home, "install", "--yes")
    home.model.play(
        {
            PROMPT: [
                says("Looking.", bash("ls"), Tool("Read", {"file_path": str(home.project / "cart.py")})),
                says(bash("exit 3", "error")),
                says(agent("review the cart")),
                says("Fixed."),
            ],
            "review the cart": [says(bash("echo reviewed")), says("Reviewed.", delay=0.3)],
        }
    )
    began = time.time()
    ended = PrintSession(home, PROMPT, *ALLOW).wait()
    assert ended.code == 0, ended
    assert json.loads(ended.stdout)["result"]

    records = [json.loads(line) for line in (home.root / "hs/state/journal/current.jsonl").read_bytes().splitlines()]
    events = [record["event"] for record in records if record.get("kind", "event") == "event"]
    session = events[0]["session_id"]
    prompts = {event["prompt_id"] for event in events if event["hook_event_name"] == "UserPromptSubmit"}
    assert len(prompts) == 2, "the user's, and the notification of the agent's end"
    hookspan(home, "flush", "--wait", "20s")

    # One trace per turn, under the prompt's own id.
    spans = {}
    for prompt in prompts:
        trace_id = prompt.replace("-", "")

        def turn(trace_id=trace_id):
            found = stack.trace(trace_id)
            assert [span for span in found if span.name == "invoke_agent claude-code"], trace_id
            return found

        for span in stack.wait(turn):
            spans[span.span_id] = span
    assert set(prompts) == {s.attributes["prompt.id"] for s in spans.values() if s.name == "invoke_agent claude-code"}

    # One tool span for each call that had a PreToolUse, in the trace that started it.
    calls = {event["tool_use_id"] for event in events if event["hook_event_name"] == "PreToolUse"}
    tools = [span for span in spans.values() if span.name.startswith("execute_tool")]
    assert sorted(span.attributes["gen_ai.tool.call.id"] for span in tools) == sorted(calls)
    assert Counter(span.attributes["hookspan.outcome"] for span in tools) == {"success": 4, "error": 1}

    # One hook span for each hook in the journal, and as many as the client itself counts.
    session_trace = stack.wait(lambda: stack.trace(session.replace("-", "")))
    everything = {**spans, **{span.span_id: span for span in session_trace}}
    hooks = Counter(span.attributes["hook.event"] for span in everything.values() if span.name.startswith("hook "))
    assert hooks == Counter(event["hook_event_name"] for event in events)
    client = native.read(native_sink).hooks
    assert {name: hooks[name] for name in client} == dict(client)

    # Found as a person would search.
    assert set(stack.search("claude-code-hooks", tags={"session.id": session})) >= {p.replace("-", "") for p in prompts}

    instance = session_trace[0].resource["service.instance.id"]

    def counted():
        series = stack.query(f'sum(hookspan_hook_events_total{{instance="{instance}"}})')
        assert [sample.value for sample in series] == [len(events)]
        return True

    stack.wait(counted)
    exemplars = stack.wait(lambda: stack.exemplars("hookspan_tool_duration_seconds_bucket"))
    known = {span.trace_id for span in tools}
    assert {exemplar.trace_id for exemplar in exemplars} & known
    assert began < time.time()
