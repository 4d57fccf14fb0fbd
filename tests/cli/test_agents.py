"""Verbs where several coding agents were recorded: they say whose something is, and show one alone."""

import json

import pytest

from hookspan.cli.terminal.text import short
from hookspan.paths import Paths
from tests.agent.ingest import take_in
from tests.command import call
from tests.model.replay import play

BOTH = {"claude-code", "codex"}


def run(home, *arguments):
    return call(*arguments, env={"HOME": str(home), "HOOKSPAN_HOME": str(home), "LANG": "C.UTF-8"})


def printed(home, *arguments):
    return json.loads(run(home, *arguments, "--json").stdout)


def made(folder, *names):
    paths = Paths.from_environment({"HOOKSPAN_HOME": str(folder)})
    for name in names:
        take_in(paths, play(name, folder / name).records)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return made(tmp_path_factory.mktemp("agents"), "print_serial_bash", "codex_failures")


def test_each_is_told_and_shown_alone(home, monkeypatch):
    assert run(home, "sessions").stdout.split()[:4] == ["session", "state", "for", "agent"]
    assert {row["agent"] for row in printed(home, "sessions")} == BOTH
    (session,) = printed(home, "sessions", "--agent", "codex")
    assert session["agent"] == "codex"
    heading, *_ = run(home, "trace", session["id"]).stdout.splitlines()
    assert heading.split("  ")[1] == "codex"

    assert {hit["agent"] for hit in printed(home, "search", "--spans", "--outcome", "success", "-n", "1000")} == BOTH
    hits = printed(home, "search", "--spans", "--agent", "claude-code", "-n", "1000")
    assert {hit["agent"] for hit in hits} == {"claude-code"}
    assert "codex" in run(home, "search", "--spans", "--agent", "codex").stdout.splitlines()[0]

    by_agent = {row["name"]: row["calls"] for row in printed(home, "cost", "--since", "all", "--by", "agent")["rows"]}
    assert by_agent.keys() == BOTH
    alone = printed(home, "cost", "--since", "all", "--agent", "codex")["total"]["calls"]
    assert alone == by_agent["codex"] > 0

    waste = [
        {(row["kind"], row["what"]): row["count"] for row in printed(home, "waste", "--since", "all", *agent)["rows"]}
        for agent in ((), ("--agent", "codex"), ("--agent", "claude-code"))
    ]
    assert waste[1]
    assert waste[0] == {key: waste[1].get(key, 0) + waste[2].get(key, 0) for key in waste[1] | waste[2]}

    monkeypatch.chdir(home)  # in no repository
    commits = printed(home, "receipt", "--all")
    assert commits["total"]["calls"] == sum(by_agent.values())
    assert printed(home, "receipt", "--all", "--agent", "codex")["total"]["calls"] >= by_agent["codex"]
    assert "is not one of" in run(home, "sessions", "--agent", "nobody").stderr


def test_nothing_is_said_of_it_where_there_is_one(tmp_path):
    made(tmp_path, "codex_plain")
    assert "agent" not in run(tmp_path, "sessions").stdout.splitlines()[0]
    (session,) = printed(tmp_path, "sessions")
    assert "codex" not in run(tmp_path, "trace", session["id"]).stdout.splitlines()[0]


def test_ids_that_are_shown_are_long_enough_to_open_what_they_name(home):
    """A session of Codex and its turns have ids that begin with the time: their first eight digits are the same."""
    assert [short(id_) for id_ in ("3522a16c-fb0a-4598-8a0d-3d3ca0c7778d", "s")] == ["3522a16c", "s"]
    (session,) = printed(home, "sessions", "--agent", "codex")
    _, row = run(home, "sessions", "--agent", "codex").stdout.splitlines()
    shown = row.split()[0]
    assert session["id"].startswith(shown)
    hit = printed(home, "search", "--spans", "--agent", "codex", "-n", "1")[0]
    trace = short(hit["trace"])
    assert trace in run(home, "search", "--spans", "--agent", "codex", "-n", "1").stdout
    assert trace.startswith(shown[:8])
    for name in (shown, trace):
        told = run(home, "trace", name)
        assert told.returncode == 0, told.stderr
        assert session["id"] in told.stdout
