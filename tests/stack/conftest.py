"""The `stack` fixture: one real backend for all tests that ask for it; the `docker` fixture: a daemon for containers.

Under xdist all that ask for the same run in one worker (`--dist loadgroup`), so there is one of each and outages
disturb nobody else. Idle, its programs take a tenth of a processor: neither is there while the other's tests run.
"""

import time
from collections.abc import Iterator

import pytest

from tests.stack import day, programs
from tests.stack.docker import Docker
from tests.stack.stack import Stack


@pytest.fixture(scope="package")
def _started_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"))
    try:
        stack.start()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def stack(_started_stack: Stack) -> Iterator[Stack]:
    """The running stack; what a test stopped or killed is started again after it."""
    yield _started_stack
    _started_stack.start()


@pytest.fixture(scope="package")
def played_day(_started_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> day.Day:
    """A day of work, in the stack: see `tests.stack.day`. Gauges of it are gone after five minutes."""
    _started_stack.start()
    now = time.time_ns()
    found = day.arrange(day.recordings(tmp_path_factory.mktemp("day")), now)
    day.send_metrics(found, _started_stack.otlp_http, now)
    day.send_spans(found, _started_stack.otlp_http)
    day.send_logs(found, _started_stack.otlp_http)
    day.send_native_hooks(_started_stack.otlp_http)
    day.send_native_metrics(_started_stack.otlp_http)
    day.run_agent(_started_stack.otlp_http)
    return found


@pytest.fixture(scope="package")
def docker() -> Iterator[Docker]:
    """A docker daemon with the stack's images in it."""
    daemon = Docker()
    yield daemon
    daemon.close()


@pytest.hookimpl(tryfirst=True)  # before tests/conftest.py decides who has what it needs
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        group = {"_started_stack": "stack", "docker": "containers"}
        for fixture in group.keys() & fixtures:
            item.add_marker(pytest.mark.xdist_group(group[fixture]))
            if not programs.cached():
                item.add_marker(pytest.mark.need_go)
        if "docker" in fixtures:
            item.add_marker(pytest.mark.need_docker)
            item.add_marker(pytest.mark.need_root)
