"""The health page in a real browser."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.web.browser import Visitor, sideways, violations
from tests.web.site import Play, Site

pytestmark = pytest.mark.need_chromium

WELL = re.compile("No problem found, but not all is known|One check needs attention: resources")
"""The machine's memory and disk are not the test's."""


def test_checks_history_pipeline_and_settings(make_site: Callable[..., Site], visitor: Visitor) -> None:
    site = make_site(cache_ttl=7, settings="[monitor]\ninterval = 1\n")
    play = Play()
    site.append(play.start(), play.submit(), play.stop())
    page = visitor.visit(site, "/health")
    page.get_by_role("heading", name=WELL).wait_for()
    page.get_by_text("o coding agent has a hook of hookspan's").wait_for()
    page.get_by_role("button", name="Copy the command hookspan doctor").wait_for()
    page.get_by_role("img", name="Store's answer").wait_for()
    page.wait_for_function("() => deep(deep(document, 'history-chart')?.shadowRoot ?? document, 'canvas')?.width > 100")
    page.get_by_role("heading", name="Export off").wait_for()
    page.get_by_role("row", name="dashboard.cache_ttl 7").get_by_text(str(site.machine.paths.config)).wait_for()
    page.get_by_role("searchbox", name="Find a setting").fill("journal days")
    page.get_by_role("row", name="journal.days").get_by_text("default").wait_for()
    expect(page).to_have_url(f"{site.url}/health?q=journal+days")
    assert violations(page) == []


def test_it_says_that_the_agent_is_away_and_goes_on_when_it_is_back(site: Site, visitor: Visitor) -> None:
    page = visitor.visit(site, "/health", width=360, height=740, dark=True)
    page.wait_for_function("() => customElements.get('raw-log')")  # loaded ahead, the last of all
    visitor.agent_may_be_away = True
    site.machine.down()
    page.get_by_role("heading", name="The agent does not answer").wait_for()
    page.get_by_role("alert").get_by_text("hookspan up").wait_for()
    expect(page).to_have_title("(offline) Health · hookspan")
    assert sideways(page) == []
    assert violations(page) == []
    for name in ("Friction", "Log", "Health"):
        page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True).click()
        page.get_by_role("heading", name="Raw log" if name == "Log" else name, exact=True).wait_for()
    site.machine.up()
    page.get_by_role("heading", name=WELL).wait_for()
    expect(page).to_have_title("Health · hookspan")  # what is fetched may be there before the stream is
    expect(page.get_by_role("alert")).to_have_count(0)
