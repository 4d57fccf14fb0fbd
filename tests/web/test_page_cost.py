"""What it cost, by what it was for, in a real browser: of a session, and of a period."""

import json
import re
import time

import pytest
from playwright.sync_api import expect

from hookspan import wire
from hookspan.wire.facts import Definition, Fact, Listing, ModelCall, RequestShape
from tests.web.browser import CLIPBOARD, Visitor, copied, resize, sideways, violations
from tests.web.site import Play, Site

SECOND = 10**9
TOKENS = 20_000
HOSTILE = "<img src=x onerror=alert(1)>"

pytestmark = pytest.mark.need_chromium


def call(play: Play, number: int, **told: object) -> ModelCall:
    """A model call for a dollar."""
    at = time.time_ns() + number * 1000  # a turn whose calls are later than its end goes on
    prices = {"cache_read_price": 500.0, "cache_write_price": 5_500.0, "cost_nano": 10**9, "prices": "table"}
    whose = {"session": play.session, "prompt": play.prompt, "response_model": "claude-opus-5-5", "shape": "one"}
    key = f"call:m{number}"
    return ModelCall(at=at, start=at, end=at, key=key, message_id=f"m{number}", **{**prices, **whose, **told})


def told(play: Play) -> list[bytes]:
    """Four calls: of a skill, of a server's result, of nothing, and one that missed the cache as the model changed."""
    at, session = time.time_ns(), play.session
    tools = [
        Definition("Bash", "d", 900),
        Definition("mcp__tiny__greet", "d", 4_000),
        Definition("mcp__used__a", "d", 8),
    ]
    facts: list[Fact] = [
        RequestShape(at=at, key="shape", session=session, shape="one", tools=tools),
        Listing(at=at, key="listing", session=session, of="deferred_tools", failed=["broken"], needs_auth=["closed"]),
        call(play, 1, skill=HOSTILE, plugin="shopkit", cache_write_tokens=TOKENS),
        call(play, 2, mcp_server="tiny", cache_read_tokens=TOKENS),
        call(play, 3, cache_read_tokens=TOKENS),
        call(play, 4, response_model="claude-sonnet-5-5", cache_write_tokens=TOKENS),
    ]
    return [wire.encode(fact) for fact in facts]


def test_cost_by_what_it_was_for(site: Site, visitor: Visitor) -> None:
    play = Play()
    site.append(play.start(), play.submit(), *play.tool(name="mcp__used__a"))
    site.append(*told(play))
    site.append(play.stop())
    page = visitor.visit(site, f"/sessions/{play.session}")
    own = page.get_by_role("region", name="What it was for")
    expect(own.get_by_role("row", name="Skill")).to_contain_text("$1.00")
    expect(own.get_by_role("row", name="Skill")).to_contain_text(HOSTILE)
    expect(own.get_by_role("row", name="All of it")).to_contain_text("$4.00")
    expect(own.get_by_role("row", name="another model")).to_contain_text("$0.10")  # 20,000 tokens, $5 a million
    assert violations(page) == []
    visitor.go(page, f"{site.url}/friction")
    page.evaluate(CLIPBOARD)
    period = page.get_by_role("region", name="What it was for")
    expect(period.get_by_role("row", name="MCP server")).to_contain_text("25")
    rows = page.get_by_role("region", name="What holds agents and people up").locator(".rows > li")
    expect(rows).to_have_count(2)
    miss, idle = rows.all()  # 20,000 tokens once, and 1,000 in each of four requests
    expect(miss).to_contain_text("another model")
    expect(miss).to_contain_text("$0.100")
    expect(idle).to_contain_text("MCP server tiny")
    miss.get_by_text("Behind it").click()
    expect(miss.get_by_role("listitem")).to_contain_text("$0.100")
    page.get_by_role("button", name="30 days").click()
    expect(page).to_have_url(re.compile("days=30"))
    expect(miss.get_by_role("listitem")).to_contain_text("$0.100")  # what is open stays so, and is asked for anew
    unavailable = page.get_by_role("region", name="MCP servers that were not available")
    expect(unavailable).to_contain_text("broken failed in 1 session; closed wanted a login in 1 session")
    deny = copied(idle.get_by_role("button", name="Copy"), "Copied")
    assert json.loads(deny) == {"permissions": {"deny": ["mcp__tiny"]}}
    assert violations(page) == []
    resize(page, 360, 800)
    assert sideways(page) == []
    miss.get_by_role("link", name="All of it, one by one").click()
    expect(page.get_by_role("button", name="cache miss: model")).to_be_visible()
    expect(page.locator("search-page").get_by_text("sonnet-5-5")).to_have_count(1)
