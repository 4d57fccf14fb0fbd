"""What `[projects.NAME]` says holds on a running agent: who is left out is nowhere, labels are on what is sent."""

import asyncio
import contextlib
import gzip
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hookspan.journal import Journal
from hookspan.store import Reader
from hookspan.wire import encode
from hookspan.wire.facts import Title
from tests.otlp_sink import Sink
from tests.waiting import PATIENCE, until
from tests.web.site import Site, stream

from .machine import Machine, end, ready, with_etc

DAY = 86_400
LABEL = "cost.centre"


class Worker:
    """A session in a folder."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.session, self.prompt = str(uuid.uuid4()), str(uuid.uuid4())
        self._machine, self._folder = machine, folder
        self._call = {"tool_name": "Bash", "tool_input": {"command": f"rm -rf {folder}"}}

    def hook(self, name: str, **fields: Any) -> None:
        about = {"session_id": self.session, "hook_event_name": name, "cwd": str(self._folder)}
        env = {"CLAUDE_PROJECT_DIR": str(self._folder)}
        end(self._machine.hook({**about, "prompt_id": self.prompt, **fields}, env=env))

    def begin(self) -> None:
        self.hook("SessionStart", source="startup")
        self.hook("UserPromptSubmit", prompt=f"look at {self._folder}")
        self.hook("PreToolUse", tool_use_id="toolu_1", **self._call)

    def ask(self) -> None:
        self.hook("PermissionRequest", **self._call)

    def finish(self) -> None:
        self.hook("PostToolUse", tool_use_id="toolu_1", tool_response={"stdout": ""}, duration_ms=1, **self._call)
        self.hook("StopFailure", error="rate_limit")
        self.hook("SessionEnd", reason="other")


def git(*words: str, folder: Path) -> None:
    about = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *about, *words], cwd=folder, env={"PATH": "/usr/bin:/bin"}, check=True, capture_output=True)


def repository(folder: Path, name: str) -> dict[str, Path]:
    """A repository, a folder within, and a linked work tree beside it."""
    top = folder / name
    (top / "notes").mkdir(parents=True)
    git("init", "-q", folder=top)
    git("commit", "-q", "--allow-empty", "-m", "first", folder=top)
    git("worktree", "add", "-q", "../spring", folder=top)
    return {"top": top, "subfolder": top / "notes", "worktree": folder / "spring"}


def kept(machine: Machine) -> set[str]:
    """The sessions of which the store has anything."""
    reader = Reader(machine.paths)
    try:
        return {one.session for one in reader.events(limit=1000)} | {one.id for one in reader.sessions(limit=100)}
    finally:
        reader.close()


def counted(sink: Sink) -> int:
    """How many hook events the newest points tell of."""
    newest = {tuple(sorted(one.attributes.items())): one for one in sink.points if one.name == "hookspan.hook.events"}
    return round(sum(point.value for point in newest.values()))


def started(sink: Sink) -> dict[tuple[str, str | None], float]:
    """How many sessions the newest points tell of, by project and its label."""
    return {
        (point.attributes["hookspan.project"], point.attributes.get(LABEL)): point.value
        for point in sink.points
        if point.name == "hookspan.session.started"
    }


class Listener:
    """All that the page's stream tells, as text, in a thread of its own."""

    def __init__(self, site: Site) -> None:
        self.heard = ""
        self._site = site
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()), daemon=True)
        self._thread.start()
        until(lambda: self.heard, "the stream says nothing")

    async def _listen(self) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            async with stream(self._site) as messages:
                async for message in messages:
                    self.heard += f"{message.kind} {json.dumps(message.data)}\n"

    def join(self) -> None:
        """Wait for the end of the agent."""
        self._thread.join(PATIENCE)


def test_a_session_of_a_project_that_is_not_recorded_is_nowhere(
    make_site: Callable[..., Site], sink: Sink, inbox: tuple[str, list[str]], tmp_path: Path
):
    """In the repository, in a folder of it and in a work tree elsewhere; a session of another project is as ever."""
    url, messages = inbox
    site = make_site(
        f'[export]\nendpoint = "{sink.url}"\nmetric_interval = 1\n[projects.diary]\nrecord = false\n'
        f'[[notify]]\nurl = "{url}"\nevents = ["waiting", "turn_failed"]\nwaiting_seconds = 1\ninterval = 1\n'
    )
    machine, listener = site.machine, Listener(site)
    out = [Worker(machine, folder) for folder in repository(tmp_path, "diary").values()]
    control = Worker(machine, tmp_path / "shop")
    for worker in (*out, control):
        worker.begin()
        worker.ask()
    until(lambda: "shop waits for you (Bash)" in messages, f"received {messages}")
    for worker in (*out, control):
        worker.finish()
    until(lambda: "shop: a turn failed" in "\n".join(messages), f"received {messages}")
    assert machine.json("flush", "--wait", "60s")["exported"]
    until(lambda: counted(sink) >= 7)
    until(lambda: control.session in listener.heard)

    everything = {
        "stream": listener.heard,
        "notifications": "\n".join(messages),
        "spans": repr(sink.spans),
        "points": repr(sink.points),
        "tail": machine.cli("tail", "--json", "--facts", "--no-follow", "-n", "1000").stdout,
        "sessions": json.dumps(site.get("/sessions")),
        "log": json.dumps(site.get("/log", limit=100)),
    }
    assert counted(sink) == 7, "the other session's, and no more"
    assert kept(machine) == {control.session}
    for where, text in everything.items():
        assert ("shop" if where in {"notifications", "points"} else control.session) in text, where
        for name in (f"{tmp_path}/diary", "spring", "notes", *(worker.session for worker in out)):
            assert name not in text, f"{name} in {where}"
    raw = machine.paths.current.read_text()
    assert all(worker.session in raw for worker in out), "the journal has them until `raw_hours` are over"

    shutil.rmtree(tmp_path / "spring")  # the work tree: now only the journal knows whose it was
    assert machine.cli("down").returncode == 0
    listener.join()
    settings = machine.paths.config.read_text()
    machine.paths.config.write_text(settings.replace("record = false", "record = true"))
    assert machine.cli("rebuild").returncode == 0
    assert kept(machine) == {control.session}, "nor does what was left out come back if the project is recorded later"
    machine.paths.config.write_text(settings)
    machine.cli("down")
    journal = Journal(machine.paths)
    journal.rotate()
    for segment in journal.segments():
        os.utime(segment.path, (time.time() - 2 * DAY,) * 2)
    assert machine.cli("prune").returncode == 0
    left = b"".join(gzip.decompress(path.read_bytes()) for path in machine.paths.journal.glob("*.gz")).decode()
    assert control.session in left
    assert not any(worker.session in left for worker in out)


