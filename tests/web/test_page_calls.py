"""The page calls who wants it when a session waits, also from a hidden tab."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.web import browser
from tests.web.browser import Visitor, violations
from tests.web.site import Play, Site

pytestmark = pytest.mark.need_notifications

RECORDED = """
window.shown = [];
window.Notification = class extends Notification {
  constructor(title, options) { super(title, options); window.shown.push([title, options.body]); }
};
"""

CODE = "**/lib/calls.js"
IS_CALLER = "async () => (await navigator.locks.query()).held.some(({ name }) => name === 'hookspan-calls')"

AWAY = """
Object.defineProperty(document, "hidden", { get: () => true });
document.dispatchEvent(new Event("visibilitychange"));
"""


@pytest.fixture(scope="module")
def chromium(no_browser: None) -> Iterator[Browser]:
    """The whole browser: the shell has no notifications."""
    with browser.chromium(programs=["chromium"]) as whole:
        yield whole


def open_now(site: Site, visitor: Visitor) -> Page:
    page = visitor.visit(site)
    page.context.grant_permissions(["notifications"], origin=site.url)
    page.add_init_script(RECORDED)
    visitor.reload(page)
    visitor.loaded(page)
    # Playwright lets every tab believe that it is in front, until it is told not to.
    page.context.new_cdp_session(page).send("Emulation.setFocusEmulationEnabled", {"enabled": False})
    return page


def test_it_calls_who_looks_elsewhere_when_a_session_begins_to_wait(site: Site, visitor: Visitor) -> None:
    first, second, third = Play(), Play(), Play()
    site.append(first.start(), first.submit("fix the cart"), *first.tool("make 0", asked=True)[:2])
    page = open_now(site, visitor)
    assert violations(page) == []
    page.get_by_role("button", name="Call me").click()
    expect(page.get_by_role("button", name="Call me")).to_have_count(0)
    page.wait_for_function(IS_CALLER)
    page.context.new_page().bring_to_front()
    page.wait_for_function("() => !document.hasFocus()")
    site.append(second.start(), second.submit("add a test"), *second.tool("npm test", asked=True)[:2])
    page.wait_for_function("() => window.shown.length === 1")
    page.evaluate(AWAY)  # no headless browser hides a tab
    site.append(third.start(), third.submit("add a page"), *third.tool("npm start", name="Read", asked=True)[:2])
    page.wait_for_function("() => window.shown.length === 2")
    assert page.evaluate("() => window.shown") == [
        ["shop waits for you", "It asks about Bash."],
        ["shop waits for you", "It asks about Read."],
    ]
    expect(page).to_have_title("(3) waiting · hookspan")
    fourth = Play()
    site.append(fourth.start(), fourth.submit("build it"), *(line for _ in range(10) for line in fourth.answer("make")))
    page.wait_for_function("() => window.shown.length === 3")
    assert page.evaluate("() => window.shown[2]") == ["shop gets nowhere", "Repeated call"]


def test_it_calls_also_where_its_code_came_after_the_sessions(site: Site, visitor: Visitor) -> None:
    first, second = Play(), Play()
    site.append(first.start(), first.submit("fix the cart"), *first.tool("make 0", asked=True)[:2])
    page = open_now(site, visitor)
    page.evaluate("() => localStorage.setItem('hookspan-calls', 'on')")
    held: list[Route] = []
    page.route(CODE, lambda route: held.append(route))  # noqa: PLW0108 - Playwright refuses a built-in
    with page.expect_request(CODE):
        visitor.reload(page)
    expect(page).to_have_title("(1) waiting · hookspan")
    browser.release(page, CODE, held)
    page.wait_for_function(IS_CALLER)
    page.evaluate(AWAY)
    site.append(second.start(), second.submit("add a test"), *second.tool("npm test", asked=True)[:2])
    page.wait_for_function("() => window.shown.length === 1")


def test_it_asks_once(site: Site, visitor: Visitor) -> None:
    play = Play()
    site.append(play.start(), play.submit("fix the cart"))
    page = open_now(site, visitor)
    page.get_by_role("button", name="No", exact=True).click()
    visitor.reload(page)
    visitor.loaded(page)
    expect(page.get_by_role("button", name="Call me")).to_have_count(0)
    site.append(*play.tool("npm test", asked=True)[:2])
    expect(page).to_have_title("(1) waiting · hookspan")
    assert page.evaluate("() => window.shown") == []
