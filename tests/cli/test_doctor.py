"""`hookspan doctor` finds what is wrong, each condition made real; the real back ends are in tests/stack."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from hookspan.agent import status
from hookspan.agent.client import Client, NeedsRestart
from hookspan.agent.health import Status
from hookspan.cli.doctor import checks
from hookspan.cli.doctor.checks import agent as agent_checks
from hookspan.cli.doctor.checks import backends, claude, recorded
from hookspan.cli.doctor.checks import installed as installed_checks
from hookspan.cli.doctor.context import Context
from hookspan.paths import Paths
from tests.agent.machine import Machine, append, launch, ready, small_session
from tests.export.test_grpc import Endpoint
from tests.faults.stand import mounted, read_only
from tests.otlp_sink import Sink
from tests.ports import Ports
from tests.waiting import until

Fault = Callable[[Machine], "AbstractContextManager[Any] | None"]
WARNING, CRITICAL = Status.WARNING, Status.CRITICAL
NOBODY = pwd.getpwnam("nobody").pw_uid
SETTINGS = "[dashboard]\nport = 0\n"  # somebody else may have the usual one


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Machine, Path]:
    """A machine on which hookspan is installed, and a copy of it: an installation takes longer than most checks."""
    machine = Machine(tmp_path_factory.mktemp("doctor") / "machine", settings=SETTINGS)
    assert machine.cli("install", "--yes").returncode == 0
    machine.relay = (str(machine.paths.relay), str(machine.paths.state))
    copy = machine.folder.with_name("copy")
    shutil.copytree(machine.folder, copy)
    return machine, copy


@pytest.fixture
def machine(installed: tuple[Machine, Path]) -> Iterator[Machine]:
    machine, copy = installed
    shutil.rmtree(machine.folder)
    shutil.copytree(copy, machine.folder)
    yield machine
    machine.close()
    machine.agents.clear()


def context(machine: Machine, **env: str) -> Context:
    return Context(machine.paths, {**machine.env, **env}, machine.home)


def found(machine: Machine, **env: str) -> dict[str, tuple[Status, str]]:
    """The checks that found something, and the worst of what they say."""
    bad: dict[str, tuple[Status, str]] = {}
    for name, each in checks.run(context(machine, **env)):
        if each.status in {WARNING, CRITICAL} and bad.get(name, (WARNING, ""))[0] is not CRITICAL:
            bad[name] = (each.status, each.message)
            assert each.todo or each.why, each
    return bad


def settings_file(machine: Machine) -> Path:
    return machine.home / ".claude" / "settings.json"


def change(machine: Machine, edit: Callable[[dict[str, Any]], Any]) -> None:
    value = json.loads(settings_file(machine).read_text())
    edit(value)
    settings_file(machine).write_text(json.dumps(value))


def configure(machine: Machine, text: str) -> None:
    machine.paths.config.write_text(SETTINGS + text)


# --- Claude Code's side


def without_hooks(machine: Machine) -> None:
    settings_file(machine).write_text("{}")


def no_json(machine: Machine) -> None:
    settings_file(machine).write_text("{,}")


def another_entry_broken(machine: Machine) -> None:
    change(machine, lambda value: value["hooks"]["Stop"].append({"hooks": [{"type": "command"}]}))


def switched_off(machine: Machine) -> None:
    change(machine, lambda value: value.update(disableAllHooks=True))


def switched_off_by_the_project(machine: Machine) -> None:
    (machine.home / ".claude" / "settings.local.json").write_text('{"disableAllHooks": true}')


def entry_of_a_relay_that_is_gone(machine: Machine) -> None:
    handler = {"type": "command", "command": "/opt/old/bin/hookspan-relay", "args": ["/old"]}
    (machine.home / ".claude" / "settings.local.json").write_text(
        json.dumps({"hooks": {"Stop": [{"hooks": [handler]}]}})
    )


def entry_for_an_event_that_changes_things(machine: Machine) -> None:
    change(machine, lambda value: value["hooks"].update(WorktreeCreate=value["hooks"]["Stop"]))


def entry_twice(machine: Machine) -> None:
    change(machine, lambda value: value["hooks"].update(Stop=value["hooks"]["Stop"] * 2))


def native_taken_out(machine: Machine) -> None:
    configure(machine, '[export]\nendpoint = "http://127.0.0.1:9"\n')
    assert machine.cli("install", "--yes", "--native-telemetry").returncode == 0
    change(machine, lambda value: value["env"].pop("OTEL_LOGS_EXPORTER"))
    configure(machine, "")


def native(**variables: str) -> Fault:
    def fault(machine: Machine) -> None:
        env = {"CLAUDE_CODE_ENABLE_TELEMETRY": "1", **variables}
        change(machine, lambda value: value.update(env=env))

    return fault


OTLP = {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}


# --- What is installed


def bad_setting(machine: Machine) -> None:
    configure(machine, "[export]\nendpoint = 5\n")


def misspelt_setting(machine: Machine) -> None:
    configure(machine, "[exprot]\nendpoint = 5\n")


def relay_gone(machine: Machine) -> None:
    machine.paths.relay.unlink()


def relay_not_executable(machine: Machine) -> None:
    machine.paths.relay.chmod(0o600)


def relay_chatty(machine: Machine) -> None:
    machine.paths.relay.write_text("#!/bin/sh\necho hello\n")


def relay_of_others(machine: Machine) -> None:
    os.chown(machine.paths.relay, NOBODY, NOBODY)


def relay_for_all_to_write(machine: Machine) -> None:
    machine.paths.relay.chmod(0o722)


def python_moved(machine: Machine) -> None:
    machine.paths.relay_conf.write_text("autostart 1\narg /gone/bin/python\n")


def conf_gone(machine: Machine) -> None:
    machine.paths.relay_conf.unlink()


# --- Folders and disk


def state_open(machine: Machine) -> None:
    machine.paths.state.chmod(0o755)


def journal_for_all_to_write(machine: Machine) -> None:
    machine.paths.journal.chmod(0o777)


def state_of_others(machine: Machine) -> None:
    os.chown(machine.paths.run, NOBODY, NOBODY)


def parent_for_all_to_write(machine: Machine) -> None:
    machine.folder.chmod(0o777)


def socket_is_a_file(machine: Machine) -> None:
    machine.paths.poke_socket.touch(mode=0o600)


@contextlib.contextmanager
def disk_full(machine: Machine) -> Iterator[None]:
    with _on_a_disk(machine, "size=1m"):
        (machine.paths.state / "ballast").write_bytes(b"\0" * 1_020_000)
        (machine.paths.state / "ballast").chmod(0o600)
        yield


@contextlib.contextmanager
def no_more_files(machine: Machine) -> Iterator[None]:
    with _on_a_disk(machine, "size=8m,nr_inodes=40"):
        with contextlib.suppress(OSError):
            for number in range(40):
                os.close(os.open(machine.paths.state / f"f{number}", os.O_CREAT, 0o600))
        yield


@contextlib.contextmanager
def _on_a_disk(machine: Machine, options: str) -> Iterator[None]:
    with mounted(machine.paths.state, "-o", f"{options},mode=0700"):
        assert machine.cli("install", "--yes").returncode == 0
        yield


def disk_read_only(machine: Machine) -> "AbstractContextManager[None]":
    return read_only(machine.paths.state)


# --- What was recorded


def unreadable_line(machine: Machine) -> None:
    append(machine, b"{no json")
    machine.up()
    until(lambda: status.journal(machine.paths)["quarantine_bytes"])


def lossy(machine: Machine) -> None:
    table = machine.paths.drops.read_bytes()
    machine.paths.drops.write_bytes(table.replace(b"%020d %020d" % (0, 0), b"%020d %020d" % (2, time.time_ns()), 1))


def store_damaged(machine: Machine) -> None:
    machine.hooks(*small_session(20))
    machine.up()
    until(lambda: machine.counts().events)
    machine.cli("down")
    machine.paths.down.unlink()
    data = bytearray(machine.paths.store.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    machine.paths.store.write_bytes(data)


def store_of_others(machine: Machine) -> None:
    machine.paths.store.write_bytes(b"no database" * 1000)
    machine.paths.store.chmod(0o600)


def store_set_aside(machine: Machine) -> None:
    path = machine.paths.store.with_name("store.db.damaged-1795577017")
    path.write_bytes(b"")
    path.chmod(0o600)


# --- The agent


def agent_down(machine: Machine) -> None:
    assert machine.cli("down").returncode == 0


def agent_old(machine: Machine) -> None:
    launch(machine, "--stay", version="0.0.1")
    until(lambda: isinstance(probe := Client(machine.paths).probe(), NeedsRestart) and "0.0.1" in probe.reason)


@contextlib.contextmanager
def agent_stopped(machine: Machine) -> Iterator[None]:
    process = launch(machine, "--stay")
    ready(machine)
    machine.json("flush", "--wait", "60s")  # its store is there
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def port_taken(machine: Machine) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        machine.paths.config.write_text(f"[dashboard]\nport = {squatter.getsockname()[1]}\n")
        machine.up()
        yield
    machine.cli("down")


@contextlib.contextmanager
def no_desktop(machine: Machine) -> Iterator[None]:
    configure(machine, '[[notify]]\nurl = "desktop"\n')
    machine.env["XDG_RUNTIME_DIR"] = str(machine.home)
    yield
    del machine.env["XDG_RUNTIME_DIR"]


# --- Backends


@contextlib.contextmanager
def server(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """One that answers every request in the same way."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer(self)

        do_POST = do_GET  # noqa: N815 - the base class's name

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Stay silent."""

    with HTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{made.server_address[1]}"
        finally:
            made.shutdown()


@contextlib.contextmanager
def endpoint(machine: Machine, **fault: Any) -> Iterator[Sink]:
    with Sink() as sink:
        if fault:
            sink.fault(**fault)
        configure(machine, f'[export]\nendpoint = "{sink.url}"\n')
        yield sink


def unreachable(machine: Machine) -> None:
    with endpoint(machine):
        pass


def unauthorized(machine: Machine) -> "AbstractContextManager[Sink]":
    return endpoint(machine, status=401)


def web_page(machine: Machine) -> "AbstractContextManager[Sink]":
    return endpoint(machine, status=200, headers={"Content-Type": "text/html"}, body=b"<html>")


@contextlib.contextmanager
def clock_of_the_backend(machine: Machine) -> Iterator[None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response_only(200)
        request.send_header("Date", formatdate(time.time() + 90, usegmt=True))
        request.end_headers()

    with server(answer) as url:
        configure(machine, f'[collector]\nhealth = "{url}"\n')
        yield


def clock_set_back(machine: Machine) -> None:
    machine.paths.current.touch(mode=0o600)
    os.utime(machine.paths.current, (time.time() + 3600, time.time() + 3600))


@contextlib.contextmanager
def collector_ill(machine: Machine) -> Iterator[None]:
    with server(lambda request: request.send_error(503)) as url:
        configure(machine, f'[collector]\nhealth = "{url}"\n')
        yield


def stack_without_docker(machine: Machine) -> None:
    (machine.paths.data / "stack").mkdir()
    (machine.paths.data / "stack" / "docker-compose.yml").write_text("services: {}\n")


root = pytest.mark.need_root
CASES: list[Any] = [
    (bad_setting, {"settings": (CRITICAL, "export.endpoint")}),
    (misspelt_setting, {"settings": (WARNING, "did you mean `export`")}),
    (
        without_hooks,
        {"hooks": (CRITICAL, "no longer has hookspan's hooks"), "relay": (CRITICAL, "none of hookspan's hooks")},
    ),
    (no_json, {"hooks": (CRITICAL, "line 1"), "relay": (CRITICAL, "none of hookspan's hooks")}),
    (another_entry_broken, {"hooks": (WARNING, "`hooks.Stop[1].hooks[0]`")}),
    (switched_off, {"policies": (CRITICAL, "disableAllHooks")}),
    (switched_off_by_the_project, {"policies": (CRITICAL, "settings.local.json")}),
    (entry_of_a_relay_that_is_gone, {"stale": (CRITICAL, "is gone")}),
    (entry_for_an_event_that_changes_things, {"stale": (WARNING, "`hooks.WorktreeCreate[0]`")}),
    (entry_twice, {"stale": (WARNING, "twice")}),
    (native_taken_out, {"native": (WARNING, "lacks `OTEL_LOGS_EXPORTER`")}),
    (native(), {"native": (WARNING, "no `OTEL_*_EXPORTER`")}),
    (native(OTEL_METRICS_EXPORTER="otlp"), {"native": (WARNING, "OTEL_EXPORTER_OTLP_PROTOCOL")}),
    (native(**OTLP, OTEL_LOG_USER_PROMPTS="1"), {"native": (WARNING, "OTEL_LOG_USER_PROMPTS")}),
    (relay_gone, {"hooks": (CRITICAL, "is gone"), "relay": (CRITICAL, "fails")}),
    (relay_not_executable, {"hooks": (CRITICAL, "is gone"), "relay": (CRITICAL, "fails")}),
    (relay_chatty, {"relay": (CRITICAL, "does not record")}),
    pytest.param(relay_of_others, {"relay": (CRITICAL, "belongs to user")}, marks=root),
    (relay_for_all_to_write, {"relay": (CRITICAL, "written by others")}),
    (python_moved, {"starter": (CRITICAL, "/gone/bin/python")}),
    (conf_gone, {"starter": (CRITICAL, "`relay.conf` missing")}),
    (state_open, {"folders": (WARNING, "read by others")}),
    (journal_for_all_to_write, {"folders": (CRITICAL, "written by others")}),
    pytest.param(state_of_others, {"folders": (CRITICAL, "somebody else")}, marks=root),
    (parent_for_all_to_write, {"owners": (CRITICAL, "written by others")}),
    (socket_is_a_file, {"sockets": (WARNING, "in the place of a socket")}),
    pytest.param(disk_full, {"disk": (CRITICAL, " free (")}, marks=root),
    pytest.param(no_more_files, {"disk": (CRITICAL, "room for 0 more files")}, marks=root),
    pytest.param(disk_read_only, {"journal": (CRITICAL, "can't be written")}, marks=root),
    (unreadable_line, {"journal": (WARNING, "set aside")}),
    (lossy, {"lost": (CRITICAL, "2 because the journal had reached")}),
    (store_damaged, {"store": (CRITICAL, "is damaged")}),
    (store_of_others, {"store": (CRITICAL, "not a database")}),
    (store_set_aside, {"store": (WARNING, "set aside")}),
    (agent_down, {"agent": (WARNING, "stopped by `hookspan down`")}),
    (agent_old, {"agent": (WARNING, "version 0.0.1; this is")}),
    (agent_stopped, {"agent": (CRITICAL, "does not answer")}),
    (port_taken, {"port": (WARNING, f"(pid {os.getpid()}, user")}),
    (no_desktop, {"notify": (WARNING, "no desktop session")}),
    (clock_set_back, {"clock": (WARNING, "in the future")}),
    (clock_of_the_backend, {"clock": (WARNING, "behind that of http://127.0.0.1")}),
    (unreachable, {"export": (CRITICAL, "refused")}),
    (unauthorized, {"export": (CRITICAL, "answered 401")}),
    (web_page, {"export": (CRITICAL, "a web page")}),
    (collector_ill, {"collector": (CRITICAL, "says 503")}),
]


@pytest.mark.parametrize(("fault", "wanted"), CASES)
def test_each_fault_has_its_line(machine: Machine, fault: Fault, wanted: dict[str, tuple[Status, str]]):
    assert found(machine) == {}
    with fault(machine) or contextlib.nullcontext():
        bad = found(machine)
    assert {name: status for name, (status, _) in bad.items()} == {name: status for name, (status, _) in wanted.items()}
    for name, (_, words) in wanted.items():
        assert words in bad[name][1]


def test_docker_matters_only_where_a_stack_was_made(machine: Machine):
    assert found(machine, PATH="/nowhere") == {}
    stack_without_docker(machine)
    assert found(machine, PATH="/nowhere").keys() == {"docker"}


@pytest.mark.parametrize("works", [True, False])
def test_docker_without_compose_is_no_docker_for_the_stack(works: bool, machine: Machine, tmp_path: Path):
    docker = tmp_path / "docker"
    docker.write_text(f"#!/bin/sh\nexit {int(not works)}\n")
    docker.chmod(0o755)
    (one,) = backends.docker(context(machine, PATH=str(tmp_path)))
    assert one.status is Status.HEALTHY
    assert ("Compose is not installed" in one.message) is not works


def test_it_says_the_same_as_status(machine: Machine):
    (journal,) = recorded.journal(context(machine))
    assert f"journal   {journal.message}\n" in machine.cli("status").stdout
    launch(machine)
    ready(machine)
    assert machine.cli("down").returncode == 0
    (store,) = recorded.store(context(machine))
    assert f"store     {store.message.removesuffix(', sound')}\n" in machine.cli("status").stdout


def test_where_nothing_is_installed_no_command_without_a_name_is_gone(machine: Machine):
    without_hooks(machine)
    machine.paths.relay_conf.unlink()
    (starter,) = installed_checks.starter(context(machine))
    assert (starter.status, "relay.conf` does not exist yet" in starter.message) == (WARNING, True)


def test_a_store_that_is_just_being_made_is_nobody_elses(machine: Machine):
    with contextlib.closing(sqlite3.connect(machine.paths.store)) as db:
        db.execute("PRAGMA journal_mode = WAL")
    machine.paths.store.chmod(0o600)
    (one,) = recorded.store(context(machine))
    assert one.status is Status.HEALTHY, one.message


def test_the_last_line_says_no_more_than_those_above(machine: Machine):
    assert machine.cli("doctor").stdout.splitlines()[-1] == "Everything is healthy."
    state_open(machine)
    assert "\nNothing is broken; 1 warning above.\n" in machine.cli("doctor").stdout
    relay_gone(machine)
    assert "\nSomething is broken: see FAIL above.\n" in machine.cli("doctor").stdout


# --- What one test a case can't show


@pytest.mark.parametrize("where", ["managed-settings.json", "managed-settings.d/10-hooks.json"])
@pytest.mark.parametrize("key", ["disableAllHooks", "allowManagedHooksOnly"])
def test_policies_of_the_administrator(machine: Machine, tmp_path: Path, where: str, key: str):
    (tmp_path / where).parent.mkdir(exist_ok=True)
    (tmp_path / where).write_text(json.dumps({key: True}))
    (policy,) = claude.policies(Context(machine.paths, machine.env, machine.home, managed=[tmp_path]))
    assert policy.status is CRITICAL
    assert key in policy.message
    assert str(tmp_path / where) in policy.message
    assert "install --print" in policy.todo


def test_native_telemetry_that_goes_elsewhere(machine: Machine):
    configure(machine, '[export]\nendpoint = "http://127.0.0.1:9/"\n')
    for url, elsewhere in (("http://127.0.0.1:9", False), ("http://other:4318", True)):
        native(**OTLP, OTEL_EXPORTER_OTLP_ENDPOINT=url)(machine)
        (one,) = claude.native(context(machine))
        assert ("sent elsewhere" in one.message) is elsewhere


def test_a_second_agent_is_found_and_ended(machine: Machine):
    """It was stopped when somebody deleted the lock's file, so that another could start beside it."""
    stopped = launch(machine, "--stay")
    ready(machine)
    assert [one.status for one in agent_checks.second_agent(context(machine), grace=0)] == [Status.HEALTHY]
    stopped.send_signal(signal.SIGSTOP)
    machine.paths.agent_lock.unlink()
    second = launch(machine, "--stay")
    until(lambda: machine.pid == second.pid)
    (one,) = agent_checks.second_agent(context(machine), grace=0)
    assert one.status is CRITICAL
    assert f"pid {stopped.pid}" in one.message
    assert one.fix is not None
    one.fix.do()
    stopped.wait(60)
    assert machine.pid == second.pid


