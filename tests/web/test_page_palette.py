"""Commands by keyboard alone, and what a newcomer finds."""

import time

import pytest
from playwright.sync_api import Route, expect

from tests.agent.machine import event, launch
from tests.cli.test_import import put
from tests.web.browser import CLIPBOARD, Visitor, release, resize, sideways, violations
from tests.web.site import Play, Site

pytestmark = pytest.mark.need_chromium


def test_to_a_session_a_page_a_command_and_another_theme(site: Site, visitor: Visitor) -> None:
    play = Play()
    site.append(play.start(), play.submit("fix the cart"))
    page = visitor.visit(site)
    page.evaluate(CLIPBOARD)
    page.get_by_role("searchbox", name="Filter sessions").focus()
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Search sessions, pages and commands")
    box.wait_for()
    assert violations(page) == []
    page.keyboard.type("doct")
    page.get_by_role("option", name="hookspan doctor", selected=True).wait_for()
    composed = "{ key: 'Enter', isComposing: true, bubbles: true, composed: true, cancelable: true }"
    assert box.evaluate(f"box => box.dispatchEvent(new KeyboardEvent('keydown', {composed}))"), "it ends a character"
    assert page.evaluate("() => window.copied ?? null") is None
    page.keyboard.press("Enter")
    page.wait_for_function("window.copied === 'hookspan doctor'")
    box.wait_for(state="detached")
    page.wait_for_function(  # where it was before
        "() => deep(document, 'sessions-filter').shadowRoot.activeElement?.type === 'search'"
    )
    page.keyboard.press("Control+k")
    page.get_by_role("dialog").wait_for()
    page.keyboard.type("theme dark")
    page.keyboard.press("Enter")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    page.keyboard.press("Control+k")
    page.get_by_role("dialog").wait_for()
    page.keyboard.type("frict")
    page.keyboard.press("Enter")
    page.wait_for_url("**/friction")
    page.keyboard.press("Control+k")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/sessions/{play.session}")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")


def test_a_newcomer_sees_the_missing_step_and_may_look_at_demo_data(site: Site, visitor: Visitor) -> None:
    page = visitor.visit(site, width=360, height=740)
    page.get_by_role("button", name="Copy the command hookspan install").wait_for()
    assert violations(page) == []
    assert sideways(page) == []
    page.get_by_role("button", name="Load demo data").click()
    page.get_by_role("heading", name="1 session waits for you").wait_for()
    expect(page).to_have_title("(1) waiting · hookspan")
    icon = page.evaluate("document.querySelector('link[rel=icon]').href")
    assert icon.startswith("data:image/svg+xml")
    page.get_by_text("the hooks are not installed").wait_for()
    assert violations(page) == []
    assert sideways(page) == []
    page.get_by_role("button", name="Remove them").click()
    page.get_by_role("button", name="Load demo data").wait_for()
    expect(page).to_have_title("hookspan")
    for path in ("/friction", "/health", "/log"):
        other = visitor.visit(site, path)
        other.get_by_text("No event has been recorded yet").wait_for()
        other.close()


def test_what_was_imported_is_shown_before_the_first_event(site: Site, visitor: Visitor) -> None:
    put(site.machine.home, "compact")
    site.machine.json("import")
    page = visitor.visit(site)
    expect(page.get_by_role("main")).to_contain_text("1 session")
    expect(page.locator("setup-step")).to_contain_text("the hooks are not installed")
    expect(page.get_by_role("link", name="All steps")).to_have_count(0)


def test_a_page_of_another_version_offers_to_be_loaded_again(site: Site, visitor: Visitor) -> None:
    page = visitor.visit(site, "/health")
    page.get_by_text("Live", exact=True).wait_for()
    visitor.agent_may_be_away = True
    site.machine.down()
    launch(site.machine, "--stay", version="99.0.0")
    page.get_by_text("hookspan 99.0.0 is running now").wait_for()
    page.get_by_role("button", name="Reload").click()
    page.get_by_text("hookspan 99.0.0 is running now").wait_for(state="detached")
    page.get_by_text("Live", exact=True).wait_for()


