"""The first page in a real browser, and the connection that every page has."""

import json
import os
import re
import signal
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import APIResponse, Route, expect

from tests.agent.machine import event
from tests.waiting import PATIENCE, clear_of_midnight, until
from tests.web.browser import Visitor, drawn, resize, sideways, tab_to, violations
from tests.web.site import Play, Site, append

pytestmark = pytest.mark.need_chromium

LIST = "**/api/v1/sessions?*"


def test_it_shows_what_happens_without_a_reload(site: Site, visitor: Visitor) -> None:
    play = Play()
    page = visitor.visit(site)
    page.get_by_text("Nearly there").wait_for()
    site.append(play.start(), play.submit("fix the cart"))
    page.get_by_text("1 session is working").wait_for()
    pre, asked, post = play.tool("npm test", asked=True)
    site.append(pre, asked)
    page.get_by_role("heading", name="1 session waits for you").wait_for()
    expect(page).to_have_title(re.compile(r"^\(1\) waiting"))
    site.append(post)
    page.get_by_text("1 session is working").wait_for()
    site.append(play.stop())
    page.get_by_text("Nobody needs you").wait_for()
    expect(page).to_have_title("hookspan")


def test_a_one_time_address_opens_the_page_and_only_once(site: Site, visitor: Visitor) -> None:
    page = visitor.stranger(site)
    address = site.ticket_url()
    page.goto(address)
    page.get_by_text("Nearly there").wait_for()
    expect(page).to_have_url(f"{site.url}/")
    other = visitor.stranger(site)
    other.goto(address)
    other.get_by_text("This address was used already").wait_for()
    other.goto(site.url)
    expect(other.get_by_text("hookspan open").first).to_be_visible()


def test_it_wakes_up_after_a_sleep_and_has_missed_nothing(site: Site, visitor: Visitor) -> None:
    """The agent stands still, and for the page two minutes go by at once, as when a lid is opened."""
    play = Play()
    site.append(play.start(), play.submit("fix the cart"), *play.tool("make 0"))
    page = visitor.visit(site, f"/sessions/{play.session}")
    page.clock.install()
    page.add_init_script("delete window.SharedWorker")  # its clock is the machine's: it takes 40 s to miss heartbeats
    visitor.reload(page)
    visitor.loaded(page)
    page.get_by_text("Live", exact=True).wait_for()
    visitor.agent_may_be_away = True
    os.kill(site.pid, signal.SIGSTOP)
    try:
        site.append(*play.tool("make 1"), *play.tool("make 2"), wait=False)
        page.clock.fast_forward("02:00")
        page.get_by_text("Connecting", exact=True).wait_for()
    finally:
        os.kill(site.pid, signal.SIGCONT)
    page.get_by_text("Live", exact=True).wait_for()
    site.append(*play.tool("make 3"))
    labels = page.locator("span-waterfall [role=treeitem] .of")
    expect(labels).to_have_text([f"make {number}" for number in range(4)])


def test_one_page_too_many_says_so_and_gets_the_place_of_one_that_closes(
    make_site: Callable[..., Site], visitor: Visitor
) -> None:
    site = make_site(max_connections=1)
    visitor.refusals = True
    first = visitor.visit(site)
    first.get_by_text("Live", exact=True).wait_for()
    second = visitor.visit(site, dark=True)  # of another browser, since tabs of one share a place
    second.get_by_role("alert").get_by_text("Too many pages are open; close one.").wait_for()
    first.close()
    second.get_by_text("Live", exact=True).wait_for()
    expect(second.get_by_role("alert")).to_have_count(0)


