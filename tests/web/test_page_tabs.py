"""Many tabs of one browser: they share a stream, since a browser has six connections to a host."""

import pytest
from playwright.sync_api import Page, expect

from tests.waiting import until
from tests.web.browser import Visitor
from tests.web.site import Play, Site

TABS = 8
LISTEN = """async () => {
  const {store} = await part("lib/store.js");
  window.told = [];
  store.live.addEventListener("update", ({detail}) => window.told.push(...detail.events.map(one => one.record)));
}"""

pytestmark = pytest.mark.need_chromium


def connections(site: Site) -> int:
    number: int = site.get("/health")["stream"]["connections"]
    return number


def told(page: Page, records: list[int]) -> None:
    """Wait until a page was told the last of some events; it was told each once."""
    page.wait_for_function("last => window.told.at(-1) === last", arg=records[-1])
    assert page.evaluate("told") == records


def test_any_number_of_tabs_has_one_stream_and_misses_nothing(site: Site, visitor: Visitor) -> None:
    play = Play()
    site.append(play.start())
    pages = [visitor.visit(site) for _ in range(TABS)]
    for page in pages:
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        page.evaluate(LISTEN)
    until(lambda: connections(site) == 1, "they do not share one")
    known = site.records()[-1]
    site.append(play.submit("one"), wait=False)
    for page in pages[: TABS // 2]:
        page.close()
    site.append(play.stop(), play.submit("two"))
    for page in pages[TABS // 2 :]:
        told(page, site.records(after=known))
        expect(page.get_by_role("listitem").filter(has_text="2 turns")).to_be_visible()
    until(lambda: connections(site) == 1, "they do not share one")
    late = visitor.visit(site)
    late.wait_for_function(
        "async last => (await part('lib/store.js')).store.live.position > last", arg=site.records()[-1]
    )
    late.evaluate(LISTEN)
    known = site.records()[-1]
    site.append(play.stop())
    told(late, site.records(after=known))
    for page in (late, *pages[TABS // 2 :]):
        page.close()
    until(lambda: connections(site) == 0, "the stream is open, and nobody listens")


def test_without_shared_workers_each_tab_has_its_own(site: Site, visitor: Visitor) -> None:
    play = Play()
    site.append(play.start())
    page = visitor.visit(site)
    page.add_init_script("delete window.SharedWorker")
    visitor.reload(page)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    other = visitor.visit(site)
    expect(other.get_by_text("Live", exact=True)).to_be_visible()
    until(lambda: connections(site) == 2, "they have not a stream each")
    page.evaluate(LISTEN)
    known = site.records()[-1]
    site.append(play.submit("one"))
    told(page, site.records(after=known))
