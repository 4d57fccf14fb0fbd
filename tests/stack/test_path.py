"""The whole path, nothing made up: the real client with hookspan installed, the real Collector, Jaeger, Prometheus."""

from __future__ import annotations

import json
import time
from collections import Counter

import pytest

from tests.claude import native
from tests.claude.drivers import PrintSession
from tests.claude.installed import InstalledHome
from tests.claude.model import Model, Tool, says
from tests.claude.scenarios.printed import agent, bash
from tests.otlp_sink import Sink

PROMPT = "fix the cart"
ALLOW = ("--permission-mode", "acceptEdits", "--allowedTools", "Bash Read Agent", "--output-format", "json")


@pytest.fixture
def native_sink():
    with Sink() as sink:
        yield sink


@pytest.fixture
def home(stack, native_sink):
    settings = {"export.endpoint": stack.otlp_http}
    with (
        Model("path") as model,
        InstalledHome(model.url, env=native.environment(native_sink.url), settings=settings) as home,
    ):
        home.model = model
        yield home


@pytest.mark.need_npm
def test_a_real_session_is_found_in_jaeger_and_prometheus(stack, home, native_sink):
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

    events = home.events()
    session = events[0]["session_id"]
    prompts = {event["prompt_id"] for event in events if event["hook_event_name"] == "UserPromptSubmit"}
    assert len(prompts) == 2, "the user's, and the notification of the agent's end"
    home.hookspan("flush", "--wait", "20s")

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
    exemplars = stack.wait(lambda: stack.exemplars("hookspan_tool_duration_seconds"))
    known = {span.trace_id for span in tools}
    assert {exemplar.trace_id for exemplar in exemplars} & known
    assert began < time.time()


@pytest.mark.need_npm
def test_doctor_finds_its_session_at_every_stage(stack, home):
    home.hookspan("config", "set", "collector.health", stack.health)
    where = ["--jaeger", stack.jaeger.url, "--prometheus", stack.prometheus.url]
    told = json.loads(home.hookspan("doctor", "--end-to-end", "--json", *where))
    found = {stage["name"]: stage for stage in told["end_to_end"]}
    assert {"store", "collector", "jaeger", "prometheus"} <= {name.lower() for name in found}, found
    assert {name for name, stage in found.items() if not stage["found"]} == set(), found
