"""What was said, in a real browser: as it was said, while it is said, and thousands of messages of it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.agent.machine import launch
from tests.waiting import until
from tests.web.browser import Visitor, drawn, release, resize, sideways, violations
from tests.web.site import Site
from tests.web.talk import Talk, rounding

pytestmark = pytest.mark.need_chromium

HOSTILE = "<img src=x onerror=\"window.caught='text'\"> [x](javascript:alert(1))"


def test_a_conversation_is_read_searched_and_linked_to(shared: Site, visitor: Visitor) -> None:
    talk = rounding(shared.machine)
    talk.asks(HOSTILE)
    talk.says(f"**{HOSTILE}**")
    talk.calls("Bash", {"command": HOSTILE}, HOSTILE)
    talk.calls("Edit", {"file_path": HOSTILE, "old_string": "a", "new_string": HOSTILE}, HOSTILE)
    shared.append()
    page = visitor.visit(shared, f"/sessions/{talk.session}")
    page.get_by_role("button", name="Conversation").click()
    view = page.get_by_role("region", name="Messages")
    articles = view.get_by_role("article")
    expect(articles).to_have_count(21)
    expect(articles.first).to_contain_text("0.125 should become 0.13")
    expect(view.get_by_label("Output").nth(1)).to_have_text("F....\n100 %\n1 failed, 4 passed in 0.31s")
    change = view.get_by_label("Change: 2 lines added, 1 line removed")
    expect(change.locator(".gone")).to_have_text("-    return sum(i.price for i in items)")
    expect(view.get_by_text("image/png, 2.6 KiB, not shown")).to_be_visible()
    expect(view.get_by_role("heading", name="What changed")).to_be_visible()
    expect(view.locator("li", has_text="Half up")).to_contain_text("As the shop does")
    assert page.evaluate("() => [window.caught ?? null, !!deep(document, 'img')]") == [None, False]
    assert violations(page) == []
    page.get_by_role("button", name="Failed").click()
    expect(articles).to_have_count(1)
    expect(articles).to_contain_text("make: *** [check] Error 2")
    page.get_by_role("button", name="All", exact=True).click()
    search = page.get_by_role("searchbox", name="Search in the conversation")
    search.fill("QUANTIZE ")
    expect(page.get_by_text("1 of 2")).to_be_visible()
    expect(search).to_have_value("QUANTIZE ")  # of which the blank is the first of what follows
    expect(view.locator("mark").first).to_have_text("quantize")
    articles.nth(12).get_by_role("link", name="#13").click()
    expect(view.locator(".target")).to_contain_text("Half up")
    resize(page, 320, 740)
    assert sideways(page) == []


def test_it_grows_and_names_what_the_timeline_shows(shared: Site, visitor: Visitor) -> None:
    talk = Talk(shared.machine)
    talk.asks("tidy up")
    talk.says("I begin.")
    shared.append()
    page = visitor.visit(shared, f"/sessions/{talk.session}?view=conversation")
    view = page.get_by_role("region", name="Messages")
    expect(view.get_by_role("article")).to_have_count(2)
    talk.calls("Bash", {"command": "git status"}, "clean")
    talk.says("It is **tidy**.")
    shared.append()
    expect(view.get_by_role("article").last).to_contain_text("It is tidy.")
    talk.happens("Stop")
    shared.settle()
    page = visitor.visit(shared, f"/sessions/{talk.session}")
    rows = page.get_by_role("treeitem")
    expect(rows.filter(has_text="Bash: git status")).to_be_visible()
    expect(rows.filter(has_text="It is tidy.")).to_contain_text("opus-5-5")
    expect(page.locator("turn-said")).to_contain_text("It is tidy.")


def test_it_is_asked_for_again_while_the_agent_is_away(site: Site, visitor: Visitor) -> None:
    talk = rounding(site.machine)
    site.settle()
    page = visitor.visit(site, f"/sessions/{talk.session}")
    page.wait_for_function("() => customElements.get('session-conversation')")  # which nobody has opened yet
    visitor.agent_may_be_away = True
    site.machine.down()
    expect(page.get_by_text("The agent does not answer.")).to_be_visible()
    page.get_by_role("button", name="Conversation").click()
    view = page.locator("session-conversation")
    expect(view.get_by_text("Shown once the agent answers.")).to_be_visible()
    launch(site.machine, "--stay")
    expect(view.get_by_role("article")).to_have_count(15)
    assert violations(page) == []


def test_it_is_given_away_without_paths(shared: Site, visitor: Visitor) -> None:
    talk = rounding(shared.machine)
    shared.append()
    page = visitor.visit(shared, f"/sessions/{talk.session}")
    page.get_by_role("button", name="Share").click()
    panel = page.get_by_role("dialog", name="Share what was said")
    panel.get_by_label("Markdown").check()
    expect(panel.get_by_role("status")).to_contain_text("15 messages")
    with page.expect_download() as download:
        panel.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == f"hookspan-{talk.session[:8]}.md"
    text = download.value.path().read_text()
    assert "…/cart.py" in text
    assert "+    whole = sum" in text
    held: list[Route] = []
    page.route("**/shared?*", lambda route, _: held.append(route))
    with page.expect_request("**/shared?*"):
        panel.get_by_label("Paths.").uncheck()
    expect(panel.get_by_role("button", name="Download")).to_be_disabled()  # the file in hand was made by other rules
    expect(panel.get_by_role("button", name="Copy")).to_be_disabled()
    expect(panel.get_by_role("status")).to_be_empty()
    release(page, "**/shared?*", held)
    expect(panel.get_by_text("kept")).to_be_visible()
    with page.expect_download() as download:
        panel.get_by_role("button", name="Download").click()
    assert "/home/u/shop/cart.py" in download.value.path().read_text()
    assert violations(page) == []


def test_the_turn_that_is_given_away_stays_the_one_that_was_offered(shared: Site, visitor: Visitor) -> None:
    """Though a newer one, which the page then shows, begins while the dialog is open."""
    talk = Talk(shared.machine)
    for prompt in ("the first prompt", "the second prompt"):
        talk.asks(prompt)
        talk.happens("Stop")
    shared.append()
    page = visitor.visit(shared, f"/sessions/{talk.session}")
    page.get_by_role("button", name="Share").click()
    panel = page.get_by_role("dialog", name="Share what was said")
    panel.get_by_label("Turn 2").check()
    talk.asks("the third prompt")
    shared.append()
    expect(page.locator("turn-bar")).to_have_count(3)
    drawn(page)
    assert panel.get_by_label("Turn 2").is_checked()
    panel.get_by_label("Markdown").check()
    with page.expect_download() as download:
        panel.get_by_role("button", name="Download").click()
    text = download.value.path().read_text()
    assert ("the second prompt" in text, "the third prompt" in text) == (True, False)


def test_a_figure_opens_what_it_counts(shared: Site, visitor: Visitor) -> None:
    talk = rounding(shared.machine)
    shared.settle()
    page = visitor.visit(shared, "/friction")
    row = page.get_by_role("row", name="Bash")
    failed = row.get_by_role("link").first
    count = int(failed.inner_text())
    failed.click()
    hits = page.locator("search-page li")
    expect(hits).to_have_count(count)
    expect(hits.first).to_contain_text("make check")
    expect(hits.first).to_contain_text("Exit code 2 make: *** [check] Error 2")
    expect(page.get_by_role("button", name="Since")).to_be_visible()
    assert violations(page) == []
    page = visitor.visit(shared, f"/sessions/{talk.session}")
    page.locator("session-header").get_by_role("link", name="1 failed").click()
    expect(page.locator("search-page li")).to_have_count(1)
    expect(page.locator("search-page li")).to_contain_text("make: *** [check] Error 2")


def test_thousands_of_messages_are_few_on_the_page(shared: Site, visitor: Visitor) -> None:
    talk = Talk(shared.machine)
    talk.asks("do a lot")
    for number in range(1000):
        talk.says(f"step {number}")
        talk.calls("Bash", {"command": f"make part-{number}"}, "\n".join("x" * (number % 9)), hooks=False)
    shared.append()
    page = visitor.visit(shared, f"/sessions/{talk.session}?view=conversation&message=2222")
    target = page.locator("article.target")
    expect(target).to_contain_text("make part-740")
    expect(target).to_be_in_viewport()
    assert page.get_by_role("article").count() < 200
    page.get_by_role("searchbox", name="Search in the conversation").fill("part-999")
    expect(page.get_by_label("Command").filter(has_text="make part-999")).to_be_in_viewport()


def test_where_there_is_nothing_it_says_why(make_site: Callable[..., Site], visitor: Visitor) -> None:
    site = make_site()
    talk = Talk(site.machine)
    talk.asks("a secret thing")
    site.append()
    page = visitor.visit(site, f"/sessions/{talk.session}?view=conversation")
    expect(page.get_by_role("article")).to_have_count(1)
    talk.path.unlink()
    visitor.reload(page)
    expect(page.locator("session-conversation .source")).to_contain_text("From hook events")
    expect(page.get_by_role("article")).to_have_count(1)
    assert violations(page) == []
    site.compact()
    visitor.reload(page)
    expect(page.locator("session-conversation")).to_contain_text("cleanupPeriodDays")
    site.machine.paths.config.write_text("[dashboard]\nport = 0\n[content]\nlocal = false\n")
    until(lambda: not site.get("/summary")["content"], "the setting is not in force")
    visitor.reload(page)
    expect(page.locator("session-conversation")).to_contain_text("content.local is off")
