"""The agent's life, seen from outside: processes, the command line, files."""

import contextlib
import http.client
import itertools
import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import pytest

from hookspan import __version__
from hookspan.agent import PROTOCOL, sockets
from hookspan.agent import launch as launching
from hookspan.agent.client import Client, NeedsRestart, Ready, Unreachable, is_newer
from hookspan.agent.control import AT_ONCE, Control
from hookspan.agent.exports import Exports
from hookspan.agent.ingest import Watermark
from hookspan.agent.lifecycle import Lifecycle
from hookspan.agent.lock import FileLock, is_held
from hookspan.agent.settings import AgentSettings
from hookspan.journal import Journal
from hookspan.paths import Paths
from hookspan.store import Store
from hookspan.web.door import Door
from tests.otlp_sink import Sink
from tests.waiting import PATIENCE, until

from .machine import Machine, append, end, launch, ready, small_session

SESSION = small_session(tools=3)
HEAP = 64 << 20  # bytes; the greatest size of one of glibc's
SLOW_TO_START = """
import os, time
from hookspan.agent.loop import Loop
start = Loop.start
def start_slowly(loop):
    start(loop)
    while loop._thread.name == "control" and not os.path.exists({go!r}):
        time.sleep(0.02)
Loop.start = start_slowly
"""
NO_ADDRESS = """
import os
from hookspan.web import door
listen = door.listen
def listen_if(*words):
    if not os.path.exists({go!r}):
        raise OSError(99, "Cannot assign requested address")
    return listen(*words)
door.listen = listen_if
"""
LATE_EXPORT = """
import os, time
from hookspan.agent.exports import Exports
begin = Exports._begin
def begin_late(exports):
    while not os.path.exists({go!r}):
        time.sleep(0.02)
    begin(exports)
Exports._begin = begin_late
"""


def test_up_status_down(machine: Machine):
    assert machine.status()["agent"]["state"] == "not running"
    pid = machine.up()
    status = machine.status()
    assert (status["agent"]["pid"], status["agent"]["state"], status["agent"]["stay"]) == (pid, "running", True)
    assert machine.up() == pid, "up with an agent running starts no other"

    assert machine.cli("down").returncode == 0
    assert not is_held(machine.paths.agent_lock)
    assert not list(machine.paths.run.glob("*.sock"))
    assert machine.status()["agent"]["state"] == "down"
    machine.hooks(*SESSION)
    time.sleep(0.5)
    assert machine.pid == 0, "after `down` no hook starts an agent"

    machine.up()
    assert machine.json("flush", "--wait", "60s")["drained"]
    assert machine.counts().events == len(SESSION)


def test_an_agent_that_answers_says_that_it_runs(machine: Machine):
    go = machine.folder / "go"
    launch(machine, "--stay", fault=SLOW_TO_START.format(go=str(go)))
    ready(machine)
    assert machine.status()["agent"]["state"] == "running", "also while the last of its threads are still to come"
    go.touch()


def test_a_hook_starts_an_agent_that_reads_what_was_recorded(machine: Machine):
    machine.hooks(*SESSION)
    ready(machine)
    until(lambda: machine.counts().events == len(SESSION))
    status = machine.status()
    assert status["agent"]["stay"] is False
    start_lock = machine.paths.run / "start.lock"
    until(lambda: start_lock.read_text() == "", "an agent that got ready clears the count of tries")


def test_an_agent_takes_no_processor_from_the_hook_that_wakes_it(machine: Machine):
    pid = machine.up()
    others = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):  # one that answered has ended
            if os.sched_getscheduler(int(task.name)) != os.SCHED_BATCH:
                others.append(int(task.name))
    assert len(others) <= 1, "the page's alone, which sleeps until somebody looks at it"
    assert pid not in others


