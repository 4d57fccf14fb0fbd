"""Reads the client's registry of running sessions: what each client says that it does at the moment."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterable
from typing import Final

import msgspec
import psutil

from hookspan.clients.claude_code.session_registry import FOLDER, NAME, Entry, own_pid_domain, parse
from hookspan.model.state import State
from hookspan.reading import RefusedError, is_at_limit, read_start
from hookspan.wire.facts import Fact, Registered
from hookspan.wire.scrub import label

from .folder_watch import FolderWatch
from .processes import own_pid_namespace, start_of
from .repositories import describe

NANO: Final = 1_000_000_000
UNHOOKED: Final = 2 * NANO
"""A session that no hook has told of for so long has none of ours. Its first hook takes well below a second; and the
client names a session for 0.1 s that it then resumes another one instead of."""


class Registry:
    """Entries of clients that run, as facts. Only what differs from what the state has is told.

    Args:
        roots: The client's transcript folders; its registry lies beside each.
        watch: Tells of changed files.
        labels: Whether names of sessions are kept.
    """

    def __init__(self, roots: Iterable[str], watch: FolderWatch, *, labels: bool) -> None:
        self._folders = [f"{os.path.dirname(root)}/{FOLDER}" for root in roots]
        self._watch = watch
        self._labels = labels
        self._host, self._pidns, self._domain = socket.gethostname(), own_pid_namespace(), own_pid_domain()
        self._entries: dict[str, tuple[Entry, Registered]] = {}  # by path
        self._seen: dict[str, tuple[int, int]] = {}
        self._unread: set[str] = set()  # entries and folders that could not be read, but may be soon
        self._unheard: dict[int, tuple[str, int]] = {}  # sessions that no hook has told of, and since when
        self._told: dict[int, Registered] = {}
        self._all_told = False
        for folder in self._folders:
            self._read_folder(folder)

    def has_news(self) -> bool:
        """Whether `step` may tell something although the state is the same and it doesn't look."""
        return not self._all_told or self._watch.has_changed()

    def step(self, now: int, state: State, *, look: bool) -> list[Fact]:
        """What is new at `now` (unix ns). `look`: also into folders whose changes the system doesn't tell."""
        self._read_changes(state, look=look)
        entries = {fact.pid: fact for _, fact in self._entries.values()}
        facts: list[Fact] = []
        for fact in entries.values():
            if self._told.get(fact.pid) is not fact:
                facts += self._news(now, state, fact)
        for by_pid in (self._told, self._unheard):
            for pid in by_pid.keys() - entries.keys():
                del by_pid[pid]
        self._all_told = all(self._told.get(pid) is fact for pid, fact in entries.items())
        return facts if self._unread else facts + self._gone(now, state, entries)

    def _read_changes(self, state: State, *, look: bool) -> None:
        unread, self._unread = self._unread, set()
        for path in self._watch.changed() | unread:
            if path in self._folders:
                self._read_folder(path)
            else:
                self._read(path)
        if not look:
            return
        for folder in self._folders:
            if not self._watch.follows(folder):
                self._watch.follow(folder)
                self._read_folder(folder)
        for path in [path for path, (entry, fact) in self._entries.items() if self._is_doubtful(state, entry, fact)]:
            self._read(path)

    def _is_doubtful(self, state: State, entry: Entry, fact: Registered) -> bool:
        """Whether to look at a client once more.

        What was told of it may be forgotten: its session began anew, as by a second client. Or its session's run has
        ended without it, and nobody else looks whether it still lives.
        """
        session = state.sessions.get(entry.session)
        if session is None or self._told.get(entry.pid) is not fact:
            return False
        return (entry.pid in session.clients) is bool(session.ended)

    def _news(self, now: int, state: State, fact: Registered) -> list[Fact]:
        """An entry, after what is to be known of the folder of a session that has no hooks."""
        session = state.sessions.get(fact.session)
        if session is None:
            named, since = self._unheard.get(fact.pid, ("", 0))
            if named != fact.session or now < since:  # the clock was set back
                self._unheard[fact.pid] = fact.session, now
                return []
            if now < since + UNHOOKED:
                return []
        elif session.local or (session.ended and fact.pid not in session.clients):
            return []
        self._told[fact.pid] = fact
        fact.key = f"registered:{fact.pid}:{now}"
        if session is None:
            known = fact.folder in state.world.repositories or not fact.folder
            return [fact] if known else [describe(fact.folder, fact.born), fact]
        before = session.clients.get(fact.pid)
        return [] if before is not None and fact == msgspec.structs.replace(before, key=fact.key) else [fact]

    def _fact(self, entry: Entry) -> Registered:
        return Registered(
            at=entry.since,
            key="",
            session=entry.session,
            pid=entry.pid,
            status=entry.status or "",
            asks=entry.asks or "",
            session_kind=entry.kind,
            entrypoint=entry.entrypoint,
            name=label(entry.name) if self._labels else "",
            job=entry.job,
            version=entry.version,
            born=entry.started,
            folder=entry.cwd,
            host=self._host,
            pidns=self._pidns,
        )

    @staticmethod
    def _gone(now: int, state: State, entries: dict[int, Registered]) -> list[Fact]:
        """Clients that the state has and that are in the registry no more, or in another session now."""
        return [
            Registered(at=now, key=f"registered:{pid}:gone:{now}", session=session.id, pid=pid, gone=True)
            for session in state.sessions.values()
            for pid in session.clients
            if (entry := entries.get(pid)) is None or entry.session != session.id
        ]

    def _read_folder(self, folder: str) -> None:
        """Read all entries of a folder; unchanged files are passed over."""
        stamps: dict[str, tuple[int, int]] = {}
        try:
            with os.scandir(folder) as files:
                for file in files:
                    if NAME.match(file.name):
                        with contextlib.suppress(FileNotFoundError):  # it was deleted meanwhile
                            status = file.stat(follow_symlinks=False)
                            stamps[file.path] = status.st_mtime_ns, status.st_size
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError:  # what is there nobody knows
            self._unread.add(folder)
            return
        for path in [path for path in self._seen.keys() | self._entries.keys() if os.path.dirname(path) == folder]:
            if path not in stamps:
                self._forget(path)
        for path, stamp in stamps.items():
            if self._seen.get(path) != stamp:
                self._seen[path] = stamp
                self._read(path)

    def _read(self, path: str) -> None:
        named = NAME.match(os.path.basename(path))
        if named is None:
            return
        try:
            entry = parse(read_start(path))
            is_good = entry is not None and entry.pid == int(named.group(1)) and self._is_its_own(entry)
        except (OSError, RefusedError, ValueError) as error:
            if is_at_limit(error):
                self._unread.add(path)
                return
            entry, is_good = None, False
        if entry is not None and is_good:
            self._entries[path] = entry, self._fact(entry)
        else:
            self._entries.pop(path, None)

    def _forget(self, path: str) -> None:
        self._seen.pop(path, None)
        self._entries.pop(path, None)

    def _is_its_own(self, entry: Entry) -> bool:
        """Whether an entry is of the process that has its pid now, here: the client may have died, and others too."""
        if entry.pid_domain not in {"", self._domain}:
            return False
        started = start_of(entry.pid)
        if started and entry.process_start:
            return started == entry.process_start
        try:  # its own clock is what the client has noted elsewhere
            return psutil.Process(entry.pid).create_time() * NANO < entry.started + NANO
        except psutil.Error:
            return False
