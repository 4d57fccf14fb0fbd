"""The real client with a plugin, two MCP servers, subagents and a workflow, at the API and at Bedrock.

What the calls cost by what they were for, with what no transcript shows, is the client's own total (`cost-state`).
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import WasteKind
from hookspan.model.rows import Span
from hookspan.store import Reader, WasteQuery
from hookspan.web import accounts, schemas
from hookspan.web.queries import PageReader
from tests.claude.drivers import PrintSession
from tests.claude.installed import InstalledHome, flush
from tests.claude.model import Model, Tool, says
from tests.claude.scenarios.printed import WORKFLOW, agent
from tests.claude.test_providers import CLOUDS
from tests.waiting import PATIENCE, until

SERVER = Path(__file__).parent / "mcp_server.py"
SERVERS = ("tiny", "second", "idle")
CENT = 0.005
GREET = "mcp__plugin_shopkit_{}__greet"
ALLOWED = f"Bash Skill Agent Workflow {GREET.format('tiny')} {GREET.format('second')}"
MODE = ("--permission-mode", "acceptEdits", "--allowedTools", ALLOWED)
FILES = {
    ".claude-plugin/plugin.json": json.dumps({"name": "shopkit", "version": "1.0.0", "description": "Of a shop"}),
    "skills/hello/SKILL.md": "---\nname: hello\ndescription: Says hello\n---\nSay hello.\n",
    "commands/mend.md": "---\ndescription: Mends the cart\n---\nMend the cart now.\n",
    "agents/reviewer.md": "---\nname: reviewer\ndescription: Reviews\n---\nYou review.\n",
    ".mcp.json": json.dumps(
        {
            "mcpServers": {
                name: {"command": sys.executable, "args": [str(SERVER), name], "env": {"LISTED": f"${{LISTED}}/{name}"}}
                for name in SERVERS
            }
        }
    ),
}
FIRST = "use the skill"
SCRIPT = {
    FIRST: [
        says(Tool("Skill", {"skill": "shopkit:hello"})),
        says(Tool(GREET.format("tiny"), {"name": "Ada"})),
        says(Tool(GREET.format("second"), {"name": "Bo"})),
        says(agent("look at the cart", kind="shopkit:reviewer", run_in_background=False)),
        says("Hello."),
    ],
    "look at the cart": [says("Fine.")],
    "Mend the cart now": [says("Mended.")],
    "review it all": [says(Tool("Workflow", {"script": WORKFLOW})), says("They work.")],
    "review the cart": [says("Cart reviewed.")],
    "review the tax": [says("Tax reviewed.")],
    "weigh the findings": [says("All is well.")],
}
ACCOUNTS = {
    ("skill", "shopkit:hello"): 5,
    ("skill", "shopkit:mend"): 1,
    ("plugin", "shopkit"): 6,
    ("mcp_server", "plugin:shopkit:second"): 1,
    ("mcp_server", "plugin:shopkit:tiny"): 1,
    ("subagent", "shopkit:reviewer"): 1,
    ("subagent", "workflow-subagent"): 3,
    ("workflow", "review-cart"): 3,
}
"""Model calls by what they are for, in each session."""

pytestmark = [pytest.mark.need_npm, pytest.mark.need_cc]


class Listed(threading.Event):
    """The client has asked each server for its tools."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        folder.mkdir()

    def wait(self, timeout: float | None = None) -> bool:
        return until(lambda: set(os.listdir(self._folder)) == set(SERVERS), "the servers", timeout or PATIENCE)


def play(home: InstalledHome, plugin: Path, env: Mapping[str, str]) -> str:
    """One session of four runs; its id."""
    session = ""
    for prompt in (FIRST, "/shopkit:mend", "review it all", "/compact"):
        resumed = ("--resume", session) if session else ()
        done = PrintSession(home, prompt, "--plugin-dir", str(plugin), *MODE, *resumed, env=env).wait()
        assert done.code == 0, done
        session = json.loads(done.stdout)["session_id"]
    return session


