"""Two sessions that write the same, in a real browser: the mark on both, the way to the other, and the search."""

import uuid
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.agent.machine import event
from tests.web.browser import Visitor, resize, sideways, violations
from tests.web.site import Play, Site

pytestmark = pytest.mark.need_chromium

HOSTILE = "<img src=x onerror=window.caught=1>.py"


def edit(play: Play, file: str, old: str, new: str) -> list[dict[str, Any]]:
    """PreToolUse and PostToolUse of an edit."""
    call = {"tool_name": "Edit", "tool_use_id": f"toolu_{uuid.uuid4().hex}", "prompt_id": play.prompt}
    call["tool_input"] = {"file_path": file, "old_string": old, "new_string": new}
    patch = {"structuredPatch": [{"lines": [f"-{old}", f"+{new}"]}]}
    return [
        event("PreToolUse", play.session, **call),
        event("PostToolUse", play.session, **call, tool_response=patch, duration_ms=5),
    ]


def test_a_collision_is_told_before_the_write_is_done_and_leads_to_the_other(shared: Site, visitor: Visitor) -> None:
    first, second = Play(), Play()
    for play, prompt in ((first, "round the total"), (second, "add the tax")):
        shared.append(play.start(), play.submit(prompt))
    page = visitor.visit(shared)
    mark_of_first, mark_of_second = (
        page.locator(f"sessions-list li[data-id='{play.session}'] collision-mark") for play in (first, second)
    )
    shared.append(*edit(first, HOSTILE, "total = sum(prices)", "total = round(sum(prices), 2)"))
    begun, done = edit(second, HOSTILE, "total = round(sum(prices), 2)", "total = round(sum(prices) * TAX, 2)")
    shared.append(begun)
    expect(mark_of_second).to_have_text(f"writes the same lines of {HOSTILE} as round the total")
    expect(mark_of_first).to_have_text(f"writes the same lines of {HOSTILE} as add the tax")
    assert violations(page) == []
    resize(page, 320, 740)
    assert sideways(page) == []
    mark_of_second.get_by_role("link", name="round the total").click()
    header = page.locator("session-header collision-mark")
    expect(header.get_by_role("link", name="add the tax")).to_be_visible()
    shared.append(done)
    resize(page, 1280, 900)
    header.get_by_role("link", name="add the tax").click()
    page.get_by_role("treeitem").filter(has_text="Edit").click()
    link = page.get_by_role("listitem").filter(has_text="writes the same")
    expect(link).to_contain_text(f"of session {first.session[:8]}")
    link.get_by_role("link").click()
    expect(page.locator("session-header h1")).to_have_text("round the total")
    expect(page.locator("span-details h2")).to_contain_text("Edit")
    found = visitor.visit(shared, f"/search?what=spans&collided=true&session={second.session}")
    expect(found.get_by_role("listitem")).to_have_count(1)
    assert page.evaluate("() => window.caught ?? null") is None
    shared.append(event("SessionEnd", first.session, reason="other"))
    expect(visitor.visit(shared, f"/sessions/{second.session}").locator("collision-mark p")).to_have_count(0)


def test_what_is_shared_is_said_by_kind(shared: Site, visitor: Visitor) -> None:
    first, second = Play(), Play()
    for play, prompt in ((first, "the first one"), (second, "the second one")):
        shared.append(play.start(), play.submit(prompt))
    folder = f"/w/{uuid.uuid4()}"
    page = visitor.visit(shared, f"/sessions/{second.session}")
    mark = page.locator("session-header collision-mark")
    expect(mark).to_have_text("")
    shared.append(*edit(first, f"{folder}/cart.py", "total = 1", "total = 2"))
    shared.append(*edit(second, f"{folder}/cart.py", "def other(): ...", "def another(): ..."))
    expect(mark).to_have_text("writes other lines of cart.py as the first one")
    helper = {"agent_id": "helper", "agent_type": "general-purpose"}
    shared.append(event("SubagentStart", second.session, prompt_id=second.prompt, **helper))
    for given in ({**helper}, {}):
        for one in edit(second, f"{folder}/tax.py", "tax = 1", "tax = 2"):
            shared.append({**one, **given})
    expect(mark).to_have_text("writes the same lines of tax.py as another of its agents")
