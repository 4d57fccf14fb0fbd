"""`hookspan bench --client` with the real client, in small: what is counted, not how long it took."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from hookspan.bench import client as bench_client
from hookspan.cli.verbs.bench import bench
from tests.claude import client

pytestmark = [pytest.mark.need_npm, pytest.mark.need_cc]


def test_the_hooks_of_real_sessions_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_client, "ANSWERS", 1)
    done = CliRunner().invoke(bench, ["--client", str(client.executable()), "--sessions", "2", "--json"])
    assert not isinstance(done.exception, Exception), done.exception
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert client.version() in told["versions"]["client"]
    rows = {row["name"]: row["value"] for row in told["rows"]}
    hooks = {name: rows[f"{name}, events measured in a session"] for name in ("no-op hooks", "hookspan")}
    assert hooks["no-op hooks"] == hooks["hookspan"]
    assert hooks["hookspan"] >= 2 * bench_client.CALLS + 3, "each call has two events, and a session three more"
    assert {name: sample["runs"] for name, sample in told["samples"].items()} == {
        f"{name}, {what}": runs
        for name, events in hooks.items()
        for what, runs in (("as the client measured it", 2 * events), ("Stop, in the transcript", 2))
    }
    assert {name.rpartition(", ")[2] for name in rows if name.startswith("hookspan, as")} == {"p50", "p95", "p99"}
    assert "hookspan, added by one hook to the session" in rows