def test_a_filter_is_of_all_sessions_and_says_how_many(site: Site, visitor: Visitor) -> None:
    """More than are loaded at first: by address, by typing, page by page, and while sessions come and go."""
    plays = [Play() for _ in range(60)]
    for number, play in enumerate(plays):
        cwd = {} if number % 2 else {"cwd": "/home/u/payments"}
        end = event("SessionEnd", play.session, reason="other")
        site.append(
            *({**one, **cwd} for one in (play.start(), play.submit(f"part-{number:02}"), play.stop(), end)), wait=False
        )
    site.append()
    page = visitor.visit(site, "/?project=payments")
    rows, heading = page.locator("sessions-list li"), page.get_by_role("heading", name="Ended")
    expect(rows).to_have_count(30)
    expect(heading).to_have_text("Ended 30")
    box = page.get_by_role("searchbox", name="Filter sessions")
    box.fill("PART-00")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("part-00")
    page.get_by_label("Project").select_option("")
    box.fill("")
    expect(heading).to_have_text("Ended 60")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="Show older ones").click()
    expect(rows).to_have_count(60)
    expect(page.get_by_role("button", name="Show older ones")).to_have_count(0)
    box.fill("part-1")
    expect(rows).to_have_count(10)
    expect(page.get_by_role("status").get_by_text("10 sessions found")).to_have_count(1)
    late = Play()
    site.append(late.start(), late.submit("part-1 again"))
    expect(rows).to_have_count(11)
    box.fill("no such thing")
    expect(page.get_by_text("No session matches.")).to_be_visible()


def test_an_answer_that_is_older_than_the_stream_takes_nothing_off_the_list(site: Site, visitor: Visitor) -> None:
    """As with `/clear`: a session ends, the list is asked for, and another one begins before the answer is there."""
    cleared, other, begun = Play(), Play(), Play()
    site.append(*(one for play in (cleared, other) for one in (play.start(), play.submit("go"), play.stop())))
    page = visitor.visit(site)
    page.get_by_text("Live", exact=True).wait_for()
    held: list[tuple[Route, APIResponse]] = []
    page.route(LIST, lambda route: held.append((route, route.fetch(timeout=PATIENCE * 1000))))
    site.append(event("SessionEnd", cleared.session, reason="clear"))
    until(lambda: held or page.wait_for_timeout(10), "the first question")
    site.append(begun.start(), begun.submit("begin"), event("SessionEnd", other.session, reason="other"))
    row, ended = page.locator("sessions-list li", has_text="begin"), page.locator("sessions-list .ended li")
    expect(row).to_be_visible()
    expect(ended).to_have_count(2)
    route, answer = held.pop()
    route.fulfill(response=answer)
    page.wait_for_function("async () => (await part('lib/store.js')).store.list.counts.ended === 1")
    drawn(page)
    assert row.is_visible()
    until(lambda: held or page.wait_for_timeout(10), "the question for what ended since the first one")
    route, answer = held.pop()
    route.fulfill(response=answer)
    page.wait_for_function("async () => (await part('lib/store.js')).store.list.counts.ended === 2")
    expect(row).to_be_visible()


def test_a_list_that_the_agent_did_not_answer_is_asked_for_when_it_is_back(site: Site, visitor: Visitor) -> None:
    play = Play()
    site.append(play.start(), play.submit("go"), play.stop())
    page = visitor.visit(site)
    page.get_by_text("Live", exact=True).wait_for()
    visitor.agent_may_be_away = True
    page.route(LIST, lambda route: route.abort("connectionrefused"), times=1)
    with page.expect_event("requestfailed"):
        site.append(event("SessionEnd", play.session, reason="other"))
    with page.expect_response(LIST):
        site.restart()


def test_the_headline_says_what_the_rows_say(site: Site, visitor: Visitor) -> None:
    """In the same frame: it is of the rows, and does not wait for the next summary."""
    play = Play()
    site.append(play.start(), play.submit("fix the cart"))
    page = visitor.visit(site)
    page.get_by_role("heading", name="1 session is working").wait_for()
    page.wait_for_function("() => !!customElements.get('page-banner')")  # is loaded behind what gives the tab its title
    page.evaluate(
        """() => {
          window.seen = [];
          const look = () => {
            const text = selector => deep(document, selector)?.textContent.trim() ?? "";
            seen.push([text("h1"), !!deep(document, "section.waiting"), document.title.includes("waiting")]);
            requestAnimationFrame(look);
          };
          look();
        }"""
    )
    for _ in range(3):
        pre, asked, post = play.tool("npm test", asked=True)
        site.append(pre, asked)
        page.get_by_role("heading", name="1 session waits for you").wait_for()
        site.append(post)
        page.get_by_role("heading", name="1 session is working").wait_for()
    seen = {tuple(one) for one in page.evaluate("seen")}
    assert seen == {("1 session is working", False, False), ("1 session waits for you", True, True)}


