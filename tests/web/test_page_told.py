"""What Claude Code's own telemetry told of a session, on the page."""

import os
import time

import pytest
from playwright.sync_api import expect

from hookspan.wire import encode
from hookspan.wire.facts import ClientTold
from hookspan.wire.told import CallDecided, CallTimed, HookRegistered, HooksRan
from tests.web.browser import Visitor, drawn, resize, sideways, violations
from tests.web.site import Play, Site
from tests.web.test_page_agents import codex

pytestmark = pytest.mark.need_chromium
MS = 1_000_000


def test_what_hooks_cost_and_who_decided_is_shown_where_it_is_looked_for(site: Site, visitor: Visitor) -> None:
    play = Play()
    pre, post = play.tool("make")
    site.append(play.start(), play.submit("build it"), pre, post, play.stop())
    now, call = time.time_ns(), str(pre["tool_use_id"])
    fact = ClientTold(
        at=now,
        key="told:1",
        session=play.session,
        hooks=[HooksRan("PreToolUse:Bash", now, 1500 * MS, 2, 1), HooksRan("Stop", now, 3 * MS, 1)],
        registered=[
            HookRegistered("PreToolUse", "userSettings", "", 2),
            HookRegistered("Stop", "pluginHook", "shopkit"),
        ],
        decisions=[CallDecided(call, now, "accept", "user_temporary", "", "default")],
        calls=[CallTimed(call, "execution", now - 40 * MS, now - 10 * MS)],
    )
    page = visitor.visit(site, f"/sessions/{play.session}")
    site.append(encode(fact))
    row = page.get_by_role("row", name="PreToolUse:Bash 1 2 1 1.5 s 1.5 s 1.5 s")
    row.wait_for()
    page.get_by_text("Where they come from").click()
    expect(page.locator("session-told").get_by_text("plugin shopkit")).to_be_visible()
    drawn(page)
    assert violations(page) == []
    page.get_by_role("tree").or_(page.locator("span-waterfall")).get_by_text("Bash").first.click()
    said = page.locator("span-told")
    said.get_by_role("row", name="by user_temporary").wait_for()
    said.get_by_role("row", name="permission mode default").wait_for()
    expect(said.get_by_role("row", name="ran")).to_contain_text("30 ms")
    drawn(page)
    assert violations(page) == []
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/told.png", full_page=True)
    resize(page, 360, 740)
    assert sideways(page) == []


def test_it_is_asked_for_once_a_session_and_not_at_all_where_nobody_tells(site: Site, visitor: Visitor) -> None:
    play = Play()
    tools = [event for command in ("make", "make test", "make install") for event in play.tool(command)]
    site.append(play.start(), play.submit("build it"), *tools, play.stop())
    codex(site)
    site.settle()  # what happens is a reason to ask again
    (other,) = site.get("/sessions", agent="codex")["sessions"]
    page = visitor.visit(site)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/told") else None)
    for session, spans, most in ((other["id"], 1, 0), (play.session, 3, 2)):
        asked.clear()
        visitor.go(page, f"{site.url}/sessions/{session}")
        for number in range(1, spans + 1):
            span = page.locator("span-waterfall").get_by_role("treeitem").nth(number)
            span.click()
            expect(span).to_have_attribute("aria-selected", "true")
        drawn(page)
        assert len(asked) <= most


def test_nothing_is_shown_where_nothing_was_told(site: Site, visitor: Visitor) -> None:
    play = Play()
    site.append(play.start(), play.submit("build it"), *play.tool("make"), play.stop())
    page = visitor.visit(site, f"/sessions/{play.session}")
    page.locator("span-waterfall").get_by_text("Bash").first.click()
    page.locator("span-details").get_by_role("heading", name="Attributes").wait_for()
    drawn(page)
    expect(page.get_by_text("What hooks cost")).to_have_count(0)
    expect(page.get_by_text("Claude Code says")).to_have_count(0)
