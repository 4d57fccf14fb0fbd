"""Which files a tool call of Copilot CLI writes, and which lines of them an edit is about.

Tools and their fields: Copilot CLI 1.0.102, as recorded in `tests/sessions/`.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from hookspan.wire import targets
from hookspan.wire.edits import staying
from hookspan.wire.fields import digest
from hookspan.wire.reduced import Edit, Reduced, Target

SHELL: Final = "bash"
EDIT: Final = "edit"
CREATE: Final = "create"


class Change(NamedTuple):
    """What a call changes if it ends well."""

    writes: tuple[Target, ...]
    edit: Edit | None
    added: int
    removed: int

    def put(self, event: Reduced) -> None:
        """Fill it in, into the event of its end."""
        event.writes, event.edit = self.writes, self.edit
        event.lines_added, event.lines_removed = self.added, self.removed


def reduce(event: Reduced, given: dict[str, Any], key: bytes, *, labels: bool) -> Change | None:
    """Fills in what a call with this input is going to write; None if that is nothing."""
    if event.tool == SHELL:
        if type(command := given.get("command")) is str:
            targets.reduce_shell(event, command, key, labels=labels)
        return Change(event.writes, None, 0, 0) if event.writes else None
    if event.tool not in {EDIT, CREATE} or not (path := targets.whole_path(event, given.get("path"))):
        return None
    gone, come = _lines(given.get("old_str")), _lines(given.get("new_str"))
    if event.tool == CREATE:
        come = _lines(given.get("file_text"))
        event.writes = targets.of_file(event, path, None, key, labels=labels)
    else:
        event.writes = targets.of_file(event, path, [*gone, *come], key, labels=labels)
        head, tail = staying(gone, come)
        gone, come = gone[head : len(gone) - tail], come[head : len(come) - tail]
    digests = (digest("\n".join(each).encode("utf-8", "surrogatepass"), key) if each else "" for each in (gone, come))
    edit = Edit(digest(path.encode("utf-8", "surrogatepass"), key), *digests) if event.tool == EDIT else None
    return Change(event.writes, edit, len(come), len(gone))


def _lines(text: object) -> list[str]:
    return text.removesuffix("\n").split("\n") if type(text) is str and text else []
