"""A session's conversations, as far as their files are there."""

from __future__ import annotations

import os

import msgspec

from hookspan.clients.claude_code.transcript_files import AGENT_FILE
from hookspan.clients.conversations import client_of
from hookspan.clients.transcripts import reader as client_reader
from hookspan.observe.transcript_paths import Roots, Source, exists, sources_in
from hookspan.reading import is_at_limit
from hookspan.store import Reader


class _Titled(msgspec.Struct):
    """Of a session's state."""

    title: str = ""


_titled = msgspec.msgpack.Decoder(_Titled).decode


def title_of(state: bytes | None) -> str:
    """The session's own title, from `Reader.state_of`; empty without one."""
    try:
        return "" if state is None else _titled(state).title
    except msgspec.MsgspecError:
        return ""


def sources(state: bytes | None, reader: Reader, session: str, roots: Roots) -> list[Source]:
    """Those that there are, also those of subagents that no event has told of; `state`: from `Reader.state_of`.

    Raises OSError where too many files are open.
    """
    known = [] if state is None else sources_in(state, reader, session, roots)
    found = [source for source in known if exists(source)]
    for main in [source.path for source in found if not source.subagent]:
        for folder in client_reader(client_of(main)).folders(main, (), None):
            found += _of_subagents(folder)
    return list(dict.fromkeys(found))


def _of_subagents(folder: str) -> list[Source]:
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - names are what is matched
    except OSError as error:
        if is_at_limit(error):
            raise
        return []
    matches = (AGENT_FILE.match(name) for name in names)
    return [
        Source(f"{folder}/{match.group()}", match.group(1)) for match in matches if match and match.group(2) == "jsonl"
    ]
