"""Finds transcripts, whichever agent wrote them: sessions and their subagents, known by the names of their files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.catalogue.codex import CODEX
from hookspan.catalogue.copilot import COPILOT
from hookspan.clients.claude_code.transcript_files import AGENT_FILE, agents_folders, read_meta, workflow_of
from hookspan.clients.claude_code.transcript_lines import read_history_line
from hookspan.clients.copilot.settings_files import EVENTS
from hookspan.observe.repositories import main_folder
from hookspan.reading import RefusedError, open_regular, read_lines, read_small
from hookspan.wire.facts import AgentMeta
from hookspan.wire.foreign import UNREADABLE, decoder

from . import rollouts
from .lines import Source

HEAD: Final = 64 << 10
"""Bytes in which a transcript's first time is looked for, and at its end the last one."""
_STRAY_AGENT: Final = re.compile(r"\Aagent-([\w.-]{1,128})\.jsonl\Z")
"""2.0 put the transcripts of subagents beside those of sessions."""
_ROLLOUT: Final = re.compile(r"\Arollout-[\w-]{1,128}\.jsonl\Z")
_DATE: Final = re.compile(r"\d\d(?:\d\d)?")
"""Folders of rollouts: years, months and days."""
DEEPEST: Final = 4
"""Folders below the one that is named: that of all rollouts has years, months and days."""


class Transcript(msgspec.Struct, frozen=True):
    """A session's main transcript, written by the agent of that name.

    `began` and `ended` are what its lines say, `changed` is the file's own time, which a copy or a restore makes anew;
    all Unix nanoseconds. `size` is in bytes.
    """

    session: str
    path: str
    began: int
    ended: int
    changed: int
    size: int
    agents: tuple[str, ...] = ()
    agent: str = CLAUDE_CODE.name

    def sources(self) -> list[Source]:
        """The readable sources: this transcript and its subagents'."""
        if self.agent == CODEX.name:
            threads = [rollouts.look(path) for path in (self.path, *self.agents)]
            return [
                Source(one.path, _carefully(one.path), "" if one.is_main else one.thread, one.meta()) for one in threads
            ]
        sources = [Source(self.path, read_lines(self.path))]
        for path in self.agents:
            name = AGENT_FILE.match(os.path.basename(path))
            agent_id = name.group(1) if name else ""
            meta = read_meta(path.removesuffix(".jsonl") + ".meta.json", self.session, agent_id)
            if meta is None and (run := workflow_of(path)):
                meta = AgentMeta(at=0, key="", session=self.session, agent_id=agent_id, workflow=run)
            sources.append(Source(path, _carefully(path), agent_id, meta))
        return sources

    def project_dir(self) -> str:
        """The main work tree of the folder that the session began in; empty if the transcript doesn't tell."""
        if self.agent == CODEX.name:
            return main_folder(rollouts.look(self.path).cwd)
        if self.agent == COPILOT.name:
            return main_folder(_cwd_of_events(self.path))
        for data in read_small(self.path, HEAD).splitlines(keepends=True):
            line = read_history_line(data)
            if line and line.cwd:
                return main_folder(line.cwd)
        return ""


class Refused(msgspec.Struct, frozen=True):
    """A file that is refused: it is not a transcript that may be read."""

    path: str
    why: str


def find(places: Iterable[str]) -> tuple[list[Transcript], list[Refused]]:
    """The transcripts below `places` (files, folders of projects, folders of those), the one that began first first."""
    by_session: dict[str, Transcript] = {}
    refused: list[Refused] = []
    strays: dict[str, list[str]] = {}
    threads: dict[tuple[str, str], tuple[rollouts.Rollout, Transcript]] = {}
    for path in dict.fromkeys(_files(places)):
        name = os.path.basename(path)
        try:
            rollout = rollouts.look(path) if _ROLLOUT.match(name) else None
            transcript = _look(path)
        except RefusedError as error:
            refused.append(Refused(path, str(error)))
            continue
        except FileNotFoundError:  # gone in the meantime, or a folder of a client that never ran
            continue
        except OSError as error:
            refused.append(Refused(path, error.strerror or "it can't be read"))
            continue
        if rollout is not None:
            thread = (rollout.session, rollout.thread)
            if thread not in threads or threads[thread][1].size < transcript.size:
                threads[thread] = rollout, transcript
        elif _STRAY_AGENT.match(name):
            if session := _session_in(path):
                strays.setdefault(session, []).append(path)
        else:
            other = by_session.get(transcript.session)
            if other is None or other.size < transcript.size:
                by_session[transcript.session] = transcript
    whole = [
        msgspec.structs.replace(transcript, agents=(*transcript.agents, *strays.get(transcript.session, ())))
        for transcript in by_session.values()
    ]
    parts = {rollout.path: part for rollout, part in threads.values()}
    found = rollouts.by_session(rollout for rollout, _ in threads.values())
    whole += [_of_rollouts(session, [parts[one.path] for one in those]) for session, those in found.items()]
    return sorted(whole, key=lambda transcript: (transcript.began, transcript.changed, transcript.session)), refused


