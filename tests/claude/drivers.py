"""Running the client: a fresh home for each test, print mode, and interactive mode inside tmux."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

from hookspan.catalogue.claude_code import CLAUDE_CODE
from tests.claude import client
from tests.claude.scrub import slug
from tests.waiting import PATIENCE, until

API_KEY = "sk-dummy"
# What the client's runtime does for programs that run for hours, and what took 29 % of a session's processor time: it
# frees no memory (a session has 40 MB more, then) and compiles nothing anew for speed.
SHORT_LIVED = {"BUN_JSC_useGC": "0", "BUN_JSC_useDFGJIT": "0"}
POLL = 0.1  # seconds between two looks at a screen, a file or a process; each look at a screen starts a tmux
LOST = 5.0  # seconds without a sign of it after which a key is taken for lost
TERMINATE_PATIENCE = 5.0  # seconds that a left-over process gets between SIGTERM and SIGKILL

# Every event but the five whose mere registration changes what the client does.
EVENTS = (
    "SessionStart", "SessionEnd", "Setup", "InstructionsLoaded", "UserPromptSubmit", "UserPromptExpansion",
    "PreToolUse", "PermissionRequest", "PermissionDenied", "PostToolUse", "PostToolUseFailure", "PostToolBatch",
    "Notification", "SubagentStart", "SubagentStop", "TaskCreated", "TaskCompleted", "TeammateIdle", "Stop",
    "StopFailure", "PreCompact", "PostCompact", "PostModelSwitch", "ConfigChange", "CwdChanged",
    "DirectoryAdded", "Elicitation", "ElicitationResult",
)  # fmt: skip


NEWER = {event.name: event.since for event in CLAUDE_CODE.events if event.since}
"""Events that a version of the client brought. One that doesn't know them opens a dialog where settings name them."""


def known_events() -> list[str]:
    """EVENTS, and those of NEWER that the client knows."""
    return [*EVENTS, *(event for event, since in NEWER.items() if client.is_since(since))]


