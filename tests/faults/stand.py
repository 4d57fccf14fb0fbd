"""Where the fault campaign takes place: a machine and an endpoint, and a way to find every event again.

Every event is a session of its own: its id is found in the store's rows and, without dashes, as the trace id of the
hook span that arrived. What a relay did not write it must have counted.
"""

import contextlib
import functools
import os
import sqlite3
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest

from hookspan.agent.client import Client
from hookspan.agent.lock import is_held
from hookspan.agent.status import status_of
from hookspan.cli.quick import status
from hookspan.journal import drops
from hookspan.store import Reader, schema
from tests.agent.machine import Machine, event, launch, ready
from tests.command import Agent
from tests.otlp_sink import Sink
from tests.waiting import PATIENCE, until

EVENTS = int(os.environ.get("FAULT_EVENTS", "8"))  # at each step; more with `make faults`
SETTINGS = '[export]\nendpoint = "{url}"\nmetric_interval = 1\ntimeout = 5\n{export}[monitor]\ninterval = 1\n'
WELL = "to its end"
TROUBLE = ("WAITING", "FAILING", "CAN'T BE WRITTEN", "can't be", "does not answer")
"""What `status` says of an agent that can't do its work."""

MIGRATIONS = schema.MIGRATIONS
_LATER = "ALTER TABLE session ADD COLUMN later INTEGER NOT NULL DEFAULT 0;"
LATER_FORMAT = f"import hookspan.store.schema as s; s.MIGRATIONS = (*s.MIGRATIONS, {_LATER!r})"
"""An agent's fault: it is of a version whose store has another format."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A row of the table in docs/faults.md."""

    group: str
    what: str
    outcome: str
    says: str
    module: str


FAULTS: dict[str, Fault] = {}
"""By the name of the test."""


