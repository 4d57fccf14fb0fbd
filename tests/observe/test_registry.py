"""What is taken from the client's registry of running sessions, and which of its entries are not believed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from hookspan.clients.claude_code.session_registry import own_pid_domain, parse
from hookspan.clients.decode import decode
from hookspan.model.fold import fold
from hookspan.model.state import SessionState, State
from hookspan.observe import FolderWatch, Observers, registry
from hookspan.observe.registry import UNHOOKED, Registry
from hookspan.wire import encode
from hookspan.wire.facts import Fact, Registered

MS = 1_000_000
SECOND = 1000 * MS
SESSION = "0a1b2c3d-0000-4000-8000-00000000000a"
OTHER = "0a1b2c3d-0000-4000-8000-00000000000b"


def start_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def fields(**changed: Any) -> dict[str, Any]:
    now = time.time_ns() // MS
    return {
        "pid": os.getpid(),
        "sessionId": SESSION,
        "cwd": "/home/ada/shop",
        "startedAt": now,
        "procStart": start_of(os.getpid()),
        "version": "2.1.332",
        "kind": "interactive",
        "entrypoint": "cli",
        "pidDomain": own_pid_domain(),
        "name": "shop-09",
        "updatedAt": now,
        "status": "busy",
        "statusUpdatedAt": now,
    } | changed


class Client:
    """A registry with one client's entry, the reader, and the state that its facts are folded into."""

    def __init__(self, home: Path, watch: FolderWatch, *, hooked: bool = True) -> None:
        self.folder = home / "sessions"
        self.folder.mkdir(mode=0o700)
        self.path = self.folder / f"{os.getpid()}.json"
        self.now = time.time_ns()
        self.state = State()
        if hooked:
            self.state.sessions[SESSION] = SessionState(
                id=SESSION, first=self.now, opened=self.now, start=self.now, started=True
            )
        self._home, self._watch = home, watch
        self._records = 0
        self.begins_anew()

    def begins_anew(self) -> None:
        self._registry = Registry([str(self._home / "projects")], self._watch, labels=True)

    def writes(self, **changed: Any) -> None:
        self.path.write_text(json.dumps(fields(**changed)))

    def step(self, *, look: bool = True, later: int = 0) -> list[Fact]:
        facts = self._registry.step(self.now + later + self._records, self.state, look=look)
        for fact in facts:
            self._records += 1
            fold(self.state, self._records, decode(encode(fact), b""))
        return facts


@pytest.fixture(params=[True, False], ids=["notified", "polled"])
def client(tmp_path, request):
    watch = FolderWatch(notify=request.param)
    yield Client(tmp_path, watch)
    watch.close()


def test_an_entry_is_told_once_and_its_changes(client):
    assert client.step() == []
    client.writes()
    (told,) = client.step()
    assert isinstance(told, Registered)
    assert (told.session, told.pid, told.status, told.asks) == (SESSION, os.getpid(), "busy", "")
    assert (told.session_kind, told.entrypoint, told.version, told.name) == ("interactive", "cli", "2.1.332", "shop-09")
    assert client.step() == []
    client.writes(status="waiting", waitingFor="permission prompt", statusUpdatedAt=(client.now + SECOND) // MS)
    (told,) = client.step()
    assert (told.status, told.asks, told.at) == ("waiting", "permission", (client.now + SECOND) // MS * MS)
    client.path.unlink()
    (told,) = client.step()
    assert told.gone
    assert client.step() == []


def test_changes_are_notified_at_once(tmp_path):
    watch = FolderWatch()
    client = Client(tmp_path, watch)
    client.step()
    client.writes()
    assert len(client.step(look=False)) == 1, "without a look into the folder"
    watch.close()


def test_between_two_looks_what_is_new_is_told_at_once(tmp_path):
    watch = FolderWatch()
    client = Client(tmp_path, watch)
    client.writes()
    client.state.sessions[SESSION].last = client.now
    observers = Observers(roots=(str(tmp_path / "projects"),), watch=watch)

    def told(later: int) -> list[tuple[str, bool]]:
        facts: list[Any] = [decode(line, b"") for line in observers.step(client.now + later, client.state)]
        for number, fact in enumerate(facts, later):
            fold(client.state, number, fact)
        return [(fact.status, fact.gone) for fact in facts]

    assert told(1) == [("busy", False)]
    assert told(2) == []
    client.writes(status="idle")
    assert told(3) == [("idle", False)]
    assert told(4) == []
    clients = client.state.sessions[SESSION].clients
    clients[1] = clients[os.getpid()]
    observers.wake()
    assert told(5) == [("", True)], "a client that only the state has"
    watch.close()


def test_an_agent_that_starts_anew_tells_only_what_it_did_not(tmp_path):
    watch = FolderWatch(notify=False)
    client = Client(tmp_path, watch)
    client.writes()
    assert len(client.step()) == 1
    client._registry = Registry([str(tmp_path / "projects")], watch, labels=True)
    assert client.step() == []


def test_a_client_is_told_of_again_when_its_session_begins_anew(client):
    """A second client that resumes the session begins a new run of it; the first may still be waiting."""
    client.writes(status="waiting", waitingFor="permission prompt")
    client.step()
    session = client.state.sessions[SESSION]
    session.clients.clear()
    session.opened += SECOND
    (told,) = client.step()
    assert (told.status, session.clients.keys()) == ("waiting", {os.getpid()})
    assert client.step() == []


def test_a_client_that_alone_keeps_its_session_open_is_looked_after(client, monkeypatch):
    """A client that was killed leaves its entry behind, and hooks of an ended run tell of no process."""
    client.writes(status="idle")
    client.step()
    client.state.sessions[SESSION].ended = client.now
    assert client.step() == []
    client.writes(status="busy", statusUpdatedAt=(client.now + SECOND) // MS)
    (told,) = client.step()
    assert told.status == "busy"
    monkeypatch.setattr(registry, "start_of", lambda _pid: "1")
    (told,) = client.step()
    assert told.gone
    client.writes(status="idle")
    monkeypatch.undo()
    assert client.step() == [], "the session has ended"


def test_a_session_without_hooks_is_told_once_that_is_certain(tmp_path):
    client = Client(tmp_path, FolderWatch(notify=False), hooked=False)
    client.writes()
    assert client.step(later=3600 * SECOND) == [], "and then the clock is set back"
    assert client.step() == []
    assert client.step(later=UNHOOKED // 2) == []
    *_, told = client.step(later=2 * UNHOOKED)
    assert isinstance(told, Registered)
    assert client.state.sessions[SESSION].unhooked
    assert client.step(later=3 * UNHOOKED) == []


def test_a_client_that_goes_on_with_another_session_has_left_the_one_before(client):
    client.writes()
    client.step()
    client.state.sessions[OTHER] = SessionState(
        id=OTHER, first=client.now, opened=client.now, start=client.now, started=True
    )
    client.writes(sessionId=OTHER)
    assert {(fact.session, fact.gone) for fact in client.step()} == {(OTHER, False), (SESSION, True)}


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"procStart": "1"}, id="the pid was given to another process"),
        pytest.param({"pidDomain": "linux:0:pid:[1]"}, id="another container's"),
        pytest.param({"pid": os.getppid()}, id="another process's file"),
        pytest.param({"sessionId": "../x"}, id="no session"),
    ],
)
def test_what_is_not_a_running_client_s_own_is_not_believed(client, changed):
    client.writes(**changed)
    assert client.step() == []


