"""The friction page in a real browser."""

import json
import re
import time

import pytest
from playwright.sync_api import APIResponse, Route, expect

from tests.waiting import until
from tests.web.browser import CLIPBOARD, PATIENCE, Visitor, copied, sideways, violations
from tests.web.site import Play, Site, append

SECOND = 10**9
HOSTILE = "<img src=x onerror=alert(1)>'\"${7*7}"

pytestmark = pytest.mark.need_chromium


def ask(site: Site, play: Play, command: str, waited: int, *, times: int, ago: int = 0) -> None:
    """Dialogs that were approved after `waited` seconds, one after the other, the last of them `ago` seconds ago."""
    for number in range(times):
        now = time.time_ns() - ((times - number) * waited + ago) * SECOND
        events = play.tool(command, asked=True)
        append(site.machine, *events[:2], at=now)
        append(site.machine, events[2], at=now + waited * SECOND + SECOND // 100)


def test_a_rule_is_copied_as_claude_code_takes_it(site: Site, visitor: Visitor) -> None:
    play = Play()
    site.append(play.start(), play.submit())
    ask(site, play, "git status", 20, times=3, ago=50)
    ask(site, play, "npm test -- cart", 10, times=4, ago=10)
    ask(site, play, "rm -rf dist", 5, times=1)
    site.append(play.stop())
    page = visitor.visit(site, "/friction")
    page.evaluate(CLIPBOARD)
    page.get_by_role("heading", name="Agents waited 1 min 45 s for you").wait_for()
    page.get_by_text("2 rules would have saved 1 min 40 s").wait_for()
    rule = copied(page.get_by_role("button", name="Copy the rule Bash(git status:*)"), "Copied the rule")
    assert rule == "Bash(git status:*)"
    settings = copied(page.get_by_role("button", name="Copy all for settings.json"), "Copied")
    assert json.loads(settings) == {"permissions": {"allow": ["Bash(git status:*)", "Bash(npm test:*)"]}}
    page.get_by_role("button", name="30 days").click()
    page.get_by_text("8 dialogs in the last 30 days").wait_for()
    expect(page).to_have_url(re.compile(r"/friction\?days=30$"))
    page.go_back()
    page.get_by_text("8 dialogs in the last 7 days").wait_for()
    ask(site, play, "git status", 5, times=1)
    site.append(play.stop())
    page.get_by_text("9 dialogs in the last 7 days").wait_for()  # without a reload
    assert violations(page) == []


def test_the_calls_of_an_exact_rule_are_its_own(site: Site, visitor: Visitor) -> None:
    play = Play()
    site.append(play.start(), play.submit())
    ask(site, play, "timeout 60 make test", 10, times=3, ago=10)
    ask(site, play, "git status", 20, times=3, ago=50)
    site.append(play.stop())
    site.settle()
    page = visitor.visit(site, "/friction")
    rule = page.get_by_role("listitem").filter(has_text="Bash(timeout 60 make test)")
    rule.get_by_role("link", name="3 times").click()
    expect(page.locator("search-page li")).to_have_count(3)


@pytest.mark.slow
def test_what_happens_while_an_answer_is_on_its_way_is_asked_for(site: Site, visitor: Visitor) -> None:
    play = Play()
    site.append(play.start(), play.submit())
    ask(site, play, "git status", 20, times=1)
    page = visitor.visit(site, "/friction")
    page.get_by_text("1 dialog in the last 7 days").wait_for()
    held: list[tuple[Route, APIResponse]] = []
    page.route("**/api/v1/friction?*", lambda route: held.append((route, route.fetch(timeout=PATIENCE))), times=1)
    ask(site, play, "git status", 5, times=1)
    until(lambda: held or page.wait_for_timeout(10), "the question")
    ask(site, play, "git status", 5, times=1)
    page.wait_for_timeout(500)  # the stream tells of it meanwhile
    ((route, answer),) = held
    route.fulfill(response=answer)
    page.get_by_text("3 dialogs in the last 7 days").wait_for()


def test_names_from_outside_are_text_and_fit(site: Site, visitor: Visitor) -> None:
    play = Play()
    failed = play.tool(HOSTILE, name=HOSTILE, asked=True, error=HOSTILE)
    failed[-1]["hook_event_name"] = "PostToolUseFailure"
    site.append(
        play.start(), play.submit(HOSTILE), *failed, *play.tool("x" * 300, name="mcp__" + "y" * 80), play.stop()
    )
    page = visitor.visit(site, "/friction", width=360, height=740, dark=True)
    page.get_by_role("region", name="Tools that fail").get_by_text(HOSTILE).wait_for()
    assert sideways(page) == []
    assert violations(page) == []


def test_without_content_it_says_why_there_are_no_rules(site: Site, visitor: Visitor) -> None:
    assert site.machine.cli("config", "set", "content.local", "false").returncode == 0
    until(lambda: not site.get("/summary")["content"], "the setting is not in force")
    play = Play()
    site.append(play.start(), play.submit(), *play.tool("git status", asked=True), play.stop())
    page = visitor.visit(site, "/friction")
    page.get_by_text("hookspan config set content.local true", exact=True).wait_for()


def test_who_leaves_before_the_answer_causes_no_error(site: Site, visitor: Visitor) -> None:
    page = visitor.visit(site)
    page.route("**/api/v1/friction*", lambda _: None)  # never answered
    page.get_by_role("link", name="Friction").click()
    page.locator("friction-report").wait_for(state="attached")
    page.get_by_role("link", name="Log").click()
    page.get_by_role("heading", name="Raw log").wait_for()


def test_the_dearest_project_has_a_colour_whoever_waited_longest(site: Site, visitor: Visitor) -> None:
    """The same in both charts; and money is written alike in a column."""
    site.append(Play().start())
    waited = {f"patient-{number}": 1000.0 - number for number in range(9)}
    paid = {"dear": 12.3, "patient-0": 0.078, "patient-8": 0.004}

    def answered(route: Route) -> None:
        answer = route.fetch(timeout=PATIENCE)
        friction = json.loads(answer.text())
        friction["waits"] |= {"count": 9, "waited": sum(waited.values())}
        friction["waits"]["days"][-1] |= {"count": 9, "waited": sum(waited.values()), "projects": waited}
        friction["cost"]["days"][-1] |= {"cost": sum(paid.values()), "projects": paid}
        projects = [{"name": name, "cost": cost} for name, cost in paid.items()]
        friction["cost"] |= {"total": sum(paid.values()), "projects": projects}
        route.fulfill(response=answer, json=friction)

    page = visitor.visit(site)
    page.route("**/api/v1/friction*", answered)
    visitor.go(page, f"{site.url}/friction")
    look = "one => getComputedStyle(one).backgroundColor"
    cost = page.get_by_role("region", name="Cost")
    swatches = {name: cost.get_by_role("row", name=name).locator(".swatch").evaluate(look) for name in paid}
    grey = page.locator("friction-report .c6").first.evaluate(look)
    assert grey not in {swatches["dear"], swatches["patient-0"]}
    assert swatches["patient-8"] == grey
    waits = page.get_by_role("region", name="Where the time went")
    legend = waits.locator(".legend > div", has_text="patient-0").locator("i")
    assert legend.evaluate(look) == swatches["patient-0"]
    expect(waits.locator(".legend > div").last).to_contain_text("4 more")
    assert cost.locator("td:nth-child(2)").all_inner_texts() == ["$12.30", "$0.08", "<$0.01"]


def test_on_paper_its_bars_are_printed_in_the_colours_of_paper(site: Site, visitor: Visitor) -> None:
    play = Play()
    site.append(play.start(), play.submit(), *play.tool("ls"), play.stop())
    page = visitor.visit(site, f"/sessions/{play.session}", dark=True)
    expect(page.locator("session-view .split i")).not_to_have_count(0)
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.emulate_media(media="print")
    for one in page.locator("session-view .split i").all():
        assert one.evaluate("one => getComputedStyle(one).printColorAdjust") == "exact"
    assert page.evaluate(background) != dark
