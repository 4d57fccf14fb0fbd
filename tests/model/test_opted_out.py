"""What the fold makes of a session whose project turns out not to be recorded, by the journal's own facts."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hookspan.config import Project
from hookspan.model.fold import fold
from hookspan.model.rows import Rows
from hookspan.model.state import State, WorkTree
from hookspan.observe.heads import Heads
from hookspan.opted_out import OptedOut
from hookspan.wire import FORGOTTEN, Record, Reduced, encode
from hookspan.wire.facts import HeadMoved, Policy, RateLimit, Repository, StatusLine, Title

FOLDER = "/home/u/spring"
POLICY = Policy(at=3, key="policy:3", opted_out=["diary"])
REPOSITORY = Repository(at=3, key="repository:3", folder=FOLDER, project="diary")
TITLE = Title(at=4, key="title:4", session="s", label="what it is about")


def event(name: str, at: int) -> Reduced:
    return Reduced(at=at, event=name, session="s", prompt="p", project_dir=FOLDER)


@pytest.fixture
def take() -> Callable[[Record], Rows]:
    state, number = State(), iter(range(100))
    return lambda record: fold(state, next(number), record)


@pytest.mark.parametrize("facts", [(POLICY, REPOSITORY), (REPOSITORY, POLICY)])
def test_a_session_goes_when_it_is_known_and_nothing_follows(take: Callable[[Record], Rows], facts: tuple[Record, ...]):
    assert take(event("SessionStart", 1)).spans
    assert take(event("UserPromptSubmit", 2)).touched
    assert [take(fact).removed for fact in facts] == [set(), {"s"}]
    for record in (TITLE, event("Stop", 5), event("SessionEnd", 6)):
        assert take(record) == Rows(), record


def test_one_that_comes_back_from_the_store_goes_again():
    """By an event or by what an observer found: it may have been out of memory when the setting came."""
    for later in (TITLE, event("Stop", 5)):
        state = State()
        fold(state, 1, event("SessionStart", 1))
        (session,) = state.sessions.values()
        state = State()
        fold(state, 2, POLICY)
        fold(state, 3, REPOSITORY)
        state.sessions["s"] = session
        assert fold(state, 4, later) == Rows(removed={"s"})
        assert not state.sessions


def test_a_session_s_status_line_takes_it_away_too():
    state = State()
    fold(state, 1, event("SessionStart", 1))
    (session,) = state.sessions.values()
    state = State()
    fold(state, 2, POLICY)
    fold(state, 3, REPOSITORY)
    state.sessions["s"] = session
    limit = RateLimit("five_hour", 42.0, 10**18)
    told = StatusLine(at=4, key="status_line/4", session="s", folder=FOLDER, limits=[limit])
    assert fold(state, 4, told) == Rows(removed={"s"})
    assert not state.world.quotas


def test_a_status_line_goes_by_the_folder_that_it_names(tmp_path: Path):
    (folder := tmp_path / "diary").mkdir()
    event = {"session_id": "s", "workspace": {"project_dir": str(folder)}}
    line = json.dumps({"v": 1, "agent": "claude-code", "at": 1, "kind": "status_line", "event": event}).encode()
    assert OptedOut({"diary": Project(record=False)}).blanked(line) == FORGOTTEN
    assert OptedOut({"diary": Project(record=True)}).blanked(line) == line


@pytest.mark.parametrize(("project", "is_theirs"), [("diary", True), ("shop", False), ("", False), (None, True)])
def test_what_names_no_folder_goes_by_its_session(project: str | None, is_theirs: bool):
    """Where nobody knows the session, it is shown only to those who would lose it otherwise."""
    opted_out = OptedOut({"diary": Project(record=False)}, project_of={"s": project}.get)
    assert (opted_out.blanked(encode(TITLE)) == FORGOTTEN) is is_theirs
    assert opted_out.blanked(encode(POLICY)) != FORGOTTEN
    elsewhere = encode(Reduced(at=5, event="Stop", session="s", project_dir="/home/u/shop"))
    assert (opted_out.blanked(elsewhere) == FORGOTTEN) is (project == "diary")


def test_where_a_branch_of_such_a_project_went_is_its_own():
    moved = HeadMoved(at=5, key="h", repository="/r", tree="/r", project="diary", branch="secret")
    assert OptedOut({"diary": Project(record=False)}).blanked(encode(moved)) == FORGOTTEN


def test_what_moves_in_such_a_project_is_not_told_of(tmp_path: Path):
    tree = tmp_path / "diary"
    git = ["git", "-c", "user.name=u", "-c", "user.email=u@example.com", "-C", str(tree)]
    subprocess.run(["git", "init", "-q", str(tree)], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
    trees = {str(tree.resolve()): WorkTree(since=0)}
    assert Heads().step(time.time_ns(), trees, ["diary"]) == []
    assert [fact.project for fact in Heads().step(time.time_ns(), trees, ["shop"])] == ["diary"]
