"""Spans of programs in a real browser: below their call, folded where they are many, found by what they say."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Route, expect

from hookspan.wire import encode
from hookspan.wire.facts import Children, ChildSpan
from tests.waiting import until
from tests.web.browser import Visitor, drawn, release
from tests.web.player import Player
from tests.web.site import Site

pytestmark = pytest.mark.need_chromium

MANY = 450


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, dict[int, str]]]:
    """A site with two sessions, by how many tests the suite of their Bash call has."""
    with (
        closing(Site(tmp_path_factory.mktemp("children") / "machine")) as site,
        closing(Player(site.machine.paths, site.machine.home, site.machine.env)) as player,
    ):
        shown = {}
        for tests in (3, MANY):
            session = shown[tests] = player.calls(4, seconds=40)
            site.append(encode(suite(session, tests)))
        site.settle()
        yield site, shown


def suite(session: str, tests: int) -> Children:
    """What the fourth call's program sent."""
    begin, ms = time.time_ns() - 9 * 10**9, 10**6
    found = [
        ChildSpan(
            f"{number + 2:016x}",
            f"{1:016x}",
            f"test_cart_{number}",
            begin + number * ms,
            begin + (number + 1) * 9 * ms,
            failed=number == 1,
            service="shop-tests",
            attributes={"test.case.result.status": "fail" if number == 1 else "pass", "db.query.text": "SELECT 1"},
        )
        for number in range(tests)
    ]
    whole = ChildSpan(f"{1:016x}", "", "pytest", begin, begin + tests * 10 * ms, service="shop-tests", left_out=7)
    return Children(
        at=time.time_ns(),
        key=f"children:{session}",
        session=session,
        tool_use_id=f"toolu_{session[:8]}_3",
        spans=[whole, *found],
    )


def test_a_suite_is_below_the_call_that_ran_it(played: tuple[Site, dict[int, str]], visitor: Visitor) -> None:
    site, shown = played
    page = visitor.visit(site, f"/sessions/{shown[3]}")
    rows = page.locator("span-waterfall [role=treeitem]")
    expect(rows.filter(has_text="test_cart_")).to_have_count(3)
    level = {
        name: int(rows.filter(has_text=name).first.get_attribute("aria-level") or 0)
        for name in ("Bash", "pytest", "test_cart_1")
    }
    assert (level["pytest"], level["test_cart_1"]) == (level["Bash"] + 1, level["Bash"] + 2)
    lanes = page.evaluate("() => deep(document, 'span-waterfall').lanes.flatMap(one => one.spans.flat())")
    assert sorted(span["type"] for span in lanes) == ["tool"] * 4
    rows.filter(has_text="test_cart_1").click()
    details = page.locator("span-details")
    for text in ("test_cart_1", "Span of a program", "failed", "shop-tests", "SELECT 1"):
        expect(details.get_by_text(text, exact=True).first).to_be_visible()


def test_a_large_one_is_folded_until_somebody_looks(played: tuple[Site, dict[int, str]], visitor: Visitor) -> None:
    site, shown = played
    page = visitor.visit(site, f"/sessions/{shown[MANY]}")
    call = page.locator("span-waterfall [role=treeitem]").filter(has_text="Bash")
    expect(call).to_have_attribute("aria-expanded", "false")
    expect(call).to_contain_text(f"+{MANY + 1}")
    page.get_by_role("searchbox", name="Search spans").fill("test_cart_449")
    expect(page.get_by_text("1 found")).to_be_visible()
    call.locator(".twist").click()
    expect(call).to_have_attribute("aria-expanded", "true")


def test_rows_stay_where_they_are_while_a_search_asks_for_all_that_is_known(
    played: tuple[Site, dict[int, str]], visitor: Visitor
) -> None:
    """Who clicks at a row that moves, clicks beside it."""
    site, shown = played
    page = visitor.visit(site, f"/sessions/{shown[MANY]}")
    call = page.locator("span-waterfall [role=treeitem]").filter(has_text="Bash")
    expect(call).to_contain_text(f"+{MANY + 1}")
    held: list[Route] = []
    page.route("**/spans?*", lambda route: held.append(route))  # noqa: PLW0108 - playwright marks what it is given
    page.get_by_role("searchbox", name="Search spans").fill("test_cart_449")
    expect(page.get_by_text("1 found")).to_be_visible()
    until(lambda: held or page.wait_for_timeout(10), "the question")
    drawn(page)
    before = call.bounding_box()
    with page.expect_response("**/spans?*"):
        release(page, "**/spans?*", held)
    drawn(page)
    assert call.bounding_box() == before


def test_they_are_found_by_what_they_say(played: tuple[Site, dict[int, str]], visitor: Visitor) -> None:
    site, shown = played
    found = site.get("/search", what="spans", type="child", q="test.case.result.status fail", session=shown[3])["items"]
    assert [(one["name"], one["failed"]) for one in found] == [("child test_cart_1", True)]
    page = visitor.visit(site, f"/search?what=spans&span=child&session={shown[3]}")
    expect(page.locator("search-page li").filter(has_text="test_cart_1")).to_have_count(1)
