"""What the bars of a session mean: subagents at once, the chain that decided, waits and compactions, and the zoom."""

import itertools
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web.browser import Visitor, drawn
from tests.web.player import Player, event_is
from tests.web.site import Site

pytestmark = pytest.mark.need_chromium

WORDS = {"echo tested": "pytest -q", "echo reviewed": "rg TODO"}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, dict[str, str]]]:
    """A site with four sessions, by what they show."""
    with (
        closing(Site(tmp_path_factory.mktemp("waterfall") / "machine")) as site,
        closing(Player(site.machine.paths, site.machine.home, site.machine.env)) as player,
    ):
        agents = "print_parallel_agents"
        shown = {
            "fanned_out": player.past(agents, end=900, stretch=100, words=WORDS),
            "fans_out": player.past(agents, end=3, stretch=100, project="payments", until=event_is("PostToolUse", 3)),
            "waited": player.past("permission_approved", end=300, stretch=10),
            "compacted": player.past("compact", end=600, stretch=20),
        }
        site.settle()
        yield site, {name: one.session for name, one in shown.items()}


def spans(site: Site, session: str) -> list[Any]:
    items: list[Any] = site.get(f"/sessions/{session}/spans")["items"]
    return items


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("treeitem", name=name)


def edges(found: Locator) -> list[tuple[float, float]]:
    """Left and right of what is drawn, px, in the order of time."""
    boxes = found.evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(({left, right}) => [left, right])"
    )
    return sorted((left, right) for left, right in boxes)


def test_subagents_lie_in_lanes_of_their_own_and_fold(played: tuple[Site, dict[str, str]], visitor: Visitor) -> None:
    site, shown = played
    page = visitor.visit(site, f"/sessions/{shown['fanned_out']}")
    lanes = page.evaluate("() => deep(document, 'span-waterfall').lanes")
    assert [lane["name"].split(":")[0] for lane in lanes] == ["main", "general-purpose", "general-purpose"]
    for lane in lanes:
        for line in lane["spans"]:
            assert all(before["end"] <= after["start"] + 1 for before, after in itertools.pairwise(line))
    page.wait_for_function(f"counts => ({PAINTED})(counts).every(Boolean)", arg=[len(lane["spans"]) for lane in lanes])
    names = page.locator("span-waterfall .lane-names span")
    tops = names.evaluate_all("all => all.map(one => one.getBoundingClientRect().top)")
    assert tops == sorted(set(tops))

    whole = page.get_by_role("treeitem").count()
    subagent = page.locator("span-waterfall .t-subagent").first
    subagent.click()
    page.locator("span-waterfall .view").focus()
    page.keyboard.press("ArrowLeft")
    expect(subagent).to_have_attribute("aria-expanded", "false")
    expect(subagent).to_contain_text(re.compile(r"\+\d"))
    folded = page.get_by_role("treeitem").count()
    assert folded < whole
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("treeitem")).to_have_count(whole)
    page.get_by_role("button", name="Fold subagents").click()
    expect(row(page, "Bash")).to_have_count(0)
    page.get_by_role("button", name="Unfold all").click()
    expect(page.get_by_role("treeitem")).to_have_count(whole)


PAINTED = """counts => {
  const canvas = deep(document, "span-lanes").shadowRoot.querySelector("canvas");
  const context = canvas.getContext("2d");
  const lines = counts.reduce((sum, count) => sum + count, 0), high = canvas.height / lines;
  const {data} = context.getImageData(0, 0, canvas.width, canvas.height); // one reading, of four bytes a pixel
  return Array.from({length: lines}, (_, line) => {
    const from = Math.floor((line + 0.5) * high) * canvas.width * 4;
    return data.slice(from, from + canvas.width * 4).some(value => value);
  });
}"""


