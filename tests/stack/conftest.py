"""The `stack` fixture: one real backend for all tests that ask for it.

Under xdist they all run in one worker (`--dist loadgroup`), so there is one stack and outages disturb nobody else.
"""

import time
from collections.abc import Iterator

import pytest

from tests.stack import day, programs
from tests.stack.docker import Docker
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


@pytest.fixture(scope="session")
def played_day(_session_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> day.Day:
    """A day of work, in the stack: see `tests.stack.day`. Gauges of it are gone after five minutes."""
    _session_stack.start()
    now = time.time_ns()
    found = day.arrange(day.recordings(tmp_path_factory.mktemp("day")), now)
    day.send_metrics(found, _session_stack.otlp_http, now)
    day.send_spans(found, _session_stack.otlp_http)
    day.send_native_hooks(_session_stack.otlp_http)
    day.send_native_metrics(_session_stack.otlp_http)
    day.run_agent(_session_stack.otlp_http)
    return found


@pytest.fixture(scope="session")
def docker() -> Iterator[Docker]:
    """A docker daemon with the stack's images in it."""
    daemon = Docker()
    yield daemon
    daemon.close()


@pytest.hookimpl(tryfirst=True)  # before tests/conftest.py decides who has what it needs
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if {"_session_stack", "docker"} & fixtures:
            item.add_marker(pytest.mark.xdist_group("stack"))
            if not programs.cached():
                item.add_marker(pytest.mark.need_go)
        if "docker" in fixtures:
            item.add_marker(pytest.mark.need_docker)
            item.add_marker(pytest.mark.need_root)
