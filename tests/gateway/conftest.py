"""The `fleet` fixture: one gateway, with all that belongs to it, for the tests that ask for it; and who needs what."""

from collections.abc import Iterator

import pytest

from tests.gateway.fleet import Fleet
from tests.stack import programs

NEEDS = {"fleet": ("java", "haproxy"), "gateway_compose": ("java", "haproxy", "docker", "root")}  # beside what is built


@pytest.fixture(scope="package")
def _started_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path_factory.mktemp("fleet"))
    try:
        fleet.start()
        yield fleet
    finally:
        fleet.close()


@pytest.fixture
def fleet(_started_fleet: Fleet) -> Iterator[Fleet]:
    """The running fleet; what a test stopped, killed or froze runs again after it."""
    yield _started_fleet
    for program in _started_fleet.programs:
        program.thaw()
    _started_fleet.start()


@pytest.hookimpl(tryfirst=True)  # before tests/conftest.py decides who has what it needs
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture in NEEDS.keys() & getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group({"fleet": "gateway"}.get(fixture, fixture)))
            for name in NEEDS[fixture]:
                item.add_marker(getattr(pytest.mark, f"need_{name}"))
            if not programs.cached():
                item.add_marker(pytest.mark.need_go)
