"""What answers from the store lack: what the journal has, and no agent has read yet."""

from __future__ import annotations

import contextlib

from hookspan.agent.lock import is_held
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.units import size


def note(paths: Paths, *, nothing: bool) -> str:
    """How much that is, and what to do; empty for an answer that lacks nothing.

    While an agent reads, that matters only to whom the answer has `nothing`: it is never far behind.
    """
    runs = is_held(paths.agent_lock)
    if (runs and not nothing) or not paths.journal.exists():
        return ""
    from hookspan.journal import Tail
    from hookspan.store import Reader

    reader = Reader(paths)
    with contextlib.closing(reader), contextlib.closing(Tail(paths, reader.position(), mend=False)) as tail:
        behind, _ = tail.backlog()
    if not behind:
        return ""
    todo = "ask again in a moment: the agent reads them" if runs else "`hookspan up` starts the agent, which reads them"
    return f"{size(behind)} of the journal are not in the store yet; {todo}."


def explained(nothing: str, paths: Paths) -> str:
    """A message that there is nothing, with the reason, if it is this."""
    try:
        why = note(paths, nothing=True)
    except (OSError, UserError):  # the message is true without
        why = ""
    return f"{nothing} {why}".rstrip()
