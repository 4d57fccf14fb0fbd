"""Claude Code's own telemetry beside ours: the real client after `install --native-telemetry`, and the real stack."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.logs import DECISION
from tests.claude.drivers import PrintSession
from tests.claude.installed import InstalledHome
from tests.claude.model import Model, says
from tests.claude.scenarios.printed import bash
from tests.stack import programs
from tests.stack.stack import Stack
from tests.stack.test_stack import total
from tests.waiting import PATIENCE, until

PROMPT = "fix the cart"
NOT_OF_THE_DAY = 'user_id!="played-day"'
SLOW = 0.3  # s that a hook of the user's takes
OURS, NATIVE = "claude-code-hooks", "claude-code"


@pytest.fixture
def home(stack: Stack) -> Iterator[InstalledHome]:
    with (
        Model("native") as model,
        InstalledHome(model.url, settings={"export.endpoint": stack.otlp_http, "export.logs": "true"}) as home,
    ):
        model.play({PROMPT: [says(bash("ls")), says(bash("pwd", "more")), says("Done.")]})
        home.hookspan("install", "--yes", "--native-telemetry")
        # Log records are of what comes after it is known that they are wanted.
        until(lambda: home.hookspan("up"), "no agent comes up", timeout=5 * PATIENCE)
        home.hook(["/bin/sleep", str(SLOW)], ["Stop"])
        yield home


@pytest.mark.need_npm
def test_what_every_hook_costs_and_how_the_two_join(stack: Stack, home: InstalledHome):
    tells = {"CLAUDE_CODE_PROPAGATE_TRACEPARENT": "1"}  # its hooks the span of the interaction
    ended = PrintSession(home, PROMPT, "--allowedTools", "Bash", env=tells).wait()
    assert ended.code == 0, ended
    home.hookspan("flush", "--wait", "60s")
    events = home.events()
    session, prompt = events[0]["session_id"], next(e["prompt_id"] for e in events if e.get("prompt_id"))
    calls = sorted(event["tool_use_id"] for event in events if event["hook_event_name"] == "PreToolUse")

    # Two services in one Jaeger, never mixed, which have the session and every tool call in common.
    def joined() -> bool:
        assert stack.search(OURS, {"session.id": session})
        assert stack.search(NATIVE, {"session.id": session})
        (ours,) = (trace for trace in stack.search(OURS, {"session.id": session}) if trace == prompt.replace("-", ""))
        (theirs,) = stack.search(NATIVE, {"session.id": session})
        for service, trace, name in ((OURS, ours, "execute_tool Bash"), (NATIVE, theirs, "claude_code.tool")):
            spans = stack.trace(trace)
            assert {span.resource["service.name"] for span in spans} == {service}
            found = sorted(span.attributes["gen_ai.tool.call.id"] for span in spans if span.name == name)
            assert found == calls, service
        turns = [span for span in stack.trace(ours) if span.name == "invoke_agent claude-code"]
        begun = [span for span in stack.trace(theirs) if span.name == "claude_code.interaction"]
        linked = {(link.trace_id, link.span_id) for turn in turns for link in turn.links}
        assert linked == {(span.trace_id, span.span_id) for span in begun}
        assert len(linked) == 1
        for call in calls:
            tags = {"gen_ai.tool.call.id": call}
            assert [stack.search(service, tags) for service in (OURS, NATIVE)] == [[ours], [theirs]]
        return True

    stack.wait(joined)

    # What it cost is counted from the first report of the first session on, and no session is a series.
    spent = f'claude_code_cost_usage_USD_total{{session_id="", {NOT_OF_THE_DAY}}}'
    stack.wait(lambda: any(sample.value > 0 for sample in stack.query(f"sum(increase({spent}[1h]))")))
    assert not stack.query('{__name__=~"claude_code_.*", session_id!=""}')

    # What hooks cost, by event and matcher: where only ours ran, and where a slow one ran beside it.
    def cost(kind: str, event: str, hooks: int) -> float:
        labels = f'job="{NATIVE}", host_name="", hook_event="{event}", num_hooks="{hooks}"'  # the played day has a host
        return total(stack, f"claude_code_hook_{kind}_total{{{labels}}}")

    def counted() -> bool:
        assert cost("runs", "PreToolUse", 1) >= len(calls)
        assert cost("time_seconds", "Stop", 2) >= SLOW
        return True

    stack.wait(counted)

    # The panel that shows it has both.
    board = json.loads((programs.ROOT / "dashboards/grafana/dashboards/pipeline.json").read_text())
    (panel,) = (panel for panel in board["panels"] if panel["title"] == "What does each hook cost?")
    expr = next(target["expr"] for target in panel["targets"] if "0.95" in target["expr"]).replace("$__range", "1h")
    stack.wait(lambda: {"PreToolUse:Bash", "Stop"} <= {sample.labels["hook_name"] for sample in stack.query(expr)})

    # And its log events are in the store: each has the prompt that is our trace, and the trace of its own span.
    def kept() -> bool:
        found = stack.logs(f'"session.id":="{session}" "service.name":="{NATIVE}"')
        (theirs,) = stack.search(NATIVE, {"session.id": session})
        prompts = {record["prompt.id"] for record in found if record.get("prompt.id")}
        assert {trace for record in found if (trace := record.get("trace_id"))} == {theirs}
        assert prompts == {prompt}
        assert {"tool_decision", "hook_execution_complete"} <= {record["event.name"] for record in found}
        assert PROMPT not in json.dumps(found), "its own default tells only how long a prompt is"
        # Who let calls run, as it says itself and as ours say: the same calls, and the same source.
        its = {one["tool_use_id"]: one["source"] for one in found if one["event.name"] == "tool_decision"}
        ours = stack.logs(f'event_name:="{DECISION.name}" "session.id":="{session}"')
        assert {one[sc.TOOL_CALL_ID]: one[sc.DECISION_SOURCE] for one in ours} == its
        assert sorted(its) == calls
        return True

    stack.wait(kept)
