"""How many lines of a commit are still there: git is asked, at a low priority and for a limited time.

A line is a commit's own where `git blame -w -M` says so: to indent a line anew, or to move it within its file, makes it
nobody else's. The same question, asked of the commit itself, tells how many it had to begin with.

Nothing is written to the repository, and nothing fetched. Git works in a folder of its own, which has the repository's
objects and not its settings: these may name programs to run, and files that only a work tree has.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

PATIENCE: Final = 300.0  # seconds for one commit: on a busy machine what is niced waits
FILES_MAX: Final = 200
"""Files of one commit: more are no longer somebody's lines but a tree that was moved or brought in."""
BYTES_MAX: Final = 1 << 20
"""Size of a file whose lines are counted."""
_STEP: Final = 0.2  # seconds between two looks at whether to stop
_FAR: Final = "1000"  # files among which renamed ones are looked for
_MAIN: Final = (
    "refs/remotes/origin/HEAD",
    "refs/heads/main",
    "refs/heads/master",
    "refs/remotes/origin/main",
    "refs/remotes/origin/master",
)
_NICE: Final = 10  # by which the kernel goes for its reads and writes, too
_CPU: Final = 10  # seconds of a processor for one question
_GIT: Final = ("nice", "-n", f"{_NICE}", "sh", "-c", f'ulimit -t {_CPU} && exec git "$0" "$@"', "--literal-pathspecs")
_BLAME: Final = ("blame", "-w", "-M", "--incremental")
_SHA1: Final = 40  # digits
_SHA256: Final = "[core]\nrepositoryFormatVersion = 1\n[extensions]\nobjectFormat = sha256\n"
_ENVIRONMENT: Final = {
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ALLOW_PROTOCOL": "none",  # of a partial clone nothing is fetched
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}


class TooMuchError(Exception):
    """To count a commit's lines would take too long, also the next time."""


class Counted(NamedTuple):
    """Lines that a commit had of its own, those that a branch has of them now, and what that branch is called."""

    branch: str
    written: int
    stayed: int


class _File(NamedTuple):
    """A file of a commit: the id of its content, and its size in bytes."""

    content: str
    size: int


class _Unanswered(Exception):
    """Git has no answer at the moment."""


def count(repository: str, sha: str, branch: str, *, is_stopped: Callable[[], bool] = lambda: False) -> Counted | None:
    """Count the lines of a commit; binary and large files left out.

    Args:
        repository: Its git folder.
        sha: The commit, in full; one of a merge has no lines of its own.
        branch: The one that it was made on, which is asked where the main branch does not have it.
        is_stopped: Asked while git works: whether to give up.

    Returns:
        None where it can't be told now: the repository is gone, shallow or somebody else's, or no branch has the
        commit. Raises TooMuchError.
    """
    try:
        if os.stat(repository).st_uid != os.getuid() or os.path.exists(f"{repository}/shallow"):
            return None
        with tempfile.TemporaryDirectory(prefix="hookspan-") as folder:
            return _Asked(repository, Path(folder), sha, is_stopped).counted(branch)
    except (OSError, ValueError, _Unanswered):
        return None


