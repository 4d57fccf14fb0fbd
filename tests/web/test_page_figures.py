"""Every number opens what it counts."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, get_args

import pytest

from hookspan.web import schemas
from tests.waiting import clear_of_midnight
from tests.web.site import Play, Site
from tests.web.test_page_cost import told

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.web.browser import Visitor

pytestmark = pytest.mark.need_chromium

# Figures that open a list, each with what it says of it; and numbers that open nothing, by where they stand.
FIGURES = """() => {
  const led = [], idle = [];
  const isOpened = node => {
    for (let at = node; at; at = at.parentNode ?? at.host) {
      if (at.matches?.("a[href], button, time, code, input, select, summary, copy-button, h1, .hide, svg")) return true;
    }
    return false;
  };
  const look = root => {
    for (const one of root.querySelectorAll("*")) {
      if (one.shadowRoot) look(one.shadowRoot);
      const {counts, costs, spent, waited, tokens, kinds, sessions} = one.dataset;
      const told = {counts, costs, spent, waited, tokens, kinds, sessions};
      const to = one.getAttribute("href");
      if (to && Object.values(told).some(Boolean)) led.push({to, ...told});
    }
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const node = texts.currentNode, text = node.textContent.trim();
      if (!/^[$\\u2212]?\\d/.test(text) || isOpened(node) || !node.parentElement.checkVisibility()) continue;
      if (node.parentElement.closest("tr.rest, thead, td > small")) continue;
      if (root.host?.matches("day-columns, span-waterfall")) continue;
      const cell = node.parentElement.closest("td, dd, dt, p, li, div, h2, h3") ?? node.parentElement;
      const head = cell.matches("td") ? cell.closest("table").tHead?.rows[0].cells[cell.cellIndex]?.textContent :
        cell.matches("dd") ? cell.parentElement.querySelector("dt")?.textContent : cell.className;
      idle.push(`${root.host?.localName ?? "page"}: ${(head ?? "").trim() || cell.localName} (${text})`);
    }
  };
  look(document);
  return [led, idle];
}"""
SPANS_OF_TIME = re.compile(r"\((0|\$0|.*(ms|s|min|h|ago|%)|\d+ [A-Z].*|\d{4}-.*)\)$")
"""Nothing, durations, shares and dates: no list has so many rows, or comes to so much."""
LEAD_NOWHERE = frozenset(
    {
        "metrics-panel: Hook time",  # what each hook may take
        "now-header: second",  # who waits, in the rows below
        "sessions-list: h2",  # rows below
        "sessions-list: row head",  # what they come to
        "sessions-list: context",
        "sessions-list: meta",  # what open sessions have by now: their spans are still to be written
        "session-header: Subagents",  # the same
        "session-header: Context",
        "cost-page: Prompt",  # an id
        "friction-report: second",  # the waste and the rules below
        "waste-list: div",  # with the sessions that have most of it behind each row
    }
)
OPEN = """async to => {
  const {router} = await part("lib/router.js");
  router.go(to);
}"""
LISTED = """() => {
  const page = deep(document, "search-page");
  if (!page?.answer || page.busy || page.asked !== JSON.stringify(page.wanted)) return null;
  if (page.answer.next) { page.shadowRoot.querySelector(".more button")?.click(); return null; }
  return {rows: page.shadowRoot.querySelectorAll("li").length, ...page.answer.sums};
}"""
SPENT = """to => {
  const page = deep(document, "cost-page");
  return location.pathname + location.search === to && page?.answer && !page.busy ? page.answer.total.cost : null;
}"""
ROWS = """to => {
  const list = deep(document, "sessions-list");
  const isThere = location.pathname + location.search === to && list;
  return isThere ? list.shadowRoot.querySelectorAll("li[data-id]").length : null;
}"""
SAME_MAX = 3  # figures of one kind, say tool calls in rows of sessions, whose lists are looked at
VALUE = re.compile(r"=[^&]*")
GROUPS = get_args(schemas.CostBy)


def test_lists_have_as_many_rows_as_the_numbers_say_that_lead_to_them(
    morning: tuple[Site, dict[str, str]], visitor: Visitor
) -> None:
    clear_of_midnight()
    site, shown = morning
    play = Play()
    site.append(play.start(), play.submit(), *told(play), *play.tool(asked=True), play.stop())
    site.settle()
    page = visitor.visit(site)
    page.wait_for_function("() => deep(document, 'metrics-panel')?.answer")
    paths = [
        "/",
        "/friction",
        "/friction?by=model",
        *(f"/cost?by={by}" for by in GROUPS),
        *(f"/sessions/{shown[name]}" for name in ("ended", "fans_out")),
        f"/sessions/{play.session}",
    ]
    figures: dict[str, dict[str, Any]] = {}
    idle: dict[str, str] = {}
    for path in paths:
        page.evaluate(OPEN, path)
        visitor.loaded(page)
        led, open_nothing = page.evaluate(FIGURES)
        figures |= {f"{one['to']} {[key for key in one if one[key]]} {one.get('kinds')}": one for one in led}
        idle |= dict.fromkeys(open_nothing, path)
    numbers = {one: path for one, path in idle.items() if not SPANS_OF_TIME.search(one)}
    assert {one: path for one, path in numbers.items() if one.rpartition(" (")[0] not in LEAD_NOWHERE} == {}
    assert len(figures) > 80, figures
    tried: Counter[str] = Counter()
    wrong = []
    for name, figure in figures.items():
        tried[VALUE.sub("", name)] += 1
        if tried[VALUE.sub("", name)] <= SAME_MAX and (found := _opened(page, figure)) != pytest.approx(_said(figure)):
            wrong.append((figure, found))
    assert wrong == []
    page.evaluate(OPEN, "/search?what=spans&span=model&until=1000")  # as links from days that are over have it
    assert page.wait_for_function(LISTED).json_value()["rows"] == 0


def _said(figure: dict[str, Any]) -> float:
    return next(float(value) for name, value in figure.items() if value and name not in {"to", "kinds"})


def _opened(page: Page, figure: dict[str, Any]) -> float:
    """What that comes to which a figure leads to."""
    to = figure["to"]
    page.evaluate(OPEN, to)
    if figure.get("spent"):
        return float(page.wait_for_function(SPENT, arg=to).json_value())
    if figure.get("sessions"):
        page.wait_for_function(f"to => ({ROWS})(to) === {figure['sessions']}", arg=to)
        return float(figure["sessions"])
    listed = page.wait_for_function(LISTED).json_value()
    if figure.get("counts"):
        return float(listed["spans"]) if listed["rows"] == listed["spans"] else -1.0
    if figure.get("tokens"):
        return float(sum(listed["tokens"][kind] for kind in figure["kinds"].split()))
    return float(listed["waited" if figure.get("waited") else "cost"])
