"""The search page in a real browser: from words to what was said, by keys alone."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from playwright.sync_api import expect

from tests.content.said import Said
from tests.waiting import until
from tests.web.browser import Visitor, violations
from tests.web.player import Player
from tests.web.site import Site

HOSTILE = "<img src=x onerror=\"window.caught='text'\"> zebra"

pytestmark = pytest.mark.need_chromium


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site where something was said."""
    with (
        closing(Site(tmp_path_factory.mktemp("talk") / "machine")) as site,
        closing(Player(site.machine.paths, site.machine.home, site.machine.env)) as player,
    ):
        player.past("print_tools_agent", end=60, stretch=10)
        said = Said(site.machine, time.time())
        said.hooks("SessionStart", source="startup")
        said.prompt(HOSTILE)
        site.settle()
        until(lambda: site.get("/search", q="zebra")["items"] and len(site.get("/search", q="cart")["items"]) > 2)
        yield site


def test_from_words_to_a_message_by_keys(talk: Site, visitor: Visitor) -> None:
    page = visitor.visit(talk, "/search")
    page.keyboard.type("cart")
    hits = page.get_by_role("listitem")
    expect(hits.first).to_be_visible()
    expect(page.locator("search-page mark").first).to_have_text("cart")
    expect(page).to_have_url(re.compile("q=cart"))
    assert violations(page) == []
    page.get_by_label("Kind").select_option("prompt")
    expect(hits).to_have_count(2)  # the user's, and the one that the subagent was given
    expect(hits.filter(has_text="Prompt")).to_have_count(2)
    page.get_by_label("Words to search for").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/sessions/.+message="))
    page.go_back()
    expect(hits.first).to_be_visible()
    page.get_by_label("What is looked for").select_option("spans")
    page.get_by_label("Kind").wait_for(state="detached")
    page.get_by_label("Words to search for").fill("bash")
    page.get_by_role("link", name="execute_tool Bash").first.click()
    expect(page).to_have_url(re.compile(r"/sessions/.+span="))


def test_the_last_day_is_a_day(talk: Site, visitor: Visitor) -> None:
    page = visitor.visit(talk, "/search")
    with page.expect_request(re.compile("/search.*since=")) as asked:
        page.get_by_label("Time").select_option("Last day")
    (since,) = re.findall(r"since=(\d+)", asked.value.url)
    assert 24 <= (time.time() - int(since) / 1000) / 3600 < 24.2


def test_what_is_found_is_text_and_what_is_not_found_is_said(talk: Site, visitor: Visitor) -> None:
    page = visitor.visit(talk, "/search?q=zebra", width=320, height=640, dark=True)
    expect(page.get_by_role("listitem").first).to_contain_text("<img src=x")
    assert page.evaluate("() => window.caught ?? null") is None
    page.get_by_label("Words to search for").fill("quagga")
    expect(page.get_by_text("Nothing found.")).to_be_visible()
    expect(page.get_by_text("hookspan config set archive.enabled true")).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("zebra")
    page.get_by_role("dialog").get_by_role("option", name="Prompt").click()
    expect(page).to_have_url(re.compile(r"/sessions/.+message="))


def test_where_content_is_not_shown_it_says_so(make_site: Callable[..., Site], visitor: Visitor) -> None:
    page = visitor.visit(make_site(settings="[content]\nlocal = false"), "/search?q=zebra")
    expect(page.get_by_role("status").filter(has_text="content.local")).to_be_visible()
    assert violations(page) == []
