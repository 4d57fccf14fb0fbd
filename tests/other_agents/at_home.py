"""Our command line, in the home of another agent's user."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from hookspan.paths import Paths
from tests.agent.machine import stop
from tests.command import call
from tests.waiting import PATIENCE

Run = Callable[..., "subprocess.CompletedProcess[str]"]
"""Called with words, and `status`: what it must end with (0), None for anything."""


class Rooted(Protocol):
    """What a module's fixture `home` gives."""

    root: Path


@pytest.fixture
def hookspan(home: Rooted) -> Iterator[Run]:
    env = {"HOME": str(home.root), "PATH": "/usr/bin:/bin"}

    def run(*words: str, status: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = call(*words, env=env, cwd=home.root, timeout=3 * PATIENCE)
        assert status in {done.returncode, None}, done.stdout + done.stderr
        return done

    yield run
    paths = Paths.from_environment(env)
    if paths.state.exists():  # a hook may just be starting an agent
        stop(paths)
