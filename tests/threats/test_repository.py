"""A repository that somebody cloned and opened in Claude Code: its settings, its names, its files."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from hookspan.observe.repositories import describe, main_folder
from hookspan.store import Reader
from tests.agent.machine import Machine, append, event, small_session
from tests.otlp_sink import Sink
from tests.waiting import PATIENCE, until

ADDRESSES = {
    "https://me:hunter2@host/team/shop.git?private_token=hunter2": "shop",
    "https://me:hunter2@host/team/shop.git#hunter2": "shop",
    "https://host/team/shop.git;token=hunter2": "",
    "https://host/team/shop%3Ftoken=hunter2": "",
    "https://host/team/glpat-hunter2hunter2hunter2.git": "",
    "https://hunter2@host": "",
    "https://me:hunter2": "",
    "https://me:hun#ter2@host/team/shop.git": "",
    "https://me:hunter2/x?y@host/team/shop.git": "",
    "https://me:hunter2/x@host/team/shop.git/": "shop",
    "ssh://git@host:22/~me/shop": "shop",
    "ssh://host:22": "",
    "git@host:team/shop.git": "shop",
    "git@host:shop.git?token=hunter2": "shop",
    "me:hunter2@host": "",
    "hunter2@host": "",
    "work:shop": "shop",
    "ext::ssh host /shop --token hunter2": "",
    "codecommit::eu-west-1://me@shop": "",
    "/srv/git/shop.git/": "shop",
    "/home/hunter2/.git": "",
    "../..": "",
    "file:///srv/git/shop.git": "shop",
    r"C:\\Users\\hunter2\\shop": "shop",
    r"\\\\host\\share\\shop.git": "shop",
    '"https://host/shop.git" # hunter2': "shop",
    "https://host/" + "x" * 101: "",
    "": "",
}
HOSTILE = "\x1b]0;owned\x07\x1b[31m\u202eevil\x9b2J\r\n"
STEERS = set("\x1b\x07\x9b\r\u202e\x00")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "machine")
    assert machine.cli("install", "--yes").returncode == 0
    machine.relay = (str(machine.paths.relay), str(machine.paths.state))
    yield machine
    machine.close()


def test_its_settings_variables_reach_no_agent(machine: Machine, tmp_path: Path):
    """Claude Code puts the `env` of a project's settings into the environment of every hook."""
    trap = tmp_path / "trap"
    trap.mkdir()
    for name in ("sitecustomize", "hookspan", "json", "psutil"):
        (trap / f"{name}.py").write_text(f"open({str(trap / 'sprung')!r}, 'w')")
    with Sink() as theirs:
        hostile = {
            **dict.fromkeys(("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "TMPDIR", "XDG_CONFIG_HOME"), str(trap)),
            **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "OTEL_EXPORTER_OTLP_ENDPOINT"), theirs.url),
            "HOOKSPAN_EXPORT_ENDPOINT": theirs.url,
            "HOOKSPAN_CONTENT_EXPORT": "true",
            "HOOKSPAN_HOME": str(trap),
            "HOOKSPAN_DASHBOARD_HOST": "0.0.0.0",
            "PYTHONSTARTUP": str(trap / "json.py"),
            "PYTHONINSPECT": "1",
            "PATH": str(trap),
            "LD_LIBRARY_PATH": str(trap),
            "ANTHROPIC_API_KEY": "sk-ant-secret",
        }
        before = sorted(trap.iterdir())
        for one in small_session():
            relay = machine.hook(one, env=hostile)
            assert relay.wait(PATIENCE) == 0
            assert relay.stdout is not None
            with relay.stdout:
                assert relay.stdout.read() == b""
        until(lambda: machine.counts().events == 6)
        told = until(lambda: (found := machine.status())["agent"]["state"] == "running" and found)
        assert told["export"] is None
        assert told["agent"]["url"].startswith("http://127.0.0.1:")
        environment = Path(f"/proc/{machine.pid}/environ").read_bytes()
        assert not [name for name in hostile if name != "PATH" and f"{name}=".encode() in b"\0" + environment]
        assert str(trap).encode() not in environment
        assert theirs.requests == []
    assert sorted(trap.iterdir()) == before


