"""Real clients that write the same at the same time, and when that was told. `pytest -s` prints the times."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.store import Reader, SpanQuery
from tests.claude.drivers import PrintSession
from tests.claude.installed import InstalledHome
from tests.claude.model import Model, Script, Tool, says
from tests.claude.scenarios.printed import agent, bash
from tests.claude.stage import ALLOW
from tests.waiting import PATIENCE, until

pytestmark = [pytest.mark.need_npm, pytest.mark.need_cc]

TOTAL = "    return sum(i.price for i in items)"
LOOK = 0.002  # s


@dataclass
class Watch:
    """Looks at the store all the time: when each session was marked, and when the end of each call was there."""

    path: Path
    version: int = 0
    marked: dict[str, tuple[int, str, str, str]] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    marked_when_ended: dict[str, bool] = field(default_factory=dict)

    def look(self, db: sqlite3.Connection) -> None:
        """If anything was written since the last look."""
        (version,) = db.execute("PRAGMA data_version").fetchone()
        if version == self.version:
            return
        self.version = version
        with db:
            db.execute("BEGIN")  # both questions of one moment
            rows = db.execute("SELECT id, collision, collision_with, collision_file FROM session").fetchall()
            posts = db.execute(
                "SELECT tool_use_id, id FROM event JOIN state USING (session) WHERE event = 'PostToolUse'"
            ).fetchall()
        now = time.time_ns()
        marks = {session: (now, *rest) for session, *rest in rows if rest[0]}
        for session, mark in marks.items():
            self.marked.setdefault(session, mark)
        for call, session in posts:
            self.ended.setdefault(call, now)
            self.marked_when_ended.setdefault(call, session in self.marked)


@contextlib.contextmanager
def watching(path: Path) -> Iterator[Watch]:
    watch, over = Watch(path), threading.Event()

    def run() -> None:
        with contextlib.closing(sqlite3.connect(path)) as db:
            while not over.wait(LOOK):
                with contextlib.suppress(sqlite3.OperationalError):  # its tables are still to be made
                    watch.look(db)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()


def edit(path: Path, old: str, new: str) -> Tool:
    return Tool("Edit", {"file_path": str(path), "old_string": old, "new_string": new})


def read(path: Path) -> Tool:
    return Tool("Read", {"file_path": str(path)})


class Case:
    """A home with an agent, and gates between what its clients do."""

    def __init__(self, model: Model, home: InstalledHome, watch: Watch) -> None:
        self.model, self.home, self.watch = model, home, watch

    def ends(self, tool: str) -> list[dict[str, Any]]:
        """PostToolUse of a tool, those that are on the page."""
        events = self.home.events() if self.home.paths.current.exists() else []
        found = [one for one in events if (one["hook_event_name"], one.get("tool_name")) == ("PostToolUse", tool)]
        return [one for one in found if one["tool_use_id"] in self.watch.ended]

    def play(self, script: Script, steps: Callable[[], None], *cwds: Path) -> list[str]:
        """Runs the script's clients side by side, the first prompts of `cwds`; their session ids."""
        self.model.play(script)
        before = {row.id for row in self.home.sessions()}
        prompts = list(script)[: len(cwds)]
        clients = [PrintSession(self.home, prompt, *ALLOW, cwd=cwd) for prompt, cwd in zip(prompts, cwds, strict=True)]
        steps()
        for client in clients:
            ended = client.wait()
            assert ended.code == 0, ended
        until(lambda: all(row.ended for row in self.home.sessions()), "the ends of all")
        return [row.id for row in self.home.sessions() if row.id not in before]

    def told(self, title: str, session: str) -> tuple[str, str, str]:
        """Prints when a session was marked, beside the events of its last write; what it was told."""
        writes = [one for tool in ("Edit", "Bash") for one in self.ends(tool) if one["session_id"] == session]
        call = writes[-1]["tool_use_id"]
        assert self.watch.marked_when_ended[call], "told before its PostToolUse is on the page"
        with contextlib.closing(sqlite3.connect(self.home.paths.store)) as db:
            at = dict(db.execute("SELECT event, at FROM event WHERE tool_use_id = ?", (call,)).fetchall())
        marked, *what = self.watch.marked[session]
        told, ran, shown = (
            (one - at["PreToolUse"]) / 1e6 for one in (marked, at["PostToolUse"], self.watch.ended[call])
        )
        print(
            f"{title}: after PreToolUse told {told:.0f} ms, PostToolUse {ran:.0f} ms, that on the page {shown:.0f} ms"
        )
        kind, other, file = what
        return kind, other, file