def test_who_has_a_port_is_told_where_his_process_is_not(monkeypatch: pytest.MonkeyPatch):
    """Another user's processes can't be looked into; whose socket it is stands in a table that all can read."""
    monkeypatch.setattr(agent_checks.psutil, "net_connections", lambda _: [])
    ports = Ports()
    port = ports["squatted"]
    with socket.create_server(("127.0.0.1", port)):
        assert agent_checks.listener(port) == f"a program of user {os.getuid()}"
        monkeypatch.setattr(agent_checks, "LISTENERS", ())
        assert agent_checks.listener(port) == "another program"
    assert agent_checks.listener(port) is None


def test_a_test_span_goes_out_with_our_headers_alone(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(backends, "ARRIVAL", 0.0)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=theirs")
    with Sink() as sink:
        links = f'[links]\njaeger = "{sink.url}"\n'
        configure(machine, f'[export]\nendpoint = "{sink.url}"\nheaders = {{x-key = "ours"}}\n{links}')
        took, arrived = backends.export(context(machine))
        assert took.status is Status.HEALTHY
        (span,) = sink.spans
        assert (span.name, span.attributes) == ("hookspan doctor", {"hookspan.synthetic": True})
        assert sink.requests[0].headers["x-key"] == "ours"
        assert "authorization" not in sink.requests[0].headers
        assert arrived.status is CRITICAL
        assert "is not in" in arrived.message


def test_a_test_span_by_grpc(machine: Machine):
    endpoint = Endpoint()
    configure(machine, f'[export]\nendpoint = "http://127.0.0.1:{endpoint.port}"\nprotocol = "grpc"\n')
    (took,) = backends.export(context(machine))
    assert took.status is Status.HEALTHY
    assert len(endpoint.span_ids) == 1
    endpoint.server.stop(0).wait()
    (refused,) = backends.export(context(machine))
    assert refused.status is CRITICAL


def test_a_redirect_takes_no_header_elsewhere(machine: Machine):
    with (
        Sink() as elsewhere,
        endpoint(machine, status=302, headers={"Location": f"{elsewhere.url}/v1/traces"}, store=False),
    ):
        machine.paths.config.write_text(machine.paths.config.read_text() + 'headers = {authorization = "Bearer x"}\n')
        (one,) = backends.export(context(machine))
        assert "302" in one.message
        assert elsewhere.requests == []


def mended(machine: Machine, *options: str) -> dict[str, Any]:
    done = machine.cli("doctor", "--fix", "--json", *options)
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(
    "fault",
    [
        without_hooks,
        relay_gone,
        relay_for_all_to_write,
        entry_for_an_event_that_changes_things,
        python_moved,
        conf_gone,
        state_open,
        journal_for_all_to_write,
        agent_old,
    ],
)
def test_what_is_safe_is_done(machine: Machine, fault: Fault):
    fault(machine)
    told = mended(machine, "--yes")
    assert told["ok"]
    assert told["fixed"]
    assert [one for one in told["checks"] if one["status"] in {"warning", "critical"}] == []


def test_nothing_is_done_unasked_and_what_is_not_ours_is_left(machine: Machine):
    switched_off(machine)
    state_open(machine)
    before = settings_file(machine).read_bytes()
    done = machine.cli("doctor", "--fix")
    assert done.returncode == 1
    assert "--fix --yes" in done.stderr
    assert machine.paths.state.stat().st_mode & 0o777 == 0o755
    told = mended(machine, "--yes")
    assert told["fixed"] == [f"chmod go= `{machine.paths.state}`"]
    assert settings_file(machine).read_bytes() == before
    assert not told["ok"]


def test_each_finding_says_what_why_and_what_to_do(machine: Machine):
    state_open(machine)
    lines = machine.cli("doctor").stdout.splitlines()
    (at,) = (number for number, line in enumerate(lines) if line.startswith("warn folders"))
    assert lines[at + 1].split() == ["why:", "prompts,", "commands", "and", "results", "are", "in", "there"]
    assert lines[at + 2].strip() == f"-> `chmod -R go= {machine.paths.state}`"


def test_a_name_of_a_setting_steers_no_terminal(machine: Machine):
    configure(machine, '[export]\n"\\u001b[31mred\\u202e" = 1\n')
    said = machine.cli("doctor").stdout
    assert "is not a setting" in said
    assert "\x1b[31m" not in said
    assert "\u202e" not in said


# --- A session, end to end


def test_end_to_end_without_an_endpoint_and_with_one(machine: Machine):
    report = json.loads(machine.cli("doctor", "--json", "--end-to-end").stdout)
    assert [(step["name"], step["found"]) for step in report["end_to_end"]] == [
        ("hook", True),
        ("store", True),
        ("export", True),
    ]
    (session,) = machine.json("sessions")
    assert session["project"] == "hookspan-doctor", "so everybody sees what it is, and no project of theirs has it"
    with endpoint(machine) as sink:
        machine.cli("restart")
        done = machine.cli("doctor", "--end-to-end")
        assert done.returncode == 0, done.stdout
        assert any(
            span.attributes.get("hookspan.synthetic") is True for span in sink.spans if span.name != backends.SPAN
        )


def test_it_offers_the_ambient_endpoint_and_does_not_obey_it(machine: Machine):
    said = machine.cli("doctor", env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}).stdout
    assert "hookspan config import-otel" in said


def test_who_is_older_than_the_agent_is_told_why(paths: Paths, monkeypatch: pytest.MonkeyPatch):
    about = {"state": "running", "pid": 1, "version": "99.0.0"}
    monkeypatch.setattr(status, "status_of", lambda _: {"agent": about, "answered": True})
    (one,) = agent_checks.agent(Context(paths, {}, None))
    assert (one.status, one.why) == (WARNING, "there are two installations; the newer agent stays")
