from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.site import Site


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    made: list[Site] = []

    def make(**dashboard: Any) -> Site:
        made.append(Site(tmp_path / f"machine{len(made)}", **dashboard))
        return made[-1]

    yield make
    for site in made:
        site.close()


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """A running agent with its page."""
    return make_site()
