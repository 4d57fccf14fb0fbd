"""Follows the transcripts of open sessions and of their subagents, by offset and in bounded memory."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from typing import Final

from hookspan.clients.claude_code.transcript_files import AGENT_FILE
from hookspan.clients.transcripts import reader
from hookspan.model.agents import QUIET, is_over, stopped
from hookspan.model.calls import awaited
from hookspan.model.sessions import is_before, is_unwritten
from hookspan.model.state import Agent, SessionState
from hookspan.model.tools import REORDER
from hookspan.reading import RefusedError, is_at_limit
from hookspan.wire.facts import Fact, Overdue, TranscriptRead

from .transcript_file import MAX_FACTS, TranscriptFile, priced

NANO: Final = 1_000_000_000
STEP_BYTES: Final = 8 << 20
"""Most that is read in one step of all sessions: some 50 ms of parsing, so that events never wait long behind it."""
EXIT: Final = 2 * NANO
"""How long the end of a session waits for its client to exit: until then it may add lines, and /clear never exits."""
MAX_RUNS: Final = 64
"""Runs of workflows whose folders are looked into at once, the newest of those that a Workflow call told first."""
PATIENCE: Final = 10 * NANO
"""How long what is fixed waits for a transcript that can't be read."""


def _by_time(read: list[list[Fact]]) -> Iterator[Fact]:
    """The facts of several files in the order of their times; the order within each file stays."""

    def timed(facts: list[Fact]) -> Iterator[tuple[int, Fact]]:
        return zip(itertools.accumulate((fact.at for fact in facts), max), facts, strict=True)

    return (fact for _, fact in heapq.merge(*map(timed, read), key=itemgetter(0)))


