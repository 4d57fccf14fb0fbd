"""Which files a tool call of Claude Code reads or writes, and which lines of them an edit is about.

Tools and their fields: the published types of `@anthropic-ai/claude-agent-sdk` 0.3.331 and the events of Claude Code
2.1.331 as recorded in `tests/sessions/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from hookspan.wire import targets
from hookspan.wire.fields import as_array, as_object
from hookspan.wire.reduced import Reduced

SHELL: Final = "Bash"
READ: Final = "Read"
EDITS: Final = frozenset({"Edit", "MultiEdit"})
WRITES: Final = EDITS | {"Write", "NotebookEdit"}


def reduce_targets(
    event: Reduced, given: dict[str, Any], response: dict[str, Any], key: bytes, *, labels: bool
) -> None:
    """Fills in what a call with this input reads or writes; `response` is that of its PostToolUse, else empty."""
    if event.event not in targets.BEGINS:
        return
    if event.tool == SHELL:
        if type(command := given.get("command")) is str:
            targets.reduce_shell(event, command, key, labels=labels)
    elif event.tool in WRITES:
        lines = _lines(given, response) if event.tool in EDITS else None
        event.writes = targets.of_file(event, _path(event, given), lines, key, labels=labels)
    elif event.tool == READ and response and (path := _path(event, given)):
        event.reads = targets.of_path(path, key)


def _path(event: Reduced, given: dict[str, Any]) -> str:
    return targets.whole_path(event, given.get("file_path") or given.get("notebook_path"))


def _lines(given: dict[str, Any], response: dict[str, Any]) -> Iterator[str]:
    """What an edit takes away and puts there; once it is done, the whole lines of that."""
    for edit in (given, *map(as_object, as_array(given.get("edits")))):
        for name in ("old_string", "new_string"):
            if type(text := edit.get(name)) is str:
                yield from text.split("\n", targets.LINES)[: targets.LINES]
    for hunk in as_array(response.get("structuredPatch")):
        for line in as_array(as_object(hunk).get("lines")):
            if type(line) is str and line[:1] in {"+", "-"}:
                yield line[1:]
