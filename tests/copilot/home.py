"""A home for the real Copilot CLI: a provider of ours, no account, no network, and our own file of hooks."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hookspan.catalogue.copilot import COPILOT
from hookspan.clients.copilot.hooks_text import CopilotHooks
from hookspan.paths import Paths
from tests.codex.home import ended
from tests.copilot.client import executable, unpacked
from tests.recorded import whole_lines

MODEL = "scripted-1"
PATH = "/usr/bin:/bin"


@dataclass
class Home:
    """Copilot's own folder is `<root>/.copilot`, and it works in `<root>/work`. `otel`: the port it sends spans to."""

    root: Path
    url: str
    otel: int = 0
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def copilot(self) -> Path:
        return self.root / ".copilot"

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def hooks(self) -> Path:
        return self.copilot / "hooks" / "hookspan.json"

    def make(self) -> None:
        """The folders, without hooks."""
        self.copilot.mkdir(parents=True)
        self.work.mkdir()
        (self.copilot / "config.json").write_text(json.dumps({"trustedFolders": [str(self.work)], "banner": "never"}))

    def hook(self, relay: Path, state: Path) -> None:
        """Our hooks, as `install` writes them."""
        paths = Paths.from_environment({"HOME": str(self.root)})
        text = CopilotHooks.of("", b"").with_ours([str(relay), str(state)], paths, COPILOT.registered)
        self.hooks.parent.mkdir(exist_ok=True)
        self.hooks.write_bytes(text.data())

    def environment(self) -> dict[str, str]:
        """All that Copilot is told."""
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.otel}"} if self.otel else {}
        return {
            "HOME": str(self.root),
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "XDG_CACHE_HOME": str(unpacked()),
            "COPILOT_OFFLINE": "true",
            "COPILOT_AUTO_UPDATE": "false",
            "COPILOT_PROVIDER_BASE_URL": self.url,
            "COPILOT_PROVIDER_TYPE": "openai",
            "COPILOT_PROVIDER_API_KEY": "sk-none",
            "COPILOT_MODEL": MODEL,
            **told,
        }

    def start(self, prompt: str, *words: str, **options: Any) -> subprocess.Popen[bytes]:
        """Copilot with a prompt and without a terminal, in the work folder."""
        process = subprocess.Popen(
            [str(executable()), "-p", prompt, "--allow-all-tools", *words],
            cwd=self.work,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )
        self.started.append(process)
        return process

    def prompt(self, prompt: str, *words: str) -> subprocess.CompletedProcess[bytes]:
        """The same to its end."""
        return ended(self.start(prompt, *words))

    def sessions(self) -> list[Path]:
        """The events of all sessions."""
        return sorted((self.copilot / "session-state").glob("*/events.jsonl"))

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Those of a type; the client may be in the middle of writing the last line."""
        events = (json.loads(line) for path in self.sessions() for line in whole_lines(path))
        return [event for event in events if event["type"] == kind]