def fault(
    group: str, what: str, outcome: str, says: str = WELL
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Put a test into the table. `says`: words of `status`, which the test must have looked for."""

    def enter(test: Callable[..., None]) -> Callable[..., None]:
        assert test.__name__ not in FAULTS, "another module has a fault of that name"
        FAULTS[test.__name__] = Fault(group, what, outcome, says, test.__module__)

        @functools.wraps(test)
        def looked(**given: Any) -> None:
            test(**given)
            (at,) = (one for one in given.values() if isinstance(one, Stand))
            assert any(says in said for said in at.said), f"the table promises {says!r}, which nobody looked for"

        return looked

    return enter


@dataclass
class Stand:
    """`written` are the events that relays wrote, `sent` all that they were given."""

    machine: Machine
    sink: Sink
    sent: int = 0
    written: list[str] = field(default_factory=list)
    uncounted: int = 0  # gone without a count, which only a test that says so may have
    said: set[str] = field(default_factory=set)  # what `status` was seen to say

    # --- events

    def hooks(self, count: int = 0, *, may_vanish: bool = False) -> list[str]:
        """Events by relay processes; the ids of those that were written."""
        fresh = []
        for _ in range(count or EVENTS):
            id_ = str(uuid.uuid4())
            before, size = self.dropped, self.journal_bytes()
            self.machine.hooks(event("Notification", id_, message="m", notification_type="idle_prompt"))
            self.sent += 1
            if self.dropped > before:
                continue
            if may_vanish and self.journal_bytes() == size:
                self.uncounted += 1
                continue
            fresh.append(id_)
        self.written += fresh
        return fresh

    @property
    def dropped(self) -> int:
        """How many events relays counted as not written."""
        return sum(count for count, _ in drops.read(self.machine.paths).values())

    def journal_bytes(self) -> int:
        """Of all that relays append to."""
        size = 0
        for path in self.machine.paths.journal.glob("*"):
            with contextlib.suppress(FileNotFoundError):  # a line beside the journal that the agent takes in
                size += path.stat().st_size if path.is_file() else 0
        return size

    # --- the agent

    def start(self, version: str | None = None, fault: str = "") -> "Agent | subprocess.Popen[bytes]":
        """Start an agent, and wait until it is ready; it stays."""
        agent = launch(self.machine, "--stay", fault=fault, **({"version": version} if version else {}))
        if version is None:
            assert ready(self.machine) == agent.pid
        else:
            until(lambda: self.machine.pid == agent.pid)
        return agent

    def stop(self) -> None:
        """Stop it as `hookspan down` does, and wait for its end."""
        pid = self.machine.pid
        if pid:
            os.kill(pid, 15)
            until(lambda: not is_held(self.machine.paths.agent_lock))
            self._merge()

    def _merge(self) -> None:
        """The databases' logs go into the files, if a thread of the agent's had no time for that."""
        for path in (self.machine.paths.store, self.machine.paths.export_db):
            if path.with_name(f"{path.name}-wal").exists():
                with contextlib.closing(sqlite3.connect(path)) as database, contextlib.suppress(sqlite3.DatabaseError):
                    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def status(self, *, says: str, without: tuple[str, ...] = ()) -> str:
        """What `hookspan status` prints (asked in this process), which in time holds the words and none of those."""
        said = ""

        def is_said() -> bool:
            nonlocal said
            said = click.unstyle("\n".join(status.lines(status.gather(self.machine.paths))))
            return says in said and not any(words in said for words in without)

        end = time.monotonic() + PATIENCE
        while not is_said():
            assert time.monotonic() < end, f"status does not say {says!r} without any of {without}:\n{said}"
            time.sleep(0.2)
        self.said.add(says)
        return said

    # --- what must hold after every fault

    def rows(self) -> Counter[str]:
        """How often each event is in the store."""
        reader = Reader(self.machine.paths)
        try:
            return Counter(row.session for row in reader.events(limit=1_000_000))
        finally:
            reader.close()

    def arrived(self) -> set[str]:
        """Trace ids of the hook spans that the endpoint took."""
        return {span.trace_id for span in self.sink.spans if span.scope == "hookspan.hooks"}

    def counter(self) -> int:
        """What the counter of hook events came to; each series counts from its start, a rebuilt one from a new one."""
        newest = {
            (point.start, *point.attributes.items()): point
            for point in self.sink.points
            if point.name == "hookspan.hook.events"
        }
        return sum(int(point.value or 0) for point in newest.values())

    def flush(self) -> None:
        """All that is in the journal is in the store and exported."""
        flushed = Client(self.machine.paths).request("flush", wait=5 * PATIENCE, timeout=6 * PATIENCE)
        assert flushed["drained"], flushed
        assert flushed["exported"], flushed

    def settle(self, *, gone: Sequence[str] = ()) -> None:
        """Every event that a relay wrote is in the store once and exported at least once; counters and `status` agree.

        `gone` are those whose line the fault itself took before anybody read it.
        """
        if self.machine.pid:
            ready(self.machine)  # one that a hook has just started
        else:
            self.start()
        self.flush()
        wanted = Counter({id_: 1 for id_ in self.written if id_ not in gone})
        found = self.rows()
        assert found == wanted, {"missing": wanted - found, "too many": found - wanted}
        missing = {id_.replace("-", "") for id_ in wanted} - self.arrived()
        assert not missing, f"{len(missing)} of {len(wanted)} were not exported"
        until(lambda: self.counter() == len(wanted), f"the counter says {self.counter()} instead of {len(wanted)}")
        assert self.sent == len(self.written) + self.dropped + self.uncounted
        self.well()

    def well(self) -> None:
        """`status` says that all is in order again, and how much was lost."""
        self.status(says=WELL, without=TROUBLE)
        found = until(lambda: (told := status_of(self.machine.paths))["answered"] and told)
        assert found["agent"]["state"] == "running"
        assert found["journal"]["strays"] == 0
        assert found["store"]["events"] == self.rows().total()
        assert sum(drop["count"] for drop in found["drops"].values()) == self.dropped


@contextmanager
def stand(folder: Path, *, settings: str = "", export: str = "") -> Iterator[Stand]:
    """A fresh one, with further settings, in `[export]` and in sections of their own; nothing of it is left running."""
    with Sink() as sink:
        machine = Machine(folder, settings=SETTINGS.format(url=sink.url, export=export) + settings).install()
        machine.paths.down.touch()  # no hook starts an agent; the test does
        try:
            yield Stand(machine, sink)
        finally:
            machine.close()


def later_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test itself reads stores of LATER_FORMAT from now on."""
    monkeypatch.setattr(schema, "MIGRATIONS", (*MIGRATIONS, _LATER))


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """A small file system of its own: `mounted(folder, "-o", "size=24m")`."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder can't be written to by those who open something in it now; what is open stays so.

    It is made so at another place first: a mount in which somebody has a file open for writing can't be.
    """
    aside = folder.with_name(f"{folder.name}-read-only")
    aside.mkdir()
    try:
        subprocess.run(["mount", "--bind", str(folder), str(aside)], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", str(aside)], check=True)
        subprocess.run(["mount", "--bind", str(aside), str(folder)], check=True)
        yield
    finally:
        for place in (folder, aside):
            subprocess.run(["umount", "-l", str(place)], check=True)
        aside.rmdir()
