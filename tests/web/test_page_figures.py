"""Every number opens what it counts."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, get_args

import pytest

from hookspan.web import schemas
from tests.web.site import Play, Site
from tests.web.test_page_cost import told

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.web.browser import Visitor

pytestmark = pytest.mark.need_chromium

FIGURES = """() => {
  const found = [];
  const look = root => {
    for (const one of root.querySelectorAll("*")) {
      if (one.shadowRoot) look(one.shadowRoot);
      const {counts, costs, spent} = one.dataset;
      if (counts || costs || spent) found.push({to: one.getAttribute("href"), counts, costs, spent});
    }
  };
  look(document);
  return found;
}"""
OPEN = """async to => {
  const {router} = await import("/lib/router.js");
  router.go(to);
}"""
LISTED = """() => {
  const page = deep(document, "search-page");
  if (!page?.answer || page.busy || page.asked !== JSON.stringify(page.wanted)) return null;
  if (page.answer.next) { page.shadowRoot.querySelector(".more button")?.click(); return null; }
  return {rows: page.shadowRoot.querySelectorAll("li").length, ...page.answer.sums};
}"""
SAME_MAX = 3  # figures of one kind, say tool calls in rows of sessions, whose lists are looked at
VALUE = re.compile(r"=[^&]*")
GROUPS = get_args(schemas.CostBy)


def test_lists_have_as_many_rows_as_the_numbers_say_that_lead_to_them(
    morning: tuple[Site, dict[str, str]], visitor: Visitor
) -> None:
    site, shown = morning
    play = Play()
    site.append(play.start(), play.submit(), *told(play), *play.tool(asked=True), play.stop())
    site.settle()
    page = visitor.visit(site)
    page.wait_for_function("() => deep(document, 'metrics-panel')?.answer")
    paths = [
        "/",
        *(f"/cost?by={by}" for by in GROUPS),
        *(f"/sessions/{shown[name]}" for name in ("ended", "fans_out")),
        f"/sessions/{play.session}",
    ]
    figures: dict[str, dict[str, Any]] = {}
    for path in paths:
        page.evaluate(OPEN, path)
        visitor.loaded(page)
        figures |= {one["to"]: one for one in page.evaluate(FIGURES)}
    assert len(figures) > 80, figures
    tried: Counter[str] = Counter()
    for to, figure in figures.items():
        tried[VALUE.sub("", to)] += 1
        if tried[VALUE.sub("", to)] > SAME_MAX:
            continue
        page.evaluate(OPEN, to)
        if figure.get("spent"):
            total = page.wait_for_function("() => deep(document, 'cost-page')?.answer?.total.cost").json_value()
            assert total == pytest.approx(float(figure["spent"])), figure
            continue
        listed = _listed(page)
        if figure.get("counts") and "waited" not in to:
            assert listed["rows"] == listed["spans"] == float(figure["counts"]), figure
        elif figure.get("counts"):
            assert listed["waited"] == pytest.approx(float(figure["counts"])), figure
        else:
            assert listed["cost"] == pytest.approx(float(figure["costs"])), figure


def _listed(page: Page) -> dict[str, float]:
    """What the search page has, once all of it is there."""
    found: dict[str, float] = page.wait_for_function(LISTED).json_value()
    return found