def test_its_threads_share_one_heap(machine: Machine):
    """By glibc threads get heaps of their own; other C libraries have none such."""
    launch(machine, "--stay", fault="pass")  # others are forked here, from a program with threads
    pid = ready(machine)
    machine.hooks(*SESSION)
    assert machine.json("flush", "--wait", "60s")["drained"]
    assert len(os.listdir(f"/proc/{pid}/task")) > 1
    # Each other heap would begin at a multiple of its greatest size, with what is used of it, and the rest behind it.
    parts = [line.split() for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    found = [(*(int(end, 16) for end in part[0].split("-")), part[1]) for part in parts]
    heaps = [
        begin
        for (begin, end, mode), (rest, last, unused) in itertools.pairwise(found)
        if (begin % HEAP, rest, last, mode, unused) == (0, end, begin + HEAP, "rw-p", "---p")
    ]
    assert heaps == []


def test_flush_waits_for_the_spans_of_what_is_over(machine: Machine):
    machine.up()
    machine.hooks(*SESSION)
    found = machine.json("flush", "--wait", "60s")
    assert (found["unwritten"], found["drained"]) == (0, True)
    assert machine.json("trace", "last"), "the turn is over and written"


@pytest.mark.slow
def test_flush_waits_for_no_turn_that_goes_on(machine: Machine):
    """A hook has blocked its Stop: it may work for hours."""
    machine.up()
    began, prompt, *_ = SESSION
    about = {"session_id": began["session_id"], "cwd": began["cwd"], "prompt_id": prompt["prompt_id"]}
    call = {"tool_name": "Bash", "tool_use_id": "toolu_more", "tool_input": {}}
    machine.hooks(
        began, prompt, {"hook_event_name": "Stop", **about}, {"hook_event_name": "PreToolUse", **about, **call}
    )
    assert machine.json("flush", "--wait", "10s")["unwritten"] == 0


@pytest.mark.slow
def test_flush_goes_on_with_an_exporter_of_other_settings(make_machine: Callable[..., Machine]):
    settings = "[export]\nmetric_interval = {interval}\nendpoint = {url!r}\n"
    with Sink() as away, Sink() as here, ThreadPoolExecutor(1) as pool:
        away.fault(status=503)
        machine = make_machine(settings=settings.format(interval=2, url=away.url))
        machine.up()
        machine.hooks(*SESSION)
        flushed = pool.submit(machine.json, "flush", "--wait", "60s")
        until(lambda: machine.status()["export"]["failures"] > 1)
        machine.paths.config.write_text(settings.format(interval=1, url=here.url))
        answer = flushed.result(2 * PATIENCE)
        assert answer["exported"], answer
        assert here.spans


def test_an_agent_that_is_being_started_is_said_to_be(machine: Machine):
    start = FileLock(machine.paths.start_lock)
    assert start.acquire()
    start.write("1")
    assert machine.status()["agent"]["state"] == "starting"
    assert "is starting" in machine.cli("status").stdout
    os.utime(machine.paths.start_lock, (0, 0))
    assert machine.status()["agent"]["state"] == "not running", "what hangs is not starting"
    start.release()


def test_a_setting_is_in_force_once_it_is_set(machine: Machine):
    machine.up()
    with Sink() as sink:
        said = machine.cli("config", "set", "export.endpoint", sink.url).stdout
        assert "the running agent applies it" in said
        machine.hooks(*SESSION)
        assert machine.json("flush", "--wait", "60s")["exported"]
        assert sink.spans
    machine.cli("down")
    assert "running agent" not in machine.cli("config", "unset", "export.endpoint").stdout


def test_twenty_hooks_at_once_start_one_agent(machine: Machine):
    running = [machine.hook(event) for event in small_session(tools=8)]
    assert len(running) == 20
    for process in running:
        end(process)
    ready(machine)
    until(lambda: machine.counts().events == 20)
    until(lambda: any(line["event"] == "ready" for line in machine.log()))
    assert [line["event"] for line in machine.log()].count("ready") == 1


def test_an_agent_of_a_hook_reads_no_variables_and_one_of_up_does(machine: Machine):
    end(machine.hook(SESSION[0], env={"HOOKSPAN_MONITOR_INTERVAL": "7"}))
    pid = ready(machine)
    assert machine.status()["settings"]["monitor.interval"]["value"] == 30
    environment = Path(f"/proc/{pid}/environ").read_bytes().decode()
    assert "HOOKSPAN" not in environment

    assert machine.up(HOOKSPAN_MONITOR_INTERVAL="7") != pid, "one with other settings takes its place"
    interval = machine.status()["settings"]["monitor.interval"]
    assert interval == {"value": 7, "origin": "HOOKSPAN_MONITOR_INTERVAL"}


def test_sigterm_drains_the_journal(machine: Machine):
    machine.cli("down")
    events = [event for _ in range(40) for event in small_session(tools=10)]
    append(machine, *events)
    longer = "import hookspan.agent.resident as r; r.STOP_DEADLINE = 60.0"  # 10 s may be too short on a busy machine
    agent = launch(machine, "--stay", fault=longer)
    ready(machine)
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(120) == 0
    assert machine.counts().events == len(events)
    assert not is_held(machine.paths.agent_lock)


def test_a_newer_agent_takes_over_and_an_older_one_ends_at_once(machine: Machine):
    first = launch(machine, "--stay")
    pid = ready(machine)
    older = launch(machine, "--stay", version="0.0.9")
    assert older.wait(60) == 0
    assert machine.pid == pid
    same = launch(machine)
    assert same.wait(60) == 0
    assert machine.pid == pid

    newer = launch(machine, "--stay", version="99.0")
    assert first.wait(60) == 0, "asked to stop, it drained and ended"
    until(lambda: machine.pid == newer.pid)
    found = until(
        lambda: isinstance(probe := Client(machine.paths).probe(), NeedsRestart) and "99.0" in probe.reason and probe
    )
    assert found.about["version"] == "99.0"
    done = machine.cli("up")
    assert done.returncode == 1
    assert "a newer agent runs (99.0" in done.stderr
    newer.send_signal(signal.SIGTERM)
    assert newer.wait(60) == 0


def test_an_older_agent_that_ends_without_an_answer_is_replaced(paths: Paths):
    paths.create()
    older, newer = FileLock(paths.agent_lock), FileLock(paths.agent_lock)
    assert older.acquire()
    about = {"ok": True, "version": "0.0.9", "protocol": PROTOCOL, "state": "running", "pid": os.getpid()}
    with sockets.bind(paths.control_socket, socket.SOCK_STREAM) as control:
        control.listen()

        def answer() -> None:
            for op in ("ping", "stop"):
                with control.accept()[0] as stream:
                    assert json.loads(stream.recv(1000))["op"] == op
                    if op == "ping":
                        stream.sendall(json.dumps(about).encode() + b"\n")
            older.release()

        answering = threading.Thread(target=answer)
        answering.start()
        assert launching.take_over(paths, newer)
        answering.join()
    newer.release()


def test_up_replaces_an_older_agent(machine: Machine):
    old = launch(machine, "--stay", version="0.0.9")
    until(lambda: machine.pid == old.pid)
    until(lambda: isinstance(Client(machine.paths).probe(), NeedsRestart))
    assert machine.up() != old.pid
    assert old.wait(60) == 0
    assert machine.status()["agent"]["version"] == __version__


def test_version_order():
    ordered = ["0.9", "0.10.0.dev1", "0.10.0", "0.10.0.post1", "0.10.1", "1.0.0rc1", "1.0.0"]
    for earlier, later in itertools.pairwise(ordered):
        assert is_newer(later, earlier)
        assert not is_newer(earlier, later)


def test_a_killed_agent_leaves_nothing_in_the_way(machine: Machine):
    machine.up()
    machine.kill()
    assert isinstance(Client(machine.paths).probe(), Unreachable)
    assert machine.status()["agent"]["state"] == "not running"
    machine.hooks(*SESSION)
    ready(machine)
    until(lambda: machine.counts().events == len(SESSION))


def test_restart(machine: Machine):
    pid = machine.up()
    done = machine.json("restart")
    assert done["pid"] not in {0, pid}
    assert not machine.paths.down.exists()


def test_a_bad_settings_file_keeps_the_last_good_ones(make_machine: Callable[..., Machine]):
    machine = make_machine(settings="[monitor]\ninterval = 7\n")
    pid = machine.up()
    machine.paths.config.write_text("[monitor]\ninterval = 9\n")
    os.kill(pid, signal.SIGHUP)
    until(lambda: machine.status()["settings"]["monitor.interval"]["value"] == 9)
    machine.paths.config.write_text("[monitor]\ninterval = -1\n")
    os.kill(pid, signal.SIGHUP)
    problem = until(lambda: machine.status()["settings_problem"])
    assert "monitor.interval" in problem
    assert machine.status()["settings"]["monitor.interval"]["value"] == 9

    machine.kill()
    machine.hooks(SESSION[0])  # starts one that has never seen a good file
    ready(machine)
    assert machine.status()["settings"]["monitor.interval"]["value"] == 9
    assert machine.cli("restart").returncode == 1, "who is at the terminal is told"


def test_who_can_not_follow_a_setting_yet_does_so_later_and_keeps_nobody_else(machine: Machine, caplog):
    settings = AgentSettings(machine.paths, None)
    told: list[str] = []

    def locked() -> None:
        told.append("locked")
        if told.count("locked") < 4:
            raise sqlite3.OperationalError("database is locked")

    settings.subscribers += [locked, lambda: told.append("other")]
    machine.paths.config.write_text("[monitor]\ninterval = 9\n")
    settings.reload()
    for _ in range(5):
        settings.tell()
    assert told == ["locked", "other", "locked", "locked", "locked"]
    assert len(caplog.records) == 1


EXPORT_FAILS_ONCE = """
import errno
from hookspan.export import exporter
true_start, left = exporter.Exporter.start, [True]
def start(self):
    if left:
        left.pop()
        raise {error}
    true_start(self)
exporter.Exporter.start = start
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "at_once", "says"),
    [('OSError(errno.ENOSPC, "hunter2")', False, "followed"), ('ValueError("hunter2")', True, "can't begin")],
)
def test_an_exporter_that_could_not_be_started_is_made_anew(
    error: str, at_once: bool, says: str, machine: Machine, sink: Sink
):
    endpoint = f'[export]\nendpoint = "{sink.url}"\n'
    if at_once:
        machine.paths.config.write_text(endpoint)
    launch(machine, "--stay", fault=EXPORT_FAILS_ONCE.format(error=error))
    ready(machine)
    if not at_once:
        machine.paths.config.write_text(endpoint)
    until(lambda: any(says in str(line) for line in machine.log()))
    until(lambda: machine.status()["export"] and "problem" not in machine.status()["export"])
    machine.hooks(*SESSION)
    sink.wait(lambda: sink.distinct_spans >= len(SESSION))


def test_an_idle_agent_leaves_and_one_with_an_open_session_stays(make_machine: Callable[..., Machine]):
    idle = make_machine(settings="[agent]\nidle_minutes = 0.1\n")
    open_ = make_machine(settings="[agent]\nidle_minutes = 0.1\n")
    idle.hooks(*SESSION)
    open_.hooks(*SESSION[:-1])
    ready(open_)
    until(lambda: idle.counts().events == len(SESSION))  # it may have left by now
    until(lambda: idle.pid == 0, "it did not leave")
    assert [line["event"] for line in idle.log()][-2:] == ["leaving: nothing to do", "gone"]
    assert open_.pid, "a session is open"
    assert not Journal(idle.paths).segments()[0].current, "the next hook would make it new again"


def test_a_state_folder_with_a_very_long_name(tmp_path: Path):
    machine = Machine(tmp_path / ("x" * 100) / ("y" * 60)).install()
    try:
        assert len(str(machine.paths.poke_socket)) > 108
        machine.hooks(*SESSION)
        ready(machine)
        until(lambda: machine.counts().events == len(SESSION))
        assert machine.cli("down").returncode == 0
    finally:
        machine.close()


def test_everything_is_the_users_own_and_the_log_holds_no_content(machine: Machine):
    secret = "hunter2-the-prompt"
    machine.up()
    machine.hooks({**SESSION[1], "prompt": secret})
    with machine.paths.current.open("ab") as file:
        file.write(f'{{"v":1,"at":"{secret}","event":{{"prompt":"{secret}"}}}}\n{secret}\n'.encode())
    machine.json("flush", "--wait", "60s")
    assert machine.status()["ingest"]["quarantined"] == 2
    assert secret not in machine.paths.log.read_text()
    for path in machine.paths.state.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # the agent has taken it away
            mode = stat.S_IMODE(path.lstat().st_mode)
            assert not mode & 0o077, f"{path} has mode {mode:o}"


def test_status_imports_neither_the_exporter_nor_the_web_server(machine: Machine):
    code = "import sys; from hookspan.cli.main import cli; cli.main(sys.argv[1:], standalone_mode=False)"
    code += "; print(*sys.modules)"
    for verb in (["status"], ["tail", "--no-follow"]):
        command = [sys.executable, "-c", code, *verb]
        done = subprocess.run(command, env=machine.env, capture_output=True, text=True, check=True)
        loaded = {name.partition(".")[0] for name in done.stdout.split()}
        assert not loaded & {"opentelemetry", "starlette", "uvicorn", "requests", "sqlite3"}


def test_a_start_imports_nothing_that_few_agents_need():
    code = "import sys, hookspan.agent.__main__, hookspan.agent.resident; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], env={}, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "hookspan.agent.parts" in loaded
    assert not loaded & {"dataclasses", "email", "html", "http.client", "ssl", "tomllib", "urllib.request"}


def test_the_page_s_server_is_made_for_the_first_who_comes(machine: Machine):
    made = machine.folder / "made"
    told = f"event == 'import' and words[0] == 'uvicorn' and open({str(made)!r}, 'w').close()"
    launch(machine, fault=f"import sys; sys.addaudithook(lambda event, words: {told})")
    ready(machine)
    agent = machine.status()["agent"]
    assert not made.exists()
    with contextlib.closing(http.client.HTTPConnection(urlsplit(agent["url"]).netloc, timeout=PATIENCE)) as page:
        page.request("GET", "/")
        assert page.getresponse().status < 500
    assert made.exists()


def test_tail_shows_events_and_no_terminal_sequence(machine: Machine):
    machine.hooks({**SESSION[1], "prompt": "\x1b[31mred\u202eevil"}, SESSION[2])
    shown = machine.cli("tail", "--no-follow").stdout
    assert "UserPromptSubmit" in shown
    assert "red evil" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    lines = [json.loads(line) for line in machine.cli("tail", "--no-follow", "--json", "-n", "1").stdout.splitlines()]
    assert [line["event"]["hook_event_name"] for line in lines] == ["PreToolUse"]


def test_no_event_falls_between_an_agent_that_goes_and_the_next(machine: Machine):
    sent = [0]
    for _ in range(5):
        first, *rest = small_session(tools=10)
        machine.hooks(first)
        pid = ready(machine)
        os.kill(pid, signal.SIGTERM)
        machine.hooks(*rest)
        sent.append(sent[-1] + 1 + len(rest))
        # Read by the one that goes or by the next, and without a further hook.
        until(lambda: machine.counts().events == sent[-1])
        until(lambda pid=pid: machine.pid != pid, "the one that was told to end is there")
        until(lambda: not machine.pid or isinstance(Client(machine.paths).probe(), Ready))


def test_flush_starts_an_agent_for_what_was_recorded_without_one(make_machine: Callable[..., Machine]):
    machine = make_machine(settings="[agent]\nautostart = false\n")
    machine.hooks(*SESSION)
    assert machine.pid == 0
    with Sink() as sink:
        flushed = machine.json("flush", "--wait", "60s", env={"HOOKSPAN_EXPORT_ENDPOINT": sink.url})
        assert flushed["exported"]
        assert sum(span.scope == "hookspan.hooks" for span in sink.spans) == len(SESSION)


def test_flush_says_of_nothing_that_it_is_exported_before_the_exporter_is_there(make_machine: Callable[..., Machine]):
    with Sink() as sink:
        machine = make_machine(settings=f'[export]\nendpoint = "{sink.url}"\n')
        go = machine.folder / "go"
        launch(machine, "--stay", fault=LATE_EXPORT.format(go=str(go)))
        ready(machine)
        machine.hooks(*SESSION)
        early = machine.json("flush", "--wait", "100ms")
        assert (early["drained"], early["exported"]) == (False, False)
        go.touch()
        assert machine.json("flush", "--wait", "60s")["exported"]


@pytest.mark.slow
def test_flush_waits_while_an_exporter_is_exchanged(make_machine: Callable[..., Machine]):
    settings = "[export]\nmetric_interval = {interval}\nendpoint = {url!r}\n"
    with Sink() as sink, ThreadPoolExecutor(1) as pool:
        machine = make_machine(settings=settings.format(interval=2, url=sink.url))
        go = machine.folder / "go"
        go.touch()
        launch(machine, "--stay", fault=LATE_EXPORT.format(go=str(go)))
        ready(machine)
        machine.hooks(*SESSION)
        assert machine.json("flush", "--wait", "60s")["exported"]
        go.unlink()
        machine.paths.config.write_text(settings.format(interval=1, url=sink.url))
        until(lambda: "state" not in machine.status()["export"])  # one has ended, the other has not begun
        flushed = pool.submit(machine.json, "flush", "--wait", "60s")
        with pytest.raises(TimeoutError):
            flushed.result(2)
        go.touch()
        answer = flushed.result(2 * PATIENCE)
        assert answer["exported"], answer


def test_what_waits_for_export_is_kept_while_it_is_exchanged(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    def changed(text: str) -> None:
        machine.paths.config.write_text(text)
        settings.reload()
        exports.settings_changed()

    seen: list[int | None] = []
    begin = Exports._begin
    monkeypatch.setattr(Exports, "_begin", lambda one: (seen.append(watermark.spans), begin(one)))
    Store.open(machine.paths).close()
    with Sink() as sink:
        export = f"[export]\nendpoint = {sink.url!r}\n"
        machine.paths.config.write_text(export)
        settings, watermark = AgentSettings(machine.paths, None), Watermark()
        gauges = cast("Any", SimpleNamespace(readings=list, register=lambda _meter: None))
        exports = Exports(machine.paths, settings, gauges, watermark=watermark, damaged=lambda _: None)
        exports.store_opened()
        changed(export + "metric_interval = 1\n")
        changed("")
        exports.stop()
    assert (seen[0], None in seen[1:], watermark.spans) == (None, False, None)


def test_a_page_that_could_not_be_served_is_once_it_can(make_machine: Callable[..., Machine]):
    """Such as one at an address of a network that comes after the agent."""
    machine = make_machine(settings="")
    go = machine.folder / "go"
    launch(machine, "--stay", fault=NO_ADDRESS.format(go=str(go)))
    ready(machine)
    assert machine.status()["agent"]["url"] is None
    machine.hooks(*SESSION)
    assert machine.json("flush", "--wait", "60s")["drained"]
    go.touch()
    until(lambda: machine.status()["agent"]["url"])
    logged = [line for line in machine.log() if line["event"] == "the page can't be served"]
    assert len(logged) == 1, "once, however often it was tried"


def test_a_signal_may_interrupt_the_main_thread_anywhere(tmp_path: Path):
    """Also where that holds the lock of what the signal's handler is to wake it with."""
    lifecycle = Lifecycle(FileLock(tmp_path / "lock"), stay=True)

    signals = iter((signal.SIGHUP, signal.SIGTERM) * 100)

    def interrupt(*_: object) -> Any:
        for number in itertools.islice(signals, 2):
            lifecycle._on_signal(number, None)
        return interrupt

    def work() -> None:
        sys.settrace(interrupt)
        for _ in range(10):
            lifecycle.wake()
            lifecycle.wait(0.01)
        lifecycle.stop()
        sys.settrace(None)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert lifecycle.stopping
    assert lifecycle.take_reload()


def test_an_agent_that_can_have_no_thread_answers_once_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    control = Control(tmp_path / "control.sock", {"ping": lambda _: {}}, dict)

    def ask() -> bytes:
        with sockets.connect(tmp_path / "control.sock") as asking:
            asking.settimeout(PATIENCE)
            asking.sendall(b'{"op": "ping"}\n')
            with contextlib.suppress(RuntimeError):
                control.accept()
            return asking.recv(4096)

    with monkeypatch.context() as patch:
        patch.setattr(
            threading.Thread, "start", lambda _: (_ for _ in ()).throw(RuntimeError("can't start new thread"))
        )
        for _ in range(AT_ONCE):
            with contextlib.suppress(ConnectionResetError):
                assert ask() == b""
    assert json.loads(ask())["ok"]
    control.close()


@pytest.mark.parametrize("how", ["no thread", "its server ends"])
def test_a_door_that_can_not_stay_open_leaves_nothing_and_says_so(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, how: str
):
    told = threading.Event()
    settings = AgentSettings(machine.paths, None)
    agent = cast("Any", SimpleNamespace(paths=machine.paths, settings=lambda: settings.now))
    door = Door(agent, ended=told.set)
    port = door._socket.getsockname()[1]
    with monkeypatch.context() as patch:
        if how == "no thread":
            patch.setattr(threading.Thread, "start", lambda _: (_ for _ in ()).throw(RuntimeError("no thread")))
            with pytest.raises(RuntimeError):
                door.start()
        else:
            server = SimpleNamespace(run=lambda: None, end=lambda: None, connections=0)
            patch.setattr("hookspan.web.server.Server", lambda *_: server)
            door.start()
            door.one_time_url()
            assert told.wait(PATIENCE)
            assert not door.alive
            door.stop()
    assert not door.alive
    with socket.socket() as asking:
        assert asking.connect_ex(("127.0.0.1", port)) != 0