def client_s_total(home: InstalledHome, session: str) -> float:
    (path,) = home.claude.glob(f"projects/*/{session}.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line["totalCostUSD"] for line in lines if line["type"] == "cost-state"][-1]


def by_account(home: InstalledHome, session: str) -> list[schemas.SourceCost]:
    found = accounts.Sources()
    with PageReader(home.paths).moment() as moment:
        for labels, cost, calls in moment.calls_by(session, tuple(accounts.SOURCES.values())):
            found.add(labels, cost, calls)
    return found.rows()


def plain(spans: list[Span]) -> float:
    """What calls cost that were for nothing in particular."""
    keys = {*accounts.SOURCES.values()} - {sc.GEN_AI_AGENT_NAME}
    own = [span for span in spans if span.attributes[sc.GEN_AI_AGENT_NAME] == "claude-code"]
    return sum(cost_of(span) for span in own if not keys & span.attributes.keys())


def cost_of(span: Span) -> Any:
    return span.attributes[sc.COST_USD]


def test_cost_by_account_adds_up_to_the_client_s_total():
    with Model("cost") as model, Model("cost_bedrock") as bedrock, InstalledHome(model.url) as home:
        folders = [home.root / f"listed{number}" for number in range(2)]
        for each, folder in zip((model, bedrock), folders, strict=True):
            first, *others = SCRIPT[FIRST]
            each.play({**SCRIPT, FIRST: [replace(first, gate=Listed(folder)), *others]})
        plugin = home.root / "shopkit"
        for name, text in FILES.items():
            (plugin / name).parent.mkdir(parents=True, exist_ok=True)
            (plugin / name).write_text(text)
        home.hookspan("up")
        variables, url = CLOUDS["BEDROCK"]
        clouds = ({}, {**variables, "CLAUDE_CODE_USE_BEDROCK": "1", url: bedrock.url})
        clouds = [env | {"LISTED": str(folder)} for env, folder in zip(clouds, folders, strict=True)]
        with ThreadPoolExecutor() as side_by_side:
            at_the_api, at_bedrock = side_by_side.map(lambda env: play(home, plugin, env), clouds)
        flush(home)
        reader = Reader(home.paths)
        until(lambda: all(row.ended for row in reader.sessions()), "the ends of both")
        rows = {row.id: row for row in reader.sessions()}
        table = []
        for session in (at_the_api, at_bedrock):
            row, found = rows[session], by_account(home, session)
            spans = reader.spans_of_session(session, hooks=False)
            chats = [span for span in spans if span.name.startswith("chat ")]
            total = client_s_total(home, session)
            assert {(one.kind, one.name): one.calls for one in found} == ACCOUNTS
            # A plugin's skills are all that it was for, and a workflow has agents of its own: these overlap nothing.
            apart = [one for one in found if one.kind in {"plugin", "workflow"}]
            parts = sum(one.cost for one in apart) + plain(chats)
            assert parts == pytest.approx(sum(map(cost_of, chats)), abs=1e-9)
            assert parts + row.residual_nano / 1e9 == pytest.approx(total, abs=1e-6)
            runs = [span.attributes[sc.COST_RESIDUAL_USD] for span in spans if span.name == "session"]
            assert sum(runs) == pytest.approx(row.residual_nano / 1e9)
            table += [f"{one.kind:<11} {one.name:<24} {one.calls:>3} {one.cost:.6f}" for one in found]
            table += [f"{'no account':<40} {plain(chats):.6f}", f"{'in no transcript':<40} {sum(runs):+.6f}"]
            table += [f"{'cost-state':<40} {total:.6f}", ""]
        metric = sum(one.value for one in reader.totals("hookspan.cost")["hookspan.cost"])
        api = rows[at_the_api]
        assert api.residual_nano > 0, "its summary is in no transcript"
        listed = sum(rows[session].cost_nano for session in rows) / 1e9
        unseen = accounts.unseen(reader.totals("hookspan.cost"))
        assert metric == pytest.approx(listed + unseen)
        assert unseen >= api.residual_nano / 1e9 - 1e-9
        waste = reader.waste(WasteQuery(), limit=100)
        assert {one.what for one in waste if one.kind == WasteKind.DEFINITIONS} == {"mcp_server:plugin_shopkit_idle"}
    print("\n".join(table))
