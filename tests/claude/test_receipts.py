"""The real client commits in a real repository: loudly, quietly, amending, by subagents and in other work trees."""

from __future__ import annotations

import json

import pytest

from tests.claude.drivers import PrintSession
from tests.claude.installed import InstalledHome, flush
from tests.claude.model import Model, says
from tests.claude.scenarios.printed import agent, bash
from tests.claude.stage import ALLOW
from tests.waiting import until

pytestmark = [pytest.mark.need_npm, pytest.mark.need_cc]

PROMPT = "fix the cart"
SIDE = "../side"
SCRIPT = {
    PROMPT: [
        says("I look first.", bash("cat cart.py")),
        says(bash("git switch -c fix && echo '# 1' >> cart.py && git commit -am 'Fix the cart'")),
        says(bash("echo '# 2' >> cart.py && git commit -qam 'Fix it quietly'")),
        says(bash("echo '# 3' >> cart.py && git commit -qam 'Fix it badly'")),
        says(bash("echo '# 4' >> cart.py && git commit -a --amend -m 'Fix it well'")),
        says(agent("fix the tax", run_in_background=False)),
        says(
            bash(
                f"git worktree add -q -b side {SIDE} && cd {SIDE} && touch side.py && git add . && git commit -qm Side"
            )
        ),
        says(agent("fix the rest", run_in_background=False, isolation="worktree")),
        says("Fixed."),
    ],
    "fix the tax": [
        says(bash("cat cart.py")),
        says(bash("echo 6 > tax.py && git add . && git commit -m Tax")),
        says("Done."),
    ],
    "fix the rest": [says(bash("echo 7 > rest.py && git add . && git commit -m Rest")), says("Done.")],
}
CALLS = {"Fix the cart": 2, "Fix it quietly": 1, "Fix it well": 2, "Tax": 3, "Side": 2, "Rest": 1}
"""Model calls by subject: those of the main agent until its commit, and of a subagent until its own.

That of a subagent's last answer goes where its session's work goes next.
"""


def test_the_real_client_s_commits_have_their_receipts():
    with Model("receipts") as model, InstalledHome(model.url) as home:
        model.play(SCRIPT)
        (home.home / ".gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.com\n")
        home.hookspan("up")
        done = PrintSession(home, PROMPT, *ALLOW).wait()
        assert done.code == 0, done
        (path,) = home.claude.glob(f"projects/*/{json.loads(done.stdout)['session_id']}.jsonl")
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        (*_, total) = [line["totalCostUSD"] for line in lines if line["type"] == "cost-state"]
        until(lambda: all(row.ended for row in home.sessions()), "the session's end")
        found = {}

        def settled() -> bool:
            found.update(json.loads(home.hookspan("receipt", "--all", "--json", cwd=home.project)))
            return {one["subject"]: one["calls"] for one in found["receipts"] if one["calls"]} == CALLS

        flush(home)
        until(settled, "its commits")
        print([(one["subject"], one["branch"], one["calls"]) for one in found["receipts"]], found["no_commit"]["calls"])
        assert found["total"]["nano_usd"] == round(total * 1e9), "the client's own total, to the nano-dollar"
