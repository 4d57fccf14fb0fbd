"""What the watchdog noticed, on the page."""

import re

import pytest
from playwright.sync_api import expect

from tests.web.browser import Visitor, resize, sideways, violations
from tests.web.site import Play, Site

pytestmark = pytest.mark.need_chromium


def test_a_loop_is_told_while_it_goes_on_and_leads_to_its_calls(site: Site, visitor: Visitor) -> None:
    play = Play()
    site.append(play.start(), play.submit("build it"), *(line for _ in range(11) for line in play.answer("make")))
    page = visitor.visit(site)
    told = page.get_by_text(re.compile(r"^\s*Repeated call:\s+11\s+calls\s+in\s"))
    told.wait_for()
    assert violations(page) == []
    resize(page, 320, 740)
    assert sideways(page) == []
    page.get_by_role("link", name="shop").first.click()
    told.wait_for()
    assert violations(page) == []
    assert sideways(page) == []
    page.get_by_role("link", name="Last call").click()
    page.locator("span-details").get_by_text("make").first.wait_for()
    page.go_back()
    site.append(*play.answer("make clean"))
    page.get_by_text(re.compile(r"^\s*\d\d:\d\d.*Repeated call:\s+11\s+calls\s+in\s")).wait_for()
    page.get_by_role("link", name="Sessions").first.click()
    page.get_by_text("1 session is working").wait_for()
    expect(told).to_have_count(0)
