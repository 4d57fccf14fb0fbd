"""The permission rules that the page suggests, as the real client takes them."""

import pytest

from hookspan.web.friction import rule_for
from tests.claude.drivers import PrintSession
from tests.claude.installed import InstalledHome, flush
from tests.claude.model import Model, says
from tests.claude.scenarios.printed import bash

pytestmark = [pytest.mark.need_npm, pytest.mark.xdist_group("client")]
PROMPT = "make files"
APPROVED = ("touch one", "timeout 60 touch two", "python3 --version", "git init three")
OTHERS = ("touch four", "timeout 60 touch five")


def test_a_suggested_rule_lets_run_what_was_approved_and_nothing_else_of_its_program():
    rules = [rule_for("Bash", command) for command in APPROVED]
    assert rules == ["Bash(touch one)", "Bash(timeout 60 touch two)", "", "Bash(git init:*)"]
    with Model("rules") as model, InstalledHome(model.url) as home:
        model.play({PROMPT: [says(*map(bash, (*APPROVED, *OTHERS))), says("Done.")]})
        assert PrintSession(home, PROMPT, "--allowedTools", *filter(None, rules)).wait().code == 0
        flush(home)
        made = {path.name for path in home.project.iterdir()} & {"one", "two", "three", "four", "five"}
    assert made == {"one", "two", "three"}