def test_a_relay_that_it_names_is_not_run(machine: Machine, tmp_path: Path):
    """Its settings may hold an entry that looks like ours; doctor tells it, and runs only what `install` wrote."""
    project = tmp_path / "project"
    (project / ".claude").mkdir(parents=True)
    fake, sprung = project / "hookspan-relay", project / "sprung"
    fake.write_text(f"#!/bin/sh\ntouch {sprung}\n")
    fake.chmod(0o755)
    handler = {"type": "command", "command": str(fake), "args": [str(project)]}
    for name in ("settings.json", "settings.local.json"):
        (project / ".claude" / name).write_text(json.dumps({"hooks": {"Stop": [{"hooks": [handler]}]}}))
    for options in (("--json",), ("--fix", "--yes", "--json"), ("--end-to-end", "--json")):
        done = subprocess.run(
            [sys.executable, "-m", "hookspan", "doctor", *options],
            env=machine.env,
            cwd=project,
            capture_output=True,
            text=True,
            timeout=PATIENCE * 2,
            check=False,
        )
        checks = json.loads(done.stdout)["checks"]
        assert [one["status"] for one in checks if one["check"] == "stale"] == ["warning", "warning"]
    assert not sprung.exists()


def test_a_repository_of_traps_is_looked_at_in_a_moment(tmp_path: Path):
    """Pipes nobody writes to, devices without an end, circles: where git has its files, and read as such."""

    def made(name: str) -> Path:
        (tmp_path / name / ".git").mkdir(parents=True)
        return tmp_path / name

    pipe = made("pipe")
    for file in ("HEAD", "config", "commondir"):
        os.mkfifo(pipe / ".git" / file)
    device = made("device")
    for file in ("HEAD", "config", "commondir"):
        (device / ".git" / file).symlink_to("/dev/zero")
    huge = made("huge")
    (huge / ".git" / "HEAD").write_text("ref: refs/heads/" + "x" * 1_000_000)
    with (huge / ".git" / "config").open("wb") as file:
        file.truncate(1 << 40)
    circle = tmp_path / "circle"
    circle.mkdir()
    (circle / ".git").write_text("gitdir: .git\n")
    away = made("away")
    (away / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (away / ".git" / "commondir").write_text("../../../../../../etc\n")
    secret = made("secret")
    (secret / ".git" / "HEAD").write_text(f"ref: refs/heads/{HOSTILE}\n")
    (secret / ".git" / "config").write_text('[remote "origin"]\nurl = https://me:hunter2@example.com/team/shop.git\n')
    (secret / "nul\nname").mkdir()
    folders = [str(path) for path in (pipe, device, huge, circle, away, secret, secret / "nul\nname")]
    found = {Path(folder).name: describe(folder, 1) for folder in [*folders, "/proc/self/fd", "\0", "", "x" * 100_000]}
    assert [main_folder(folder) for folder in folders[:4]] == folders[:4]
    assert {name: one.project for name, one in found.items() if name in {"pipe", "device", "huge", "circle"}} == {
        name: name for name in ("pipe", "device", "huge", "circle")
    }
    assert max(len(one.project) + len(one.name) + len(one.branch) for one in found.values()) <= 400
    assert found["secret"].name == "shop"
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize("address", ADDRESSES)
def test_of_an_address_the_name_alone_is_known(tmp_path: Path, address: str):
    folder = tmp_path / "clone"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / ".git" / "config").write_text(
        '[core]\n\tbare = false\n[url "https://hunter2@host/"]\n\tinsteadOf = work:\n'
        f'[Remote "origin"]\n\tURL = {address}\n\turl = https://host/second.git\n'
    )
    found = describe(str(folder), 1)
    assert found.name == (ADDRESSES[address] or "clone")
    assert "hunter2" not in repr(found)


