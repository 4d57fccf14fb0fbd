"""`hookspan waste`, on what recorded sessions of the real client left in a store."""

import json

import pytest

from hookspan.paths import Paths
from hookspan.store import Reader, SpanQuery, WasteQuery
from tests.agent.ingest import take_in
from tests.cli.test_look import run
from tests.model.replay import play

RECORDED = ("permission_approved", "permission_words", "print_cache", "print_invalid_calls", "print_api_529", "compact")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("waste")
    paths = Paths.from_environment({"HOOKSPAN_HOME": str(folder)})
    for name in RECORDED:
        take_in(paths, play(name, folder / name).records)
    return folder


def test_it_is_a_part_of_what_was_paid_and_says_what_to_do(home):
    found = json.loads(run(home, "waste", "--since", "all", "--json").stdout)
    paid = json.loads(run(home, "cost", "--since", "all", "--json").stdout)["total"]["usd"]
    assert 0 < found["usd"] <= paid
    rows = {(row["kind"], row["what"]): row for row in found["rows"]}
    assert {kind for kind, _ in rows} >= {"cache_miss", "compaction", "failed", "denied", "asked", "retry"}
    assert all(row["sessions"] and row["todo"] and row["count"] for row in rows.values())
    assert all((row["cost"] is None) >= (not row["price"]) for row in rows.values())
    costs = [row["cost"] or 0 for row in found["rows"]]
    assert costs == sorted(costs, reverse=True)
    told = run(home, "waste", "--since", "all").stdout
    assert "    CLAUDE.md: - " in told
    assert found["rows"][0]["sessions"][0]["id"][:8] in told
    assert "Nothing held anybody up" in run(home, "waste", "--project", "no such").stdout


def test_what_to_allow_is_what_this_project_was_asked(tmp_path):
    paths = Paths.from_environment({"HOOKSPAN_HOME": str(tmp_path)})
    played = play("permission_approved", tmp_path / "played").records
    records = [line.replace(b"touch built.txt; sleep 0.5", b"npm test") for line in played]
    for number in range(4):
        other = [
            line.replace(b"3e76516d", b"%08d" % number).replace(b"/shop", b"/other").replace(b'"shop"', b'"other"')
            for line in records
        ]
        take_in(paths, other if number else records)
    copied = {
        project: [row["copy"] for row in json.loads(told)["rows"] if row["what"] == "Bash npm"]
        for project in ("shop", "other")
        if (told := run(tmp_path, "waste", "--since", "all", "--project", project, "--json").stdout)
    }
    assert [bool(copy) for copies in copied.values() for copy in copies] == [False, True]


def test_the_spans_of_each_are_as_many_as_were_counted(home):
    reader = Reader(Paths.from_environment({"HOOKSPAN_HOME": str(home)}))
    searched = 0
    for one in reader.waste(WasteQuery(), 99):
        spans = reader.find_spans(SpanQuery(waste=f"{one.kind}:{one.what}", limit=99))
        if one.kind in {"cache_miss", "compaction", "failed", "denied", "repeated", "asked"}:
            assert len(spans) == one.count, (one, [span.name for span in spans])
            searched += 1
        elif one.kind == "retry":
            assert spans
    assert searched >= 5