class _Asked:
    """One commit, in the time that it may take."""

    def __init__(self, repository: str, folder: Path, sha: str, is_stopped: Callable[[], bool]) -> None:
        self._repository = repository
        self._folder = folder
        self._sha = sha
        for name in ("refs", "objects"):
            (folder / name).mkdir()
        (folder / "HEAD").write_text("ref: refs/heads/main\n")
        (folder / "config").write_text("" if len(sha) == _SHA1 else _SHA256)
        self._is_stopped = is_stopped
        self._deadline = time.monotonic() + PATIENCE

    def counted(self, branch: str) -> Counted:
        head, name = self._head(branch)
        _, *parents = self._ask("rev-list", "--no-walk", "--parents", self._sha).decode().split()
        if len(parents) > 1:
            return Counted(name, 0, 0)
        before = [f"^{parent}" for parent in parents]
        files = self._files(self._sha, self._changed())
        there = self._there(head, files)
        written = stayed = 0
        for path, then in files.items():
            now_at, now = there.get(path, (path, None))
            if max(then.size, now.size if now else 0) > BYTES_MAX:
                continue
            own = self._lines(self._sha, before, path)
            left = own if now and now.content == then.content else 0
            if own and now and now.content != then.content:
                left = min(own, self._lines(head, before, now_at))  # `-M` also finds copies
            written += own
            stayed += left
        return Counted(name, written, stayed)

    def _head(self, branch: str) -> tuple[str, str]:
        """The head of the branch that is asked, and its name."""
        refs = [*_MAIN, *([f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"] if branch else [])]
        told = self._ask(f"--git-dir={self._repository}", "for-each-ref", "--format=%(objectname) %(refname)", *refs)
        heads = {ref: head for head, ref in (line.split(" ", 1) for line in told.decode(errors="replace").splitlines())}
        for ref in refs:
            if ref in heads and self._has(heads[ref]):
                return heads[ref], ref.split("/", 2)[2]
        raise _Unanswered

    def _has(self, head: str) -> bool:
        try:
            self._ask("merge-base", "--is-ancestor", self._sha, head)
        except _Unanswered:
            return False
        return True

    def _changed(self) -> list[str]:
        """The text files that the commit has changed or added."""
        told = self._ask("diff-tree", "-r", "--root", "--no-commit-id", "--numstat", "--no-renames", "-z", self._sha)
        entries = [entry.split(b"\t", 2) for entry in told.split(b"\0") if entry]
        paths = [os.fsdecode(path) for added, _, path in entries if added not in {b"-", b"0"}]
        if len(paths) > FILES_MAX:
            raise TooMuchError
        return paths

    def _files(self, commit: str, paths: Sequence[str]) -> dict[str, _File]:
        """Of these, the ordinary files that a commit has."""
        found: dict[str, _File] = {}
        told = self._ask("ls-tree", "--full-tree", "-l", "-z", commit, "--", *paths) if paths else b""
        for entry in told.split(b"\0"):
            about, _, path = entry.partition(b"\t")
            if about.startswith(b"100"):
                _, _, content, size = about.decode().split()
                found[os.fsdecode(path)] = _File(content, int(size))
        return found

    def _there(self, head: str, paths: Iterable[str]) -> dict[str, tuple[str, _File]]:
        """What has become of files until `head`: where they are now, and what they hold."""
        kept = self._files(head, list(paths))
        there = {path: (path, file) for path, file in kept.items()}
        if gone := [path for path in paths if path not in kept]:
            told = self._ask(
                "diff-tree", "-r", "-M", f"-l{_FAR}", "--diff-filter=R", "--name-status", "-z", self._sha, head
            )
            names = [os.fsdecode(name) for name in told.split(b"\0")]
            renamed = dict(zip(names[1::3], names[2::3], strict=False))
            new = self._files(head, [renamed[path] for path in gone if path in renamed])
            there |= {path: (renamed[path], new[renamed[path]]) for path in gone if renamed.get(path) in new}
        return there

    def _lines(self, commit: str, before: Sequence[str], path: str) -> int:
        """How many lines of a file, as of a commit, are this one's; the search ends at its parent."""
        own = self._sha.encode() + b" "
        told = self._ask(*_BLAME, commit, *before, "--", path)
        return sum(int(line.rsplit(b" ", 1)[1]) for line in told.split(b"\n") if line.startswith(own))

    def _ask(self, *words: str) -> bytes:
        """What git prints."""
        child = subprocess.Popen(
            [*_GIT, *words],
            cwd=self._folder,
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "GIT_DIR": str(self._folder),
                "GIT_OBJECT_DIRECTORY": f"{self._repository}/objects",
                **_ENVIRONMENT,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return self._told_by(child)
        except BaseException:
            _end(child)
            raise

    def _told_by(self, child: subprocess.Popen[bytes]) -> bytes:
        while True:
            try:
                told, _ = child.communicate(timeout=_STEP)
            except subprocess.TimeoutExpired:
                if self._is_stopped():
                    raise _Unanswered from None
                if time.monotonic() > self._deadline:
                    raise TooMuchError from None
                continue
            if child.returncode == -signal.SIGXCPU:
                raise TooMuchError
            if child.returncode:
                raise _Unanswered
            return told


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill it and what it has started; one that not even this ends is left to the system."""
    if child.returncode is not None:
        return
    with contextlib.suppress(OSError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.communicate(timeout=1.0)
