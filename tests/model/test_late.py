"""Every recorded session: an agent that was there and one that came when all was over tell the same, field by field."""

import json
import os
import re
from pathlib import Path

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.clients.decode import decode
from hookspan.model.fold import fold
from hookspan.model.rows import LogRow
from hookspan.model.state import State
from hookspan.wire.facts import Policy, QueuedPrompt
from tests import late

from .replay import HOME, KEY, SESSIONS, names, play, play_late

SECOND = 10**9
WORKTREE = "shop-feature"
REFUSED = ("permission_words", "print_denied", "print_hook_block")
"""Calls that were refused: when, their transcript knows better than the event, which closes them 2 s later."""


def checked_out(root: Path, name: str) -> None:
    """The project folders of a recording as they were: repositories since long before it.

    Without a transcript nothing tells somebody who comes late of a branch, so there are none then.
    """
    text = "".join(path.read_text() for path in (SESSIONS / name / "projects").rglob("*.jsonl"))
    if not text:
        return
    branch = next(iter(re.findall(r'"gitBranch":"(ma\w+)"', text)), "main")
    for folder in {Path(one).parts[3] for one in projects(name)} - {WORKTREE}:
        head(root / folder / ".git", branch, 0)
    linked = root / "shop" / ".git" / "worktrees" / WORKTREE
    head(linked, "feature", 0)
    (linked / "commondir").write_text("../..\n")
    (root / WORKTREE).mkdir()
    (root / WORKTREE / ".git").write_text(f"gitdir: {linked}\n")


def projects(name: str) -> set[str]:
    lines = (SESSIONS / name / "journal.jsonl").read_text().splitlines()
    return {json.loads(line)["env"]["CLAUDE_PROJECT_DIR"] for line in lines}


def head(git: Path, branch: str, at: int) -> None:
    git.mkdir(parents=True, exist_ok=True)
    (git / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
    os.utime(git / "HEAD", ns=(at, at))


def later(lines: list[bytes]) -> list[bytes]:
    """The same journal, with nothing for 3 s after each PostToolBatch."""
    waited = 0
    moved = []
    for line in lines:
        record = json.loads(line)
        at = record["at"]
        moved.append(line.replace(b'"at":%d' % at, b'"at":%d' % (at + waited), 1))
        if record["event"]["hook_event_name"] == "PostToolBatch":
            waited += 3_000_000_000
    return moved


@pytest.mark.parametrize(("name", "pause"), [*((name, False) for name in names()), *((name, True) for name in REFUSED)])
def test_a_late_agent_tells_the_same(name: str, pause: bool, tmp_path: Path):
    """All branches are others by the time that it looks."""
    work = tmp_path / "work"
    checked_out(work, name)

    def there(lines: list[bytes]) -> list[bytes]:
        lines = later(lines) if pause else lines
        return [line.replace(b'_DIR":"%s/' % HOME.encode(), b'_DIR":"%s/' % str(work).encode()) for line in lines]

    early = play(name, tmp_path / "early", change=there, policy=Policy(at=0, key="", logs=True))
    for git in (path.parent for path in list(work.rglob("HEAD"))):
        head(git, "later", max(span.end for span in early.spans) + 1)
    afterwards = play_late(name, tmp_path / "after", change=there, policy=Policy(at=0, key="", logs=True))
    if (SESSIONS / name / "projects").exists():
        known = {sc.PROJECT, sc.VCS_REPOSITORY_NAME, sc.VCS_REF_HEAD_NAME}
        assert all(known <= span.attributes.keys() for span in early.spans)
    told = [(late.spans(played.spans), late.sums(played.increments)) for played in (early, afterwards)]
    assert late.differences(*told) == []
    logs = [{log.attributes[sc.LOG_RECORD_UID]: _told(log) for log in one.logs} for one in (early, afterwards)]
    assert len(logs[0]) == len(early.logs), "two have the same uid"
    assert logs[0] == logs[1]
    assert early.wasted() == afterwards.wasted()


def _told(log: LogRow) -> dict[str, object]:
    return {name: getattr(log, name) for name in log.__struct_fields__ if name not in {"record", "ordinal"}}


def test_a_queued_prompt_that_is_told_of_late_waited_no_longer_for_its_user():
    """A queued prompt has no hook of its own: the transcript says when it was taken, and may be read after a call's."""
    state = State()
    stop, taken, called = 10 * SECOND, 11 * SECOND, 14 * SECOND

    _hook(state, 1 * SECOND, "UserPromptSubmit", "first")
    _hook(state, stop, "Stop", "first")
    _hook(state, called, "PreToolUse", "queued", tool_name="Bash", tool_use_id="call")
    assert state.sessions["s"].turns["queued"].idle_before == called - stop
    fold(state, 15, QueuedPrompt(at=taken, key="k", session="s", prompt="queued", prompts=1))
    assert state.sessions["s"].turns["queued"].idle_before == taken - stop


@pytest.mark.parametrize("read", [0, 1, 3, 4])
def test_a_turn_has_its_start_and_its_prompts_wherever_among_the_hooks_the_transcript_is_read(read: int):
    """Prompts that are queued have the running turn's id in their hooks, and are the next turn's by the transcript."""
    state = State()
    told = QueuedPrompt(at=9 * SECOND, key="k", session="s", prompt="queued", prompts=2)
    _hook(state, 1 * SECOND, "UserPromptSubmit", "first")
    for number, (second, turn) in enumerate([(2, "first"), (3, "first"), (10, "queued"), (11, "queued")]):
        if number == read:
            fold(state, 9, told)
        _hook(state, second * SECOND, "UserPromptSubmit", turn, prompt="also" + "!" * second)
    if read == 4:
        fold(state, 9, told)
    first, queued = state.sessions["s"].turns.values()
    assert (first.prompts, first.fixed // SECOND) == (1, 9)
    assert (queued.prompts, queued.start // SECOND) == (4, 9)


def _hook(state: State, at: int, name: str, turn: str, **more: str) -> None:
    event = {"session_id": "s", "cwd": "/shop", "hook_event_name": name, "prompt_id": turn, **more}
    line = {"v": 1, "agent": "claude-code", "at": at, "took": 1, "event": event}
    fold(state, at // SECOND, decode(json.dumps(line).encode(), KEY))
