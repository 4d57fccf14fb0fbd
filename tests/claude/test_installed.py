"""What the real client makes of the settings file that `hookspan install` wrote."""

from __future__ import annotations

import json
import re

import pytest

from hookspan.claude_settings import EVENTS
from tests.claude.drivers import Home, InteractiveSession, until
from tests.claude.installed import hookspan, install
from tests.claude.model import Model

HOOKS = {
    "Stop": [{"hooks": [{"type": "command", "command": "cat > stopped"}]}],
    "PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "true", "timeout": 3}]}],
}
SETTINGS = {
    "model": "haiku",
    "env": {"SHOP": "1"},
    "permissions": {"deny": ["Bash(rm:*)"], "additionalDirectories": ["/tmp"]},
    "hooks": HOOKS,
    "includeCoAuthoredBy": False,
}
LISTED = re.compile(r"^\W+(\w+)  \S.*\n(?:(?!\n).*\n)*?.*\[User\] \S*/hookspan-relay ", re.MULTILINE)

pytestmark = [pytest.mark.need_npm, pytest.mark.need_tmux, pytest.mark.need_cc]


def test_the_client_lists_our_hooks_and_no_other_setting_changed() -> None:
    with Model("installed") as model, Home(model.url) as home:
        file = home.claude / "settings.json"
        file.write_text(json.dumps(SETTINGS, indent=2))
        before = file.read_bytes()
        install(home, {})
        installed = file.read_bytes()
        with InteractiveSession(home) as session:
            session.wait_for("mode on")
            session.submit("/hooks")
            session.wait_for(f"{len(EVENTS) + 2} hooks on {len(EVENTS)} events")
            listed: set[str] = set()

            def all_of_them() -> bool:
                listed.update(LISTED.findall(session.screen()))
                session.keys("Down")
                return listed >= set(EVENTS)

            until(all_of_them, "every event with our hook in the client's list")
            session.keys("Escape")
            session.wait_for("mode on")
            assert "Haiku" in session.screen(), "the other settings are in force"
            session.exit()
        assert listed == set(EVENTS)
        assert file.read_bytes() == installed, "the client had nothing to correct"
        after = json.loads(installed)
        assert {**after, "hooks": None} == {**SETTINGS, "hooks": None}
        for event, groups in HOOKS.items():
            assert after["hooks"][event][:-1] == groups
        hookspan(home, "down")
        hookspan(home, "uninstall", "--yes")
        assert file.read_bytes() == before
