"""Where the client keeps a session's transcripts: the main one and those of its subagents."""

from __future__ import annotations

import os
from typing import NamedTuple

import msgspec

from hookspan.clients.claude_code.transcript_files import AGENT_FILE, agents_folders, transcript_of
from hookspan.reading import RefusedError


class Source(NamedTuple):
    """A transcript; `subagent` is empty for the main one."""

    path: str
    subagent: str


class Known(msgspec.Struct):
    """What the fold's state of a session says: where its main transcript is, and its own title, empty without one."""

    transcript: str = ""
    title: str = ""


_known = msgspec.msgpack.Decoder(Known).decode


def known(state: bytes | None) -> Known:
    """From `Reader.state_of`."""
    try:
        return Known() if state is None else _known(state)
    except msgspec.MsgspecError:
        return Known()


def sources(transcript: str, session: str, roots: tuple[str, ...]) -> list[Source]:
    """The session's transcripts that there are, by the path of its main one; none outside of `roots`."""
    try:
        main = transcript_of(transcript, session, roots)
    except RefusedError:
        return []
    found = [Source(main, "")] if os.path.lexists(main) else []
    for folder in agents_folders(main):
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208 - names are what is matched
        except OSError:
            continue
        matches = (AGENT_FILE.match(name) for name in names)
        found += [Source(f"{folder}/{m.group()}", m.group(1)) for m in matches if m and m.group(2) == "jsonl"]
    return found
