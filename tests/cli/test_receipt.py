"""`hookspan receipt` in a real repository, on what a session that committed there left in a store."""

import json
import os
from pathlib import Path

import pytest

from hookspan.errors import EXIT_USAGE, EXIT_USER
from tests.command import call
from tests.store.worked import Machine

FIX = 42


@pytest.fixture(scope="module")
def machine(tmp_path_factory) -> Machine:
    """A session that committed on `main`, then twice on `fix`, amended the last, made a pull request and went on."""
    machine = Machine(tmp_path_factory.mktemp("receipt"))
    shop = machine.shop
    machine.call(1, shop, 1_000_000_001)
    machine.use(1, "Bash", lambda: machine.commit_a_file(shop))
    machine.git(shop, "switch", "-q", "-c", "fix")
    machine.call(1, shop, 20_000_000)
    machine.use(1, "Bash", lambda: machine.commit_a_file(shop))
    machine.call(1, shop, 300_000_000)
    machine.use(1, "Bash", lambda: machine.commit_a_file(shop))
    machine.call(1, shop, 4_000_000)
    machine.use(1, "Bash", lambda: machine.commit_a_file(shop, "--amend", subject="A | <b>pipe</b>"))
    machine.use(1, "Bash", pull_request=FIX)
    machine.call(1, shop, 50_000)
    machine.end(hidden=600)
    machine.receipts()
    machine.count_lines(days=1)
    without = machine.git(shop, "commit-tree", "-m", "Revert", "-p", "HEAD", "HEAD~1^{tree}")
    machine.git(shop, "update-ref", "refs/remotes/origin/main", without)
    machine.count_lines(days=7)
    return machine


def receipt(machine: Machine, *arguments: str, cwd: Path | None = None, fails: int = 0):
    names = {f"GIT_{who}_{what}": "Ada" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = {"HOME": str(machine.root / "home"), "COLUMNS": "100", "PATH": os.environ["PATH"], **names}
    done = call("receipt", *arguments, env=env, cwd=cwd or machine.shop)
    assert done.returncode == fails, done
    return done


def nano(machine: Machine, *arguments: str) -> tuple[list[int], int]:
    """Of each commit, the newest first, and of none."""
    found = json.loads(receipt(machine, "--json", *arguments).stdout)
    of_each = [one["nano_usd"] for one in found["receipts"]]
    assert sum(of_each) + found["no_commit"]["nano_usd"] == found["total"]["nano_usd"]
    return of_each, found["no_commit"]["nano_usd"]


def test_a_commit_a_branch_a_pull_request_and_all(machine: Machine):
    last, first = [304_000_000], [20_000_000]
    amended = machine.git(machine.shop, "rev-parse", "HEAD@{1}")
    assert nano(machine, "HEAD") == nano(machine, amended[:8]) == (last, 0)
    assert nano(machine) == nano(machine, "fix") == nano(machine, f"#{FIX}") == ([*last, *first], 50_600)
    assert nano(machine, "main") == ([1_000_000_001], 0)
    assert nano(machine, "--all") == ([*last, *first, 1_000_000_001], 50_600)


def test_what_is_not_of_this_repository_is_left_out(tmp_path: Path):
    """Of a commit that was told of nobody knows where it is, and it may be elsewhere; its project's work is as well."""
    machine = Machine(tmp_path)
    acme = machine.repository("acme")
    machine.call(1, machine.shop, 1_000)
    machine.use(1, "Bash", lambda: machine.commit_a_file(machine.shop))
    machine.call(2, acme, 50_000)
    machine.use(2, "Bash", lambda: machine.commit_a_file(acme))
    machine.call(2, acme, 700_000)
    machine.state.world.trees.pop(str(acme))
    machine.end()
    machine.receipts()
    assert nano(machine, "--all") == nano(machine, "main") == ([1_000], 0)


def test_what_people_read(machine: Machine):
    one = receipt(machine, "HEAD").stdout
    assert "A | <b>pipe</b>" in one
    assert "$0.304  At list price, which is no bill." in one
    table = receipt(machine).stdout.splitlines()
    assert [line.split()[-1] for line in table[:5]] == ["cost", "$0.304", "$0.020", "<$0.001", "$0.324"]
    markdown = receipt(machine, "--markdown").stdout
    assert "A \\| \\<b\\>pipe\\</b\\> | 2 |" in markdown
    assert "Lines that stayed: after 1 day 3 of 3 lines of 2 commits (100%), $0.108 each; after 7 days" in markdown
    assert receipt(machine, cwd=machine.root).stdout.startswith("all"), "outside of any repository"


def test_lines_that_stayed(machine: Machine):
    assert "lines    after 1 day 2 of 2 lines (100%), $0.152 each" in receipt(machine, "HEAD").stdout
    table = receipt(machine).stdout.splitlines()
    assert [line.split()[-3:-1] for line in table[1:3]] == [["0%", "7d"], ["100%", "7d"]]
    assert "after 7 days 1 of 3 lines of 2 commits (33%), $0.324 each" in table
    (found,) = json.loads(receipt(machine, "HEAD", "--json").stdout)["receipts"]
    assert [(line["days"], line["branch"], line["written"], line["stayed"]) for line in found["lines"]] == [
        (1, "fix", 2, 2),
        (7, "origin/main", 2, 0),
    ]


def test_notes_are_written_on_request_alone(machine: Machine):
    receipt(machine, "--all")
    assert machine.git(machine.shop, "for-each-ref", "refs/notes") == ""
    receipt(machine, "HEAD", "--notes")
    note = machine.git(machine.shop, "notes", "--ref=hookspan", "show", "HEAD")
    assert note.splitlines()[0] == "Hookspan-Cost: 0.304000000 USD (list price, no bill)"


def test_what_is_not_known_is_said(machine: Machine):
    for name in ("nothing", "#7", "--", "deadbeef"):
        assert "nothing is known of" in receipt(machine, "--", name, fails=EXIT_USER).stderr
    receipt(machine, "--json", "--markdown", fails=EXIT_USAGE)
    receipt(machine, "--all", "HEAD", fails=EXIT_USAGE)


def test_a_rebuild_gives_the_same(machine: Machine):
    before = receipt(machine, "--all", "--json").stdout
    rebuilt = call("rebuild", env={"HOME": str(machine.root / "home"), "PATH": os.environ["PATH"]}, cwd=machine.shop)
    assert rebuilt.returncode == 0, rebuilt
    assert receipt(machine, "--all", "--json").stdout == before