def _of_rollouts(session: str, parts: list[Transcript]) -> Transcript:
    """A session of Codex, of what its threads' rollouts are, its own first."""
    return Transcript(
        session,
        parts[0].path,
        min(part.began for part in parts),
        max(part.ended for part in parts),
        max(part.changed for part in parts),
        sum(part.size for part in parts),
        tuple(part.path for part in parts[1:]),
        CODEX.name,
    )


def _files(places: Iterable[str]) -> Iterator[str]:
    for place in places:
        folder = os.path.realpath(place)
        if not os.path.isdir(folder):
            yield folder
        else:
            yield from _below(folder, DEEPEST)


def _below(folder: str, deepest: int, *, is_inside: bool = False) -> Iterator[str]:
    """The transcripts in a folder, in those within it, and in those of rollouts."""
    for name in _names(folder):
        path = f"{folder}/{name}"
        if name.endswith(".jsonl"):
            yield path
        elif deepest and (not is_inside or _DATE.fullmatch(name)) and os.path.isdir(path) and not os.path.islink(path):
            yield from _below(path, deepest - 1, is_inside=True)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _look(path: str) -> Transcript:
    descriptor = open_regular(path)
    try:
        status = os.fstat(descriptor)
        head = os.pread(descriptor, HEAD, 0)
        tail = os.pread(descriptor, HEAD, max(0, status.st_size - HEAD))
    finally:
        os.close(descriptor)
    began = next(_times(head), status.st_mtime_ns)
    ended = max(_times(tail), default=status.st_mtime_ns)
    if os.path.basename(path) == EVENTS:
        session = os.path.basename(os.path.dirname(path))
        return Transcript(session, path, began, ended, status.st_mtime_ns, status.st_size, agent=COPILOT.name)
    folders = agents_folders(path)
    agents = tuple(f"{folder}/{name}" for folder in folders for name in _names(folder) if _STRAY_AGENT.match(name))
    changed = max((status.st_mtime_ns, *map(_changed, agents)))  # the main agent may wait for them
    return Transcript(Path(path).stem, path, began, ended, changed, status.st_size, agents)


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _times(part: bytes) -> Iterator[int]:
    """The times of the lines in a part of a file, whose first and last line may be incomplete."""
    return (line.at for data in part.splitlines(keepends=True) if (line := read_history_line(data)) and line.at)


class _Context(msgspec.Struct):
    cwd: str = ""


class _Start(msgspec.Struct):
    context: _Context = msgspec.field(default_factory=_Context)


class _Event(msgspec.Struct):
    data: _Start = msgspec.field(default_factory=_Start)


class _Owner(msgspec.Struct, rename={"session_id": "sessionId"}):
    session_id: str


_event = decoder(_Event)
_owner = decoder(_Owner)


def _cwd_of_events(path: str) -> str:
    """The folder that the first of Copilot's events names."""
    first = read_small(path, HEAD).partition(b"\n")[0]
    try:
        return _event(first).data.context.cwd
    except UNREADABLE:
        return ""


def _session_in(path: str) -> str:
    """The session that a subagent's transcript says it belongs to."""
    for data in read_small(path, HEAD).splitlines():
        try:
            return str(_owner(data).session_id)
        except UNREADABLE:
            continue
    return ""


def _carefully(path: str) -> Iterator[bytes | int]:
    """A subagent's lines; none if its file can't be read."""
    try:
        yield from read_lines(path)
    except (OSError, RefusedError):
        return


__all__ = ["Refused", "Transcript", "find"]
