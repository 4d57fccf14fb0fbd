"""`hookspan cost`, on what recorded sessions of the real client left in a store."""

import csv
import io
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from hookspan.agent import lines
from hookspan.catalogue.session_fields import SessionRow
from hookspan.cli.quick import now
from hookspan.cli.terminal.moments import Moment
from hookspan.errors import EXIT_USAGE
from hookspan.paths import Paths
from hookspan.store import Day, Grouping
from hookspan.web.handlers import overview
from tests.agent.ingest import take_in
from tests.cli.test_look import run
from tests.model.replay import play

RECORDED = ("permission_approved", "print_nested_agents", "print_workflow", "project_command", "compact")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cost")
    paths = Paths.from_environment({"HOOKSPAN_HOME": str(folder)})
    for name in RECORDED:
        take_in(paths, play(name, folder / name).records)
    return folder


def cost(home, *arguments, **env):
    return json.loads(run(home, "cost", "--since", "all", "--json", *arguments, **env).stdout)


def test_every_grouping_has_all_of_it(home):
    sessions = json.loads(run(home, "sessions", "--json").stdout)
    nano = sum(row["cost_nano"] + row["residual_nano"] for row in sessions)
    assert any(row["residual_nano"] for row in sessions)
    for grouping in get_args(Grouping):
        found = cost(home, "--by", grouping)
        total = found["total"]
        assert round(total["usd"] * 1e9) == nano
        assert total["input_tokens"] == sum(row["input_tokens"] for row in sessions)
        assert total["output_tokens"] == sum(row["output_tokens"] for row in sessions)
        assert total["cache_write_tokens"] > 0
        for name in total:
            assert sum(row[name] for row in found["rows"]) == pytest.approx(total[name], abs=1e-12)


def test_groups(home):
    sessions = {row["id"]: row for row in json.loads(run(home, "sessions", "--json").stdout)}
    by_session = {row["name"]: row for row in cost(home, "--by", "session")["rows"]}
    assert {id_: round(row["usd"] * 1e9) for id_, row in by_session.items()} == {
        id_: row["cost_nano"] + row["residual_nano"] for id_, row in sessions.items()
    }
    assert {row["name"] for row in cost(home, "--by", "subagent")["rows"]} >= {"claude-code", "in no transcript"}
    assert {row["name"] for row in cost(home, "--by", "workflow")["rows"]} >= {"", "in no transcript"}
    project = by_session[min(sessions)]["project"]
    assert {row["project"] for row in cost(home, "--by", "session", "--project", project)["rows"]} == {project}


def test_days_are_those_of_the_clock_on_the_wall(home):
    at = max(row["last"] for row in json.loads(run(home, "sessions", "--json").stdout)) / 1e9
    for zone, hours in (("UTC-14", 14), ("UTC+12", -12)):
        newest = cost(home, TZ=zone)["rows"][-1]["name"]
        assert newest == datetime.utcfromtimestamp(at + hours * 3600).date().isoformat()  # noqa: DTZ004
    day = cost(home)["rows"][0]["name"]
    assert cost(home, "--until", day)["rows"] == []
    assert cost(home, "--since", day)["total"] == cost(home)["total"]


def test_a_table_that_people_read(home):
    for columns in (20, 40, 80, 200):
        lines = run(home, "cost", "--since", "all", "--by", "session", COLUMNS=str(columns)).stdout.splitlines()
        assert len(lines) == len(RECORDED) + 2
        assert max(map(len, lines)) <= columns
        assert lines[0].split()[-1] == "cost"
        assert lines[-1].startswith("total")
        assert f"${cost(home)['total']['usd']:.3f}" in lines[-1]
    assert run(home, "cost", "--since", "1min").stdout == "No model calls in that time.\n"


def test_comma_separated_values(home):
    text = run(home, "cost", "--since", "all", "--by", "session", "--csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert sum(float(row["usd"]) for row in rows) == pytest.approx(cost(home)["total"]["usd"])
    assert {row["session"] for row in rows} == {row["name"] for row in cost(home, "--by", "session")["rows"]}


def test_a_time_that_is_none(home):
    for text in ("soon", "7x", "2026-13-01", "99999999d"):
        failed = run(home, "cost", "--since", text)
        assert failed.returncode == EXIT_USAGE
        assert f"`{text}` is not a time such as" in failed.stderr


def test_times_as_people_type_them():
    def at(text):
        return datetime.fromtimestamp(Moment().convert(text, None, None) / 1e9).astimezone()

    def told():
        return [at(text) for text in ("24h", "1d", "today", "2d", "yesterday", "1w", "7d")]

    before, (day, *days), after = datetime.now().astimezone(), told(), datetime.now().astimezone()
    if before.date() != after.date():  # midnight was in between
        before, (day, *days), after = datetime.now().astimezone(), told(), datetime.now().astimezone()
    assert before <= day + timedelta(days=1) <= after
    assert days[0] == days[1] == before.replace(hour=0, minute=0, second=0, microsecond=0)
    assert days[2] == days[3]
    assert days[4] == days[5]
    assert at("2026-11-25t14:30").isoformat()[:16] == "2026-11-25T14:30"


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("day", "midnight"),
    [
        ("2026-03-29", "2026-03-28T23:00"),
        ("2026-06-01", "2026-05-31T22:00"),
        ("2026-10-25", "2026-10-24T22:00"),
    ],
)
def test_today_begins_at_midnight_also_where_the_clocks_change(
    berlin: None, paths: Paths, monkeypatch: pytest.MonkeyPatch, day: str, midnight: str
):
    class Noon(datetime):
        @classmethod
        def now(cls, _tz: Any = None) -> "Noon":
            return cls.fromisoformat(f"{day}T12:00")

    asked = []
    reader = SimpleNamespace(
        summary=lambda _: None,
        day=lambda since, _: asked.append(since),
        totals=lambda _, since: asked.append(since) or {},
        close=lambda: None,
    )
    monkeypatch.setattr(now, "datetime", Noon)
    monkeypatch.setattr(now, "Reader", lambda _: reader)
    monkeypatch.setattr(now.Now, "of", lambda *_: None)
    monkeypatch.setattr(lines, "dt", SimpleNamespace(datetime=Noon))
    now.read(paths)
    lines.StatusLines(paths, reader)._cost_since(lines._midnight())
    assert asked == [int(datetime.fromisoformat(midnight).replace(tzinfo=UTC).timestamp()) * 10**9] * 2


def test_today_ends_now_in_the_hour_that_comes_twice(berlin: None, monkeypatch: pytest.MonkeyPatch):
    class Again(datetime):
        @classmethod
        def now(cls, _tz: Any = None) -> "Again":
            return cls.fromisoformat("2026-10-25T02:30").replace(fold=1)

    monkeypatch.setattr(overview, "datetime", Again)
    reader: Any = SimpleNamespace(day=lambda *_: Day(), past_day=lambda *_: Day())
    shown = overview.today(SimpleNamespace(reader=reader), SimpleNamespace()).today
    begins, ends = (datetime.fromtimestamp(at / 1e3, UTC).isoformat()[:16] for at in (shown.since, shown.until))
    assert (begins, ends) == ("2026-10-24T22:00", "2026-10-25T01:30")


def test_a_status_line_counts_what_a_session_of_yesterday_cost_then_as_of_yesterday():
    def line(started: int) -> str:
        return lines.line(SessionRow(id="s", started=started, told_cost_nano=20 * 10**9), [], 1_000, 1.5)

    assert line(999) == "your turn · $20.00 (today $1.50)"
    assert line(1_000) == "your turn · $20.00 (today $20.00)", "what the client says at once is in the transcript later"
