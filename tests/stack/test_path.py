"""The whole path, nothing made up: the real client with hookspan installed, the real Collector, Jaeger, Prometheus."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.claude import native
from tests.claude.drivers import PrintSession
from tests.claude.installed import InstalledHome
from tests.claude.model import Model, Tool, says
from tests.claude.scenarios.printed import agent, bash
from tests.otlp_sink import Sink
from tests.waiting import PATIENCE, until

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
    ended = PrintSession(home, PROMPT, *ALLOW).wait()
    assert ended.code == 0, ended
    assert json.loads(ended.stdout)["result"]

    events = home.events()
    session = events[0]["session_id"]
    prompts = {event["prompt_id"] for event in events if event["hook_event_name"] == "UserPromptSubmit"}
    assert len(prompts) == 2, "the user's, and the notification of the agent's end"
    home.hookspan("flush", "--wait", "60s")
    calls = {event["tool_use_id"] for event in events if event["hook_event_name"] == "PreToolUse"}

    def everything():
        # One trace per turn, under the prompt's own id.
        spans = {span.span_id: span for prompt in prompts for span in stack.trace(prompt.replace("-", ""))}
        turns = [span for span in spans.values() if span.name == "invoke_agent claude-code"]
        assert prompts == {span.attributes["prompt.id"] for span in turns}

        # One tool span for each call that had a PreToolUse, in the trace that started it.
        tools = [span for span in spans.values() if span.name.startswith("execute_tool")]
        assert sorted(span.attributes["gen_ai.tool.call.id"] for span in tools) == sorted(calls)
        assert Counter(span.attributes["hookspan.outcome"] for span in tools) == {"success": 4, "error": 1}

        # One hook span for each hook in the journal, and as many as the client itself counts.
        spans |= {span.span_id: span for span in stack.trace(session.replace("-", ""))}
        hooks = Counter(span.attributes["hook.event"] for span in spans.values() if span.name.startswith("hook "))
        assert hooks == Counter(event["hook_event_name"] for event in events)
        client = native.read(native_sink).hooks
        assert {name: hooks[name] for name in client} == dict(client)

        # Found as a person would search.
        found = stack.search("claude-code-hooks", tags={"session.id": session})
        assert set(found) >= {prompt.replace("-", "") for prompt in prompts}
        return list(spans.values())

    spans = stack.wait(everything)
    instance = spans[0].resource["service.instance.id"]

    def counted():
        series = stack.query(f'sum(hookspan_hook_events_total{{instance="{instance}"}})')
        assert [sample.value for sample in series] == [len(events)]
        return True

    stack.wait(counted)
    known = {span.trace_id for span in spans if span.name.startswith("execute_tool")}
    stack.wait(lambda: {one.trace_id for one in stack.exemplars("hookspan_tool_duration_seconds")} & known)


@pytest.mark.need_npm
def test_doctor_finds_its_session_at_every_stage(stack, home):
    home.hookspan("config", "set", "collector.health", stack.health)
    where = ["--jaeger", stack.jaeger.url, "--prometheus", stack.prometheus.url]
    # It looks for half a minute in each place: a busy machine is asked again.
    words = ("doctor", "--end-to-end", "--json", *where)
    told = json.loads(until(lambda: home.hookspan(*words), "not at every stage", timeout=5 * PATIENCE))
    found = {stage["name"]: stage for stage in told["end_to_end"]}
    assert {"store", "collector", "jaeger", "prometheus"} <= {name.lower() for name in found}, found
    assert {name for name, stage in found.items() if not stage["found"]} == set(), found
