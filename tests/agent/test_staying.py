"""Lines that stayed, in real repositories: what counts as there, when it is counted, and what git can do to it."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from hookspan.agent.settings import AgentSettings
from hookspan.agent.staying import Staying
from hookspan.observe import blame
from hookspan.store import Reader, Receipt, Receipts
from tests.store.worked import Machine
from tests.waiting import until

TEXT = [f"def function_of_some_length_{number}(): return {number}" for number in range(30)]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def write(machine: Machine, name: str, lines: list[str]) -> None:
    (machine.shop / name).write_text("".join(f"{line}\n" for line in lines))
    machine.git(machine.shop, "add", "-A")


def commit(machine: Machine, **files: list[str]) -> str:
    for name, lines in files.items():
        write(machine, name, lines)
    machine.git(machine.shop, "commit", "-q", "-m", "Change")
    return machine.head(machine.shop)


def work(machine: Machine, **files: list[str]) -> str:
    """A session's commit with these files."""
    machine.call(1, machine.shop, 7)
    machine.use(1, "Bash", lambda: commit(machine, **files))
    return machine.head(machine.shop)


def of(receipts: Receipts, sha: str) -> Receipt:
    return next(receipt for receipt in receipts.receipts if receipt.sha == sha)


def lines(receipts: Receipts, sha: str) -> list[tuple]:
    return [(each.days, each.branch, each.written, each.stayed) for each in of(receipts, sha).lines]


def test_what_is_indented_moved_or_renamed_is_there_and_what_is_changed_is_not(machine: Machine):
    commit(machine, kept=TEXT[:2], dull=TEXT)
    (machine.shop / "picture").write_bytes(bytes(range(256)) * 9)
    write(machine, "large", ["x" * 99] * 11_000)
    (machine.shop / "link").symlink_to("kept")
    own = work(machine, kept=TEXT[:20], dull=[f"  {line}" for line in TEXT])
    machine.pass_time()
    somebody = commit(machine, other=["theirs"])
    machine.end()
    machine.receipts()
    assert lines(machine.count_lines(days=0.9), own) == []
    assert lines(machine.count_lines(days=0.2), own) == [(1, "main", 18, 18)], "indented ones are not its own"

    changed = ["import more", *TEXT[12:20], *TEXT[:5], "# five", *(f"    {line}" for line in TEXT[6:12])]
    machine.git(machine.shop, "mv", "kept", "renamed")
    commit(machine, renamed=changed)
    assert lines(machine.count_lines(days=1), own) == [(1, "main", 18, 18)], "the next age is 7 days"
    found = machine.count_lines(days=5)
    assert lines(found, own) == [(1, "main", 18, 18), (7, "main", 18, 17)]
    assert of(found, somebody).counted == [], "no session's work is in it"
    machine.git(machine.shop, "rm", "-q", "renamed")
    machine.git(machine.shop, "commit", "-q", "-m", "Remove")
    assert lines(machine.count_lines(days=40), own)[2:] == [(30, "main", 18, 0)]


def test_the_branch_that_is_asked_and_commits_that_are_made_anew(machine: Machine):
    machine.git(machine.shop, "switch", "-q", "-c", "topic")
    amended = work(machine, one=TEXT[:10])
    machine.git(machine.shop, "switch", "-q", "-c", "left", "main")
    left = work(machine, two=TEXT[:3])
    machine.git(machine.shop, "switch", "-q", "topic")
    machine.git(machine.shop, "branch", "-q", "-D", "left")
    machine.pass_time(3600)
    write(machine, "one", TEXT[:12])
    machine.use(1, "Bash", lambda: machine.git(machine.shop, "commit", "-q", "--amend", "-m", "Anew") and "")
    new = machine.head(machine.shop)
    machine.end()
    machine.receipts()
    found = machine.count_lines(days=1)
    assert lines(found, new) == [(1, "topic", 12, 12)]
    assert of(found, new).replaces == [amended]
    assert of(found, left).counted == [], "no branch has it"
    commit(machine, one=TEXT[:4])
    machine.git(machine.shop, "branch", "-q", "-f", "main", new)
    machine.git(machine.shop, "switch", "-q", "main")
    machine.git(machine.shop, "branch", "-q", "-D", "topic")
    assert lines(machine.count_lines(days=7), new)[1:] == [(7, "main", 12, 12)]