def test_a_dead_client_s_entry_is_not_believed(client):
    gone = next(pid for pid in range(300_000, 400_000) if not psutil.pid_exists(pid))
    client.path = client.folder / f"{gone}.json"
    client.writes(pid=gone)
    assert client.step() == []


def test_another_user_s_entry_is_not_read(client, monkeypatch):
    client.writes()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert client.step() == []


def test_keys_and_links_are_not_opened(client, tmp_path):
    (client.folder / f"{os.getpid()}.{'0' * 64}.key").write_text(json.dumps(fields()))
    (tmp_path / "elsewhere.json").write_text(json.dumps(fields()))
    client.path.symlink_to(tmp_path / "elsewhere.json")
    assert client.step() == []


def test_only_the_first_object_counts():
    entry = parse(json.dumps(fields(status="idle")).encode() + b'18,"waitingFor":"permission prompt"}')
    assert entry is not None
    assert (entry.status, entry.asks) == ("idle", None)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"pid":"1"}', b"\xff\xfe", b'{"pid":9,"sessionId":9}', b"[" * 9999]
)
def test_what_is_no_entry_gives_none(data):
    assert parse(data) is None


def test_values_of_later_versions_do_no_harm():
    entry = parse(json.dumps(fields(status="dreaming", statusUpdatedAt="soon", name=None, kind=7)).encode())
    assert entry is not None
    assert (entry.status, entry.name, entry.kind) == (None, "", "")
    entry = parse(json.dumps(fields(name="cut \ud83d")).encode())
    assert entry is not None
    assert entry.name == "cut \ufffd"
    entry = parse(json.dumps(fields(status="waiting", waitingFor="worker request")).encode())
    assert entry is not None
    assert entry.asks == "other"


@pytest.mark.parametrize("broken", ["an entry", "the folder"])
def test_what_can_not_be_looked_at_ends_no_other_client(tmp_path, monkeypatch, broken):
    """An entry may be deleted while the folder is read, and the agent may be out of descriptors."""
    client = Client(tmp_path, FolderWatch(notify=False))
    client.writes()
    assert client.step()
    scandir = os.scandir

    class Entry:
        name, path = "1.json", str(client.folder / "1.json")

        def stat(self, **_: bool) -> os.stat_result:
            raise FileNotFoundError(self.path)

    @contextlib.contextmanager
    def other(folder: str) -> Iterator[list[Any]]:
        if broken == "the folder":
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        with scandir(folder) as entries:
            yield [Entry(), *entries]

    monkeypatch.setattr(os, "scandir", other)
    assert client.step() == []
    client.path.unlink()
    monkeypatch.undo()
    (told,) = client.step()
    assert told.gone


def test_an_entry_that_can_not_be_opened_for_now_is_read_later(client, monkeypatch):
    """As where the agent has as many files open as it may."""
    client.writes()
    assert client.step()
    client.writes(status="idle", statusUpdatedAt=(client.now + SECOND) // MS)

    def no_descriptor(*_: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", no_descriptor)
        assert client.step() == []
    (told,) = client.step()
    assert told.status == "idle"


def test_a_reader_that_can_not_read_anything_yet_tells_nobody_as_gone(tmp_path, monkeypatch):
    """As one that is made anew with other settings, where the agent has as many files open as it may."""
    client = Client(tmp_path, FolderWatch(notify=False))
    client.writes()
    assert client.step()

    def no_descriptor(*_: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", no_descriptor)
        client.begins_anew()
        assert client.step() == []
    assert client.step() == []
    client.path.unlink()
    (told,) = client.step()
    assert told.gone
