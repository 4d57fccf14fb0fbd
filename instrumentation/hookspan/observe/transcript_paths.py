"""Where the transcripts of a session are, as the observers have found and checked them."""

from __future__ import annotations

import os

import msgspec

from hookspan.clients.claude_code.transcript_files import AGENT_FILE
from hookspan.store import Reader


class _Files(msgspec.Struct):
    """Of a session's state."""

    transcript: str = ""
    files: dict[str, int] = {}


_files = msgspec.msgpack.Decoder(_Files).decode


def transcripts_of(reader: Reader, session: str) -> list[str]:
    """Paths of its files, that of the main conversation first; they may have been deleted since."""
    state = reader.state_of(session)
    if state is None:
        return []
    known = _files(state)
    return sorted(known.files, key=lambda path: (path != known.transcript, bool(subagent_of(path)), path))


def subagent_of(path: str) -> str:
    """The id of the subagent whose transcript it is; empty for a main one."""
    match = AGENT_FILE.match(os.path.basename(path))
    return match.group(1) if match else ""
