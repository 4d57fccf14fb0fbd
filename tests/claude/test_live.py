"""The real client with hookspan installed: every span as the script says, and beside the client's own telemetry.

The other scenarios are held by their recordings; all of them run live in `python -m tests.claude.compare`.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.claude.compare import compare
from tests.claude.native import UNREPORTED_HOOKS
from tests.claude.pipeline import Pipeline
from tests.claude.scenarios import SCENARIOS

LIVE = (
    "print_tools_agent",  # parallel calls, a failing one, a background agent
    "print_nested_agents",
    "print_sigkill_tool",  # only the process table tells of the end
    "print_api_529",
    "print_mcp",
    "permission_approved",  # a wait of seconds that must not be in the tool's span
    "permission_esc",
    "esc_tool",  # only the transcript tells of the end
    "queued_next",
    "compact",
)
NOT_IN_A_SPAN = 1000.0  # ms; a wait inside a tool's span would be longer, and no machine is as slow

pytestmark = [pytest.mark.need_npm, pytest.mark.need_tmux, pytest.mark.need_cc]


@pytest.mark.parametrize("name", LIVE)
def test_spans_are_right(name):
    run = Pipeline().run(SCENARIOS[name])
    assert run.faults == []
    beside = compare(run)
    assert beside.faults == []
    assert all(abs(ms) < NOT_IN_A_SPAN for ms in beside.times.get("tool length", ()))
    heard = Counter(line["event"]["hook_event_name"] for line in run.recording.journal)
    assert len(run.spans.hooks) == heard.total()
    if "sigkill" not in name:  # what a killed client had not exported yet is lost
        reported = Counter({event: count for event, count in heard.items() if event not in UNREPORTED_HOOKS})
        assert run.native.hooks == reported
