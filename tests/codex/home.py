"""A home for the real Codex: a provider of ours, no account, no analytics, its hooks trusted as a person would."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hookspan.clients.codex import handlers
from tests.codex.client import executable
from tests.waiting import PATIENCE

PLAIN = "gpt-5.5"
"""The model whose tools are called one by one."""
CODE = "gpt-6.2-sol"
"""A model that writes code which calls the tools, as most do now."""
PATH = "/usr/bin:/bin"


@dataclass
class Home:
    """Codex's own folder is `<root>/.codex`, and it works in `<root>/work`."""

    root: Path
    url: str
    model: str = PLAIN
    approval: str = "never"
    sandbox: str = "danger-full-access"
    retries: int = 0
    otel: int = 0
    more: str = ""
    env: dict[str, str] = field(default_factory=dict)
    server: bool = False  # that a terminal starts Codex's background server
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def codex(self) -> Path:
        return self.root / ".codex"

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def hooks(self) -> Path:
        return self.codex / "hooks.json"

    def make(self) -> None:
        """The folders and `config.toml`, without hooks."""
        self.codex.mkdir(parents=True)
        self.work.mkdir()
        (self.codex / "config.toml").write_text(self._config())

    def _config(self) -> str:
        lines = [
            f'model = "{self.model}"',
            'model_provider = "scripted"',
            f'approval_policy = "{self.approval}"',
            f'sandbox_mode = "{self.sandbox}"',
            "check_for_update_on_startup = false",
            self.more,
            "[analytics]\nenabled = false",
            f"[features]\ndaemon_auto_start = {str(self.server).lower()}",
            "[model_providers.scripted]",
            f'name = "scripted"\nbase_url = "{self.url}"\nwire_api = "responses"\nenv_key = "SCRIPTED_KEY"',
            f"request_max_retries = 0\nstream_max_retries = {self.retries}",
            f'[projects."{self.work}"]\ntrust_level = "trusted"',
        ]
        if self.otel:
            exporters = (("exporter", "logs"), ("trace_exporter", "traces"), ("metrics_exporter", "metrics"))
            lines += ['[otel]\nenvironment = "test"\nlog_user_prompt = false']
            lines += [
                f'{key} = {{ otlp-http = {{ endpoint = "http://127.0.0.1:{self.otel}/v1/{signal}", '
                'protocol = "binary" } }'
                for key, signal in exporters
            ]
        return "\n".join(lines) + "\n"

    def hook(self, relay: Path, state: Path) -> None:
        """Our hooks for every event, as `install` writes them, and a person's trust in them."""
        line = handlers.command((str(relay), str(state)))
        mine = {event: [{"hooks": [handlers.handler(event, line)]}] for event in handlers.CODEX.registered}
        self.hooks.write_text(json.dumps({"hooks": mine}, indent=2))
        self.trust()

    def distrust(self) -> None:
        """Takes all trust back."""
        config = self.codex / "config.toml"
        config.write_text(config.read_text().partition("[hooks.state.")[0])

    def trust(self, hooks: Path | None = None, only: tuple[str, int] | None = None) -> None:
        """What Codex writes when a person trusts all hooks of a file, or `only` a group of an event."""
        hooks = hooks or self.hooks
        given = json.loads(hooks.read_text())["hooks"]
        with (self.codex / "config.toml").open("a") as file:
            for event, groups in given.items():
                for group, each in enumerate(groups):
                    if only not in {None, (event, group)}:
                        continue
                    for number, handler in enumerate(each["hooks"]):
                        key = handlers.trust_key(str(hooks), event, group, number)
                        file.write(f'[hooks.state."{key}"]\n')
                        file.write(f'trusted_hash = "{handlers.trust_hash(event, handler, each.get("matcher"))}"\n')

    def environment(self) -> dict[str, str]:
        """All that Codex is told."""
        return {
            "HOME": str(self.root),
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "TMPDIR": "/var/tmp",  # a home below it costs Codex its helpers
            "SCRIPTED_KEY": "sk-none",
            **self.env,
        }

    def start(self, *words: str, **options: Any) -> subprocess.Popen[bytes]:
        """Codex with these arguments, in the work folder."""
        process = subprocess.Popen(
            [str(executable()), *words],
            cwd=self.work,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )
        self.started.append(process)
        return process

    def exec(self, prompt: str, *words: str) -> subprocess.CompletedProcess[bytes]:
        """A prompt without a terminal, to its end."""
        return ended(self.start("exec", *words, "--skip-git-repo-check", "--json", prompt))

    def servers(self) -> list[int]:
        """Processes of its background server, which is a copy of Codex in its own folder."""
        mark = f"{self.codex}/packages/".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "cmdline").read_bytes().startswith(mark):
                    found.append(int(process.name))
        return found

    def rollouts(self) -> list[Path]:
        """All of its rollouts."""
        return sorted((self.codex / "sessions").rglob("*.jsonl"))


def ended(process: subprocess.Popen[bytes]) -> subprocess.CompletedProcess[bytes]:
    """Waits for an agent's end. Raises TimeoutExpired when it has killed one that does not come to it."""
    with process:
        try:
            out, err = process.communicate(timeout=5 * PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def state_folder(root: Path) -> Path:
    """A state folder that nothing but a relay writes to."""
    state = root / "state"
    (state / "journal").mkdir(parents=True, mode=0o700)
    os.chmod(state, 0o700)
    return state


def end_all(started: Iterable[subprocess.Popen[bytes]], work: Path) -> None:
    """Ends agents that a scenario has given up on, and a command that outlives its agent: it has left its `pid`."""
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()
    pid = work / "pid"
    if pid.exists():
        with contextlib.suppress(ProcessLookupError, ValueError):
            os.kill(int(pid.read_text()), signal.SIGKILL)
