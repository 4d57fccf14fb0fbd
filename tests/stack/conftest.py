"""The `stack` fixture: one real backend for all tests that ask for it.

Under xdist they all run in one worker (`--dist loadgroup`), so there is one stack and outages disturb nobody else.
"""

import os
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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    needing = [item for item in items if "stack" in getattr(item, "fixturenames", ())]
    for item in needing:
        item.add_marker(pytest.mark.xdist_group("stack"))
    # Without Go the tests can't run. On a developer's machine that is said and they are left out; in CI they fail.
    if needing and os.environ.get("CI") != "true" and not programs.obtainable():
        items[:] = [item for item in items if item not in needing]
        config.hook.pytest_deselected(items=needing)
        config.stash[_LEFT_OUT] = len(needing)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if left_out := config.stash.get(_LEFT_OUT, 0):
        terminalreporter.write_line(f"{left_out} tests against the real stack were left out: {programs.GO_HINT}")


_LEFT_OUT = pytest.StashKey[int]()
