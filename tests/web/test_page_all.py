"""What every page must be: usable by all, in any window, and safe whatever the agents' texts are."""

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser import Visitor, sideways, violations
from tests.web.player import Player
from tests.web.site import Site

pytestmark = pytest.mark.need_chromium

HOSTILE = "<img src=x onerror=\"window.caught='text'\">\"'><script>window.caught='script'</script>{{7*7}}`${7*7}`"
PAGES = ["/", "/sessions/{fans_out}", "/sessions/{ended}?turn=1&q=Bash", "/friction", "/health", "/log", "/nowhere"]


def pick(page: Page) -> None:
    """Open the details of what the page lists, where it has such."""
    rows = page.locator("span-waterfall [role=treeitem]")
    if rows.count() > 1:
        rows.nth(1).click()
        expect(page.locator("span-details")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(morning: tuple[Site, dict[str, str]], visitor: Visitor, *, dark: bool) -> None:
    site, shown = morning
    found = {}
    for path in PAGES:
        page = visitor.visit(site, path.format(**shown), dark=dark, reduced_motion=True)
        pick(page)
        found[path] = violations(page)
        page.close()
    page = visitor.visit(site, dark=dark, reduced_motion=True)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()
    found["the palette"] = violations(page)
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_axe_finds_nothing_on_an_empty_page(site: Site, visitor: Visitor) -> None:
    assert violations(visitor.visit(site)) == []


@pytest.mark.parametrize(("width", "zoom"), [(360, 1.0), (1280, 2.0), (1280, 4.0)])
def test_no_page_scrolls_sideways(
    morning: tuple[Site, dict[str, str]], visitor: Visitor, width: int, zoom: float
) -> None:
    """360 px, 200 % and what WCAG asks of reflow, 400 % of 1280 px."""
    site, shown = morning
    wide = {}
    for path in PAGES:
        page = visitor.visit(site, path.format(**shown), width=width, zoom=zoom)
        pick(page)
        wide[path] = sideways(page)
        page.close()
    assert {path: what for path, what in wide.items() if what} == {}


def test_texts_are_never_more_than_text(site: Site, visitor: Visitor) -> None:
    session = Player(site.machine.paths, site.machine.home, site.machine.env).hostile(HOSTILE)
    site.append()
    said: list[str] = []
    for path in ["/", f"/sessions/{session}", f"/sessions/{session}?view=all&q={HOSTILE}", "/friction", "/log"]:
        page = visitor.visit(site, path)
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        pick(page)
        page.keyboard.press("Control+k")
        expect(page.get_by_role("dialog")).to_be_visible()
        assert page.evaluate("() => [window.caught ?? null, !!deep(document, 'img')]") == [None, False], path
        assert path == "/friction" or "onerror" in page.evaluate("() => text(document)"), path
        page.close()
    assert said == []


def test_nothing_moves_for_those_who_asked_for_that(morning: tuple[Site, dict[str, str]], visitor: Visitor) -> None:
    site, shown = morning
    for path in ("/", f"/sessions/{shown['fans_out']}"):
        assert visitor.visit(site, path).evaluate("() => moving(document)") > 0
        assert visitor.visit(site, path, reduced_motion=True).evaluate("() => moving(document)") == 0
