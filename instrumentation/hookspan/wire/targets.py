"""What a call writes, as a reduced event keeps it: keyed digests of paths and lines, and names for one's own page."""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from . import shell_targets
from .fields import PATH_LENGTH, digest
from .reduced import Reduced, Target
from .scrub import label

BEGINS: Final = frozenset({"PreToolUse", "PostToolUse"})
"""Events that tell of targets: what begins, and with which lines it has ended."""
LINES: Final = 64
"""Lines of one file that a call tells of."""
LINE_LENGTH: Final = 1000
"""Characters of a line that are compared."""
_TELLING: Final = re.compile(r"\w\w\w")
_COMMON: Final = frozenset(
    {"else:", "else {", "} else {", "try:", "try {", "finally:", "return", "return;", "return None", "return null;"}
    | {"pass", "break", "break;", "continue", "continue;", "end", "done", "<div>", "</div>"}
)
"""Lines that stand anywhere: that two edits have one in common says nothing."""


def whole_path(event: Reduced, path: object) -> str:
    """The absolute path that a call names, without a look at links; empty where it names none."""
    if type(path) is not str or not path or len(path) > PATH_LENGTH:
        return ""
    whole = posixpath.join(event.cwd, path)
    return posixpath.normpath(whole) if whole.startswith("/") else ""


def of_file(
    event: Reduced, path: str, lines: Iterable[str] | None, key: bytes, *, labels: bool
) -> tuple[Target] | tuple[()]:
    """A file that a call writes, as `whole_path` gives it, and lines that it is about (None: any)."""
    if not path:
        return ()
    target = Target(
        path=of_path(path, key),
        name=_name(path) if labels else "",
        lines=None if lines is None else _digests(lines, key),
        here=any(folder and path.startswith(f"{folder}/") for folder in (event.cwd, event.project_dir)),
    )
    return (target,)


def reduce_shell(event: Reduced, command: str, key: bytes, *, labels: bool) -> None:
    """Fills in what a shell command writes, as far as that can be told."""
    if event.event in BEGINS and event.cwd.startswith("/"):
        files, event.rewrites = shell_targets.targets(command, event.cwd)
        event.writes = tuple(target for path in files for target in of_file(event, path, None, key, labels=labels))


@functools.lru_cache(maxsize=1024)  # a call tells its path twice, and a session has few files
def of_path(path: str, key: bytes) -> str:
    """Digest of an absolute path."""
    return digest(path.encode("utf-8", "surrogatepass"), key)


@functools.lru_cache(maxsize=1024)
def _name(path: str) -> str:
    return label(posixpath.basename(path))


def _digests(texts: Iterable[str], key: bytes) -> tuple[int, ...]:
    """Of different lines, without blanks around them; without those that stand anywhere."""
    lines: dict[str, None] = {}
    for text in texts:
        line = text.strip()[:LINE_LENGTH]
        if _TELLING.search(line) and line not in _COMMON:
            lines[line] = None
            if len(lines) == LINES:
                break
    return tuple(_line(line, key) for line in lines)


def _line(line: str, key: bytes) -> int:
    return int.from_bytes(blake2b(line.encode("utf-8", "surrogatepass"), key=key, digest_size=4).digest())
