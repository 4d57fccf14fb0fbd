"""A machine of its own for a test: a fresh home, the real relay, the real command line, real agent processes."""

import contextlib
import functools
import json
import os
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hookspan import __version__
from hookspan.agent import launch as launching
from hookspan.agent.client import Client, Ready
from hookspan.agent.lock import is_held
from hookspan.config import load
from hookspan.errors import UserError
from hookspan.journal import Writer
from hookspan.paths import Paths
from hookspan.record import replace
from hookspan.setup import relay
from hookspan.store import Reader
from tests.command import OVER_ETC, Agent, call
from tests.waiting import PATIENCE, until

PIPE = 1 << 16  # bytes that a pipe holds


class Machine:
    """Everything under one folder. `close` ends whatever agent is left."""

    def __init__(self, folder: Path, *, settings: str = "") -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.paths = Paths(
            state=folder / "hs" / "state", config=folder / "hs" / "config.toml", data=folder / "hs" / "data"
        )
        self.env = {
            "HOME": str(self.home),
            "PATH": "/usr/bin:/bin",
            "HOOKSPAN_HOME": str(folder / "hs"),
            "LANG": "C.UTF-8",
        }
        self.paths.config.parent.mkdir(parents=True)
        self.paths.config.write_text(settings)
        self.relay: tuple[str, ...] = ()
        self.agents: list[Agent | subprocess.Popen[bytes]] = []  # those started by `launch`

    def install(self) -> "Machine":
        """What `hookspan install` puts in place, without Claude Code's settings."""
        built = _relay()
        target = self.paths.bin / built.target.name
        relay.create_state(self.paths, load(self.paths))
        replace(built, target=target).install(self.paths)
        self.relay = (*built.command[:-2], str(target), str(self.paths.state))
        return self

    # --- hooks

    def hook(self, event: Mapping[str, Any], *, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a relay process as Claude Code does, and give it the event; the caller waits.

        The event is in the pipe before: a relay waits for it for 2 s, which on a busy machine are over before we go on.
        """
        payload = json.dumps(event).encode()
        given, giving = os.pipe()
        with open(giving, "wb") as pipe:
            pipe.write(payload[:PIPE])
            pipe.flush()
            if len(payload) <= PIPE:
                pipe.close()
            process = subprocess.Popen(
                self.relay,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**self.env, **(env or {})},
            )
            os.close(given)
            if len(payload) > PIPE:
                pipe.write(payload[PIPE:])
        return process

    def hooks(self, *events: Mapping[str, Any]) -> None:
        """One relay process after the other; each exits 0 in silence."""
        for event in events:
            end(self.hook(event))

    # --- the command line

    def cli(self, *arguments: str, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        return call(*arguments, env={**self.env, **(env or {})}, timeout=PATIENCE * 5)

    def json(self, *arguments: str, env: Mapping[str, str] | None = None) -> Any:
        done = self.cli(*arguments, "--json", env=env)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def up(self, **variables: str) -> int:
        """`hookspan up`; the agent's pid."""
        done = self.cli("up", "--json", env=variables)
        assert done.returncode == 0, done.stderr
        return int(json.loads(done.stdout)["pid"])

    def restart(self) -> int:
        """`hookspan restart`; the new agent's pid."""
        done = self.cli("restart", "--json")
        assert done.returncode == 0, done.stderr
        return int(json.loads(done.stdout)["pid"])

    def down(self) -> None:
        """`hookspan down`, which returns when the agent has ended."""
        done = self.cli("down")
        assert done.returncode == 0, done.stderr

    def status(self) -> Any:
        return self.json("status")

    # --- the agent

    @property
    def pid(self) -> int:
        """The pid of the agent that holds the lock; 0 without one.

        One that has just taken it may not have written its pid there yet: what is read then is that of the one before.
        """
        if not is_held(self.paths.agent_lock):
            return 0
        words = self.paths.agent_lock.read_text().split()
        return int(words[0]) if words and Path("/proc", words[0]).exists() else 0

    def kill(self) -> int:
        """kill -9 the agent; its pid."""
        pid = until(lambda: self.pid, "there is no agent")
        os.kill(pid, signal.SIGKILL)
        until(lambda: self.pid != pid, "the killed agent still holds its lock")
        return pid

    def log(self) -> list[dict[str, Any]]:
        if not self.paths.log.exists():
            return []
        whole, _, _ = self.paths.log.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def counts(self) -> Any:
        reader = Reader(self.paths)
        try:
            return reader.counts()
        finally:
            reader.close()

    def close(self) -> None:
        """End all that has the state folder among its words: agents, also those that are about to take the lock."""
        self.paths.state.mkdir(parents=True, exist_ok=True)
        self.paths.down.touch()
        until(lambda: not self._killed(), "an agent that was killed is there", poll=0.02)
        for agent in self.agents:
            agent.wait(PATIENCE)

    def _killed(self) -> list[int]:
        found, state = [], os.fsencode(self.paths.state)
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):  # it has ended
                if state in Path("/proc", pid, "cmdline").read_bytes().split(b"\0"):
                    os.kill(int(pid), signal.SIGKILL)
                    found.append(int(pid))
        return found


