"""The `stack` fixture: one real backend for all tests that ask for it.

Under xdist they all run in one worker (`--dist loadgroup`), so there is one stack and outages disturb nobody else.
"""

from collections.abc import Iterator

import pytest

from tests.stack import programs
from tests.stack.stack import Stack


@pytest.fixture(scope="session")
def _session_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"))
    try:
        stack.start()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def stack(_session_stack: Stack) -> Iterator[Stack]:
    """The running stack; what a test stopped or killed is started again after it."""
    yield _session_stack
    _session_stack.start()


@pytest.hookimpl(tryfirst=True)  # before tests/conftest.py decides who has what it needs
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("stack"))
            if not programs.cached():
                item.add_marker(pytest.mark.need_go)
