"""What git is asked about commits: here, where somebody waits for an answer, the program itself."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from hookspan.errors import UserError

NOTES: Final = "hookspan"
"""The ref of the notes: `git log --notes=hookspan`."""
GIT: Final = "git"
_PATIENCE: Final = 30  # seconds
_BASES: Final = ("origin/HEAD", "main", "master")


class Repository:
    """The one that a folder is in; None where the current folder is gone, which is in none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        common = self._ask("rev-parse", "--path-format=absolute", "--git-common-dir")
        self.git = str(Path(common).resolve()) if common else ""

    def branch(self) -> str:
        """The one that is checked out; empty for none."""
        return self._ask("symbolic-ref", "--short", "-q", "HEAD")

    def commit(self, name: str) -> str:
        """The full id of what git knows by that name; empty for nothing."""
        return "" if name.startswith("-") else self._ask("rev-parse", "--verify", "-q", f"{name}^{{commit}}")

    def has(self, names: Sequence[str]) -> set[str]:
        """Those of the names that are commits here."""
        wanted = [f"{name}^{{commit}}" for name in names]
        text = self._ask("cat-file", "--batch-check=%(objecttype)", given=wanted) if wanted else ""
        return {name for name, kind in zip(names, text.splitlines(), strict=False) if kind == "commit"}

    def is_branch(self, name: str) -> bool:
        """Whether there is such a branch."""
        return bool(self._ask("rev-parse", "--verify", "-q", f"refs/heads/{name}"))

    def of_branch(self, name: str, since: int) -> set[str]:
        """The commits that a branch has and the main one has not, all of the main one; made since then (Unix s)."""
        if not self.is_branch(name):
            return set()
        base = next((base for base in _BASES if self.commit(base)), "")
        own = self._ask("rev-parse", "--abbrev-ref", base) if base else ""
        without = [f"^{base}"] if base and own.removeprefix("origin/") != name else []
        return set(self._ask("rev-list", f"--since=@{since}", f"refs/heads/{name}", *without).split())

    def subjects(self, shas: Sequence[str]) -> dict[str, str]:
        """The first lines of commits' messages, of those that are there."""
        if not shas:
            return {}
        text = self._ask("log", "--no-walk=unsorted", "--ignore-missing", "--format=%H%x09%s", "--stdin", given=shas)
        return dict(line.split("\t", 1) for line in text.splitlines() if "\t" in line)

    def has_branch_with(self, sha: str) -> bool:
        """Whether any branch has a commit."""
        return bool(self._ask("for-each-ref", f"--contains={sha}", "--count=1", "refs/heads", "refs/remotes"))

    def note(self, sha: str, text: str) -> None:
        """Write a commit's note, in place of the one that it has. Raises UserError."""
        words = [GIT, "notes", f"--ref={NOTES}", "add", "-f", "-F", "-", sha]
        done = subprocess.run(words, cwd=self._folder, input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"git can't write the note of {sha[:10]}: {done.stderr.strip()}")

    def _ask(self, *words: str, given: Iterable[str] = ()) -> str:
        """What git prints; empty where it fails, or is not there."""
        try:
            done = subprocess.run(
                [GIT, *words],
                cwd=self._folder,
                input="".join(f"{line}\n" for line in given),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""
