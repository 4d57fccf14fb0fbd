"""The session page in a real browser: by its address, live, by keyboard, with ten thousand spans."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.agent.machine import event
from tests.waiting import until
from tests.web.browser import CLIPBOARD, Visitor, copied, focused, load, release, tab_to
from tests.web.player import Player, event_is
from tests.web.site import Play, Site

pytestmark = pytest.mark.need_chromium

MANY = 10_000
ROWS_MAX = 100  # drawn at once, of however many


def rows(page: Page) -> list[str]:
    """Names of the spans that are drawn, in their order."""
    return [text.strip() for text in page.locator("span-waterfall [role=treeitem] .text").all_inner_texts()]


def written(site: Site, session: str, label: str) -> Any:
    """The span of the call with this label, as soon as it is in the store."""
    return until(
        lambda: [span for span in site.get(f"/sessions/{session}/spans")["items"] if span["label"] == label],
        "the call is not written",
    )[0]


def test_an_address_opens_the_turn_and_the_span(shared: Site, visitor: Visitor) -> None:
    play = Play()
    shared.append(
        play.start(), play.submit("count the lines"), *play.tool("wc -l *.py"), play.stop(),
        play.submit("and the tests"), *play.tool("pytest -q"), play.stop(), play.submit("thanks"),
    )  # fmt: skip
    first = written(shared, play.session, "wc -l *.py")
    page = visitor.visit(shared, f"/sessions/{play.session}?span={first['span_id']}")
    expect(page.get_by_role("heading", name="Turn 1: count the lines")).to_be_visible()
    details = page.locator("span-details")
    expect(details.get_by_role("heading", name="Bash")).to_be_visible()
    expect(details.locator(".about")).to_have_text("wc -l *.py")
    expect(details.locator("json-view").first).to_contain_text('command: "wc -l *.py"')
    expect(details).to_contain_text(first["trace_id"])
    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("Bash")
    expect(page).to_have_url(re.compile(f"turn=1&span={first['span_id']}"))

    page.get_by_role("link", name="and the tests").click()
    expect(page.get_by_role("heading", name="Turn 2: and the tests")).to_be_visible()
    page.get_by_role("treeitem", name="pytest -q").click()
    expect(details.locator(".about")).to_have_text("pytest -q")
    visitor.reload(page)
    expect(details.locator(".about")).to_have_text("pytest -q")
    page.go_back()
    expect(page.get_by_role("heading", name="Turn 1: count the lines")).to_be_visible()

    visitor.go(page, f"{shared.url}/sessions/{play.session}?view=all&q=pytest")
    expect(page.locator("span-waterfall .line.hit")).to_have_count(1)
    assert rows(page).count("Turn") == 3
    visitor.go(page, f"{shared.url}/sessions/{play.session}?span=00000000000000ff")
    expect(page.get_by_text("No span 00000000000000ff is in this session any more.")).to_be_visible()


def test_it_grows_without_a_reload(make_site: Callable[..., Site], visitor: Visitor) -> None:
    site = make_site(cache_ttl=3600)  # no answer from before is good enough for the page
    play = Play()
    site.append(play.start(), play.submit("fix the cart"))
    page = visitor.visit(site, f"/sessions/{play.session}")
    status = page.locator("session-header .doing")
    expect(status).to_contain_text("thinks")
    pre, asked, post = play.tool("npm test", asked=True)
    site.append(pre)
    running = page.get_by_role("treeitem", name="Bash npm test")
    expect(running).to_be_visible()
    lengths = {running.locator(".length").inner_text()}
    until(
        lambda: lengths.add(running.locator(".length").inner_text()) or len(lengths) > 3, "an open span does not grow"
    )
    site.append(asked)
    expect(page.get_by_role("treeitem", name="Asked: Bash")).to_be_visible()
    expect(status).to_contain_text("asks: Bash")
    site.append(post, play.stop())
    expect(status).to_contain_text("done, your turn")
    site.append(play.submit("more"))
    expect(page.get_by_role("heading", name="Turn 2: more")).to_be_visible()  # it follows what happens
    expect(page.get_by_role("link", name="fix the cart")).to_be_visible()


def test_it_misses_nothing_while_the_agent_is_away(site: Site, visitor: Visitor) -> None:
    play = Play()
    site.append(play.start(), play.submit("fix the cart"), *play.tool("make 0"))
    page = visitor.visit(site, f"/sessions/{play.session}")
    expect(page.get_by_role("treeitem", name="make 0")).to_be_visible()
    page.wait_for_function("() => customElements.get('page-banner')")  # what says so is loaded when the browser is idle
    visitor.agent_may_be_away = True
    site.machine.kill()
    expect(page.get_by_text("The agent does not answer.")).to_be_visible()
    expect(page).to_have_title(re.compile(r"^\(offline\)"))
    for number in range(1, 6):
        site.append(*play.tool(f"make {number}"), wait=False)
    site.machine.up()
    expect(page.get_by_role("treeitem", name="make 5")).to_be_visible()
    site.append(*play.tool("make 6"))
    expect(page.get_by_role("treeitem", name="make 6")).to_be_visible()
    expect(page.get_by_text("The agent does not answer.")).to_be_hidden()
    labels = page.locator("span-waterfall [role=treeitem] .of")
    expect(labels).to_have_text([f"make {number}" for number in range(7)])
    assert rows(page) == ["Turn", *["Bash"] * 7]


def test_the_keyboard_is_enough(site: Site, visitor: Visitor) -> None:
    play = Play()
    site.append(play.start(), play.submit("one"), *play.tool("ls"), play.stop(), play.submit("two"))
    for number in range(3):
        site.append(*play.tool(f"make {number}"))
    page = visitor.visit(site)

    def press(*keys: str) -> None:
        for key in keys:
            page.keyboard.press(key)

    press("j")
    press("Enter")
    expect(page.get_by_role("heading", name="Turn 2: two")).to_be_visible()
    tab_to(page, "one")
    press("Enter")
    expect(page.get_by_role("heading", name="Turn 1: one")).to_be_visible()
    press("]")
    expect(page.get_by_role("heading", name="Turn 2: two")).to_be_visible()
    expect(page.get_by_role("treeitem")).to_have_count(4)  # at first the turn alone, which is open
    tab_to(page, "Spans by time")
    press("ArrowDown", "ArrowDown", "Enter")
    expect(page.locator("span-details .about")).to_have_text("make 1")
    press("End", "Enter")
    expect(page.locator("span-details .about")).to_have_text("make 2")
    press("Home", "ArrowLeft")
    expect(page.get_by_role("treeitem")).to_have_count(1)
    press("ArrowRight")
    expect(page.get_by_role("treeitem")).to_have_count(4)
    press("+")
    expect(page.get_by_role("button", name="Fit")).to_be_enabled()
    press("0")
    expect(page.get_by_role("button", name="Fit")).to_be_disabled()
    tab_to(page, "Close details")
    press("Escape")
    expect(page.locator("span-details")).to_have_count(0)
    until(lambda: "Spans by time" in focused(page)["name"], "the focus is not where it was")


def test_ten_thousand_spans_are_few_rows(shared: Site, visitor: Visitor) -> None:
    session = Player(shared.machine.paths, shared.machine.home, shared.machine.env).calls(MANY)
    shared.append()
    page = visitor.visit(shared, f"/sessions/{session}")
    expect(page.get_by_text(f"{MANY + 1:,} spans")).to_be_visible()
    view = page.locator("span-waterfall .view")
    seen = set()
    for part in range(11):
        view.evaluate("(view, part) => view.scrollTo(0, view.scrollHeight * part / 10)", part)
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        drawn = page.locator("span-waterfall [role=treeitem]")
        assert 0 < drawn.count() < ROWS_MAX
        seen |= {int(id_.removeprefix("row-")) for id_ in drawn.evaluate_all("all => all.map(one => one.id)")}
    assert {0, MANY} <= seen
    view.focus()
    page.keyboard.press("End")
    expect(page.get_by_role("treeitem", name=f"part-{MANY - 1}")).to_be_in_viewport()
    page.get_by_role("searchbox", name="Search spans").fill(f"part-{MANY // 2 - 1}")
    expect(page.get_by_text("1 found")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("treeitem", name=f"part-{MANY // 2 - 1}")).to_be_in_viewport()
    # What no row shows is asked for when it is looked for, or at.
    page.keyboard.press("Escape")
    page.get_by_role("searchbox", name="Search spans").fill(f"toolu_{session[:8]}_{MANY - 1}")
    expect(page.get_by_text("1 found")).to_be_visible()
    page.get_by_role("searchbox", name="Search spans").fill("")
    view.press("Home")
    view.press("ArrowDown")
    view.press("Enter")
    expect(page.locator("span-details")).to_contain_text(f"toolu_{session[:8]}_0")


def test_nothing_of_the_user_s_texts_where_they_are_off(make_site: Callable[..., Site], visitor: Visitor) -> None:
    def off(paths: Any) -> None:
        with paths.config.open("a") as config:
            config.write('\n[content]\nlocal = false\n[links]\njaeger = "http://127.0.0.1:16686"\n')

    site = make_site(prepare=off)
    play = Play()
    site.append(play.start(), play.submit("a secret plan"), *play.tool("cat secret.txt"), play.stop())
    (call,) = until(
        lambda: [one for one in site.get(f"/sessions/{play.session}/spans")["items"] if one["name"].endswith("Bash")]
    )
    page = visitor.visit(site, f"/sessions/{play.session}?turn=1&span={call['span_id']}")
    expect(page.locator("span-details")).to_contain_text("content.local is off")
    assert "secret" not in page.evaluate("() => text(document)")
    link = page.locator("span-details").get_by_role("link", name="Open in Jaeger")
    expect(link).to_have_attribute("href", f"http://127.0.0.1:16686/trace/{call['trace_id']}?uiFind={call['span_id']}")


def test_it_is_copied_as_markdown(shared: Site, visitor: Visitor) -> None:
    play = Play()
    command = "echo '| ` **bold** <b>' # |"
    shared.append(play.start(), play.submit("fix *the* cart | now"), *play.tool(command), play.stop())
    page = visitor.visit(shared, f"/sessions/{play.session}")
    page.evaluate(CLIPBOARD)
    text = copied(page.get_by_role("button", name="Copy as Markdown"), "Copied the session")
    assert re.search(r"\| 1 \| fix \\\*the\\\* cart \\\| now \| <?[\d.]+ ms \|", text), text
    assert "| Bash `` echo '\\| ` **bold** <b>' # \\| `` |" in text
    resume = copied(page.get_by_role("button", name="Copy resume command"), "Copied to resume it")
    assert resume == f"claude --resume {play.session}"


def test_what_runs_beside_is_named_after_its_turn_is_over(shared: Site, visitor: Visitor) -> None:
    player = Player(shared.machine.paths, shared.machine.home, shared.machine.env)
    try:
        session = player.past("background_agent", end=1, until=event_is("Stop")).session
        shared.append()
        page = visitor.visit(shared, f"/sessions/{session}")
        expect(page.get_by_role("region", name="Runs in the background")).to_contain_text("general-purpose")
    finally:
        player.close()


def test_a_session_that_was_asked_nothing(shared: Site, visitor: Visitor) -> None:
    play = Play()
    shared.append(play.start())
    page = visitor.visit(shared, f"/sessions/{play.session}")
    expect(page.locator("session-header .doing")).to_have_text(
        re.compile(r"^\s*no prompt yet, your turn\s*(\d+\smin\s)?\d+\ss\s*$")
    )
    expect(page.get_by_text("No turn yet: it has had no prompt.")).to_be_visible()


def test_a_turn_that_failed_says_why(site: Site, visitor: Visitor) -> None:
    play = Play()
    failed = event("StopFailure", play.session, prompt_id=play.prompt, error="overloaded")
    site.append(play.start(), play.submit("fix the cart"), failed | {"prompt_id": play.prompt})
    page = visitor.visit(site, f"/sessions/{play.session}")
    expect(page.get_by_role("region", name="Spans").locator(".tag.bad")).to_have_text("overloaded")
    expect(page.locator("session-header .doing")).to_contain_text("failed: overloaded, your turn")
    now = visitor.visit(site, "/")
    expect(now.get_by_text("failed: overloaded, your turn")).to_be_visible()
    site.append(play.submit("once more"), play.stop())
    expect(now.get_by_text("done, your turn")).to_be_visible()


def test_the_chosen_turn_and_the_hit_of_a_search_are_in_view(shared: Site, visitor: Visitor) -> None:
    """In the list of turns from the first moment, and when one goes on by keys; of a search in a low window, too."""
    play = Play()
    shared.append(play.start())
    for number in range(1, 41):
        events = [play.submit(f"part {number}")]
        for part in range(30 if number == 40 else 1):
            events += play.tool(f"make {number}-{part}")
        shared.append(*events, play.stop(), wait=False)
    shared.append()
    page = visitor.visit(shared, f"/sessions/{play.session}", height=600)
    turns = page.get_by_role("region", name="40 turns")
    box = turns.locator("ol")

    def seen(name: str) -> bool:
        line = turns.get_by_role("link", name=name, exact=False).bounding_box()
        around = box.bounding_box()
        assert line is not None
        assert around is not None
        return around["y"] <= line["y"] and line["y"] + line["height"] <= around["y"] + around["height"] + 1

    expect(turns.locator("turn-bar[selected]")).to_contain_text("part 40")
    until(lambda: seen("part 40"), "the newest turn is not in view")
    for _ in range(25):
        page.keyboard.press("[")
    expect(turns.locator("turn-bar[selected]")).to_contain_text("part 15")
    until(lambda: seen("part 15"), "the chosen turn is not in view")
    visitor.go(page, f"{shared.url}/sessions/{play.session}?turn=40")
    page.get_by_role("searchbox", name="Search spans").fill("40-29")
    expect(page.get_by_text("1 found")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("treeitem", name="make 40-29")).to_be_in_viewport(ratio=0.9)


def test_an_unknown_turn_is_said_to_be_unknown(shared: Site, visitor: Visitor) -> None:
    play = Play()
    shared.append(play.start(), play.submit("one"), play.stop(), play.submit("two"))
    page = visitor.visit(shared, f"/sessions/{play.session}?turn=99")
    note = page.get_by_text("There is no turn 99. This is the newest one.")
    expect(note).to_be_visible()
    page.get_by_role("link", name="one").click()
    expect(page.get_by_role("heading", name="Turn 1: one")).to_be_visible()
    expect(note).to_have_count(0)


def test_only_what_matters_of_what_it_does_is_announced(site: Site, visitor: Visitor) -> None:
    """A session that works says so once, not with each tool; that it asks, and that it is done."""
    play = Play()
    site.append(play.start(), play.submit("fix the cart"))
    page = visitor.visit(site, f"/sessions/{play.session}")
    expect(page.locator("session-header")).to_contain_text("thinks")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.evaluate(
        """() => {
          window.said = [];
          const watched = new Set();
          const look = root => {
            for (const one of root.querySelectorAll("*")) {
              if (one.matches("[role=status],[role=alert],[aria-live=polite]") && !watched.has(one)) {
                watched.add(one);
                const options = {subtree: true, childList: true, characterData: true};
                new MutationObserver(() => said.push(one.textContent.trim())).observe(one, options);
              }
              if (one.shadowRoot) look(one.shadowRoot);
            }
          };
          look(document);
        }"""
    )
    for number in range(3):
        pre, post = play.tool(f"make {number}")
        site.append(pre)
        expect(page.locator("session-header")).to_contain_text("runs Bash")
        site.append(post)
        expect(page.locator("session-header")).to_contain_text("thinks")
    pre, asked, post = play.tool("npm test", asked=True)
    site.append(pre, asked)
    expect(page.locator("session-header")).to_contain_text("asks: Bash")
    site.append(post)
    expect(page.locator("session-header")).to_contain_text("thinks")
    site.append(play.stop())
    expect(page.locator("session-header")).to_contain_text("done, your turn")
    page.wait_for_function("() => said.filter(Boolean).at(-1) === 'done, your turn'")
    said = [text for text in page.evaluate("said") if text]
    assert said == ["asks: Bash", "works", "done, your turn"]


def test_what_is_told_before_the_page_listens_is_on_it(make_site: Callable[..., Site], visitor: Visitor) -> None:
    """The session's own questions are answered first, and the stream begins with a later answer."""
    site, play = make_site(cache_ttl=0), Play()
    site.append(play.start(), play.submit("go"), *play.tool("make before"))
    page = visitor.visit(site, "/health")
    held: list[Route] = []
    for question in ("**/api/v1/summary", "**/api/v1/sessions?limit=50"):
        page.route(question, lambda route: held.append(route))  # noqa: PLW0108 - playwright marks what it is given
    with page.expect_response("**/spans?*") as answered:
        load(page, lambda: page.goto(f"{site.url}/sessions/{play.session}", wait_until="commit"))
    assert "make before" in answered.value.text()
    site.append(*play.tool("make meanwhile"))
    written(site, play.session, "make meanwhile")
    for question in ("**/api/v1/summary", "**/api/v1/sessions?limit=50"):
        release(page, question, held)
    visitor.loaded(page)
    expect(page.get_by_role("treeitem", name="make before")).to_be_visible()
    expect(page.get_by_role("treeitem", name="make meanwhile")).to_be_visible()


def test_a_page_that_was_left_asks_nothing_more(site: Site, visitor: Visitor) -> None:
    play, other = Play(), Play()
    site.append(play.start(), play.submit("count the lines"), other.start(), other.submit("another"))
    page = visitor.visit(site)
    own = f"/sessions/{play.session}"
    for view in ("", "?view=conversation"):
        page.locator(f'a[href*="{own}"]').first.wait_for()
        visitor.go(page, f"{site.url}{own}{view}")
        expect(page.locator("session-view")).to_contain_text("count the lines")
        page.get_by_role("link", name="Now", exact=True).first.click()
    page.locator(f'a[href*="{own}"]').first.wait_for()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if own in request.url else None)
    with page.expect_response(lambda response: other.session in response.url):
        site.append(*play.tool("wc -l *.py"), play.stop())
        page.locator(f'a[href*="/sessions/{other.session}"]').first.click()
    page.wait_for_timeout(1500)  # a feed asks a second later
    assert asked == []
