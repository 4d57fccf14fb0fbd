"""`hookspan bench`, all of it in small: what it says is not judged here, a shared machine decides that."""

import json

import pytest
from click.testing import CliRunner

from hookspan import __version__
from hookspan.bench import agent, sections
from hookspan.bench.report import Row
from hookspan.cli.verbs.bench import bench

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "LOSSES", 160)
    monkeypatch.setattr(sections, "PASSES", 1)
    monkeypatch.setattr(sections, "DELAY_SECONDS", 1.0)
    monkeypatch.setattr(agent, "IDLE_SECONDS", 0.5)
    monkeypatch.setattr(agent, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(agent, "STATUS_RUNS", 2)


@pytest.mark.xdist_group("bench")
def test_every_bar_has_a_figure_with_machine_and_versions():
    done = CliRunner().invoke(bench, ["--rounds", "100", "--backlog", "1000", "--json"])
    assert not isinstance(done.exception, Exception), done.exception
    told = json.loads(done.stdout)
    assert set(told["machine"]) == {"processor", "processors", "memory", "load", "system"}
    assert told["versions"]["hookspan"] == f"hookspan {__version__}"
    rows = told["rows"]
    assert [row["name"] for row in rows if not isinstance(row["value"], int | float)] == []
    assert {row["name"]: row["value"] for row in rows if row["section"] == "Losses" and row["bar"] is not None} == {
        "lost": 0,
        "missing from the counter, or counted twice": 0,
        "missing at the endpoint": 0,
    }
    assert {row["bar"] for row in rows} == {None, 0, 0.1, 0.4, 1.0, 1.1, 1.2, 3.0, 5.0, 50, 120, 150, 2500, 5000}
    assert [told["samples"][state]["relay"]["runs"] for state in sections.STATES] == [100, 100]
    assert done.exit_code == any(row["ok"] is False for row in rows)


def test_a_row_says_whether_its_bar_is_held():
    assert str(Row("memory", 81.25, "MB", 80)).split() == ["memory", "81.2", "MB", "at", "most", "80", "MISSED"]
    assert str(Row("events", 5000, "/s", 5000, floor=True)).split()[-1] == "ok"
    assert str(Row("events", 4999, "/s", 5000, floor=True)).split()[-1] == "MISSED"
    assert str(Row("runs", 1234567)).split() == ["runs", "1,234,567"]
