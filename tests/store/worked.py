"""A machine on which sessions work in real git repositories, in a time of its own, with what is expected of receipts.

Git is told the time; what it writes to its logs is read by the observer, as the agent reads it.
"""

from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from hookspan import wire
from hookspan.agent.ingest.prerequisites import Prerequisites
from hookspan.agent.settings import AgentSettings
from hookspan.agent.staying import Staying
from hookspan.model.fold import fold
from hookspan.model.state import State, WorkTree
from hookspan.observe.heads import Heads
from hookspan.paths import Paths
from hookspan.store import Reader, Receipts
from hookspan.wire.facts import CostState, ModelCall, TranscriptRead
from hookspan.wire.reduced import Reduced
from tests.agent.ingest import drain, take_in

SECOND = 1_000_000_000
DAY = 86_400  # seconds
START = 1_800_000_000 * SECOND
HOOK = '#!/bin/sh\ncat >> "$(git rev-parse --git-common-dir)/rewritten"\n'
"""Git tells it what was amended or rebased, old and new: the oracle of what has become of a commit."""


class Session:
    """A client: what it costs, and what of its work waits for a commit (by work tree)."""

    def __init__(self, number: int) -> None:
        self.id = f"00000000-0000-4000-8000-{number:012}"
        self.prompt = f"00000000-0000-4000-9000-{number:012}"
        self.waiting: dict[Path, int] = defaultdict(int)
        self.wrote: set[Path] = set()
        self.total = 0
        self.calls = 0


