"""The first page in a real browser."""

import pytest

from tests.web.browser import Visitor
from tests.web.site import Play, Site

pytestmark = pytest.mark.need_chromium


def test_it_shows_what_happens_without_a_reload(site: Site, visitor: Visitor) -> None:
    play = Play()
    page = visitor.visit(site)
    page.get_by_text("Nearly there").wait_for()
    site.append(play.start(), play.submit("fix the cart"))
    page.get_by_text("1 session is working").wait_for()
    pre, asked, post = play.tool("npm test", asked=True)
    site.append(pre, asked)
    page.get_by_role("heading", name="1 session waits for you").wait_for()
    assert page.title().startswith("(1) waiting")
    site.append(post)
    page.get_by_text("1 session is working").wait_for()
    site.append(play.stop())
    page.get_by_text("Nobody needs you").wait_for()
    assert page.title() == "hookspan"
