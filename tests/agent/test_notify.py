"""Notifications as they arrive, through the real apprise."""

import contextlib
import json
import re
import ssl
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hookspan.web.demo import lines as demo_lines
from tests.ports import Ports
from tests.waiting import until

from .conftest import listening
from .machine import Machine, append, event, launch, ready


def told(messages: list[str]) -> int:
    """How many failed turns; anything else is an error."""
    found = 0
    for line in "\n".join(messages).splitlines():
        more = re.fullmatch(r"and (\d+) more", line)
        assert more or line == "shop: a turn failed"
        found += int(more[1]) if more else 1
    return found


def loop(session: str, command: str) -> Iterator[dict[str, Any]]:
    """The same call ten times."""
    yield event("UserPromptSubmit", session, prompt="again", prompt_id="p")
    for number in range(10):
        call = {"tool_name": "Bash", "tool_input": {"command": command}, "tool_use_id": f"toolu_{number}"}
        yield event("PreToolUse", session, prompt_id="p", **call)
        yield event("PostToolUse", session, prompt_id="p", **call, tool_response={"stdout": ""}, duration_ms=1)
        yield event("PostToolBatch", session, prompt_id="p", tool_calls=[{**call, "tool_response": ""}])


def test_a_long_wait_and_failed_turns_are_told_without_content(
    make_machine: Callable[..., Machine], inbox: tuple[str, list[str]]
):
    url, received = inbox
    machine = make_machine(
        settings=f'[[notify]]\nurl = "{url}"\nevents = ["waiting", "alarm", "turn_failed", "collision"]\n'
        "waiting_seconds = 1\ninterval = 1\n"
    )
    machine.up()
    append(machine, *demo_lines(time.time_ns()))  # who waits and what fails in it is made up: nobody is told
    session, prompt = str(uuid.uuid4()), str(uuid.uuid4())
    secret = "rm -rf hunter2"
    call = {"tool_name": "Bash", "tool_input": {"command": secret}, "prompt_id": prompt}
    machine.hooks(
        event("SessionStart", session, source="startup"),
        event("UserPromptSubmit", session, prompt=secret, prompt_id=prompt),
        event("PreToolUse", session, tool_use_id="toolu_1", **call),
        event("PermissionRequest", session, **call),
    )
    until(lambda: received == ["shop waits for you (Bash)"], f"received {received}")
    append(machine, *loop(str(uuid.uuid4()), "cat hunter2"))
    until(lambda: received[1:] == ["shop repeats one call (10 calls)"], f"received {received}")
    del received[1:]
    append(machine, *(event("StopFailure", session, error="rate_limit", prompt_id=prompt, number=n) for n in range(8)))
    until(lambda: told(received[1:]) == 8, f"received {received}")
    assert len(received) < 9, "a burst becomes one message"
    until(lambda: machine.status()["notify"]["sent"] == len(received) + 1, "each is counted once it is answered")
    write = {"tool_name": "Write", "tool_input": {"file_path": "hunter2.py", "content": ""}, "prompt_id": prompt}
    for who, call_id in ((session, "toolu_2"), (str(uuid.uuid4()), "toolu_3")):
        machine.hooks(event("PreToolUse", who, tool_use_id=call_id, **write))
    until(lambda: received[-1] == "shop: two sessions write the same at the same time", f"received {received}")


def test_each_table_has_its_own_rules_though_they_tell_the_same_place(
    make_machine: Callable[..., Machine], inbox: tuple[str, list[str]]
):
    url, received = inbox
    tables = ('["health_critical"]', '["waiting"]\nwaiting_seconds = 1', '["waiting"]\nwaiting_seconds = 3')
    machine = make_machine(
        settings="".join(f'[[notify]]\nurl = "{url}"\ninterval = 1\nevents = {table}\n' for table in tables)
    )
    machine.up()
    call = {"tool_name": "Bash", "tool_input": {"command": "make"}, "tool_use_id": "toolu_1", "prompt_id": "p"}
    machine.hooks(*(event(name, "s", **call) for name in ("UserPromptSubmit", "PreToolUse", "PermissionRequest")))
    until(lambda: received == ["shop waits for you (Bash)"] * 2, f"received {received}")


