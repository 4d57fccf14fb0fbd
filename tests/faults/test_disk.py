"""The disk is full, read-only, or gone."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hookspan.agent.standing import standing
from tests.agent.stage import until
from tests.faults.stand import EVENTS, Stand, fault, mounted, read_only, stand

DISK = 32 << 20  # bytes; an empty store with its log takes 2 MB
pytestmark = [pytest.mark.need_root, pytest.mark.need_cc]


@pytest.fixture
def on_small_disk(tmp_path: Path) -> Iterator[Stand]:
    with mounted(tmp_path / "disk", "-o", f"size={DISK}") as disk, stand(disk / "machine") as made:
        yield made


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Stand]:
    with stand(tmp_path / "machine") as made:
        yield made


@contextlib.contextmanager
def full(at: Stand, *, left: int = 0) -> Iterator[None]:
    """Not a block is free, or `left` bytes."""
    ballast = at.machine.folder.parent / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4096):
            pass
    if left:
        os.truncate(ballast, ballast.stat().st_size - left)
    try:
        yield
    finally:
        ballast.unlink()


def fill_page(at: Stand) -> None:
    """Until the journal's last block is full, lines find room on a full disk."""
    while not at.dropped:
        at.hooks(1)


@fault("disk full", "when a relay appends to the journal", "counted in place; `status` says how many and why; exits 0")
def test_journal(on_small_disk: Stand):
    on_small_disk.start()
    on_small_disk.hooks()
    with full(on_small_disk):
        fill_page(on_small_disk)
        on_small_disk.hooks()
        assert on_small_disk.dropped > EVENTS / 2
        on_small_disk.status(says="events (write), the last")
    on_small_disk.hooks()
    on_small_disk.settle()


@fault(
    "disk full", "when the agent commits to the store", "the batch is held in memory and tried again; `status`: WAITING"
)
def test_store(on_small_disk: Stand):
    on_small_disk.start()
    on_small_disk.hooks()
    with full(on_small_disk, left=40_000):
        while not standing(on_small_disk.machine.paths)["ingest"]["hold"]:
            on_small_disk.hooks()
        on_small_disk.status(says="WAITING")
        on_small_disk.hooks()
    on_small_disk.settle()
    assert "WAITING" not in on_small_disk.status(says="read to its end")


@fault("disk full", "before the agent ever ran", "it can't come up, hooks are counted; it comes up when there is room")
def test_start(on_small_disk: Stand):
    on_small_disk.hooks()
    with full(on_small_disk):
        fill_page(on_small_disk)
        done = on_small_disk.machine.cli("up")
        assert done.returncode in {0, 1}, done.stderr
        on_small_disk.status(says="events (write), the last")
    on_small_disk.settle()


@fault("disk full", "when the agent writes its log", "log lines are lost, nothing else")
def test_log(at: Stand):
    at.machine.paths.log.symlink_to("/dev/full")
    at.start()
    at.hooks()
    at.settle()
    at.status(says="agent     running")


@fault("disk full", "and the counter file was deleted", "exits 0 in silence; what is not written can't be counted")
def test_counter_file(on_small_disk: Stand):
    on_small_disk.start()
    on_small_disk.hooks()
    with full(on_small_disk):
        fill_page(on_small_disk)
        counted = on_small_disk.dropped
        on_small_disk.machine.paths.drops.unlink()
        on_small_disk.uncounted += counted
        on_small_disk.hooks(may_vanish=True)
        on_small_disk.status(says="resources: ")
    on_small_disk.hooks()
    on_small_disk.settle()


@fault("read-only", "the journal's folder", "counted; `status` says so, and that the journal can't be written")
def test_read_only_journal(at: Stand):
    at.start()
    at.hooks()
    with read_only(at.machine.paths.journal):
        at.hooks()
        assert at.dropped == EVENTS
        at.status(says="events (open), the last")
        at.status(says="CAN'T BE WRITTEN")
    at.hooks()
    at.settle()


@fault(
    "read-only",
    "the whole state folder",
    "exits 0 in silence, nothing can be counted; `status` says it can't be written",
)
def test_read_only_state(at: Stand):
    at.start()
    at.hooks()
    with read_only(at.machine.paths.state):
        at.hooks(may_vanish=True)
        assert at.uncounted == EVENTS
        at.status(says="CAN'T BE WRITTEN")
    at.hooks()
    at.settle()


@fault("vanished", "the journal's folder, with all that was read of it", "the next hook makes it anew; numbers go on")
def test_journal_vanishes(at: Stand):
    at.start()
    at.hooks()
    until(lambda: at.rows().total() == EVENTS)
    shutil.rmtree(at.machine.paths.journal)
    at.hooks()
    at.settle()


@fault("vanished", "the sockets and locks (`run`), while the agent runs", "one agent is left, which has everything")
def test_run_vanishes(at: Stand):
    first = at.start()
    at.hooks()
    at.machine.paths.down.unlink()
    shutil.rmtree(at.machine.paths.run)
    at.hooks()  # one of them starts an agent, as nobody answers
    until(lambda: at.machine.pid not in {0, first.pid})
    at.hooks()
    assert first.wait(60) == 0, "the agent that lost its lock leaves"
    at.settle()
    at.status(says="agent     running")


@fault("vanished", "the whole state folder, while the agent runs", "hooks do nothing until `install`; then all goes on")
def test_state_vanishes(at: Stand):
    first = at.start()
    at.hooks()
    until(lambda: at.rows().total() == EVENTS)
    shutil.rmtree(at.machine.paths.state)
    at.machine.hooks()
    at.status(says="hookspan install")
    at.written.clear()
    at.sent = 0
    assert first.wait(60) == 0, "the agent that lost its lock leaves"
    at.sink.clear()
    at.machine.install()
    at.hooks()
    at.settle()