def test_when_it_was_told() -> None:
    with Model("collisions") as model, InstalledHome(model.url) as home:
        home.hookspan("up")
        until(home.paths.store.exists, "the store")
        with watching(home.paths.store) as watch:
            case = Case(model, home, watch)
            one_file(case)
            one_tree(case)
            two_trees(case)
            agents(case)


def gates(count: int) -> list[threading.Event]:
    return [threading.Event() for _ in range(count)]


def one_file(case: Case) -> None:
    cart = case.home.project / "cart.py"
    rounded = "    return round(sum(i.price for i in items), 2)"
    edited, over = gates(2)
    script = {
        "round the total": [says(read(cart)), says(edit(cart, TOTAL, rounded)), says("Rounded.", gate=over)],
        "add the tax": [
            says(read(cart), gate=edited),
            says(edit(cart, rounded, rounded.replace("), 2", ") * 1.2, 2"))),
            says("Taxed.", gate=over),
        ],
    }

    def steps() -> None:
        until(lambda: len(case.ends("Edit")) == 1, "the first edit")
        edited.set()
        until(lambda: len(case.ends("Edit")) == 2, "the second edit")
        over.set()

    sessions = case.play(script, steps, case.home.project, case.home.project)
    first, second = (one["session_id"] for one in case.ends("Edit"))
    assert {first, second} == set(sessions)
    assert case.told("one file", second) == ("lines", first, "cart.py")
    assert case.watch.marked[first][1:] == ("lines", second, "cart.py")
    reader = Reader(case.home.paths)
    (found,) = reader.find_spans(SpanQuery(collisions=True))
    (earlier,) = [span for span in reader.spans_of_session(first) if span.name == "execute_tool Edit"]
    reader.close()
    assert (found.session, found.attributes[sc.COLLISION]) == (second, "lines")
    assert [(link.trace_id, link.span_id) for link in found.links] == [(earlier.trace_id, earlier.span_id)]


def one_tree(case: Case) -> None:
    """Each in a file of its own."""
    written, over = gates(2)
    script = {
        "write a note": [says(bash("echo one > note.txt")), says("Written.", gate=over)],
        "write a list": [says(bash("echo two > list.txt"), gate=written), says("Written.", gate=over)],
    }
    before = len(case.ends("Bash"))

    def steps() -> None:
        until(lambda: len(case.ends("Bash")) == before + 1, "the note")
        written.set()
        until(lambda: len(case.ends("Bash")) == before + 2, "the list")
        over.set()

    case.play(script, steps, case.home.project, case.home.project)
    first, second = (one["session_id"] for one in case.ends("Bash")[before:])
    assert case.told("one tree", second) == ("beside", first, "")


def two_trees(case: Case) -> None:
    """The same file in two work trees of one repository."""
    tree = case.home.home / "shop-feature"
    command = ["git", "worktree", "add", "-q", str(tree), "-b", "feature"]
    subprocess.run(command, cwd=case.home.project, env=case.home.env, check=True, timeout=PATIENCE)
    written, over = gates(2)
    script = {
        "round it here": [says(bash("echo '# here' >> cart.py")), says("Rounded.", gate=over)],
        "round it there": [says(bash("echo '# there' >> cart.py"), gate=written), says("Rounded.", gate=over)],
    }
    before = len(case.ends("Bash"))

    def steps() -> None:
        until(lambda: len(case.ends("Bash")) == before + 1, "the first")
        written.set()
        until(lambda: len(case.ends("Bash")) == before + 2, "the second")
        over.set()

    sessions = case.play(script, steps, case.home.project, tree)
    assert case.watch.marked.keys().isdisjoint(sessions)


def agents(case: Case) -> None:
    """Two subagents that run side by side."""
    written, over = gates(2)
    script = {
        "review it all": [
            says(agent("review the cart", run_in_background=False), agent("review the tax", run_in_background=False)),
            says("Reviewed."),
        ],
        "review the cart": [says(bash("echo cart >> review.txt")), says("Reviewed.", gate=over)],
        "review the tax": [says(bash("echo tax >> review.txt"), gate=written), says("Reviewed.", gate=over)],
    }
    before = len(case.ends("Bash"))

    def steps() -> None:
        until(lambda: len(case.ends("Bash")) == before + 1, "the first agent's")
        written.set()
        until(lambda: len(case.ends("Bash")) == before + 2, "the second agent's")
        over.set()

    (session,) = case.play(script, steps, case.home.project)
    assert case.told("two agents", session) == ("lines", session, "review.txt")
