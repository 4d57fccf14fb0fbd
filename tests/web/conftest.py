from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.player import Player, busy
from tests.web.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.web.browser import Visitor

HERE = Path(__file__).parent
LINKS = '[links]\njaeger = "https://jaeger.example/ui/"\ngrafana = "https://grafana.example"\n'


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests stay together: browsers, agents and sessions that it shares are made once."""
    for item in items:
        if item.path.parent == HERE and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


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


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running agent for tests of one file that don't mind what the others put there, and leave it running."""
    site = Site(tmp_path_factory.mktemp("shared") / "machine")
    yield site
    site.close()


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, dict[str, str]]]:
    """A site with sessions in every state, for tests that only look; and the sessions' ids by what they show."""
    with (
        closing(Site(tmp_path_factory.mktemp("morning") / "machine", settings=LINKS)) as site,
        closing(Player(site.machine.paths, site.machine.home, site.machine.env)) as player,
    ):
        shown = busy(player)
        site.settle()
        yield site, shown


class _Kept:
    """The browser of a process, until another file has a test without: it would be in the way of `asyncio.run` there.

    A browser and its driver take as much of a processor to start as two pages.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._browser: Browser | None = None
        self._last: Path | None = None

    def of(self, path: Path) -> "Browser":
        """For the tests of a file."""
        from tests.web.browser import chromium  # noqa: PLC0415 - only where a test uses a browser

        self._last = path
        if self._browser is None or not self._browser.is_connected():
            self.close()
            # A visitor's pages share a process, which takes as much to start as a page to draw. What draws without a
            # graphics card needs none of its own: a tenth less of a processor.
            self._browser = self._stack.enter_context(chromium("--process-per-site", "--in-process-gpu"))
        return self._browser

    def close(self) -> None:
        """No browser any more."""
        self._browser = None
        self._stack.close()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if item.path != self._last and "chromium" not in getattr(item, "fixturenames", ()):
            self.close()

    def pytest_unconfigure(self) -> None:
        self.close()


KEPT = pytest.StashKey[_Kept]()


@pytest.fixture(scope="module")
def chromium(request: pytest.FixtureRequest) -> "Browser":
    """A browser, which other files may have used."""
    stash = request.config.stash
    if KEPT not in stash:
        stash[KEPT] = _Kept()
        request.config.pluginmanager.register(stash[KEPT])
    return stash[KEPT].of(request.path)


@pytest.fixture(scope="module")
def no_browser(request: pytest.FixtureRequest) -> None:
    """None is kept, so that another one can be started."""
    if KEPT in request.config.stash:
        request.config.stash[KEPT].close()


@pytest.fixture
def visitor(chromium: "Browser") -> "Iterator[Visitor]":
    """Opens pages of a site in a browser, and fails the test if anything went wrong on one."""
    from tests.web.browser import Visitor  # noqa: PLC0415 - only where a test uses a browser

    visitor = Visitor(chromium)
    yield visitor
    visitor.close()
    assert visitor.trouble == []
