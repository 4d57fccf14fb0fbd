"""Other people with an account on the same machine. They get user ids of their own, of which no account knows."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hookspan.agent.lock import is_held
from hookspan.cli.doctor import checks, report
from hookspan.cli.doctor.context import Context
from hookspan.paths import Paths
from hookspan.setup import relay
from tests.agent.machine import Machine
from tests.ports import Ports
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.need_root
ANN, BOB = 61_001, 61_002

# Pythons of a version manager are often in a folder that only their owner may enter: these may look everywhere, so
# that it's not file modes that keep them out where something else has to.
LOOK = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")


def run_as(uid: int, *words: str, env: dict[str, str], stdin: str = "") -> str:
    identity = (f"--reuid={uid}", f"--regid={uid}", "--clear-groups")
    done = subprocess.run(
        ["setpriv", *identity, *LOOK, *words],
        env=env,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        cwd="/",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class User:
    """Somebody with hookspan in a folder of their own below /tmp."""

    def __init__(self, uid: int, top: Path, port: int) -> None:
        self.uid = uid
        self.home = top / str(uid)
        self.home.mkdir(mode=0o700)
        self.paths = Paths.from_environment({"HOOKSPAN_HOME": str(self.home / "hs")})
        self.paths.config.parent.mkdir(mode=0o700)
        self.paths.config.write_text(f"[dashboard]\nport = {port}\n")
        for path in (self.home, self.paths.config.parent, self.paths.config):
            os.chown(path, uid, uid)
        self.env = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "HOOKSPAN_HOME": str(self.home / "hs")}

    def hookspan(self, *words: str) -> str:
        return run_as(self.uid, sys.executable, "-m", "hookspan", *words, env=self.env)

    def python(self, code: str, *asked: Any) -> Any:
        return json.loads(run_as(self.uid, "/usr/bin/python3", "-c", code, env=self.env, stdin=json.dumps(asked)))

    def url(self) -> str:
        return str(self.status()["agent"]["url"])

    def status(self) -> Any:
        """What the agent itself says, once it does."""
        return until(lambda: (told := json.loads(self.hookspan("status", "--json")))["answered"] and told)

    def up(self) -> None:
        """The command may give up before the agent has come up."""
        until(lambda: self.hookspan("up"), "the agent does not come up")

    def down(self) -> None:
        until(lambda: [self.hookspan("down")], "the agent does not end")
        until(lambda: not is_held(self.paths.agent_lock))


@pytest.fixture
def top() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hookspan-users-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o1777)  # as /tmp is
        yield Path(folder)


_ASK = """
import json, sys, urllib.error, urllib.request
answers = []
for url, headers in json.load(sys.stdin):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            answers.append(answer.status)
    except urllib.error.HTTPError as error:
        answers.append(error.code)
print(json.dumps(answers))
"""


def test_two_users_have_a_page_each_and_neither_has_the_others(top: Path):
    ports = Ports()
    port = ports["page"]
    ann, bob = User(ANN, top, port), User(BOB, top, port)
    try:
        for user in (ann, bob):
            user.up()
        assert ann.url() == f"http://127.0.0.1:{port}"
        assert bob.url() != ann.url()  # she has the port that both wished for
        ticket = ann.hookspan("open", "--print").strip()
        assert ticket.startswith(ann.url())
        api = f"{ann.url()}/api/v1/summary"
        bobs = {"Authorization": f"Bearer {bob.paths.token.read_text().strip()}"}
        assert bob.python(_ASK, (api, {}), (api, bobs), (ticket, {})) == [401, 401, 403]
        anns = {"Authorization": f"Bearer {ann.paths.token.read_text().strip()}"}
        assert ann.python(_ASK, (ticket, {}), (api, anns)) == [200, 200]  # his try did not use it up
    finally:
        for user in (ann, bob):
            user.down()


_SEND = """
import json, socket, struct, sys
port, body, ending = json.load(sys.stdin)
head = "POST /v1/logs HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Type: application/json\\r\\n"
head += f"Content-Length: {len(body)}\\r\\n\\r\\n"
with socket.create_connection(("127.0.0.1", port), timeout=60) as own:
    answer = b""
    try:
        own.sendall((head + body).encode())
        answer = own.recv(12) if ending == "waits" else b""
    except OSError:
        pass
    if ending == "resets":
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
print(json.dumps(answer.decode()))
"""


def test_nobody_else_s_telemetry_is_received(top: Path):
    ann, bob = User(ANN, top, 0), User(BOB, top, 0)
    ann.paths.config.write_text("[dashboard]\nenabled = false\n[receive]\nenabled = true\n")
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"scope": {"name": "com.anthropic.claude_code"}}]}]})
    try:
        ann.up()
        port = ann.status()["receive"]["ports"][0]
        for _ in range(10):
            assert [bob.python(_SEND, port, body, ending) for ending in ("waits", "closes", "resets")] == [""] * 3
        taken = ann.status()["receive"]["taken"]
        assert sum(taken.values()) == 0
        assert ann.python(_SEND, port, body, "waits") == "HTTP/1.1 200"
    finally:
        ann.down()


_CONTROL = """
import json, socket, sys
answers = []
for path in json.load(sys.stdin):
    with socket.socket(socket.AF_UNIX) as own:
        try:
            own.connect(path)
            own.sendall(b'{"op":"stop"}\\n')
            answers.append(own.recv(100).decode())
        except PermissionError:
            answers.append("refused by the system")
        except (BrokenPipeError, ConnectionResetError):
            answers.append("")
