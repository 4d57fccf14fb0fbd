"""One scripted model for all tests of a process, and our command line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.codex.model import Model
from tests.other_agents.at_home import hookspan

__all__ = ["hookspan", "model"]


@pytest.fixture(scope="session")
def model() -> Iterator[Model]:
    made = Model()
    yield made
    made.close()
