"""Keys and tokens are in the files that hold them and in the requests that need them, and nowhere else."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from hookspan.cli.doctor.redact import Redactor
from hookspan.values import without_secrets
from tests.agent.machine import Machine, event, small_session
from tests.otlp_sink import Sink
from tests.waiting import until

KEY, QUERY, HOOK, BODY = "tok-Kx7vQ2mZp9", "q-Jd83nslW0z", "hook-Pq5tY8bnM3", "body-Ls9fG4vcX1"
AMBIENT, PROMPT, PROJECT = "env-Rt6yH2kkW8", "prompt-Ua7sD1qqB5", "client-Ob2xN4jjE6"
TITLE, TEAM = "label-Me0zC3ppK7", "team-secret-Yw8uN2ffG6"
PLANTED = (KEY, QUERY, HOOK, BODY, AMBIENT, PROMPT, TITLE, TEAM)
"""Not shaped like any token, so that no pattern but only knowing them finds them."""


def configure(machine: Machine, url: str) -> None:
    machine.paths.config.write_text(
        f"""
        [export]
        endpoint = "{url}"
        headers = {{authorization = "Bearer {KEY}"}}
        [collector]
        health = "{url}/nowhere?token={QUERY}"
        metrics = "{url}/metrics?token={QUERY}"
        [resource]
        owner = "{TITLE}"
        [identity]
        user = "pseudonym"
        secret = "{TEAM}"
        [projects."{PROJECT}"]
        labels = {{team = "{TITLE}"}}
        misspelt = true
        [[notify]]
        url = "json://127.0.0.1:1/{HOOK}"
        """
    )
    machine.paths.config.chmod(0o600)


def told(machine: Machine, folder: Path) -> dict[str, str]:
    """What leaves hookspan for people's eyes."""
    ambient = {
        "ANTHROPIC_API_KEY": AMBIENT,
        "OTEL_EXPORTER_OTLP_HEADERS": f"x={AMBIENT}",
        "HOOKSPAN_EXPORT_HEADERS": f"x-key={AMBIENT}",
    }
    said = {}
    for words in (
        ("status",),
        ("status", "--json"),
        ("doctor",),
        ("doctor", "--json"),
        ("config", "show"),
        ("config", "show", "--json", "--origin"),
        ("version",),
        (),
    ):
        done = machine.cli(*words, env=ambient)
        said[" ".join(words)] = done.stdout + done.stderr
    said["log"] = machine.paths.log.read_text()
    report = json.loads(machine.cli("doctor", "--report", "--json", env=ambient).stdout)["report"]
    assert os.stat(report).st_mode & 0o777 == 0o600
    said["report"] = Path(report).read_text()
    return said


@pytest.fixture
def busy(machine: Machine) -> Iterator[Machine]:
    """An agent that has met every secret, with an endpoint that refuses and repeats what it was sent."""
    with Sink() as sink:
        sink.fault(status=401, body=f"no such key: Bearer {KEY} {BODY}".encode())
        configure(machine, sink.url)
        machine.up()
        session = small_session(3)
        for one in session:
            one["cwd"] = f"/home/u/{PROJECT}/shop"
            if "prompt" in one:
                one["prompt"] = f"say {PROMPT}"
            if "tool_input" in one:
                one["tool_input"] = {"command": f"echo {PROMPT}"}
        machine.hooks(*session)
        waiting = event("PermissionRequest", session[0]["session_id"], tool_name="Bash", tool_input={"command": PROMPT})
        machine.hooks(waiting)
        until(lambda: (machine.status()["export"] or {}).get("last_error"))
        until(lambda: machine.counts().events == len(session) + 1)
        yield machine


def test_secrets_are_in_no_status_log_or_report(busy: Machine, tmp_path: Path):
    said = told(busy, tmp_path)
    for name, text in said.items():
        allowed = {"config show", "config show --json --origin"}
        secrets = {KEY, HOOK, AMBIENT, PROMPT} if name in allowed else {KEY, HOOK, AMBIENT, PROMPT, QUERY}
        assert [one for one in secrets if one in text] == [], name
    report = said["report"]
    private = (*PLANTED, PROJECT, str(busy.home), str(busy.folder), str(tmp_path), "/home/u", "127.0.0.1")
    assert [line for line in report.splitlines() if any(one in line for one in private)] == []
    assert os.uname().nodename not in report
    for wanted in ("## Versions", '"check": "export", "status": "critical"', '"events": 11', "answered 401", '"ready"'):
        assert wanted in report
    assert "HOOKSPAN_EXPORT_HEADERS" in report  # the name alone


def test_secrets_are_in_no_argument_and_no_foreign_environment(busy: Machine):
    agent = psutil.Process(busy.pid)
    words = agent.cmdline()
    environment = agent.environ()
    files = {path: path.read_bytes() for path in (busy.paths.relay_conf, busy.home / ".claude" / "x") if path.exists()}
    for secret in (KEY, QUERY, HOOK):
        assert secret not in " ".join(words)
        assert secret not in repr(environment)
        assert not [path for path, data in files.items() if secret.encode() in data]


def test_files_with_secrets_are_the_users_alone(busy: Machine):
    holders: dict[str, int] = {}
    for path in (*busy.paths.state.rglob("*"), *busy.paths.data.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # the agent is at work: some come and go
            if path.is_file() and KEY.encode() in path.read_bytes():
                holders[path.name] = path.stat().st_mode & 0o777
    assert holders in ({}, {"settings.json": 0o600})  # the last good settings


def test_a_secret_can_be_set_without_being_an_argument(machine: Machine):
    """The command line of a process is everybody's to read."""
    done = subprocess.run(
        [sys.executable, "-m", "hookspan", "config", "set", "export.headers", "-"],
        env=machine.env,
        input=f"authorization=Bearer {KEY}\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert KEY not in done.stdout + done.stderr
    assert f"Bearer {KEY}" in machine.paths.config.read_text()
    assert machine.paths.config.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("`{state}/journal/current.jsonl` is gone", "`<state>/journal/current.jsonl` is gone"),
        ("can't read `/home/me/secret project/x.py`", "can't read `<path>`"),
        ("~/clients/acme: no", "<path>: no"),
        ("https://me:pw@acme.example:4318/v1?k=1 says no", "https://<address> says no"),
        ("the endpoint answered 401 whatever it likes", "the endpoint answered 401"),
        ("key " + "ghp_" + "Zx9" * 12, "key [redacted]"),
        ("p99 0.2 ms / 5 ms, 3/4 done", "p99 0.2 ms / 5 ms, 3/4 done"),
    ],
)
def test_what_a_report_leaves_of_a_text(machine: Machine, text: str, wanted: str):
    redact = Redactor(machine.paths, machine.env)
    assert redact.text(text.format(state=machine.paths.state)) == wanted


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://host:4318/v1?k=hunter2#hunter2", "http://host:4318/v1"),
        ("https://me:hunter2@host/v1", "https://host/v1"),
        ("https://me:hunter2/x@host/v1", "https://[redacted]"),
        ("https://me:hunter2?x@host/v1", "https://[redacted]"),
        ("me:hunter2@host:4318?hunter2", "host:4318"),
        ("host:4318", "host:4318"),
        ("what is no address", "what is no address"),
    ],
)
def test_an_address_is_shown_without_its_secrets(address: str, shown: str):
    assert without_secrets(address) == shown
