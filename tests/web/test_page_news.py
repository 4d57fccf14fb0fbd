"""What the page shows after something is gone, was refused, or was chosen and taken back."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.agent.machine import event
from tests.web.browser import CLIPBOARD, Visitor, copied, drawn
from tests.web.site import Play, Site

pytestmark = pytest.mark.need_chromium

LONG = "word " * 60  # more than a filter may have


def ended(play: Play, title: str, **fields: Any) -> list[dict[str, Any]]:
    events = (play.start(), play.submit(title), *play.tool(f"echo {title}"), play.stop())
    return [one | fields for one in (*events, event("SessionEnd", play.session, reason="other"))]


@pytest.mark.parametrize("of", ["list", "session"])
def test_what_is_forgotten_while_it_is_shown_goes_from_the_page(site: Site, visitor: Visitor, of: str) -> None:
    gone, stays = Play(), Play()
    site.append(*ended(gone, "secret-plan"), *ended(stays, "public-plan"))
    site.settle()
    page = visitor.visit(site, "/" if of == "list" else f"/sessions/{gone.session}")
    expect(page.get_by_text("secret-plan").first).to_be_visible()
    page.get_by_text("Live", exact=True).wait_for()
    visitor.agent_may_be_away, visitor.refused = True, (404,)
    done = site.machine.cli("forget", gone.session, "--yes")
    assert done.returncode == 0, done.stderr
    if of == "list":
        expect(page.get_by_text("public-plan").first).to_be_visible()
    else:
        expect(page.get_by_role("heading", name="There is no such session")).to_be_visible()
    expect(page.get_by_text("secret-plan")).to_have_count(0)


def test_a_choice_that_is_taken_back_is_shown(site: Site, visitor: Visitor) -> None:
    site.append(*ended(Play(), "one"), *ended(Play(), "two", cwd="/home/u/payments"))
    page = visitor.visit(site, "/")
    project = page.get_by_label("Project")
    project.select_option("payments")
    expect(page).to_have_url(re.compile("project=payments"))
    project.select_option("")
    expect(page).not_to_have_url(re.compile("project="))
    page.go_back()
    expect(page).to_have_url(re.compile("project=payments"))
    expect(project).to_have_value("payments")


def test_what_is_refused_is_said_and_not_asked_for_again(site: Site, visitor: Visitor) -> None:
    visitor.refused = (400,)
    site.append(*ended(Play(), "one"))
    page = visitor.visit(site, "/")
    box = page.get_by_role("searchbox", name="Filter sessions")
    box.fill(LONG)
    expect(page.locator("sessions-list")).to_contain_text("256")
    expect(page.get_by_text("Searching …")).to_have_count(0)
    box.fill("one")
    expect(page.locator("sessions-list li")).to_have_count(1)

    visitor.go(page, f"{site.url}/search?q={LONG.strip().replace(' ', '+')}")
    expect(page.locator("search-page")).to_contain_text("256")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/v1/search" in request.url else None)
    for number in range(3):
        other = Play()
        site.append(other.start(), other.submit(f"news {number}"))
        drawn(page)
    assert asked == []


def test_a_session_is_copied_with_the_longest_of_the_newest_turn_though_all_are_shown(
    site: Site, visitor: Visitor
) -> None:
    play = Play()
    site.append(play.start(), play.submit("first"), *play.tool("echo of-the-first"), play.stop())
    site.append(play.submit("second"), *play.tool("echo of-the-second"), play.stop())
    site.settle()
    page = visitor.visit(site, f"/sessions/{play.session}?view=all")
    expect(page.get_by_role("treeitem").filter(has_text="of-the-first").first).to_be_visible()
    page.evaluate(CLIPBOARD)
    text = copied(page.get_by_role("button", name="Copy as Markdown"), "Copied the session")
    _, longest = text.split("### Longest in turn 2")
    assert "of-the-second" in longest
    assert "of-the-first" not in longest


def test_the_first_event_after_the_page_was_loaded_is_counted(site: Site, visitor: Visitor) -> None:
    play = Play()
    site.append(play.start(), play.submit("go"))
    site.settle()
    page = visitor.visit(site, "/")
    expect(page.get_by_role("img", name="2 events in the last 30 minutes")).to_be_visible()
    page.get_by_text("Live", exact=True).wait_for()
    site.append(*play.tool("ls"))
    expect(page.get_by_role("img", name="4 events in the last 30 minutes")).to_be_visible()