class Transcripts:
    """The transcripts of all sessions that are open, or whose rows still wait for them.

    Args:
        roots: Folders that those of Claude Code may be read in.
        labels: Whether scrubbed labels are kept.
        decisions: Whether who let each call run is read, too.
        other_roots: The same of other agents, by their names.
        key: The install's secret for digests.
    """

    def __init__(
        self,
        roots: tuple[str, ...],
        *,
        labels: bool = True,
        decisions: bool = False,
        other_roots: Mapping[str, tuple[str, ...]] | None = None,
        key: bytes = b"",
    ) -> None:
        self._roots, self._other_roots = roots, other_roots or {}
        self._labels, self._decisions, self._key = labels, decisions, key
        self._files: dict[str, dict[str, TranscriptFile]] = {}
        self._metas: dict[str, set[str]] = {}
        self._absent: dict[str, set[str]] = {}  # subagents that are done, and whose transcripts were not found
        self._waiting_since: dict[str, int] = {}
        self._left: dict[str, int] = {}  # sessions that the last step did not come to, with their places in the queue
        self.refused = 0

    def step(self, now: int, sessions: list[SessionState], is_alive: Callable[[SessionState], bool]) -> list[Fact]:
        """What the transcripts of these sessions say that is not known yet.

        `is_alive` tells whether a session's client is known to run still. Sessions that a step has no time for come
        first in the next one, and until then they count as neither read nor overdue.
        """
        new: list[Fact] = []
        budget = STEP_BYTES
        # Asked before the files are read: a client that exits in between has added its last lines in between.
        leaving = {one.id for one in sessions if one.ended and now < one.ended + EXIT and is_alive(one)}
        left, self._left = self._left, {}
        for session in sorted(sessions, key=lambda session: left.get(session.id, len(left))):
            if not session.transcript:
                continue
            if budget <= 0 or len(new) >= MAX_FACTS:
                self._put_off(session)
                continue
            facts, used = self._read(session, budget)
            new += facts
            budget -= used
        for session in sessions:
            if session.id not in self._left and session.id not in leaving:
                new += self._report(session, now)
        for name in self._files.keys() - {session.id for session in sessions}:
            self.forget(name)
        return new

    def read_up_to(self, session: SessionState, moment: int) -> list[Fact]:
        """What the transcripts of a session say up to `moment` (unix ns), and that they are read so far."""
        facts = self.facts_up_to(session, moment)
        files = list(self._files.get(session.id, {}).values())
        facts += [fact for file in files for fact in file.end(session.served_by) if not is_before(session, fact)]
        missing = not any(file.offset for file in files)
        return [*facts, TranscriptRead(at=moment, key=f"read:{moment}", session=session.id, missing=missing)]

    def read_run(self, session: SessionState, agent: Agent, moment: int) -> list[Fact]:
        """What they say up to `moment`, and that they are read up to when a subagent stopped: its run is over.

        So are those of subagents that stopped before; model calls of others go on.
        """
        facts = self.facts_up_to(session, moment)
        over = {one.id for one in stopped(session, agent.stop)}
        files = [file for file in self._files.get(session.id, {}).values() if file.agent_id in over]
        facts += [fact for file in files for fact in file.end(session.served_by) if not is_before(session, fact)]
        return [*facts, TranscriptRead(at=agent.stop, key=f"read:{moment}", session=session.id)]

    def facts_up_to(self, session: SessionState, moment: int) -> list[Fact]:
        """What they say up to `moment`; a model call that is going on may go on."""
        found: list[Fact] = []
        while session.transcript:
            facts, size = self._read(session, STEP_BYTES, moment)
            found += facts
            if not size:
                break
        return found

    def forget(self, session: str) -> None:
        """Lets go of a session that has ended."""
        self._files.pop(session, None)
        self._metas.pop(session, None)
        self._absent.pop(session, None)
        self._waiting_since.pop(session, None)

    def _read(self, session: SessionState, budget: int, until: int = 0) -> tuple[list[Fact], int]:
        found: list[Fact] = []
        used = 0
        read: list[list[Fact]] = []
        for file in self._files_of(session, found):
            if used >= budget:
                file.at_end = False  # nobody has looked
                continue
            try:
                facts, size = file.read(budget - used, until)
            except FileNotFoundError:
                file.at_end = True
                continue
            except (OSError, RefusedError) as error:
                self.refused += 1
                file.at_end = not is_at_limit(error)
                continue
            # A resumed session's file, or a fork's, begins with what was before.
            read.append(priced((fact for fact in facts if not is_before(session, fact)), session.served_by))
            used += size
        return [*found, *_by_time(read)], used

    def _files_of(self, session: SessionState, metas: list[Fact]) -> list[TranscriptFile]:
        """The session's files; new subagents are told by their `.meta.json`, which goes to `metas`.

        Folders are listed only while the transcript of a subagent is not known, so that idle sessions cost nothing.
        """
        files = self._files.setdefault(session.id, {})
        try:
            main = self._path(session, session.transcript)
        except RefusedError:
            self.refused += not files
            for file in files.values():
                file.at_end = True  # nobody reads it any more
            return []
        self._add(files, main, session, "")
        for agent in session.agents.values():
            if agent.transcript:
                with contextlib.suppress(RefusedError):
                    self._add(files, self._path(session, agent.transcript), session, agent.id)
        told = self._metas.setdefault(session.id, set())
        for path, file in files.items():
            if file.agent_id in session.agents and file.agent_id not in told:
                metas += self._meta(session, path.removesuffix("jsonl") + "meta.json", file.agent_id)
        if session.agent_runs:
            try:
                self._search(session, files, main, metas)
            except OSError:  # at the limit of open files: nobody has looked
                self._put_off(session)
        return list(files.values())

    def _search(self, session: SessionState, files: dict[str, TranscriptFile], main: str, metas: list[Fact]) -> None:
        """Looks for the transcripts that are wanted. Raises OSError where too many files are open."""
        if not (wanted := self._wanted(session, files)):
            return
        for folder in reader(session.agent).folders(main, reversed(session.workflows), MAX_RUNS):
            metas += self._look(session, files, folder, wanted)
            if not (wanted := self._wanted(session, files)):
                break
        self._absent[session.id] = (self._absent.get(session.id, set()) | wanted) - session.agents.keys()

    def _put_off(self, session: SessionState) -> None:
        """The next step comes to it first; until then it counts as neither read nor overdue."""
        self._left[session.id] = len(self._left)
        self._waiting_since.pop(session.id, None)

    def _wanted(self, session: SessionState, files: dict[str, TranscriptFile]) -> set[str]:
        """The subagents whose transcripts are to be looked for: of those that are done, each is looked for once."""
        known = {file.agent_id for file in files.values()}
        done = session.agent_runs.keys() - self._absent.get(session.id, set())
        return (session.agents.keys() | done) - known

    def _look(
        self, session: SessionState, files: dict[str, TranscriptFile], folder: str, wanted: set[str]
    ) -> list[Fact]:
        """Adds their transcripts that lie in a folder; what their `.meta.json` there say.

        Raises OSError where too many files are open.
        """
        metas: list[Fact] = []
        try:
            names = sorted(os.listdir(folder))
        except OSError as error:
            if is_at_limit(error):
                raise
            names = []
        for name in names:
            match = AGENT_FILE.match(name)
            if not match or match.group(1) not in wanted:
                continue
            if match.group(2) == "jsonl":
                self._add(files, f"{folder}/{name}", session, match.group(1))
            else:
                metas += self._meta(session, f"{folder}/{name}", match.group(1))
        return metas

    def _path(self, session: SessionState, path: str) -> str:
        """A path that an event has named, checked. Raises RefusedError."""
        return reader(session.agent).of(path, session.id, self._other_roots.get(session.agent, self._roots))

    def _add(self, files: dict[str, TranscriptFile], path: str, session: SessionState, agent_id: str) -> None:
        if path not in files:
            files[path] = TranscriptFile(
                path, session, agent_id, labels=self._labels, decisions=self._decisions, key=self._key
            )

    def _meta(self, session: SessionState, path: str, agent_id: str) -> list[Fact]:
        told = self._metas.setdefault(session.id, set())
        agent = session.agents.get(agent_id)
        if (
            agent_id in told
            or agent is None
            or (meta := reader(session.agent).meta(path, session.id, agent_id)) is None
        ):
            return []
        told.add(agent_id)
        meta.at = agent.start
        return [meta]

    def _report(self, session: SessionState, now: int) -> list[Fact]:
        """Says that the transcripts are read to their ends, when something waits for that."""
        since = waits_since(session)
        if not since:
            self._waiting_since.pop(session.id, None)
            return []
        files = list(self._files.get(session.id, {}).values())
        if not all(file.at_end for file in files):  # it is being read
            self._waiting_since.pop(session.id, None)
            return []
        started = self._waiting_since.setdefault(session.id, now)
        if now < since + QUIET:
            return []
        read_up_to = now - QUIET
        if all(file.is_quiet(read_up_to) for file in files):
            rest = [fact for file in files for fact in file.end(session.served_by) if not is_before(session, fact)]
            missing = not any(file.offset for file in files)
            read = TranscriptRead(at=read_up_to, key=f"read:{now}", session=session.id, missing=missing)
            return [*rest, read]
        if now > max(since, started) + PATIENCE:
            return [Overdue(at=read_up_to, key=f"overdue:{now}", session=session.id)]
        return []


def waits_since(session: SessionState) -> int:
    """The oldest moment that something of the session waits for its transcripts to be read past; 0 for nothing."""
    moments = [turn.fixed for turn in session.turns.values() if turn.fixed]
    moments += [agent.stop for agent in session.agents.values() if is_over(session, agent)]
    moments += [awaited(compaction) for compaction in session.compactions if compaction.end]
    for call in session.calls.values():
        if call.post or call.resolved:
            moments.append(max(call.post.at if call.post else 0, call.resolved) + REORDER)
    if is_unwritten(session):
        moments.append(session.ended)
    return min(moments, default=0)
