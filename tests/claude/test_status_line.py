"""The real client with hookspan in front of its status line: what it shows, and what is known of quota and cache."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from hookspan.catalogue.session_fields import SessionRow
from hookspan.store import Reader
from tests import recorded
from tests.claude.drivers import POLL, InteractiveSession
from tests.claude.installed import InstalledHome, flush
from tests.claude.model import Model, says
from tests.waiting import until

HOUR = 3600
PROMPT = "fix the cart"
LINE = 'printf \'%s\' "<$(sed \'s/.*"display_name":"\\([^"]*\\).*/\\1/\')>"; exit 0'

pytestmark = [pytest.mark.need_npm, pytest.mark.need_tmux, pytest.mark.xdist_group("client")]


def rate_limits(five_hour: float, seven_day: float, began: float) -> dict[str, str]:
    """What the API tells an account with a quota, whose five hours began then (Unix seconds)."""
    name = "anthropic-ratelimit-unified"
    resets = round(began) + 5 * HOUR
    return {
        f"{name}-status": "allowed",
        f"{name}-5h-status": "allowed",
        f"{name}-5h-utilization": str(five_hour),
        f"{name}-5h-reset": str(resets),
        f"{name}-7d-status": "allowed",
        f"{name}-7d-utilization": str(seven_day),
        f"{name}-7d-reset": str(round(began) + 5 * 24 * HOUR),
        f"{name}-reset": str(resets),
        f"{name}-representative-claim": "five_hour",
    }


class Account(InstalledHome):
    """A home whose user has an account instead of a key."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url, env={"CLAUDE_CODE_OAUTH_TOKEN": "an-invented-word"})
        del self.env["ANTHROPIC_API_KEY"]

    def status(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.hookspan("status", "--json", check=False))
        return report


def test_quota_forecast_and_a_line_of_ours() -> None:
    began = time.time() - HOUR
    with Model("quota") as model, Account(model.url) as home:
        model.headers = rate_limits(0.42, 0.11, began)
        model.play({PROMPT: [says("Fixed.")], "once more": [says("Done.")]})
        home.hookspan("install", "--yes", "--status-line")
        home.hookspan("up")
        with InteractiveSession(home, "--permission-mode", "default") as session:
            session.wait_for("mode on")
            session.submit(PROMPT)
            session.wait_for("5h 42%, full at")
            session.wait_for("context 1%")
            model.headers = rate_limits(0.45, 0.11, began)
            session.submit("once more")
            session.wait_for("5h 45%, full at")

            def quota() -> list[dict[str, Any]]:
                found: list[dict[str, Any]] = home.status()["quota"]
                assert found[0]["used"] == 0.45
                assert found[0]["sessions"]
                return found

            five, seven = until(quota, "the quota of the newest line, and the session's share")
            session.exit()
        flush(home)
        assert (five["window"], five["used"]) == ("five_hour", 0.45)
        assert five["resets_at"] == round(began) + 5 * HOUR
        now = time.time()
        assert five["too_soon"]
        assert abs(five["full_at"] - (now + 0.55 * HOUR / 0.45)) < 120
        assert (seven["used"], seven["too_soon"]) == (0.11, False)

        def only() -> SessionRow:
            [row] = home.sessions()
            assert row.told_tokens == row.context_tokens
            return row

        row = until(only, "what the last line told")
        assert five["sessions"] == {row.id: 1.0}
        assert row.context_window >= 200_000
        assert row.cache_expires / 1e9 > now
        assert "5 hours: 45% used" in home.hookspan("status", check=False)


def lines(session: InteractiveSession) -> list[str]:
    """Those of the screen that are a status line's."""
    return [line for line in session.screen().splitlines() if "<" in line and ">" in line]


def test_a_line_of_before_is_shown_as_before() -> None:
    with Model("foreign") as model, InstalledHome(model.url) as home:
        model.play({PROMPT: [says("Fixed.")]})
        home.settings(statusLine={"type": "command", "command": LINE, "padding": 3})
        screens = []
        for words in ((), ("install", "--yes", "--status-line"), ("install", "--yes", "--no-status-line")):
            if words:
                home.hookspan(*words)
            with InteractiveSession(home, "--permission-mode", "default") as session:
                session.wait_for("mode on")
                screens.append(until(lambda: lines(session), "the line", poll=POLL))
                session.exit()
        assert screens[0]
        assert screens[0] == screens[1] == screens[2]
        kinds = {record.get("kind", "event") for record in recorded.records(home.paths.journal)}
        assert kinds >= {"event", "status_line"}
        assert Reader(home.paths).quota(time.time_ns()) == []