@pytest.mark.slow
def test_who_could_not_be_told_is_told_later_what_is_still_so(make_machine: Callable[..., Machine]):
    ports = Ports()  # as long as they are held
    port = ports["inbox"]
    machine = make_machine(
        settings=f'[[notify]]\nurl = "json://127.0.0.1:{port}/"\nevents = ["waiting", "turn_failed"]\n'
        "waiting_seconds = 1\ninterval = 1\n"
    )
    machine.up()
    waiting, answered, failed = (str(uuid.uuid4()) for _ in range(3))
    call = {"tool_name": "Bash", "tool_input": {"command": "make"}, "tool_use_id": "toolu_1", "prompt_id": "p"}
    for session in (waiting, answered):
        machine.hooks(
            event("UserPromptSubmit", session, prompt="go", prompt_id="p"),
            event("PreToolUse", session, **call),
            event("PermissionRequest", session, **call),
        )
    machine.hooks(event("StopFailure", failed, error="overloaded", prompt_id="p"))
    until(lambda: machine.status()["notify"]["failures"] > 1)
    machine.hooks(event("PostToolUse", answered, tool_response={}, **call))
    until(lambda: [row["phase"] for row in machine.json("sessions")].count("waiting") == 1)
    with listening(port) as (_, received):
        until(lambda: "shop waits for you (Bash)" in "\n".join(received), f"received {received}")
        until(lambda: machine.status()["notify"]["problem"] is None)
    assert sorted("\n".join(received).splitlines()) == ["shop waits for you (Bash)", "shop: a turn failed"]


@contextlib.contextmanager
def desktop(socket: Path) -> Iterator[Callable[[], str]]:
    """A session's bus with a notification daemon; what that was asked."""
    env = {"PATH": "/usr/bin:/bin", "DBUS_SESSION_BUS_ADDRESS": f"unix:path={socket}"}
    log = socket.with_name("asked")
    commands = (
        ["dbus-daemon", "--session", "--nofork", "--nosyslog", f"--address=unix:path={socket}"],
        ["/usr/bin/python3", "-m", "dbusmock", "--session", "--logfile", str(log), "--template", "notification_daemon"],
    )
    with contextlib.ExitStack() as stack:
        for command in commands:
            process = stack.enter_context(subprocess.Popen(command, env=env))
            stack.callback(process.terminate)
            until(socket.is_socket)
        until(lambda: subprocess.run(["notify-send", "ready"], env=env, check=False).returncode == 0)
        yield log.read_text


@pytest.mark.need_desktop
def test_the_desktop_shows_text_as_text(make_machine: Callable[..., Machine], tmp_path: Path):
    machine = make_machine(settings='[[notify]]\nurl = "desktop"\nevents = ["turn_failed"]\n')
    run = tmp_path / "run"
    run.mkdir()
    machine.env["XDG_RUNTIME_DIR"] = str(run)
    machine.up()
    assert "no desktop session" in machine.cli("status").stdout
    with desktop(run / "bus") as asked:
        session, cwd = str(uuid.uuid4()), "/home/u/-<b>x&y"
        machine.hooks(
            event("UserPromptSubmit", session, prompt="go", prompt_id="p", cwd=cwd),
            event("StopFailure", session, error="overloaded", prompt_id="p", cwd=cwd),
        )
        until(lambda: machine.status()["notify"]["sent"] == 1)
        assert '"Coding agents" "-&lt;b&gt;x&amp;y: a turn failed"' in asked()
    assert machine.status()["notify"]["failures"] == 0


@pytest.fixture
def discord(tmp_path: Path) -> Iterator[tuple[str, list[Any]]]:
    """A proxy behind which discord.com is our own: its address, and the posts with their hosts and paths."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=discord.com"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *files], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    posts: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            self.send_response(200)
            self.end_headers()
            with (
                tls.wrap_socket(self.connection, server_side=True) as inner,
                inner.makefile("rb") as self.rfile,
                inner.makefile("wb") as self.wfile,
            ):
                self.handle_one_request()

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            posts.append((self.headers["Host"], self.path, body))
            self.send_response(204)
            self.end_headers()
            self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", posts
    server.shutdown()
    server.server_close()


def test_discord_gets_what_its_webhooks_take(
    make_machine: Callable[..., Machine], discord: tuple[str, list[tuple[str, str, dict[str, Any]]]]
):
    proxy, posts = discord
    webhook, token = "123456789012345678", "t" * 60
    machine = make_machine(
        settings=f'[[notify]]\nurl = "discord://{webhook}/{token}/?verify=no"\nevents = ["turn_failed"]\n'
    )
    machine.env["HTTPS_PROXY"] = proxy
    launch(machine, "--stay")
    ready(machine)
    session, prompt = str(uuid.uuid4()), str(uuid.uuid4())
    machine.hooks(
        event("SessionStart", session, source="startup"),
        event("UserPromptSubmit", session, prompt="go", prompt_id=prompt),
        event("StopFailure", session, error="overloaded", prompt_id=prompt),
    )
    until(lambda: posts)
    host, path, body = posts[0]
    assert (host, path) == ("discord.com", f"/api/webhooks/{webhook}/{token}")
    assert "shop: a turn failed" in json.dumps(body)
    assert "Coding agents" in json.dumps(body)
    until(lambda: machine.status()["notify"]["sent"] == 1)