class Machine:
    """Repository `shop` with a first commit on `main`, and its work trees."""

    def __init__(self, root: Path, start: int = START) -> None:
        self.root = root
        self.paths = Paths.from_environment({"HOME": str(root / "home")})
        self.now = start
        self.lines: list[bytes] = []
        self.sessions: dict[int, Session] = {}
        self.expected: dict[str, int] = defaultdict(int)
        self.state = State()
        self.heads = Heads()
        self.prerequisites = Prerequisites(tuple, lambda _session, _event: [])
        self.files = 0
        self.shop = self.repository("shop")
        self.first = self.head(self.shop)

    def repository(self, name: str) -> Path:
        """A repository with a first commit on `main`."""
        folder = self.root / name
        folder.mkdir(parents=True)
        self.git(folder, "init", "-q", "-b", "main")
        hook = folder / ".git" / "hooks" / "post-rewrite"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(HOOK)
        hook.chmod(0o755)
        self.commit_a_file(folder)
        self.pass_time()
        return folder

    def git(self, tree: Path, *words: str) -> str:
        """Run it, at this moment."""
        moment = f"@{self.now // SECOND} +0000"
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_DATE": moment,
            "GIT_COMMITTER_DATE": moment,
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.com",
            "GIT_COMMITTER_NAME": "Bo",
            "GIT_COMMITTER_EMAIL": "bo@example.com",
            "GIT_EDITOR": "true",
        }
        done = subprocess.run(["git", *words], cwd=tree, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout.strip()

    def head(self, tree: Path) -> str:
        return self.git(tree, "rev-parse", "HEAD")

    def pass_time(self, seconds: float = 2) -> None:
        self.now += round(seconds * SECOND)

    def write_a_file(self, tree: Path) -> None:
        self.files += 1
        (tree / f"file{self.files}").write_text(f"{self.files}\n")
        self.git(tree, "add", "-A")

    def commit_a_file(self, tree: Path, *words: str, subject: str = "") -> str:
        self.write_a_file(tree)
        self.git(tree, "commit", "-q", "-m", subject or f"Change {self.files}", *words)
        return self.head(tree)

    # --- sessions

    def session(self, number: int, folder: Path | None = None) -> Session:
        if number not in self.sessions:
            session = self.sessions[number] = Session(number)
            self._event(session, "SessionStart", source="startup", cwd=str(folder or self.shop))
            self._event(session, "UserPromptSubmit", prompt=session.prompt, cwd=str(folder or self.shop))
        return self.sessions[number]

    def _event(self, session: Session, event: str, **fields: object) -> None:
        told = Reduced(at=self.now, event=event, session=session.id, client_pid=int(session.id[-4:]) + 10, **fields)
        self.lines.append(wire.encode(told))
        self.pass_time(0.01)

    def call(self, number: int, tree: Path, nano: int) -> None:
        """A model call of a session."""
        session = self.session(number, tree)
        session.calls += 1
        start = self.now
        self.pass_time()
        self._record(
            ModelCall(
                at=self.now,
                key=f"call:{session.calls}",
                session=session.id,
                start=start,
                end=self.now,
                message_id=f"msg_{number}_{session.calls}",
                prompt=session.prompt,
                request_model="claude-opus-5-5",
                response_model="claude-opus-5-5",
                input_tokens=10,
                output_tokens=2,
                cost_nano=nano,
                tree=str(tree),
            )
        )
        session.waiting[tree] += nano
        session.total += nano
        self.pass_time()

    def use(
        self, number: int, tool: str, command=lambda: "", tree: Path | None = None, pull_request: int = 0, dialog=None
    ) -> None:
        """A tool call of a session; what `command` does while it runs may be a commit, whose id it returns.

        `dialog`: what is done while somebody is asked about the call.
        """
        session = self.session(number)
        session.calls += 1
        call = {"tool": tool, "tool_use_id": f"toolu_{number}_{session.calls}", "prompt": session.prompt}
        self._event(session, "PreToolUse", **call)
        if dialog:
            dialog()
            self.pass_time(60)
        self.pass_time()
        commit = command()
        self.pass_time()
        told = {"commit": commit[:7] if commit else "", "pull_request": pull_request}
        self._event(session, "PostToolUse", **call, duration_ms=4000.0, **told)
        if tree:
            session.wrote.add(tree)

    def hear(self, record: wire.Record) -> None:
        """A record of another agent, and what is found out before it."""
        self.lines.append(wire.encode(record))
        for each in (*self.prerequisites.of(len(self.lines), record, self.state), record):
            fold(self.state, len(self.lines), each)
        self.pass_time(0.01)

    def _record(self, fact: wire.Fact) -> None:
        self.lines.append(wire.encode(fact))
        fold(self.state, len(self.lines), fact)
        if isinstance(fact, ModelCall):  # as the fold of the agent, which knows of the session
            self.state.world.trees.setdefault(fact.tree, WorkTree(since=fact.at))

    # --- what is expected

    def take(self, session: Session, sha: str, *trees: Path) -> None:
        """A commit takes the session's work in these work trees."""
        for tree in trees:
            self.expected[sha] += session.waiting.pop(tree, 0)
            session.wrote.discard(tree)

    def take_of_all(self, sha: str, tree: Path) -> None:
        """Nobody's command made it: it takes the work of those who may have written there."""
        for session in self.sessions.values():
            if tree in session.wrote:
                self.take(session, sha, tree)

    def became(self, old: str, new: str) -> None:
        if old != new:
            self.expected[new] += self.expected.pop(old, 0)

    def rewritten(self, known: Collection[str] = ()) -> None:
        """What git told since the last time of commits that were made anew.

        Of one that it dropped, since its changes were there already, it names what was there, which is `known`, or has
        taken another's place: such a commit keeps what went into it.
        """
        told = self.shop / ".git" / "rewritten"
        if told.exists():
            taken = set(known)
            for line in told.read_text().splitlines():
                old, new = line.split()[:2]
                if new not in taken:
                    self.became(old, new)
                if known:
                    taken.add(new)
            told.unlink()

    # --- what there is

    def observe(self) -> None:
        """The observer looks at the logs."""
        for fact in self.heads.step(self.now, self.state.world.trees):
            self._record(fact)

    def end(self, hidden: int = 0) -> None:
        """All sessions end; each client counts `hidden` nano-USD beyond its calls."""
        for number, session in self.sessions.items():
            session.total += hidden
            self.tell_total(number, session.total)
            self.leave(number)
        self.observe()

    def tell_total(self, number: int, nano: int, *, ago: float = 0) -> None:
        """What the client of a session counts until then stands in its transcript."""
        at = self.now - round(ago * SECOND)
        told = CostState(at=at, key=f"cost:{at}", session=self.session(number).id, cost_nano=nano)
        self.lines.append(wire.encode(told))

    def leave(self, number: int) -> None:
        """A run of a session is over."""
        session = self.session(number)
        self._event(session, "SessionEnd", reason="other")
        read = TranscriptRead(at=self.now + SECOND, key=f"read:{self.now}", session=session.id)
        self.lines.append(wire.encode(read))
        self.pass_time()

    def enter(self, number: int, source: str) -> None:
        """A run of a session begins; `fork` copies what the parent's transcript has."""
        session = self.sessions.setdefault(number, Session(number))
        self._event(session, "SessionStart", source=source, cwd=str(self.shop))
        self._event(session, "UserPromptSubmit", prompt=session.prompt, cwd=str(self.shop))

    def receipts(self) -> Receipts:
        take_in(self.paths, self.lines)
        return self.known()

    def known(self, since: int = 0) -> Receipts:
        """As they are in the store now."""
        reader = Reader(self.paths)
        try:
            return reader.receipts(since)
        finally:
            reader.close()

    def count_lines(self, days: float = 0, *, wanted: bool = True) -> Receipts:
        """The agent's round that counts lines that stayed, so much later; after `receipts`."""
        self.pass_time(days * DAY)
        reader = Reader(self.paths)
        settings = AgentSettings(self.paths, {"HOOKSPAN_RECEIPTS_LINES": str(wanted).lower()})
        staying = Staying(self.paths, settings, reader, lambda: list(self.state.world.trees), pause=0)
        staying.round(self.now)
        reader.close()
        drain(self.paths)
        return self.known()
