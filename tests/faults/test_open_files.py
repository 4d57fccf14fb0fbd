"""What the agent holds open is deleted, cut, damaged or replaced under it.

Sessions run before the fault, while it happens, and after it. The agent is not started anew, and is at the end.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hookspan.agent.client import Client
from hookspan.agent.status import status_of
from tests.faults.stand import Stand, fault, stand
from tests.waiting import PATIENCE, until

PAGE = 4096  # bytes of SQLite's pages ..
LOG_HEADER, FRAME_HEADER = 32, 24  # .. and of what comes before them in its write-ahead log
Damage = Callable[[Path], None]
pytestmark = pytest.mark.need_cc


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Stand]:
    """Sessions are in the store's write-ahead log, and out at the endpoint."""
    with stand(tmp_path / "machine", settings="[dashboard]\nport = 0\n") as made:
        made.start()
        made.hooks()
        made.flush()
        yield made


# --- What happens to a file


def deleted(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def halved(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flipped(path: Path) -> None:
    """A bit in the first byte of each of its pages, or in every 64th byte of what has none."""
    size = path.stat().st_size
    if path.name.endswith("-wal"):
        pages = range(LOG_HEADER + FRAME_HEADER, size, FRAME_HEADER + PAGE)
    elif path.suffix == ".db":
        pages = range(PAGE, size, PAGE)
    else:
        pages = range(0, size, 64)
    with path.open("r+b") as file:
        for page in pages:
            file.seek(page)
            byte = file.read(1)[0]
            file.seek(page)
            file.write(bytes([byte ^ 0x80]))


def replaced(path: Path) -> None:
    """By an older copy, of when it was half as long."""
    older = path.with_name("older")
    shutil.copy(path, older)
    os.truncate(older, older.stat().st_size // 2 // PAGE * PAGE)
    older.replace(path)


# --- What must come of it


@contextmanager
def beside(at: Stand) -> Iterator[None]:
    """Sessions run meanwhile."""
    hooks = threading.Thread(target=at.hooks)
    hooks.start()
    try:
        yield
    finally:
        hooks.join()


def goes_on(at: Stand, *, says: str, check: str = "") -> None:
    """Everything arrives, and everybody who reads gets an answer; then once more with an agent that is started anew.

    `status` says so, and the health check of that name.
    """
    at.hooks()
    at.status(says=says)
    if check:
        until(lambda: says in health(at, check), f"the check `{check}` does not say {says!r}")
    at.settle()
    readers_answer(at)
    told = at.machine.status()
    assert told["hooks"]["samples"] <= told["store"]["events"], "a hook that is read again has taken its time once"
    at.stop()
    at.hooks()
    at.settle()
    readers_answer(at)


def health(at: Stand, check: str) -> str:
    checks: dict[str, Any] = (status_of(at.machine.paths).get("health") or {}).get("checks", {})
    return str(checks.get(check, {}).get("message", ""))


def readers_answer(at: Stand) -> None:
    """The command line, which reads the store itself, and the page know the first session and the last."""
    for id_ in (at.written[0], at.written[-1]):
        told = at.machine.cli("trace", id_, "--hooks", "--json")
        assert told.returncode == 0, told.stderr
        assert id_.replace("-", "") in told.stdout
    page = Client(at.machine.paths).request("ping", timeout=PATIENCE)["url"]
    token = at.machine.paths.token.read_text().strip()
    shown = httpx2.get(f"{page}/api/v1/events", headers={"authorization": f"Bearer {token}"}, timeout=PATIENCE)
    assert shown.status_code == 200, shown.text
    newest = [item["session"] for item in shown.json()["items"]]
    assert at.written[-1] in newest
    assert newest == list(at.rows())[: len(newest)], "a line that found the journal locked may be behind the last"


def struck(at: Stand, name: str, damage: Damage) -> None:
    with beside(at):
        damage(at.machine.paths.state / name)


# --- The store


@fault(
    "held open",
    "the store is deleted, cut or replaced by an older one",
    "noticed within two seconds; rebuilt from the journal",
    "is rebuilt from the journal",
)
@pytest.mark.parametrize("damage", [deleted, emptied, halved, replaced])
def test_store_is_lost(at: Stand, damage: Damage):
    struck(at, "store.db", damage)
    goes_on(at, says="is rebuilt from the journal", check="ingest")


@fault(
    "held open",
    "bits flip in the store's pages",
    "the first reader of such a page has the store rebuilt; a bit flip that leaves a value valid is not noticed",
    "was damaged, is rebuilt from the journal",
)
@pytest.mark.parametrize("name", ["store.db", "store.db-wal"])
def test_flipped_pages(at: Stand, name: str):
    if name == "store.db":
        at.stop()  # the log is merged into the file
        at.start()
    struck(at, name, flipped)
    goes_on(at, says="was damaged, is rebuilt from the journal", check="ingest")


@fault(
    "held open",
    "the store's write-ahead log is cut",
    "noticed within two seconds; rebuilt from the journal",
    "(`store.db-wal` was cut), is rebuilt from the journal",
)
@pytest.mark.parametrize("damage", [emptied, halved])
def test_log_is_cut(at: Stand, damage: Damage):
    damage(at.machine.paths.state / "store.db-wal")  # at rest: cut within a transaction, it has its length after it
    goes_on(at, says="(`store.db-wal` was cut), is rebuilt from the journal", check="ingest")


@fault(
    "held open",
    "the store's write-ahead log or its index is deleted or replaced",
    "noticed within two seconds; the agent still has it open, and writes everything to a new store",
    "was written again with everything that it had",
)
@pytest.mark.parametrize("damage", [deleted, replaced])
@pytest.mark.parametrize("name", ["store.db-wal", "store.db-shm"])
def test_log_is_gone(at: Stand, name: str, damage: Damage):
    struck(at, name, damage)
    goes_on(at, says="was written again with everything that it had", check="ingest")
    assert not list(at.machine.paths.state.glob("store.db.*")), "a copy is left"


@fault(
    "held open",
    "the index of the store's write-ahead log is cut or damaged",
    "it is created again from the log; an agent that is reading it ends by SIGBUS, and the next hook starts another",
)
@pytest.mark.parametrize("damage", [emptied, halved, flipped])
def test_index_is_damaged(at: Stand, damage: Damage):
    index = at.machine.paths.state / "store.db-shm"
    size = index.stat().st_size
    damage(index)
    until(lambda: index.stat().st_size >= size or not at.machine.pid, "nobody noticed")
    if not at.machine.pid:
        at.start()
    goes_on(at, says="to its end")


# --- Beside the store


@fault(
    "held open",
    "the exporter's database or its log is deleted, cut or replaced",
    "it is written again from memory: nothing is sent again, nothing is skipped",
    "what was sent is known",
)
@pytest.mark.parametrize("damage", [deleted, halved, replaced])
@pytest.mark.parametrize("name", ["export.db", "export.db-wal"])
def test_export_db_is_lost(at: Stand, name: str, damage: Damage):
    struck(at, name, damage)
    goes_on(at, says="what was sent is known")


@fault(
    "held open",
    "bits flip in the exporter's database",
    "the agent continues with what it has in memory; an agent that is started later sends a day again",
    "export.db was damaged",
)
def test_export_db_is_flipped(at: Stand):
    struck(at, "export.db", flipped)
    at.hooks()
    at.settle()
    at.stop()
    flipped(at.machine.paths.export_db)
    at.hooks()
    at.start()
    at.status(says="export.db was damaged")
    at.settle()


@fault(
    "held open",
    "the journal's current segment is deleted, cut or damaged after it was read",
    "what the store has stays; the next hook continues with a new segment, or after the cut, which the agent notices "
    "if it looks before the segment is as long as it was",
)
@pytest.mark.parametrize("damage", [deleted, halved, flipped])
def test_journal_is_lost_after_it_was_read(at: Stand, damage: Damage):
    damage(at.machine.paths.current)
    at.hooks(1)
    at.flush()
    goes_on(at, says="to its end")


@fault(
    "held open",
    "a finished segment of the journal is deleted, cut or damaged",
    "what the store has stays; a store that is rebuilt later lacks it",
)
@pytest.mark.parametrize("damage", [deleted, halved])
def test_segment_is_lost(at: Stand, damage: Damage):
    finished = at.machine.paths.journal / f"{1:020}.jsonl"
    at.machine.paths.current.rename(finished)
    at.hooks()
    at.flush()
    damage(finished)
    goes_on(at, says="to its end")


@fault(
    "held open",
    "the key for digests is deleted, cut or damaged",
    "the agent continues with the key that it read; the next agent's digests differ",
)
@pytest.mark.parametrize("damage", [deleted, flipped])
def test_key_is_lost(at: Stand, damage: Damage):
    struck(at, "key", damage)
    goes_on(at, says="to its end")
