from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.agent.stage import Machine


@pytest.fixture
def make_machine(tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    made: list[Machine] = []

    def make(**options: str) -> Machine:
        made.append(Machine(tmp_path / f"machine{len(made)}", **options).install())
        return made[-1]

    yield make
    for machine in made:
        machine.close()


@pytest.fixture
def machine(make_machine: Callable[..., Machine]) -> Machine:
    return make_machine()
