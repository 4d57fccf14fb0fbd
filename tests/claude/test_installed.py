"""What the real client makes of the settings file that `hookspan install` wrote."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections import Counter
from pathlib import Path

import pytest

from hookspan.paths import Paths
from tests import recorded
from tests.claude.drivers import LOST, POLL, Home, InteractiveSession, PrintSession
from tests.claude.installed import TOP, hookspan, install, registered
from tests.claude.model import Model, Tool, says
from tests.claude.stage import ALLOW
from tests.waiting import until

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
LS = Tool("Bash", {"command": "ls"})
TRIES = 100
LISTED = re.compile(r"^\W+(\w+)  \S.*\n(?:(?!\n).*\n)*?.*\[User\] \S*/hookspan-relay ", re.MULTILINE)

pytestmark = [pytest.mark.need_npm, pytest.mark.need_tmux, pytest.mark.need_cc]


def test_the_client_lists_our_hooks_and_no_other_setting_changed() -> None:
    with Model("installed") as model, Home(model.url) as home:
        file = home.claude / "settings.json"
        file.write_text(json.dumps(SETTINGS, indent=2))
        before = file.read_bytes()
        install(home, {})
        installed, events = file.read_bytes(), registered()
        with InteractiveSession(home) as session:
            session.wait_for("mode on")
            session.submit("/hooks")
            session.wait_for(f"{len(events) + 2} hooks on {len(events)} events")
            listed: set[str] = set()

            def all_of_them() -> bool:
                before = session.screen()
                listed.update(LISTED.findall(before))
                if listed >= set(events):
                    return True
                session.keys("Down")
                with contextlib.suppress(TimeoutError):  # keys that come together might skip some
                    until(lambda: session.screen() != before, timeout=LOST, poll=POLL)
                return False

            until(all_of_them, "every event with our hook in the client's list")
            session.press("Escape", lambda: "mode on" in session.screen())
            assert "Haiku" in session.screen(), "the other settings are in force"
            session.exit()
        assert listed == set(events)
        assert file.read_bytes() == installed, "the client had nothing to correct"
        after = json.loads(installed)
        assert {**after, "hooks": None} == {**SETTINGS, "hooks": None}
        for event, groups in HOOKS.items():
            assert after["hooks"][event][:-1] == groups
        hookspan(home, "down")
        hookspan(home, "uninstall", "--yes")
        assert file.read_bytes() == before


def test_a_session_that_is_open_has_the_hooks_and_loses_them_again() -> None:
    with Model("open") as model, Home(model.url) as home:
        model.play({f"Turn {number}.": [says(LS), says(f"End {number}.")] for number in range(TRIES)})
        journal = Paths.from_environment({"HOME": str(home.home), "HOOKSPAN_HOME": str(home.root / TOP)}).journal
        turns = iter(range(TRIES))
        with InteractiveSession(home, *ALLOW) as session:
            session.wait_for("accept edits on")

            def turn() -> Counter[str]:
                """The events of one more turn that came; the client looks at its settings file every now and then."""
                number, before = next(turns), heard(journal)
                session.submit(f"Turn {number}.")
                session.wait_for(f"End {number}.")
                time.sleep(1)
                return heard(journal) - before

            whole = Counter(UserPromptSubmit=1, PreToolUse=1, PostToolUse=1, Stop=1)
            assert turn() == Counter()
            install(home, {})
            until(lambda: turn() >= whole, "the hooks in a session that was open before")
            hookspan(home, "uninstall", "--yes")
            until(lambda: turn() == Counter(), "the same session without them")
            session.exit()
        hookspan(home, "down")


def test_a_settings_file_that_the_client_can_t_use_is_told_in_a_terminal_only() -> None:
    for broken, words in (({"hooks": []}, "Settings Warning"), ({"env": []}, "Settings Error")):
        with Model("broken") as model, Home(model.url) as home:
            model.play({"Look.": [says("Done.")]})
            home.settings(**broken)
            done = PrintSession(home, "Look.").wait()
            assert (done.code, done.stderr) == (0, "")
            with InteractiveSession(home) as session:
                session.wait_for(words)


def heard(journal: Path) -> Counter[str]:
    return Counter(event["hook_event_name"] for event in recorded.events(journal))
