"""What every page must be: usable by all, in any window, and safe whatever the agents' texts are."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser import COLOURS, Visitor, out_of_reach, resize, sideways, violations
from tests.web.player import Player
from tests.web.site import Play, Site

pytestmark = pytest.mark.need_chromium

HOSTILE = "<img src=x onerror=\"window.caught='text'\">\"'><script>window.caught='script'</script>{{7*7}}`${7*7}`"
PAGES = [
    "/",
    "/sessions/{fans_out}",
    "/sessions/{ended}?turn=1&q=Bash",
    "/search?q=cart",
    "/friction",
    "/health",
    "/log",
    "/nowhere",
]

BOARDS = Path(__file__).parents[2] / "dashboards" / "grafana" / "dashboards"


def pick(page: Page) -> None:
    """Open the details of what the page lists, where it has such."""
    rows = page.locator("span-waterfall [role=treeitem]")
    if rows.count() > 1:
        rows.nth(1).click()
        expect(page.locator("span-details")).to_be_visible()


def test_all_waste_of_a_morning_is_no_more_than_its_cost(morning: tuple[Site, dict[str, str]]) -> None:
    """Its sessions were recorded: of each the tokens are those that its transcript has."""
    found = morning[0].get("/friction", days=90)
    assert {one["kind"] for one in found["waste"]} >= {"failed", "denied", "asked", "compaction"}
    assert 0 < sum(one["cost"] or 0 for one in found["waste"]) < found["cost"]["total"]
    for one in found["waste"]:
        which = {key: one[key] for key in ("kind", "what") if one[key]}
        assert morning[0].get("/friction/sessions", days=90, **which)["items"]


@pytest.mark.parametrize("path", PAGES)
def test_all_can_use_it_in_any_window(morning: tuple[Site, dict[str, str]], visitor: Visitor, path: str) -> None:
    """Light and dark, by axe; in windows of a telephone, at 200 % and at what WCAG asks of reflow, 400 % of 1280 px."""
    site, shown = morning
    page = visitor.visit(site, path.format(**shown))
    pick(page)
    found = {"light": violations(page)}
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    found["dark"] = violations(page, COLOURS)
    for wide, high in ((640, 450), (360, 740), (320, 225)):
        resize(page, wide, high)
        found[f"{wide} px"] = sideways(page) + out_of_reach(page)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_axe_finds_nothing_in_the_palette(morning: tuple[Site, dict[str, str]], visitor: Visitor) -> None:
    page = visitor.visit(morning[0])
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page) == []
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert violations(page, COLOURS) == []


def test_axe_finds_nothing_on_empty_pages_and_when_the_agent_is_away(site: Site, visitor: Visitor) -> None:
    paths = ("/", "/search", "/friction", "/health", "/log")
    pages = {path: visitor.visit(site, path) for path in paths}
    expect(pages["/"].get_by_role("contentinfo")).to_have_count(0)  # no link to another program without its address
    play = Play()
    site.append(play.start())
    # Dark, and so a browser context of its own: one has six connections to a host, and each page keeps one.
    pages["/sessions"] = visitor.visit(site, f"/sessions/{play.session}", dark=True)
    found = {path: violations(page) for path, page in pages.items()}
    for page in pages.values():  # what says so is loaded when the browser is idle
        page.wait_for_function("() => customElements.get('page-banner')")
    visitor.agent_may_be_away = True
    site.machine.kill()
    for path, page in pages.items():
        expect(page.get_by_role("alert").first).to_contain_text("The agent does not answer.")
        found[f"{path}, away"] = violations(page)
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_links_lead_to_our_dashboards_and_to_the_turn_in_jaeger(
    morning: tuple[Site, dict[str, str]], visitor: Visitor
) -> None:
    site, shown = morning
    boards = [json.loads(path.read_text()) for path in BOARDS.glob("*.json")]
    turns = next(board for board in boards if board["uid"] == "hookspan-turns")
    assert "project" in {variable["name"] for variable in turns["templating"]["list"]}
    for name, is_over in {"ended": True, "waits": False}.items():
        page = visitor.visit(site, f"/sessions/{shown[name]}")
        links = page.get_by_role("contentinfo").get_by_role("link")
        expect(links).not_to_have_count(0)  # the footer is loaded when the browser has nothing else to do
        assert set(links.evaluate_all("all => all.map(one => one.href)")) == {
            *(f"https://grafana.example/d/{board['uid']}" for board in boards),
            "https://jaeger.example/ui",
        }
        answer = site.get(f"/sessions/{shown[name]}")
        session, turn = answer["session"], answer["turns"][-1]
        link = urlsplit(page.get_by_role("link", name="Turns in Grafana").get_attribute("href"))
        asked = {key: values[0] for key, values in parse_qs(str(link.query)).items()}
        assert link.path == "/d/hookspan-turns"
        assert asked["var-project"] == session["project"]
        assert int(asked["from"]) < session["started"]
        assert int(asked["to"]) > session["ended"] if is_over else asked["to"] == "now"
        link = page.get_by_role("region", name="Spans").get_by_role("link", name="Open in Jaeger")
        expect(link).to_have_attribute("href", f"https://jaeger.example/ui/trace/{turn['trace_id']}")


def test_texts_are_never_more_than_text(site: Site, visitor: Visitor) -> None:
    session = Player(site.machine.paths, site.machine.home, site.machine.env).hostile(HOSTILE)
    site.append()
    said: list[str] = []
    of_session = [f"/sessions/{session}", f"/sessions/{session}?view=all&q={HOSTILE}"]
    for path in ["/", *of_session, "/friction", "/log", "/search?q=img"]:
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
        page = visitor.visit(site, path, motion=True)
        page.wait_for_function("() => moving(document) > 0")
        page.emulate_media(reduced_motion="reduce")
        page.wait_for_function("() => moving(document) === 0")
