"""The real client misses its cache for reasons that we provoke: each is named, priced and counted.

The scripted model keeps a cache as the API does, so that the usage tells the truth.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import CacheCause
from hookspan.model.rows import Span
from hookspan.store import Reader
from tests.claude.cache import PromptCache
from tests.claude.drivers import POLL, InteractiveSession, PrintSession
from tests.claude.installed import InstalledHome
from tests.claude.model import Model, Tool, says
from tests.claude.scenarios.printed import agent, bash
from tests.claude.stage import ALLOW
from tests.waiting import until

SERVER = Path(__file__).parent / "mcp_server.py"
LISTED = "listed"
TOOLS = ["-mcp__tiny__ask", "-mcp__tiny__greet"]
PROMPTS = ("mend the cart", "mend the tax", "mend the docs", "mend the tests", "mend the rest")
CONFIRM = "Enter to confirm"
COMMANDS = (
    ("/model sonnet", "Set model to"),
    ("/effort low", "Set effort level to"),
    ("/mcp disable tiny", "Turned off MCP server"),
    ("/compact", "Compacted"),
)
ANSWERS = (says(bash("ls")), says("Mended."))
LATER = 310  # seconds: the API keeps a prompt for 300
LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
PROVOKED = [CacheCause.MODEL, CacheCause.EFFORT, CacheCause.TOOLS, CacheCause.COMPACTION]

pytestmark = [pytest.mark.need_npm, pytest.mark.need_cc]


@pytest.fixture
def model():
    with Model("cache") as model:
        model.cache = PromptCache()
        model.play(dict.fromkeys(PROMPTS, ANSWERS))
        yield model


@pytest.fixture
def home(model):
    with InstalledHome(model.url, env={"ENABLE_TOOL_SEARCH": "false"}) as home:
        env = {"LISTED": str(home.project.parent / LISTED)}
        config = {"mcpServers": {"tiny": {"command": sys.executable, "args": [str(SERVER)], "env": env}}}
        (home.project / ".mcp.json").write_text(json.dumps(config))
        home.settings(enableAllProjectMcpServers=True)
        home.hookspan("up")
        yield home


def chats(home: InstalledHome) -> list[Span]:
    reader = Reader(home.paths)
    spans = [span for row in reader.sessions() for span in reader.spans_of_session(row.id, hooks=False)]
    return [span for span in spans if span.name.startswith("chat ")]


def assert_named(home: InstalledHome, model: Model) -> None:
    """Each provoked miss has its event on the first call after it, and its tokens and price are counted."""
    until(lambda: len(chats(home)) == len(ANSWERS) * len(PROMPTS), "all calls")
    missed = [(span, event) for span in chats(home) for event in span.events]
    assert [event.attributes[sc.CACHE_CAUSE] for _, event in missed] == PROVOKED
    assert [event.attributes.get(sc.CACHE_TOOLS, []) for _, event in missed] == [[], [], TOOLS, []]
    asked = {call.message_id: call.usage for call in model.calls}
    for span, event in missed:
        usage = asked[span.attributes[sc.GEN_AI_RESPONSE_ID]]
        assert 0 < event.attributes[sc.CACHE_RECACHED] <= usage.cache_creation_input_tokens
        assert 0 < event.attributes[sc.CACHE_COST_USD] < span.attributes[sc.COST_USD]
        assert event.at == span.start
    names = {"hookspan.cache.recached": sc.CACHE_RECACHED, "hookspan.cache.recached.cost": sc.CACHE_COST_USD}
    totals = Reader(home.paths).totals(*names)
    for name, key in names.items():
        counted = {dict(total.attributes)[sc.CACHE_CAUSE]: total.value for total in totals[name]}
        assert counted == {e.attributes[sc.CACHE_CAUSE]: pytest.approx(e.attributes[key]) for _, e in missed}


def test_in_print_mode(home, model):
    def run(prompt: str, *args: str) -> None:
        assert PrintSession(home, prompt, *ALLOW, *args).wait().code == 0

    off = ("--settings", json.dumps({"deniedMcpServers": [{"serverName": "tiny"}]}))
    run(PROMPTS[0], "--model", "opus")
    run(PROMPTS[1], "--continue", "--model", "sonnet")
    run(PROMPTS[2], "--continue", "--model", "sonnet", "--effort", "low")
    run(PROMPTS[3], "--continue", "--model", "sonnet", "--effort", "low", *off)
    run("/compact", "--continue", "--model", "sonnet", "--effort", "low", *off)
    run(PROMPTS[4], "--continue", "--model", "sonnet", "--effort", "low", *off)
    assert_named(home, model)


@pytest.mark.need_faketime
def test_a_subagent_s_and_that_of_idleness(home, model):
    """A server's new tool is offered to the subagent that works, and then to who started it; minutes later all is gone.

    The client that comes later has a clock that is ahead.
    """
    grows = Tool("mcp__tiny__greet", {"name": "more"})
    model.play(
        {
            PROMPTS[0]: [says(agent("look at the cart", run_in_background=False)), says("Mended.")],
            "look at the cart": [says(bash("ls")), says(grows), says("Seen.")],
        }
    )
    allowed = ("--permission-mode", "acceptEdits", "--allowedTools", "Bash Agent mcp__tiny__greet")
    assert PrintSession(home, PROMPTS[0], *allowed).wait().code == 0
    model.cache.pass_time(LATER)
    ahead = {"LD_PRELOAD": str(LIBRARY), "FAKETIME": f"+{LATER}s", "DONT_FAKE_MONOTONIC": "1"}
    assert PrintSession(home, PROMPTS[1], *allowed, "--continue", env=ahead).wait().code == 0
    until(lambda: len(chats(home)) == len(model.calls), "all calls")
    by = {call.message_id: call.conversation for call in model.calls}
    missed = [(by[span.attributes[sc.GEN_AI_RESPONSE_ID]], e.attributes) for span in chats(home) for e in span.events]
    assert [(conversation, told[sc.CACHE_CAUSE], told.get(sc.CACHE_TOOLS, [])) for conversation, told in missed] == [
        ("look at the cart", CacheCause.TOOLS, ["+mcp__tiny__more"]),
        (PROMPTS[0], CacheCause.TOOLS, ["+mcp__tiny__more"]),
        (PROMPTS[1], CacheCause.IDLE, []),
    ]


@pytest.mark.need_tmux
def test_in_a_terminal(home, model):
    arguments = ("--permission-mode", "acceptEdits", "--allowedTools", "Bash", "--model", "opus")
    with InteractiveSession(home, *arguments) as session:
        session.wait_for("accept edits on")
        until((home.project.parent / LISTED).exists, "the server's tools would come with the second request")

        def stops() -> int:
            return sum(event["hook_event_name"] == "Stop" for event in home.events())

        def run(command: str, done: str) -> None:
            session.submit(command)
            until(lambda: any(words in session.screen() for words in (CONFIRM, done)), command, poll=POLL)
            if CONFIRM in session.screen():
                session.press("Enter", lambda: CONFIRM not in session.screen())
            session.wait_for(done)

        def ask(prompt: str) -> None:
            before = stops()
            session.submit(prompt)
            until(lambda: model.asked(prompt) == len(ANSWERS), prompt)
            until(lambda: stops() == before + 1, f"the turn's end: {prompt}")

        ask(PROMPTS[0])
        for (command, done), prompt in zip(COMMANDS, PROMPTS[1:], strict=True):
            run(command, done)
            ask(prompt)
        session.exit()
    assert_named(home, model)