@functools.cache
def _relay() -> relay.Relay:
    """Built and tried once for all machines of a test process."""
    with tempfile.TemporaryDirectory() as folder:
        return relay.prepare(
            Paths(state=Path(folder, "state"), config=Path(folder, "config"), data=Path(folder, "data"))
        )


def end(relay: "subprocess.Popen[bytes]") -> None:
    """Wait for a hook's end: exit status 0, in silence."""
    assert relay.stdout is not None
    with relay.stdout:
        assert relay.stdout.read() == b""
    assert relay.wait() == 0


def stop(paths: Paths) -> None:
    """The agent ends, as by `down`, and hooks start none. Raises UserError if it takes longer than a test waits."""
    paths.create()
    paths.down.touch()
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            launching.stop(paths)
        except UserError:  # sooner than a test gives up
            if time.monotonic() > deadline:
                raise
        else:
            return


def with_etc(files: Path, scratch: Path) -> tuple[str, ...]:
    """What to put before a command that is to find `files` in /etc, with all that it starts. Needs root."""
    return ("unshare", "--mount", "sh", "-ec", f'{OVER_ETC}shift 2; exec "$@"', "sh", str(scratch), str(files))


def launch(
    machine: Machine, *options: str, version: str = __version__, fault: str = ""
) -> "Agent | subprocess.Popen[bytes]":
    """An agent by hand. Another version says so; `fault` is code that breaks something in it. These two are started."""
    words = relay.agent_command(machine.paths)
    if fault or version != __version__:
        said = f"import hookspan; hookspan.__version__ = {version!r}\n"
        code = f"{said}{fault}\nfrom hookspan.agent.__main__ import main\nexit(main())"
        machine.agents.append(subprocess.Popen([words[0], "-I", "-c", code, *words[4:], *options], env=machine.env))
    else:
        machine.agents.append(Agent([*words, *options], env=machine.env))
    return machine.agents[-1]


def ready(machine: Machine) -> int:
    """Wait until the agent answers; its pid."""
    return int(until(lambda: machine.pid if isinstance(Client(machine.paths).probe(), Ready) else 0))


def append(machine: Machine, *lines: bytes | Mapping[str, Any]) -> None:
    """Put lines into the journal without a relay; an event gets what the relay puts around it."""
    around = {"v": 1, "agent": "claude-code", "took": 100_000, "pid": 1, "ppid": 1, "host": "h", "pidns": 1, "env": {}}
    data = [
        line if isinstance(line, bytes) else json.dumps({**around, "at": time.time_ns(), "event": line}).encode()
        for line in lines
    ]
    Writer(machine.paths).append(data)


def event(name: str, session: str, **fields: Any) -> dict[str, Any]:
    return {
        "session_id": session,
        "transcript_path": f"/home/u/.claude/projects/-home-u-shop/{session}.jsonl",
        "cwd": "/home/u/shop",
        "hook_event_name": name,
        **fields,
    }


def small_session(tools: int = 1) -> list[dict[str, Any]]:
    """The events of a session with one turn."""
    session, prompt = str(uuid.uuid4()), str(uuid.uuid4())
    events = [
        event("SessionStart", session, source="startup"),
        event("UserPromptSubmit", session, prompt_id=prompt, prompt="hi"),
    ]
    for _ in range(tools):
        call = {"tool_name": "Bash", "tool_input": {"command": "true"}, "tool_use_id": f"toolu_{uuid.uuid4().hex}"}
        events.append(event("PreToolUse", session, prompt_id=prompt, **call))
        events.append(
            event("PostToolUse", session, prompt_id=prompt, **call, tool_response={"stdout": ""}, duration_ms=1)
        )
    events.append(event("Stop", session, prompt_id=prompt))
    events.append(event("SessionEnd", session, reason="other"))
    return events