def test_who_needs_you_is_seen_first_on_a_telephone(morning: tuple[Site, dict[str, str]], visitor: Visitor) -> None:
    page = visitor.visit(morning[0], width=360, height=740)
    row = page.locator("sessions-list section.waiting li").first.bounding_box()
    assert row["y"] + row["height"] < 740 / 2
    for one in page.locator("metrics-panel .meter:visible, sessions-list .meter:visible").all():
        assert one.bounding_box()["height"] >= 3  # a bar that has no height says nothing


def test_back_is_where_one_was(site: Site, visitor: Visitor) -> None:
    """At the same row, as far down as before, by keys and by mouse, and with the older ones that were asked for."""
    plays = [Play() for _ in range(60)]
    for number, play in enumerate(plays):
        end = event("SessionEnd", play.session, reason="other")
        site.append(play.start(), play.submit(f"part-{number:02}"), play.stop(), end, wait=False)
    site.append()
    page = visitor.visit(site)
    page.get_by_role("button", name="Show older ones").click()
    expect(page.locator("sessions-list li")).to_have_count(60)
    row = page.locator("sessions-list li", has_text="part-03")
    row.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    assert before > 1000
    row.get_by_role("link").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="part-03", exact=True)).to_be_visible()
    page.wait_for_function("() => scrollY === 0")
    page.go_back()
    expect(row).to_be_in_viewport()
    page.wait_for_function("before => Math.abs(scrollY - before) < 5", arg=before)
    expect(row.get_by_role("link").first).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator("sessions-list li", has_text="part-02").get_by_role("link").first).to_be_focused()


def test_ended_sessions_are_by_day_in_any_order_and_pins_come_first(site: Site, visitor: Visitor) -> None:
    """Also by keyboard, after a reload and after a way back; filters are in the address."""
    clear_of_midnight()
    noon = datetime.now().astimezone().replace(hour=12)
    plays = {}
    for ago, names in {9: ["old"], 2: ["short", "long"], 1: ["late"]}.items():
        for name in names:
            play = plays[name] = Play()
            events = (play.start(), play.submit(name), play.stop(), event("SessionEnd", play.session, reason="other"))
            for step, one in enumerate(events):
                moment = noon - timedelta(days=ago) + timedelta(minutes=step * (5 if name == "long" else 1))
                append(site.machine, one, at=int(moment.timestamp()) * 1_000_000_000)
    site.append()
    page = visitor.visit(site, width=320, height=700)
    rows, heads = page.locator("sessions-list li .sub"), page.get_by_role("heading", level=3)
    sums = {1: r"Yesterday\s+1 session", 2: r"%a %-d %b[\s\S]*\s2 sessions", 9: r"%a %-d %b[\s\S]*\s1 session"}
    expect(heads).to_have_text([re.compile(f"{noon - timedelta(days=ago):{text}}") for ago, text in sums.items()])
    expect(rows).to_have_text(["late", "long", "short", "old"])
    page.get_by_label("Order of ended sessions").select_option("Longest first")
    expect(rows).to_have_text(["long", "late", "short", "old"])
    expect(page).to_have_url(re.compile("sort=length"))
    expect(heads).to_have_count(0)
    link = page.locator("sessions-list li", has_text="short").get_by_role("link").first
    link.focus()
    page.keyboard.press("p")
    pinned = page.locator("sessions-list section.pinned li")
    expect(pinned).to_have_count(1)
    expect(link).to_be_focused()
    expect(rows).to_have_text(["short", "long", "late", "old"])
    tab_to(page, "Pin short", most=2)
    expect(page.get_by_role("button", name="Pin short")).to_have_attribute("aria-pressed", "true")
    assert violations(page) == []
    assert sideways(page) == []
    page.locator("sessions-list li", has_text="late").get_by_role("link").first.press("Enter")
    expect(page.get_by_role("heading", name="late", exact=True)).to_be_visible()
    page.go_back()
    expect(page.locator("sessions-list li", has_text="late").get_by_role("link").first).to_be_focused()
    expect(rows).to_have_text(["short", "long", "late", "old"])
    page.get_by_text("Branch and days").click()
    page.get_by_label("Until").fill(f"{noon - timedelta(days=2):%Y-%m-%d}")
    expect(rows).to_have_text(["short", "long", "old"])
    page.get_by_label("From").fill(f"{noon - timedelta(days=3):%Y-%m-%d}")
    expect(rows).to_have_text(["short", "long"])
    visitor.reload(page)
    expect(rows).to_have_text(["short", "long"])
    page.get_by_role("button", name="Pin short").press("Enter")
    expect(pinned).to_have_count(0)
    expect(rows).to_have_text(["long", "short"])