def test_a_session_whose_project_is_left_out_while_it_runs_is_removed(make_site: Callable[..., Site], tmp_path: Path):
    """With all that was stored of it, and it does not come back when the store is rebuilt."""
    site = make_site("")
    machine = site.machine
    folders = repository(tmp_path, "diary")
    leaving, staying = Worker(machine, folders["worktree"]), Worker(machine, tmp_path / "shop")
    for worker in (leaving, staying):
        worker.begin()
    site.append(
        *(encode(Title(at=1, key=f"t{n}", session=n, label=f"of {n}")) for n in (leaving.session, staying.session))
    )
    until(lambda: kept(machine) == {leaving.session, staying.session})
    with machine.paths.config.open("a") as file:
        file.write("[projects.diary]\nrecord = false\n")
    os.kill(machine.pid, signal.SIGHUP)
    until(lambda: kept(machine) == {staying.session}, "it goes when the setting comes, not with its next event")
    shown = [json.dumps(site.get(f"/log/{number}")) for number in range(1, site.get("/log")["last"] + 1)]
    assert {worker.session in "".join(shown) for worker in (staying, leaving)} == {True, False}
    assert any(f"of {staying.session}" in one for one in shown)
    for worker in (leaving, staying):
        worker.finish()
    machine.json("flush", "--wait", "60s")
    assert kept(machine) == {staying.session}
    assert machine.cli("rebuild").returncode == 0
    assert kept(machine) == {staying.session}


def test_the_labels_of_a_project_are_on_its_spans_and_counters(
    make_site: Callable[..., Site], sink: Sink, tmp_path: Path
):
    """On a hook's span, a tool's and a counter; and a changed label from its change on."""
    settings = f'[dashboard]\nport = 0\n[export]\nendpoint = "{sink.url}"\nmetric_interval = 1\n'
    site = make_site(settings.removeprefix("[dashboard]\nport = 0\n"))
    machine = site.machine
    for centre in ("4711", "4712"):
        labels = f'[projects.diary.labels]\n"{LABEL}" = "{centre}"\n'
        machine.paths.config.write_text(settings + labels)
        os.kill(machine.pid, signal.SIGHUP)
        told = f'"{centre}"'
        until(lambda told=told: told in str(machine.cli("tail", "--facts", "--json", "--no-follow").stdout))
        for name in ("diary", "shop"):
            worker = Worker(machine, tmp_path / name)
            worker.begin()
            worker.finish()
        assert machine.json("flush", "--wait", "60s")["exported"]
    found = [(one.name, one.attributes["hookspan.project"], one.attributes.get(LABEL)) for one in sink.spans]
    for name in ("hook PreToolUse", "execute_tool Bash"):
        assert [tuple(about) for each, *about in found if each == name] == [
            ("diary", "4711"),
            ("shop", None),
            ("diary", "4712"),
            ("shop", None),
        ]
    until(lambda: started(sink) == {("diary", "4711"): 1, ("diary", "4712"): 1, ("shop", None): 2})


@pytest.mark.need_root
@pytest.mark.parametrize("locked", [True, False])
def test_what_the_administrator_locks_holds_for_an_agent_that_a_hook_started(
    make_machine: Callable[..., Machine], sink: Sink, tmp_path: Path, locked: bool
):
    """Where to, and that no text goes along; without the lock the user's own settings count."""
    with Sink() as users:
        machine = make_machine(
            settings=f'[dashboard]\nport = 0\n[export]\nendpoint = "{users.url}"\n[content]\nexport = true\n'
        )
        etc, scratch = tmp_path / "etc", tmp_path / "over"
        (etc / "hookspan").mkdir(parents=True)
        scratch.mkdir()
        (etc / "hookspan" / "config.toml").write_text(
            ('locked = ["export.endpoint", "content.export"]\n' if locked else "")
            + f'[export]\nendpoint = "{sink.url}"\n[content]\nexport = false\n'
        )
        machine.relay = (*with_etc(etc, scratch), *machine.relay)
        worker = Worker(machine, tmp_path / "shop")
        worker.begin()
        worker.finish()
        ready(machine)
        assert machine.json("flush", "--wait", "60s")["exported"]
        there, elsewhere = (sink, users) if locked else (users, sink)
        assert "execute_tool Bash" in {span.name for span in there.spans}
        assert not elsewhere.requests
        texts = [span.attributes["hookspan.label"] for span in there.spans if "hookspan.label" in span.attributes]
        assert texts == [] if locked else f"rm -rf {tmp_path}/shop" in texts
