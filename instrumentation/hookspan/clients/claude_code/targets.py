"""Which files a tool call of Claude Code reads or writes, and which lines of them an edit is about.

Tools and their fields: the published types of `@anthropic-ai/claude-agent-sdk` 0.3.331 and the events of Claude Code
2.1.331 as recorded in `tests/sessions/`.
"""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any, Final

from hookspan.wire import shell_targets
from hookspan.wire.fields import PATH_LENGTH, as_array, as_object, digest
from hookspan.wire.reduced import Reduced, Target
from hookspan.wire.scrub import label

SHELL: Final = "Bash"
READ: Final = "Read"
EDITS: Final = frozenset({"Edit", "MultiEdit"})
WRITES: Final = EDITS | {"Write", "NotebookEdit"}
LINES: Final = 64
"""Lines of one call that are remembered."""
LINE_LENGTH: Final = 1000
"""Characters of a line that are compared."""
_BEGINS: Final = frozenset({"PreToolUse", "PostToolUse"})
_TELLING: Final = re.compile(r"\w\w\w")
_COMMON: Final = frozenset(
    {"else:", "else {", "} else {", "try:", "try {", "finally:", "return", "return;", "return None", "return null;"}
    | {"pass", "break", "break;", "continue", "continue;", "end", "done", "<div>", "</div>"}
)
"""Lines that stand anywhere: that two edits have one in common says nothing."""


def reduce_targets(
    event: Reduced, given: dict[str, Any], response: dict[str, Any], key: bytes, *, labels: bool
) -> None:
    """Fills in what a call with this input reads or writes; `response` is that of its PostToolUse, else empty."""
    if event.event not in _BEGINS:
        return
    if event.tool == SHELL:
        command = given.get("command")
        if type(command) is str and event.cwd.startswith("/"):
            files, event.rewrites = shell_targets.targets(command, event.cwd)
            event.writes = tuple(_target(event, path, None, key, labels=labels) for path in files)
    elif event.tool in WRITES:
        if path := _path(event, given):
            lines = _lines(_texts(given, response), key) if event.tool in EDITS else None
            event.writes = (_target(event, path, lines, key, labels=labels),)
    elif event.tool == READ and response and (path := _path(event, given)):
        event.reads = _digest(path, key)


def _path(event: Reduced, given: dict[str, Any]) -> str:
    """The absolute path of the file that a call is about, without a look at links; empty for none."""
    path = given.get("file_path") or given.get("notebook_path")
    if type(path) is not str or len(path) > PATH_LENGTH:
        return ""
    whole = posixpath.join(event.cwd, path)
    return posixpath.normpath(whole) if whole.startswith("/") else ""


def _target(event: Reduced, path: str, lines: tuple[int, ...] | None, key: bytes, *, labels: bool) -> Target:
    return Target(
        path=_digest(path, key),
        name=_name(path) if labels else "",
        lines=lines,
        here=any(folder and path.startswith(f"{folder}/") for folder in (event.cwd, event.project_dir)),
    )


@functools.lru_cache(maxsize=1024)  # a call tells its path twice, and a session has few files
def _digest(path: str, key: bytes) -> str:
    return digest(path.encode("utf-8", "surrogatepass"), key)


@functools.lru_cache(maxsize=1024)
def _name(path: str) -> str:
    return label(posixpath.basename(path))


def _texts(given: dict[str, Any], response: dict[str, Any]) -> Iterator[str]:
    """What an edit takes away and puts there; once it is done, the whole lines of that."""
    for edit in (given, *map(as_object, as_array(given.get("edits")))):
        for name in ("old_string", "new_string"):
            if type(text := edit.get(name)) is str:
                yield from text.split("\n", LINES)[:LINES]
    for hunk in as_array(response.get("structuredPatch")):
        for line in as_array(as_object(hunk).get("lines")):
            if type(line) is str and line[:1] in {"+", "-"}:
                yield line[1:]


def _lines(texts: Iterable[str], key: bytes) -> tuple[int, ...]:
    """Digests of different lines, without blanks around them; without those that stand anywhere."""
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
