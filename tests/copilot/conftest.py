"""One scripted model for all tests of a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.copilot.model import Model


@pytest.fixture(scope="session")
def model() -> Iterator[Model]:
    made = Model()
    yield made
    made.close()
