"""`hookspan demo`: what a newcomer runs first must be whole."""

import json
import time
from pathlib import Path

import pytest

from hookspan.errors import UserError
from hookspan.sandbox import sandbox
from hookspan.setup.relay import DROP_REASONS, drop_line
from tests.agent.machine import Machine
from tests.otlp_sink import Sink

pytestmark = pytest.mark.slow


def test_nothing_is_lost_and_nothing_is_left_behind(tmp_path: Path):
    machine = Machine(tmp_path / "machine")
    folder = tmp_path / "tmp"
    folder.mkdir()
    with Sink() as sink:
        done = machine.cli("demo", "--json", "--endpoint", sink.url, env={"TMPDIR": str(folder)})
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["events"], told["lost"]) == (25, 0)
        assert told["by_kind"] == {
            "hooks": 25, "turns": 2, "tools": 6, "model calls": 8, "subagents": 1, "sessions": 1
        }  # fmt: skip
        assert told["spans"] == sum(told["by_kind"].values())
        assert told["exported"] == told["spans"]
        assert sink.distinct_spans == told["spans"]
        assert set(told["traces"]) < {span.trace_id for span in sink.spans}
    assert not list(folder.iterdir())
    assert not machine.paths.state.exists()


def test_what_status_finds_wrong_is_no_failure_of_the_demo():
    """On a busy machine hooks may be slow; here some were lost."""
    with sandbox("demo") as home:
        home.paths.drops.write_bytes(b"".join(drop_line(reason, 1, time.time_ns()) for reason in DROP_REASONS))
        with pytest.raises(UserError, match="`hookspan status` failed"):
            home.cli("status", "--json")
        assert json.loads(home.cli("status", "--json", tells=True))["agent"]
