"""The `fleet` fixture: one gateway, with all that belongs to it, for the tests that ask for it."""

from collections.abc import Iterator

import pytest

from tests.gateway.fleet import Fleet
from tests.stack import programs

NEEDS = ("java", "haproxy")  # to run, whatever is built already


@pytest.fixture(scope="session")
def _session_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path_factory.mktemp("fleet"))
    try:
        fleet.start()
        yield fleet
    finally:
        fleet.close()


@pytest.fixture
def fleet(_session_fleet: Fleet) -> Iterator[Fleet]:
    """The running fleet; what a test stopped, killed or froze runs again after it."""
    yield _session_fleet
    for program in _session_fleet.programs:
        program.thaw()
    _session_fleet.start()


@pytest.hookimpl(tryfirst=True)  # before tests/conftest.py decides who has what it needs
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "fleet" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("gateway"))
            for name in NEEDS:
                item.add_marker(getattr(pytest.mark, f"need_{name}"))
            if not programs.cached():
                item.add_marker(pytest.mark.need_go)
