"""One scripted model for all tests of a process, and our command line."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.codex.model import Model
from tests.other_agents.at_home import hookspan

__all__ = ["hookspan", "model"]


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Not in memory: where Codex puts a command in a sandbox, /dev is its own."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def model() -> Iterator[Model]:
    made = Model()
    yield made
    made.close()