class Home:
    """A machine of its own for one client: home, a project under git, settings and environment.

    Everything is gone after `close`.
    """

    def __init__(self, base_url: str, *, project: str = "shop", env: Mapping[str, str] | None = None) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="hs-", dir="/tmp"))  # short: a socket's path holds 104 bytes
        self.home = self.root / "home"
        self.project = self.home / project
        self.project.mkdir(parents=True)
        self.claude = self.home / ".claude"
        self.claude.mkdir()
        self.state = self.root / "state"
        self.env = {
            "HOME": str(self.home),
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "ANTHROPIC_BASE_URL": base_url,
            "ANTHROPIC_API_KEY": API_KEY,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "IS_SANDBOX": "1",
            **SHORT_LIVED,
            **(env or {}),
        }
        self._onboard()
        self._git()

    def _onboard(self) -> None:
        """Answer beforehand what the client asks on its first start."""
        projects = {str(self.project): {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}}
        answers = {
            "hasCompletedOnboarding": True,
            "theme": "dark",
            "customApiKeyResponses": {"approved": [API_KEY], "rejected": []},
            "projects": projects,
        }
        (self.home / ".claude.json").write_text(json.dumps(answers))

    def _git(self) -> None:
        (self.project / "cart.py").write_text("def total(items):\n    return sum(i.price for i in items)\n")
        identity = ["-c", "user.name=u", "-c", "user.email=u@example.invalid"]
        for command in (["init", "-q", "-b", "main"], ["add", "."], [*identity, "commit", "-q", "-m", "Cart"]):
            subprocess.run(["git", *command], cwd=self.project, env=self.env, check=True, timeout=PATIENCE)

    def settings(self, **values: Any) -> None:
        """Merge keys into the user's settings.json."""
        path = self.claude / "settings.json"
        old = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**old, **values}))

    def hook(self, command: Sequence[str], events: Sequence[str] = ()) -> None:
        """Register a command, in exec form, for these events (none: all) beside the hooks that are there."""
        path = self.claude / "settings.json"
        hooks = json.loads(path.read_text()).get("hooks", {}) if path.exists() else {}
        handler = {"type": "command", "command": command[0], "args": list(command[1:]), "timeout": 5}
        for event in events or known_events():
            hooks.setdefault(event, []).append({"hooks": [handler]})
        self.settings(hooks=hooks)

    def left_over(self) -> list[psutil.Process]:
        """Every live process that was started with this home, whoever its parent is now."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("HOME") == str(self.home):
                    found.append(process)
            except psutil.Error:  # gone meanwhile, or not ours
                continue
        return found

    def runs(self, command: str) -> bool:
        """Whether a process with this home has been given a shell command."""
        for process in self.left_over():
            with contextlib.suppress(psutil.Error):  # gone meanwhile
                if any(command in word for word in process.cmdline()):
                    return True
        return False

    def close(self) -> None:
        """End what still runs in this home, and remove it."""
        processes = self.left_over()
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):  # it may end by itself just now
                process.terminate()
        for process in psutil.wait_procs(processes, TERMINATE_PATIENCE)[1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        shutil.rmtree(self.root, ignore_errors=True)
        for left in Path(f"/tmp/claude-{os.getuid()}").glob(
            f"{slug(str(self.root))}*"
        ):  # the client's own task outputs
            shutil.rmtree(left, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class Ended:
    """How a print-mode run ended."""

    code: int
    stdout: str
    stderr: str


class PrintSession:
    """`claude -p`: one prompt, answered without a terminal."""

    def __init__(
        self, home: Home, prompt: str, *args: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        command = [str(client.executable()), "-p", prompt, "--output-format", "json", *args]
        self._process = subprocess.Popen(
            command,
            cwd=cwd or home.project,
            env={**home.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.pid = self._process.pid

    def wait(self, timeout: float = 5 * PATIENCE) -> Ended:
        """Wait for its end; kill it and raise TimeoutExpired if that doesn't come."""
        try:
            stdout, stderr = self._process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise
        return Ended(self._process.returncode, stdout, stderr)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the client alone, as `kill PID` does."""
        self._process.send_signal(number)


class InteractiveSession:
    """`claude` in a terminal of its own, inside a tmux server of its own."""

    COLUMNS, LINES = 160, 50

    def __init__(self, home: Home, *args: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        self._socket = f"hookspan-{uuid.uuid4().hex[:12]}"
        self._env = {**home.env, **(env or {}), "TMUX_TMPDIR": str(home.root)}
        command = [str(client.executable()), *args]
        size = ["-x", str(self.COLUMNS), "-y", str(self.LINES)]
        self._tmux(
            "-f", "/dev/null", "new-session", "-d", *size, "-c", str(cwd or home.project), "env", "-u", "TMUX", *command
        )
        self._tmux("set-option", "-g", "remain-on-exit", "on")
        # env execs the client, so the pane's process is the client itself
        self.pid = int(self._tmux("display-message", "-p", "#{pane_pid}"))
        self.process = psutil.Process(self.pid)

    def _tmux(self, *args: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._socket, *args],
            env=self._env,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"tmux {args[0]}: {done.stderr.strip()}")
        return done.stdout

    def screen(self) -> str:
        """The text on the terminal now."""
        return self._tmux("capture-pane", "-p")

    def wait_for(self, text: str, timeout: float = PATIENCE) -> None:
        """Wait until the terminal shows a text; TimeoutError holds the last screen."""
        try:
            until(lambda: text in self.screen(), f"{text!r} on the screen", timeout, POLL)
        except TimeoutError as late:
            raise TimeoutError(f"{late}:\n{self.screen()}") from None

    def keys(self, *names: str) -> None:
        """Press keys by tmux's names: Enter, Escape, Down, BTab .."""
        self._tmux("send-keys", *names)

    def press(self, name: str, seen: Callable[[], bool]) -> None:
        """Press a key until it is seen to be taken: the client takes none while it draws a dialog."""
        deadline = time.monotonic() + PATIENCE
        while True:
            self.keys(name)
            try:
                until(seen, f"{name} to be taken", LOST, POLL)
            except TimeoutError as late:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{late}:\n{self.screen()}") from None
            else:
                return

    def enter(self, text: str) -> None:
        """Type a text, without Enter."""
        self._tmux("send-keys", "-l", text)

    def submit(self, text: str) -> None:
        """Type a line, wait until the input box has taken it, press Enter."""
        self.enter(text)
        self.wait_for(text[-20:])
        time.sleep(0.2)  # the box tells a pasted Enter from a pressed one by the pause
        self.keys("Enter")

    def running(self) -> bool:
        """Whether the client is alive."""
        try:
            return bool(self.process.is_running()) and self.process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:  # it ended between the two
            return False

    def wait_exit(self, timeout: float = PATIENCE) -> None:
        """Wait until the client has ended."""
        until(lambda: not self.running(), "the client's end", timeout)

    def wait_last_thread(self) -> None:
        """Wait until no thread of a killed client runs: its first may be over, seen as a zombie, before the others; and
        tmux may take its time to ask for the zombie."""
        until(lambda: not self.running() and not self._other_threads(), "the client's last thread")

    def _other_threads(self) -> list[str]:
        try:
            return [thread for thread in os.listdir(f"/proc/{self.pid}/task") if thread != str(self.pid)]
        except FileNotFoundError:
            return []

    def exit(self) -> None:
        """Leave with /exit."""
        self.submit("/exit")
        self.wait_exit()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the client alone."""
        os.kill(self.pid, number)

    def close(self) -> None:
        """End this session's tmux server, and with it the client."""
        subprocess.run(
            ["tmux", "-L", self._socket, "kill-server"],
            env=self._env,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