def test_no_secret_of_an_address_leaves(machine: Machine, tmp_path: Path):
    """Nor that of the folder: `git clone` names it after the address, query and all."""
    session, prompt = str(uuid.uuid4()), str(uuid.uuid4())
    secret = "?private_token=hunter2"
    folder = tmp_path / "code" / f"shop.git{secret}"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / ".git" / "config").write_text(f'[remote "origin"]\nurl = https://me:hunter2@host/shop.git{secret}\n')
    with Sink() as sink:
        machine.paths.config.write_text(f'[export]\nendpoint = "{sink.url}"\nmetric_interval = 1\n')
        machine.up()
        about = {"cwd": str(folder), "prompt_id": prompt}
        machine.hooks(event("SessionStart", session, source="startup", cwd=str(folder)))
        until(lambda: any(row.repository for row in Reader(machine.paths).sessions()))
        machine.hooks(
            event("UserPromptSubmit", session, prompt="hello", **about),
            event("Stop", session, **about),
            event("SessionEnd", session, reason="other", cwd=str(folder)),
        )
        assert machine.json("flush", "--wait", "60s")["exported"]
        sink.wait(lambda: any("shop.git" in point.attributes.values() for point in sink.points))
        assert {span.attributes.get("vcs.repository.name") for span in sink.spans} == {"shop"}
        assert "hunter2" not in repr((sink.spans, sink.points))
    said = machine.json("sessions")
    assert "shop.git" in repr(said)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"[" * 1_000_000, id="brackets"),
        pytest.param(b'{"a":' * 200_000 + b"1" + b"}" * 200_000, id="nested"),
        pytest.param(
            b'{"hook_event_name":"Stop","session_id":"s","tool_input":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        ),
        pytest.param(b'{"hook_event_name":"Stop","session_id":"s","n":' + b"9" * 1_000_000 + b"}", id="number"),
        pytest.param(b'{"k":0' + b"".join(b',"k%d":%d' % (n, n) for n in range(200_000)) + b"}", id="keys"),
        pytest.param(b'{"hook_event_name":"' + b"\\ud800" * 10 + b'","session_id":"s"}', id="surrogates"),
        pytest.param(b'{"hook_event_name":"Stop","session_id":"s","duration_ms":1e308}', id="time"),
    ],
)
def test_a_payload_made_to_hurt_costs_one_record(machine: Machine, payload: bytes):
    """Whatever it is, it becomes an event or is set aside, and what comes after it is read."""
    machine.paths.down.touch()
    around = b'{"v":1,"agent":"claude-code","at":%d,"took":1,"pid":1,"ppid":1,"host":"h","pidns":1,"env":{},"event":%s}'
    append(machine, around % (time.time_ns(), payload), *small_session())
    machine.up()
    until(lambda: machine.counts().events >= 6)
    until(lambda: machine.status()["ingest"]["behind_seconds"] == 0, "it is behind for good")
    assert machine.counts().events + machine.status()["ingest"]["quarantined"] == 7


def test_no_name_of_its_steers_a_terminal(machine: Machine):
    session, prompt = str(uuid.uuid4()), str(uuid.uuid4())
    about = {"cwd": f"/home/u/{HOSTILE}", "prompt_id": prompt}
    call = {"tool_name": f"mcp__{HOSTILE}__x", "tool_use_id": "toolu_1", "tool_input": {"command": HOSTILE}}
    machine.hooks(
        event("SessionStart", session, source=HOSTILE, model=HOSTILE, session_title=HOSTILE),
        event("UserPromptSubmit", session, prompt=HOSTILE, **about),
        event("PreToolUse", session, **about, **call),
        event("PostToolUse", session, tool_response={"stdout": HOSTILE}, duration_ms=1, **about, **call),
        event("SubagentStart", session, agent_id="a1", agent_type=HOSTILE, **about),
        event("StopFailure", session, error=HOSTILE, error_details=HOSTILE, **about),
    )
    machine.up()
    until(lambda: machine.counts().events == 6)
    verbs = (
        ("status",),
        ("sessions",),
        ("sessions", "--project", "evil"),
        ("trace", session, "--hooks"),
        ("trace", "last"),
        ("tail", "-n", "50", "--no-follow", "--facts"),
        ("doctor",),
        ("forget", session),
        ("config", "show"),
        ("import", "--dry-run"),
        (),
    )
    shown = {}
    for words in verbs:
        done = machine.cli(*words)
        shown[words] = done.stdout + done.stderr
        assert done.returncode != 3, shown[words]
    assert {words: sorted(STEERS & set(text)) for words, text in shown.items() if STEERS & set(text)} == {}
    assert "evil" in shown["trace", session, "--hooks"]