def git_of(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another `git` comes first; the file in which it notes that it was started."""
    program, told = folder / "bin" / "git", folder / "told"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$$ $(nice)" >> {told}\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return told


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_git_is_started_only_where_that_is_wanted(machine: Machine, tmp_path: Path, monkeypatch):
    own = work(machine, one=TEXT)
    machine.end()
    machine.receipts()
    real = shutil.which("git")
    told = git_of(tmp_path, f'exec {real} "$@"', monkeypatch)
    assert lines(machine.count_lines(days=1, wanted=False), own) == []
    staying = Staying(machine.paths, AgentSettings(machine.paths, {}), Reader(machine.paths), list)
    staying.loop.start()
    assert staying.loop.stop(60), "it waits for other settings"
    assert not told.exists()
    assert lines(machine.count_lines(), own) == [(1, "main", 30, 30)]
    assert {line.split()[1] for line in told.read_text().splitlines()} == {str(min(19, os.nice(0) + 10))}


def test_a_git_that_hangs_is_ended_and_not_asked_again(machine: Machine, tmp_path: Path, monkeypatch):
    own = work(machine, one=TEXT)
    machine.end()
    machine.receipts()
    told = git_of(tmp_path, f'sleep 1000 & echo "$! of it" >> {tmp_path}/told; wait', monkeypatch)

    def monotonic() -> float:
        """A second is over once the program has said what it started."""
        return float(len(told.read_text().splitlines()) // 2) if told.exists() else 0.0

    monkeypatch.setattr(blame, "time", SimpleNamespace(monotonic=monotonic))
    monkeypatch.setattr(blame, "PATIENCE", 0.5)
    found = machine.count_lines(days=1)
    started = told.read_text().splitlines()
    assert len(started) == 2
    for line in started:
        until(partial(is_gone, int(line.split()[0])), "its end")
    assert [each.stayed for each in of(found, own).counted] == [-1]
    assert lines(found, own) == []
    machine.count_lines()
    assert told.read_text().splitlines() == started


def test_a_repository_s_settings_run_nothing(machine: Machine, tmp_path: Path):
    own = work(machine, one=TEXT)
    machine.end()
    machine.receipts()
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >> {ran}\n')
    program.chmod(0o755)
    (machine.shop / ".git" / "info").mkdir(exist_ok=True)
    (machine.shop / ".git" / "info" / "attributes").write_text("* diff=evil\n")
    named = ("diff.evil.textconv", "diff.evil.command", "diff.external", "core.fsmonitor", "core.pager")
    config = dict.fromkeys(named, str(program)) | {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::{program}",
        "protocol.ext.allow": "always",
        "blame.ignoreRevsFile": ".nowhere",
    }
    for name, value in config.items():
        machine.git(machine.shop, "config", name, value)
    assert lines(machine.count_lines(days=1), own) == [(1, "main", 30, 30)]
    blob = machine.git(machine.shop, "rev-parse", f"{own}:one")
    (machine.shop / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    assert len(of(machine.count_lines(days=7), own).counted) == 1
    assert not ran.exists()


def test_where_git_can_tell_nothing_nothing_is_said(machine: Machine):
    own = work(machine, one=TEXT)
    machine.end()
    machine.receipts()
    (machine.shop / ".git" / "shallow").touch()
    assert of(machine.count_lines(days=1), own).counted == []
    (machine.shop / ".git" / "shallow").unlink()
    objects = machine.shop / ".git" / "objects"
    objects.rename(machine.root / "elsewhere")
    assert of(machine.count_lines(), own).counted == []
    (machine.root / "elsewhere").rename(objects)
    shutil.move(machine.shop, machine.root / "moved")
    assert of(machine.count_lines(), own).counted == []
    shutil.move(machine.root / "moved", machine.shop)
    assert lines(machine.count_lines(), own) == [(1, "main", 30, 30)]
