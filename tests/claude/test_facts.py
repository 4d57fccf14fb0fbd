"""Each fact about the client is seen in its recording, noticed when it changes, and stands on the page of facts."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tests.claude import facts
from tests.claude.evidence import Evidence
from tests.claude.facts import FACTS
from tests.claude.scenarios import SCENARIOS

SESSIONS = Path(__file__).parent.parent / "sessions"
PAGE = Path(__file__).parents[2] / "docs" / "claude-code-facts.md"
RECORDED = [name for name, known in FACTS.items() if not known.native]


@cache
def recorded(scenario: str) -> Evidence:
    return Evidence.recorded(SESSIONS / scenario)


@pytest.mark.parametrize("name", RECORDED)
def test_fact_is_seen_in_its_recording(name):
    known = FACTS[name]
    assert known.found(recorded(known.scenario)) == known.wanted


@pytest.mark.parametrize("name", RECORDED)
def test_fact_is_missed_where_nothing_happened(name):
    """A check that says yes to anything would tell nothing of a new version."""
    nothing = Evidence([], {}, {}, {"model_calls": [], "failed_calls": []}, frozenset())
    assert FACTS[name].found(nothing) != FACTS[name].wanted


def test_every_fact_has_a_scenario():
    assert {known.scenario for known in FACTS.values()} <= set(SCENARIOS)


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == facts.page(), "write it anew: python -m tests.claude.facts > docs/claude-code-facts.md"