def test_columns_are_chosen_and_kept(morning: tuple[Site, dict[str, str]], visitor: Visitor) -> None:
    """By keyboard, for all tabs of the browser, and where there is little room."""
    page, other = (visitor.visit(morning[0]) for _ in range(2))
    costs, menu = page.locator("sessions-list li .cost"), page.locator("sessions-filter summary", has_text="Columns")
    expect(costs.first).to_be_visible()
    menu.press("Enter")
    expect(page.get_by_label("Turns and tools", exact=True)).to_be_visible()  # its code comes after the page's
    drawn(page)
    for name in ("Turns and tools", "Cost"):
        tab_to(page, name, most=6)
        page.keyboard.press("Space")
    expect(costs).to_have_count(0)
    expect(other.locator("sessions-list li .strip:visible").first).to_be_visible()
    expect(other.locator("sessions-list li .cost")).to_have_count(0)
    assert violations(page) == []
    visitor.reload(page)
    expect(page.locator("sessions-list li .strip:visible").first).to_be_visible()
    expect(costs).to_have_count(0)
    resize(page, 320, 700)
    menu.click()
    expect(page.get_by_label("Last 30 minutes", exact=True)).to_be_hidden()
    assert violations(page) == []
    assert sideways(page) == []
    page.get_by_label("Cost", exact=True).check()
    expect(costs.first).to_be_visible()


def told(play: Play, used: float, week: float, *, hours: float = 4.0) -> bytes:
    """What a session's status line is told of the account's quota, an hour after the window began."""
    now = time.time()
    limits = {
        "five_hour": {"used_percentage": used, "resets_at": round(now + hours * 3600)},
        "seven_day": {"used_percentage": week, "resets_at": round(now + 3 * 86_400)},
    }
    event = {"session_id": play.session, "cwd": "/home/u/shop", "rate_limits": limits}
    line = {"v": 1, "agent": "claude-code", "at": time.time_ns(), "kind": "status_line", "env": {}, "event": event}
    return json.dumps(line).encode()


def test_the_quota_has_a_panel_with_a_forecast(site: Site, visitor: Visitor) -> None:
    play = Play()
    site.append(play.start(), play.submit("fix the cart"))
    page = visitor.visit(site)
    page.get_by_text("1 session is working").wait_for()
    panel = page.locator("quota-panel")
    expect(panel).to_have_count(0)
    site.append(told(play, 42, 11))
    five, seven = panel.get_by_text("42 %"), panel.get_by_text("11 %")
    five.wait_for()
    seven.wait_for()
    expect(panel).to_contain_text(re.compile(r"at this pace full at (\d+ \w+, )?\d\d:\d\d"))
    site.append(told(play, 80, 11))
    panel.get_by_text("80 %").wait_for()
    assert violations(page) == []
    resize(page, 360, 800)
    assert sideways(page) == []


def test_a_file_that_does_not_come_is_asked_for_again(site: Site, visitor: Visitor) -> None:
    """As when a network changes, which ends what a browser has under way."""
    play = Play()
    site.append(play.start(), play.submit("fix the cart"))
    page = visitor.visit(site)
    visitor.agent_may_be_away = True
    page.route("**/components/session-view.js", lambda route: route.abort("connectionrefused"), times=1)
    page.locator(f'a[href="/sessions/{play.session}"]').first.click()
    page.get_by_role("button", name="Timeline").wait_for()