def test_the_chain_that_decided_is_marked_and_in_the_address(
    played: tuple[Site, dict[str, str]], visitor: Visitor
) -> None:
    site, shown = played
    tools = {one["label"]: one["end"] for one in spans(site, shown["fanned_out"]) if one["name"].endswith("Bash")}
    first, last = sorted(tools, key=lambda label: tools[label])
    page = visitor.visit(site, f"/sessions/{shown['fanned_out']}")
    marked = re.compile(r"\bchained\b")
    expect(row(page, f"Bash {last}")).to_have_class(marked)
    expect(row(page, f"Bash {first}")).not_to_have_class(marked)
    mark = row(page, f"Bash {last}").locator(".track")
    assert mark.evaluate("track => parseFloat(getComputedStyle(track, '::after').width)") > 0
    page.get_by_role("button", name="Longest chain").click()
    expect(page).to_have_url(re.compile(r"chain=only"))
    visitor.reload(page)
    dim = re.compile(r"\bdim\b")
    expect(row(page, f"Bash {first}")).to_have_class(dim)
    expect(row(page, f"Bash {last}")).not_to_have_class(dim)
    page.locator("span-waterfall .view").focus()
    page.keyboard.press("c")
    expect(row(page, f"Bash {first}")).not_to_have_class(dim)
    expect(page).not_to_have_url(re.compile("chain"))


def test_waits_and_compactions_go_through_all_rows(played: tuple[Site, dict[str, str]], visitor: Visitor) -> None:
    site, shown = played
    for session, kind, number in (("waited", "wait", 2), ("compacted", "compact", 1)):
        page = visitor.visit(site, f"/sessions/{shown[session]}?view=all")
        bands = page.locator(f"span-waterfall .behind .k-{kind}")
        expect(bands).to_have_count(number)
        bars = edges(page.locator(f"span-waterfall .t-{kind} .bar"))
        assert [edge for one in edges(bands) for edge in one] == pytest.approx(
            [edge for one in bars for edge in one], abs=2
        )
        places = (f".behind .k-{kind}", ".all")
        band, rows = (page.locator(f"span-waterfall {place}").first.bounding_box() for place in places)
        assert band is not None
        assert rows is not None
        assert band["height"] == pytest.approx(rows["height"], abs=1)


def test_the_zoom_is_in_the_address_and_of_one_turn(played: tuple[Site, dict[str, str]], visitor: Visitor) -> None:
    site, shown = played
    page = visitor.visit(site, f"/sessions/{shown['compacted']}?turn=1")
    fit = page.get_by_role("button", name="Fit")
    expect(fit).to_be_disabled()
    page.locator("span-waterfall .t-tool").dblclick()
    expect(page).to_have_url(re.compile(r"zoom=\d+-\d+"))
    address, bar = page.url, page.locator("span-waterfall .t-tool .bar")
    expect(page.locator("span-details")).to_be_visible()  # beside it
    drawn(page)
    before = edges(bar)
    visitor.go(page, f"{site.url}/")
    visitor.go(page, address)
    expect(fit).to_be_enabled()
    assert edges(bar)[0] == pytest.approx(before[0], abs=2)
    page.keyboard.press("Escape")
    page.keyboard.press("]")
    expect(page.get_by_role("heading", name="Turn 2")).to_be_visible()
    expect(fit).to_be_disabled()
    expect(page).not_to_have_url(re.compile("zoom"))


def test_a_row_tells_of_context_cost_and_subagents(played: tuple[Site, dict[str, str]], visitor: Visitor) -> None:
    site, shown = played
    session = site.get(f"/sessions/{shown['fans_out']}")["session"]
    page = visitor.visit(site)
    line = page.locator("sessions-list li").filter(has=page.get_by_role("link", name="payments"))
    expect(line).to_contain_text("1 subagent")
    share = session["context"]["share"]
    assert share > 0
    expect(line.locator(".context")).to_contain_text(re.compile(r"Context filled: \d+\s%\s+of 200k", re.IGNORECASE))
    filled = line.locator(".meter i").evaluate("i => i.offsetWidth / i.parentElement.offsetWidth")
    assert filled == pytest.approx(share, abs=0.02)
    told = re.search(r"\$([\d.]+)", line.locator(".cost").inner_text())
    assert told is not None
    assert float(told[1]) == pytest.approx(session["cost"], rel=0.1)
