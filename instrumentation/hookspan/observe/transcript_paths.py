"""Where the transcripts of a session are, as the observers have found and checked them."""

from __future__ import annotations

import contextlib
import os
from typing import Final

import msgspec

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.clients.claude_code.transcript_files import AGENT_FILE, transcript_of
from hookspan.clients.conversations import CONVERSATIONS
from hookspan.reading import RefusedError
from hookspan.store import Reader

IN_JOURNAL: Final = "journal:"
"""How the path of a conversation begins that has no file: its hook events are in the journal."""


class _Files(msgspec.Struct):
    """Of a session's state."""

    agent: str = CLAUDE_CODE.name
    transcript: str = ""
    files: dict[str, int] = {}


_files = msgspec.msgpack.Decoder(_Files).decode


def transcripts_of(reader: Reader, session: str, roots: tuple[str, ...] = ()) -> list[str]:
    """Paths of its files, that of the main conversation first; they may have been deleted since.

    With `roots`, the client's folders, also that of a main one of which nothing was read yet. None of a client whose
    conversations are read from its hook events.
    """
    state = reader.state_of(session)
    if state is None:
        return []
    known = _files(state)
    if known.agent not in CONVERSATIONS:
        return []
    files = set(known.files)
    if roots and known.transcript:
        with contextlib.suppress(RefusedError):
            files.add(transcript_of(known.transcript, session, roots))
    return sorted(files, key=lambda path: (path != known.transcript, bool(subagent_of(path)), path))


def journal_path(session: str, subagent: str = "") -> str:
    """What stands for the path of a conversation without a file."""
    return f"{IN_JOURNAL}{session}" + (f"/agent-{subagent}.jsonl" if subagent else "")


def in_journal(path: str) -> str:
    """The session of such a path; empty for one of a file."""
    return path.removeprefix(IN_JOURNAL).partition("/")[0] if path.startswith(IN_JOURNAL) else ""


def subagent_of(path: str) -> str:
    """The id of the subagent whose transcript it is; empty for a main one."""
    match = AGENT_FILE.match(os.path.basename(path))
    return match.group(1) if match else ""