def test_what_is_typed_before_it_is_loaded_is_not_lost(site: Site, visitor: Visitor) -> None:
    """Neither for the palette nor for a page on whose way somebody is."""
    held: list[Route] = []
    page = visitor.visit(site)
    for module, keys in {"command-palette": ["Control+k"], "raw-log": []}.items():
        pattern = f"**/{module}.js*"
        page.route(pattern, lambda route, _: held.append(route))
        for _ in range(3):  # chromium forgets what it was about to load when a network interface comes
            visitor.reload(page)
            expect(page.get_by_role("main")).to_be_visible()
            page.evaluate(CLIPBOARD)
            for key in keys:
                page.keyboard.press(key)
            if module == "raw-log":
                page.get_by_role("link", name="Log").click()
            end = time.monotonic() + 20
            while not held and time.monotonic() < end:
                page.wait_for_timeout(20)
            if held:
                break
        if module == "command-palette":
            page.keyboard.press("Control+k")  # nothing is seen yet
            page.keyboard.type("doctor xx")
            for key in ("Backspace", "Backspace", "ArrowDown", "ArrowUp", "Enter"):
                page.keyboard.press(key)
            release(page, pattern, held)
            page.wait_for_function("() => window.copied === 'hookspan doctor'")
            expect(page.get_by_role("dialog")).to_have_count(0)
        else:
            page.keyboard.type("/Stop Q")
            release(page, pattern, held)
            expect(page.get_by_role("searchbox", name="Search the lines")).to_have_value("Stop Q")


def test_it_finds_sessions_that_are_not_loaded_and_shows_what_they_are_called(site: Site, visitor: Visitor) -> None:
    """However long a project's name is."""
    plays = [Play() for _ in range(55)]
    project = {"cwd": "/home/u/" + "a-very-long-project-name-" * 5}
    for number, play in enumerate(plays):
        end = event("SessionEnd", play.session, reason="other")
        site.append(*({**one, **project} for one in (play.start(), play.submit(f"part-{number:02}"), end)), wait=False)
    site.append()
    page = visitor.visit(site)
    page.get_by_text("Live", exact=True).wait_for()
    for width in (1280, 360):
        resize(page, width, 740)
        page.keyboard.press("Control+k")
        page.get_by_role("dialog").wait_for()
        page.keyboard.type("part-00")
        option = page.get_by_role("group", name="Sessions").get_by_role("option", name="part-00")
        expect(option).to_have_count(1)
        title = option.locator(".named > :last-child")
        assert title.evaluate("one => one.scrollWidth <= one.clientWidth")
        assert not option.locator(".named > :first-child").evaluate("one => one.scrollWidth <= one.clientWidth")
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Control+k")
    page.get_by_role("dialog").wait_for()
    page.keyboard.type("part-00")
    expect(page.get_by_role("group", name="Sessions").get_by_role("option", name="part-00")).to_have_attribute(
        "aria-selected", "true"
    )
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/sessions/{plays[0].session}")


def test_the_help_has_every_key_and_shortcuts_can_be_turned_off(site: Site, visitor: Visitor) -> None:
    play = Play()
    site.append(play.start(), play.submit("one"), play.stop(), play.submit("two"))
    page = visitor.visit(site, f"/sessions/{play.session}")
    page.keyboard.press("?")
    help_ = page.get_by_role("dialog", name="Keys")
    expect(help_).to_be_visible()
    told = set(help_.locator("kbd").all_inner_texts())
    assert {"[", "]", "n", "N", "*", "/", "j", "k", "p", "f", "c", "0", "?", "Ctrl", "K", "Space", "Home"} <= told
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("[")
    expect(page.get_by_role("heading", name="Turn 1: one")).to_be_visible()
    page.keyboard.press("Control+k")
    page.get_by_role("dialog").wait_for()
    page.keyboard.type("single-key")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("]")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Turn 1: one")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
