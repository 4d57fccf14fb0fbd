"""Children's traces: a real test suite, run by the real client's Bash, below its call in the real Jaeger."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest

from hookspan.agent.client import Client
from tests.claude.drivers import PrintSession
from tests.claude.installed import InstalledHome, flush
from tests.claude.model import Model, says
from tests.claude.scenarios.printed import agent, bash
from tests.claude.stage import ALLOW
from tests.docs.walk import DOCS
from tests.otlp_decode import Span
from tests.stack.stack import Stack
from tests.waiting import PATIENCE, until

PROMPT, OF_AGENT = "fix the cart", "run the tests"
NATIVE, OURS, SUITE = "claude-code", "claude-code-hooks", "shop-tests"
OTLP_PORT = 4318
TESTS = """
def test_total():
    assert sum([1, 2]) == 3

def test_discount():
    assert sum([1, 2]) == 4, "token=hunter2hunter2"
"""
RECIPE = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.fixture
def home(stack: Stack) -> Iterator[InstalledHome]:
    settings = {"export.endpoint": stack.otlp_http, "dashboard.enabled": "true", "dashboard.port": "0"}
    with Model("children") as model, InstalledHome(model.url, settings=settings) as home:
        home.hookspan("install", "--yes", "--native-telemetry", "--children")
        until(lambda: home.hookspan("up"), "no agent comes up", timeout=5 * PATIENCE)
        recipe, _ = RECIPE.findall((DOCS / "children.md").read_text())
        (home.project / "conftest.py").write_text(recipe)
        (home.project / "test_cart.py").write_text(TESTS)
        model.play({
            PROMPT: [
                says(bash(suite(home), "error"), bash("true")),
                says(agent(OF_AGENT, run_in_background=False)),
                says("Done."),
            ],
            OF_AGENT: [says(bash(suite(home), "error")), says("One fails.")],
        })  # fmt: skip
        yield home


def suite(home: InstalledHome) -> str:
    """The command. Where another program has the SDKs' default port, the suite is told of another."""
    command = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -q -p no:cacheprovider"
    ports = Client(home.paths).request("status", timeout=PATIENCE)["receive"]["ports"]
    return command if OTLP_PORT in ports else f"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:{ports[0]} {command}"


@pytest.mark.need_npm
def test_a_test_suite_is_below_the_call_that_ran_it(stack: Stack, home: InstalledHome) -> None:
    ended = PrintSession(home, PROMPT, *ALLOW).wait()
    assert ended.code == 0, ended
    flush(home)
    events = home.events()
    session, prompt = events[0]["session_id"], next(e["prompt_id"] for e in events if e.get("prompt_id"))
    trace = prompt.replace("-", "")
    calls = [event for event in events if event["hook_event_name"] == "PreToolUse" and event["tool_name"] == "Bash"]
    ran = {call["tool_use_id"] for call in calls if "pytest" in call["tool_input"]["command"]}
    assert len(ran) == 2
    assert len(calls) == 3

    def below() -> bool:
        spans = stack.trace(trace)
        by_id = {span.span_id: span for span in spans}
        programs = [span for span in spans if span.resource["service.name"] == SUITE]
        assert sorted(span.name for span in programs) == sorted(["pytest", "test_discount", "test_total"] * 2)
        for span in programs:
            above = by_id[span.parent_id]
            assert above.name == ("execute_tool Bash" if span.name == "pytest" else "pytest")
            top = by_id[above.parent_id] if span.name != "pytest" else above
            call = top.attributes["gen_ai.tool.call.id"]
            assert call in ran
            assert span.attributes["hookspan.tool.call.id"] == call
            assert top.start <= span.start <= span.end
        (of_agent,) = (span for span in spans if span.name == "invoke_agent general-purpose")
        tops = [by_id[span.parent_id] for span in programs if span.name == "pytest"]
        assert sorted(top.parent_id == of_agent.span_id for top in tops) == [False, True]
        failed = [span for span in programs if span.name == "test_discount"]
        assert all(span.status == "error" for span in failed)
        assert {span.attributes["test.case.result.status"] for span in failed} == {"fail"}
        assert {span.attributes["exception.type"] for span in failed} == {"AssertionError"}
        return True

    stack.wait(below)

    # Once, and nowhere else: not as content, not in the client's own trace, which came by the same receiver.
    assert stack.search(SUITE, {"session.id": session}) == [trace]

    def of_the_client() -> list[Span]:
        found = [span for trace in stack.search(NATIVE, {"session.id": session}) for span in stack.trace(trace)]
        assert any(span.name == "claude_code.tool.execution" for span in found)
        return found

    told = stack.wait(of_the_client)
    assert {span.resource["service.name"] for span in told} == {NATIVE}
    assert "exception.message" not in {key for span in stack.trace(trace) for key in span.attributes}

    # The same on the command line, where content is shown, but no secret.
    lines = home.hookspan("trace").splitlines()
    at = [next(n for n, line in enumerate(lines) if name in line) for name in ("execute_tool Bash", "child pytest")]
    assert at == sorted(at)
    found = home.hookspan("search", "--spans", "child", "test.case.result.status", "fail", "--json")
    assert found.count("child test_discount") == 2
    assert "exception.message" in found
    assert "hunter2" not in found
