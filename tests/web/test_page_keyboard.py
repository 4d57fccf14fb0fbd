"""Every page by keyboard alone: Tab, Enter and arrows reach all that a mouse does, and one sees where one is."""

import re

import pytest
from playwright.sync_api import expect

from tests.web.browser import CLIPBOARD, Visitor, tab_to
from tests.web.site import Play, Site

pytestmark = pytest.mark.need_chromium


def test_first_use_demo_and_the_filter(site: Site, visitor: Visitor) -> None:
    page = visitor.visit(site)
    page.evaluate(CLIPBOARD)
    tab_to(page, "Copy the command hookspan install")
    page.keyboard.press("Enter")
    page.wait_for_function("window.copied === 'hookspan install'")
    tab_to(page, "Load demo data")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="1 session waits for you").wait_for()
    rows = page.locator("sessions-list li")
    expect(rows).to_have_count(3)
    tab_to(page, "Filter sessions")
    page.keyboard.type("payments")
    expect(rows).to_have_count(1)
    page.keyboard.press("Escape")
    expect(rows).to_have_count(3)
    tab_to(page, "Project")
    page.keyboard.press("ArrowDown")
    expect(page).to_have_url(re.compile("project="))
    expect(rows).to_have_count(1)
    page.keyboard.press("ArrowUp")
    tab_to(page, "State")
    page.keyboard.press("N")  # as it is called: more keys, and a second between two of them, would be other searches
    expect(page).to_have_url(re.compile("state=waiting"))
    expect(rows).to_have_count(1)
    tab_to(page, "Remove them")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Load demo data").wait_for()


def test_friction_and_health(site: Site, visitor: Visitor) -> None:
    play = Play()
    asked = [play.tool("npm test", asked=True) for _ in range(3)]
    site.append(play.start(), play.submit(), *[event for call in asked for event in call], play.stop())
    page = visitor.visit(site, "/friction")
    page.evaluate(CLIPBOARD)
    tab_to(page, "30 days")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("days=30"))
    expect(page.get_by_role("button", name="30 days")).to_have_attribute("aria-pressed", "true")
    tab_to(page, "Copy the rule Bash(npm test:*)")
    page.keyboard.press("Enter")
    page.wait_for_function("window.copied === 'Bash(npm test:*)'")
    tab_to(page, "Approved")  # the table, which scrolls
    tab_to(page, "By model")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("by=model"))
    tab_to(page, "Health")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Settings in force").wait_for()
    visitor.loaded(page)
    page.get_by_role("button", name="Copy the command hookspan doctor").wait_for()  # of the first round of checks
    tab_to(page, "Copy the command hookspan doctor")
    page.keyboard.press("Enter")
    page.wait_for_function("window.copied === 'hookspan doctor'")
    tab_to(page, "Find a setting")
    page.keyboard.type("journal.days")
    page.get_by_role("row", name="journal.days").wait_for()
    tab_to(page, "All (")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("settings=all"))
