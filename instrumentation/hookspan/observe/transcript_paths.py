"""Where the conversations of a session are, as the observers have found and checked its transcripts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.clients.conversations import CONVERSATIONS, has_subagents_within, subagent_of
from hookspan.clients.transcripts import reader as client_reader
from hookspan.reading import RefusedError
from hookspan.store import Reader

IN_JOURNAL: Final = "journal:"
"""How the path of a conversation begins that has no file: its hook events are in the journal."""

Roots = Mapping[str, tuple[str, ...]]
"""By agent, the folders that transcripts are in."""


class Source(NamedTuple):
    """A conversation: its file, and whose it is; `subagent` is empty for the main one. A file may have several."""

    path: str
    subagent: str = ""


class _Files(msgspec.Struct):
    """Of a session's state."""

    agent: str = CLAUDE_CODE.name
    transcript: str = ""
    files: dict[str, int] = {}


_files = msgspec.msgpack.Decoder(_Files).decode


def sources_of(reader: Reader, session: str, roots: Roots | None = None, *, client: str = "") -> list[Source]:
    """A session's conversations, the main one first; their files may have been deleted since.

    With `roots` also those of a main one of which nothing was read yet. None of a client whose conversations are read
    from its hook events; with `client` only of that one's.
    """
    state = reader.state_of(session)
    return [] if state is None else sources_in(state, reader, session, roots, client=client)


def sources_in(
    state: bytes, reader: Reader, session: str, roots: Roots | None = None, *, client: str = ""
) -> list[Source]:
    """`sources_of` for those who have the session's state."""
    known = _files(state)
    if known.agent not in CONVERSATIONS or (client and known.agent != client):
        return []
    files = dict.fromkeys(known.files)
    if roots and known.transcript:
        with contextlib.suppress(RefusedError):
            main = client_reader(known.agent).of(known.transcript, session, roots.get(known.agent, ()))
            files = dict.fromkeys((main, *files))
    found = [Source(path, subagent_of(path, session)) for path in files]
    if has_subagents_within(known.agent):
        within = _subagents(reader, session)
        found += [Source(path, name) for path, subagent in found if not subagent for name in within]
    return sorted(found, key=lambda one: (one.path != known.transcript, bool(one.subagent), one))


def _subagents(reader: Reader, session: str) -> list[str]:
    """The ids of a session's subagents that are done, by their spans."""
    return list(dict.fromkeys(str(span.attributes[sc.AGENT_ID]) for span in reader.subagents_of_session(session)))


def journal_source(session: str, subagent: str = "") -> Source:
    """What stands for a conversation without a file."""
    return Source(f"{IN_JOURNAL}{session}" + (f"/agent-{subagent}.jsonl" if subagent else ""), subagent)


def in_journal(path: str) -> str:
    """The session of such a path; empty for one of a file."""
    return path.removeprefix(IN_JOURNAL).partition("/")[0] if path.startswith(IN_JOURNAL) else ""


def exists(source: Source) -> bool:
    """Whether its file is there (still)."""
    return os.path.lexists(source.path)
