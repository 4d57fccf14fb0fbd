"""The raw log in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.waiting import until
from tests.web.browser import Visitor, sideways, violations
from tests.web.site import Play, Site

HOSTILE = "<script>alert(1)</script>\u202e'\"${7*7}"

pytestmark = pytest.mark.need_chromium


def lines(page: Page) -> list[str]:
    """What the drawn rows say of their calls."""
    return page.get_by_role("option").locator(".second").all_inner_texts()


def test_it_follows_pauses_searches_and_opens_a_line(site: Site, visitor: Visitor) -> None:
    play = Play()
    site.append(play.start(), play.submit("fix the cart"))
    for number in range(150):
        site.append(*play.tool(f"make part-{number}"), wait=False)
    site.append(*play.tool("make last"))
    page = visitor.visit(site, "/log")
    page.get_by_role("option", name="make last").last.wait_for()
    assert page.get_by_role("option").count() < 80  # of 300: only what can be seen is drawn
    site.append(*play.tool("npm test -- new"))
    expect(page.get_by_role("option", name="npm test -- new")).to_have_count(2)  # its beginning and its end
    page.keyboard.press("p")
    page.locator("raw-log .paused").wait_for()
    site.append(*play.tool("npm test -- paused"))
    page.get_by_text("Paused, 2 new").wait_for()
    assert "npm test -- paused" not in lines(page)
    page.keyboard.press("p")
    page.get_by_role("option", name="npm test -- paused").last.wait_for()
    page.keyboard.press("/")
    page.keyboard.type("part-3 PreToolUse")  # of the oldest page, which the search fetches by itself
    page.get_by_role("option", name="make part-39").wait_for()
    wanted = {f"make part-{number}" for number in (3, *range(30, 40))}
    until(lambda: set(lines(page)) == wanted, "not all of them are found, or others")
    page.get_by_role("listbox").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    page.get_by_role("complementary", name="The open line").get_by_text('"make part-38"').wait_for()
    expect(page).to_have_url(re.compile("record="))
    assert violations(page) == []
    visitor.reload(page)
    page.get_by_role("complementary", name="The open line").get_by_text('"make part-38"').wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("complementary").wait_for(state="detached")


def test_without_content_it_shows_events_alone(site: Site, visitor: Visitor) -> None:
    """A hostile name is text, and everything fits on a telephone."""
    assert site.machine.cli("config", "set", "content.local", "false").returncode == 0
    until(lambda: not site.get("/summary")["content"], "the setting is not in force")
    play = Play()
    site.append(play.start(), play.submit("secret words"), *play.tool("secret command", name=HOSTILE), play.stop())
    page = visitor.visit(site, "/log", width=360, height=740, dark=True)
    page.get_by_text("Hook events without their content").wait_for()
    page.get_by_role("option", name="UserPromptSubmit").wait_for()
    page.get_by_role("option", name="PostToolUse").click()
    page.get_by_role("complementary").get_by_text(HOSTILE).wait_for()
    assert "secret" not in page.locator("body").inner_text()
    assert sideways(page) == []
    assert violations(page) == []
