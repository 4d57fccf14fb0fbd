"""What agents ask, in a real browser: questions with their answers, plans, and what an MCP server wants to know."""

import pytest
from playwright.sync_api import expect

from tests.agent.machine import event
from tests.web.browser import CLIPBOARD, Visitor, resize, sideways, violations
from tests.web.site import Play, Site

pytestmark = pytest.mark.need_chromium

HOSTILE = "<img src=x onerror=\"window.caught='text'\"><script>window.caught='script'</script>[x](javascript:alert(1))"
PLAN = f"""# Round the **cart**

We round `half_up`, and *nowhere else*. {HOSTILE}
It goes on in the next line.

1. Add it
2. Use it
   - in the cart
> Careful: money.

```python
# no heading, and **no** bold
```
"""


def test_a_question_is_shown_with_its_answers_until_it_is_answered(shared: Site, visitor: Visitor) -> None:
    play = Play()
    answers = [{"label": "Up", "description": "As the shop does"}, {"label": HOSTILE, "description": HOSTILE}]
    question = {"question": f"How shall it round? {HOSTILE}", "header": "Rounding", "options": answers}
    asked = play.ask("AskUserQuestion", {"questions": [question | {"multiSelect": True}]})
    shared.append(play.start(), play.submit("fix the cart"), *({**one, "prompt_id": play.prompt} for one in asked))
    now = visitor.visit(shared)
    row = now.locator("sessions-list li", has_text="How shall it round?")
    expect(row).to_contain_text("asks you a question")
    expect(row.locator(".asked .tag")).to_have_text(["Up", HOSTILE])
    page = visitor.visit(shared, f"/sessions/{play.session}")
    card = page.get_by_role("region", name="It asks you")
    expect(card.get_by_role("heading", name="How shall it round?")).to_contain_text("Rounding")
    expect(card.get_by_role("listitem")).to_have_count(2)
    expect(card.get_by_role("listitem").first).to_have_text("UpAs the shop does")
    expect(card).to_contain_text("Several may be chosen.")
    expect(card).to_contain_text(HOSTILE)
    assert page.evaluate("() => [window.caught ?? null, !!deep(document, 'img')]") == [None, False]
    assert violations(page) == []
    resize(page, 360, 740)
    assert sideways(page) == []
    call = {"tool_name": "AskUserQuestion", "tool_use_id": asked[0]["tool_use_id"]}
    shared.append(event("PostToolUse", play.session, prompt_id=play.prompt, tool_response={}, duration_ms=1, **call))
    expect(card).to_have_count(0)
    expect(row).to_have_count(0)


def test_a_plan_is_shown_as_it_is_written_and_nothing_in_it_is_markup(shared: Site, visitor: Visitor) -> None:
    play = Play()
    begin = [play.start(), play.submit("plan the rounding")]
    shared.append(*begin, *play.ask("ExitPlanMode", {"plan": PLAN}))
    page = visitor.visit(shared, f"/sessions/{play.session}")
    page.evaluate(CLIPBOARD)
    row = visitor.visit(shared).locator("sessions-list li", has_text="Its plan")
    row.get_by_text("Its plan", exact=True).click()
    expect(row.get_by_label("The plan")).to_have_text(PLAN)
    card = page.get_by_role("region", name="Its plan, for you to approve")
    expect(card.get_by_role("heading", name="Round the cart")).to_be_visible()
    expect(card.locator("p").first).to_have_text(
        f"We round half_up, and nowhere else. {HOSTILE} It goes on in the next line."
    )
    expect(card.locator("p").first.locator("code")).to_have_text("half_up")
    expect(card.locator("em")).to_have_text("nowhere else")
    expect(card.get_by_role("listitem")).to_have_text(["1.Add it", "2.Use it", "•in the cart"])
    expect(card.locator("blockquote")).to_have_text("Careful: money.")
    expect(card.locator("pre")).to_have_text("# no heading, and **no** bold")
    assert page.evaluate("() => [window.caught ?? null, !!deep(document, 'img')]") == [None, False]
    expect(card.get_by_role("link")).to_have_count(0)
    assert violations(page) == []
    card.get_by_role("button", name="Copy").click()
    page.wait_for_function("window.copied !== undefined")
    assert page.evaluate("copied") == PLAN


def test_what_an_mcp_server_asks_is_shown(shared: Site, visitor: Visitor) -> None:
    play = Play()
    begin = [play.start(), play.submit("pay")]
    asks = {"mcp_server_name": "bank", "message": "Which account?", "prompt_id": play.prompt}
    shared.append(*begin, event("Elicitation", play.session, **asks))
    page = visitor.visit(shared, f"/sessions/{play.session}")
    expect(page.get_by_role("region", name="An MCP server asks you")).to_contain_text("Which account?")
    expect(visitor.visit(shared).locator("sessions-list li", has_text="Which account?")).to_be_visible()
