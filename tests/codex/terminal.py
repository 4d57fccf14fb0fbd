"""A coding agent in a terminal: keys in, screen out, by tmux."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from tests.waiting import until

LOST = 5.0  # seconds without a sign of it after which a key is taken for lost


class Home(Protocol):
    """What is to be known of an agent's home."""

    root: Path

    @property
    def work(self) -> Path:
        """The folder that it works in."""

    def environment(self) -> dict[str, str]:
        """All that it is told."""


class Terminal:
    """A window with a program in it, on a tmux server of its own."""

    def __init__(self, home: Home, program: Path, *words: str) -> None:
        self._socket = home.root / "tmux.sock"
        line = shlex.join(["env", "-i", *(f"{k}={v}" for k, v in home.environment().items()), str(program), *words])
        self._tmux("new-session", "-d", "-x", "150", "-y", "50", "-c", str(home.work), line)

    def _tmux(self, *words: str) -> str:
        command = ["tmux", "-S", str(self._socket), "-f", "/dev/null", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    @property
    def screen(self) -> str:
        """What is to be seen; empty once the program has ended."""
        return self._tmux("capture-pane", "-p")

    def until(self, condition: Callable[[str], object], what: str) -> None:
        """Waits for something to be seen."""
        with self._showing():
            until(lambda: condition(self.screen), what, poll=0.1)

    @contextlib.contextmanager
    def _showing(self) -> Iterator[None]:
        """What doesn't come in time says what there is instead."""
        try:
            yield
        except TimeoutError as late:
            raise TimeoutError(f"{late}; there is:\n{self.screen}") from None

    def shows(self, text: str) -> None:
        """Waits for a text."""
        self.until(lambda screen: text in screen, text)

    def type(self, text: str, seen: Callable[[], object] = lambda: True) -> None:
        """Types a line and a moment later, since Codex takes it for a part of a paste, Enter; until it is `seen`."""
        self._tmux("send-keys", "-l", text)
        self.shows(text)
        time.sleep(0.3)
        self.press("Enter", seen)

    def press(self, key: str, seen: Callable[[], object] = lambda: True) -> None:
        """One key, by tmux's name for it; again until it is seen to be taken: a dialog that was just drawn may not
        take it."""

        def taken() -> bool:
            self._tmux("send-keys", key)
            with contextlib.suppress(TimeoutError):
                return bool(until(seen, timeout=LOST))
            return False

        with self._showing():
            until(taken, f"{key} to be taken")

    def close(self) -> None:
        """Ends whatever is left."""
        self._tmux("kill-server")
