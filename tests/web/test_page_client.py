"""The page while the real client plays: it shows what the client does as the client does it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.claude.drivers import InteractiveSession
from tests.claude.installed import InstalledHome
from tests.claude.model import Model, says
from tests.claude.scenarios.printed import bash

if TYPE_CHECKING:
    from tests.web.browser import Visitor

PROMPT = "fix the cart"
COMMAND = "touch built.txt; echo built"

pytestmark = [
    pytest.mark.need_chromium,
    pytest.mark.need_npm,
    pytest.mark.need_tmux,
    pytest.mark.need_cc,
    pytest.mark.xdist_group("client"),
]


@dataclass
class Served:
    """The page of the agent in a client's home."""

    home: InstalledHome

    @property
    def url(self) -> str:
        url: str = json.loads(self.home.hookspan("status", "--json", check=False))["agent"]["url"]
        return url

    def ticket_url(self) -> str:
        return self.home.hookspan("open", "--print").strip()


def test_it_follows_the_client_without_a_reload(visitor: Visitor) -> None:
    settings = {"dashboard.enabled": "true", "dashboard.port": "0"}
    with Model("page") as model, InstalledHome(model.url, settings=settings) as home:
        model.play({PROMPT: [says(bash(COMMAND)), says("Fixed.")]})
        home.hookspan("up")
        page = visitor.visit(Served(home))
        page.get_by_role("heading", name="Waiting for the first event").wait_for()
        page.evaluate("window.same = true")
        with InteractiveSession(home, "--permission-mode", "default") as session:
            session.wait_for("mode on")
            page.get_by_text("no prompt yet, your turn").wait_for()
            session.submit(PROMPT)
            page.get_by_role("heading", name="1 session waits for you").wait_for()
            expect(page.locator("sessions-list .waiting .doing")).to_contain_text("asks: Bash")
            expect(page.locator("sessions-list .waiting .doing code")).to_have_text(COMMAND)
            expect(page).to_have_title("(1) waiting · hookspan")
            page.get_by_role("link", name="shop").click()
            expect(page.get_by_role("treeitem", name="Asked: Bash")).to_be_visible()
            session.wait_for("Do you want to proceed?")
            session.press("Enter", lambda: "Do you want to proceed?" not in session.screen())
            status = page.locator("session-header .doing")
            expect(status).to_contain_text("done, your turn")
            expect(page.get_by_role("treeitem", name=f"Bash {COMMAND}", exact=False).last).to_be_visible()
            expect(page).not_to_have_title(re.compile("waiting"))
            session.exit()
            expect(status).to_contain_text("ended")
        assert page.evaluate("window.same"), "the page was loaded again"
        page.close()