print(json.dumps(answers))
"""


def test_the_agent_answers_its_own_user_alone(machine: Machine, top: Path):
    """The folder keeps others out; were it open, the agent would still look whose process is at the other end."""
    bob, pid = User(BOB, top, 0), machine.up()
    control = machine.paths.control_socket
    assert bob.python(_CONTROL, str(control)) == ["refused by the system"]
    for folder in (machine.paths.state, machine.paths.run):
        folder.chmod(0o755)
    control.chmod(0o666)
    assert bob.python(_CONTROL, str(control)) == [""]
    until(lambda: any("another user's process was refused" in line["event"] for line in machine.log()))
    assert machine.status()["agent"]["pid"] == pid


@pytest.mark.parametrize("what", ["folder", "link"])
def test_a_home_that_somebody_else_put_in_tmp_is_refused(top: Path, what: str):
    """Whoever comes first in a sticky folder owns the name: his folder is not used, whatever he lets others do."""
    ann, planted = User(ANN, top, 0), top / "hs"
    (top / "his").mkdir(mode=0o777)
    os.chown(top / "his", BOB, BOB)
    if what == "folder":
        (top / "his").rename(planted)
    else:
        planted.symlink_to(top / "his")
        os.chown(planted, BOB, BOB, follow_symlinks=False)
    (planted / "state").mkdir(mode=0o777)
    (planted / "state").chmod(0o777)
    os.chown(planted / "state", BOB, BOB)
    env = {**ann.env, "HOOKSPAN_HOME": str(planted)}
    words = ("setpriv", f"--reuid={ANN}", f"--regid={ANN}", "--clear-groups", *LOOK, sys.executable, "-m", "hookspan")
    for verb in (("up",), ("install", "--yes")):
        done = subprocess.run([*words, *verb], env=env, capture_output=True, text=True, cwd="/", check=False)
        assert done.returncode == 1
        assert f"belongs to user {BOB}" in done.stderr
    assert list((planted / "state").iterdir()) == []
    assert not (ann.home / ".claude" / "settings.json").exists()


def test_what_the_command_line_puts_into_tmp_is_its_own(machine: Machine, monkeypatch: pytest.MonkeyPatch, top: Path):
    """Programs that are built or tried, and reports: in folders that nobody else can enter, with names not to guess."""
    seen: dict[str, int] = {}
    before = tempfile.mkdtemp

    def noted(*arguments: Any, **options: Any) -> str:
        made = before(*arguments, **options)
        seen[made] = os.stat(made).st_mode & 0o777
        return made

    monkeypatch.setattr(tempfile, "mkdtemp", noted)
    monkeypatch.setattr(tempfile, "tempdir", str(top))
    monkeypatch.setenv("HOOKSPAN_HOME", "/proc/nowhere")
    relay.prepare(machine.paths)
    list(checks.run(Context(machine.paths, machine.env, machine.home)))
    path = report.write_crash(ValueError("x"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(seen) >= 2
    assert set(seen.values()) == {0o700}
    assert {Path(name).parent for name in seen} == {top}
