"""Several coding agents on one page: which one it was is told, and one can be had alone; of one nothing is said."""

import json
import re
import time

import pytest
from playwright.sync_api import expect

from tests.waiting import until
from tests.web.browser import Visitor, resize, sideways, violations
from tests.web.player import SESSIONS
from tests.web.site import Play, Site, append

pytestmark = pytest.mark.need_chromium


def codex(site: Site) -> None:
    """A recorded session of Codex, as if it had ended now."""
    lines = (SESSIONS / "codex_dialogs" / "journal.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    later = time.time_ns() - records[-1]["at"]
    append(site.machine, *(json.dumps(record | {"at": record["at"] + later}).encode() for record in records))
    site.append()


def test_which_agent_it_was_is_told_as_soon_as_there_are_two(site: Site, visitor: Visitor) -> None:
    play = Play()
    site.append(play.start(), play.submit("fix the cart"), *play.tool("npm test", asked=True), play.stop())
    page = visitor.visit(site)
    rows, choice = page.locator("sessions-list li"), page.get_by_label("Agent")
    expect(rows).to_have_count(1)
    expect(choice).to_have_count(0)
    expect(rows).not_to_contain_text("claude-code")

    codex(site)
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="claude-code")).to_have_count(1)
    expect(choice).to_be_visible()
    choice.select_option("codex")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(re.compile(r"agent=codex"))
    rows.locator("a").first.click()
    expect(page.locator("session-header .tag", has_text="codex")).to_be_visible()
    resume = page.locator("copy-button", has_text="Copy resume command")
    assert str(resume.evaluate("button => button.text")).startswith("codex resume 01")

    for path, alone in (
        ("/search?what=spans&agent=codex", page.locator("search-page li")),
        ("/cost?by=agent", page.locator("cost-page tbody tr", has_text="codex")),
        ("/friction?agent=codex", page.get_by_label("Agent")),
        ("/receipts?agent=codex", page.get_by_label("Agent")),
    ):
        visitor.go(page, site.url + path)
        expect(alone.first).to_be_visible()
        resize(page, 320, 700)
        assert sideways(page) == [], path
        assert violations(page) == []
        resize(page, 1280, 900)

    api = {agent: site.get("/friction", agent=agent)["asked"] for agent in ("codex", "claude-code")}
    assert [sum(one["count"] for one in asked) for asked in api.values()] == [2, 1]
    assert sum(one["count"] for one in site.get("/friction")["asked"]) == 3
    assert {one["agent"] for one in site.get("/search", what="spans", agent="codex")["items"]} == {"codex"}
    found = until(lambda: site.get("/search", agent="codex")["items"], "its messages are not taken in")
    assert {one["agent"] for one in found} == {"codex"}
    assert site.get("/sessions", agent="codex")["agents"] == ["claude-code", "codex"]
    costs = {row["name"]: row["calls"] for row in site.get("/cost", by="agent")["rows"]}
    assert costs["codex"] == site.get("/cost", agent="codex")["total"]["calls"] > 0
