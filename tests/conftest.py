"""What a machine must have for which test, in which order they run, and a home of its own for every test.

A test says what it needs by `@pytest.mark.need_NAME`. On a developer's machine tests whose needs are missing are left
out, and the end of the run says which and how to get them. With CI=true nothing is left out: what is missing fails.

`make check` leaves out what is slow: tests that need something, that start an agent or a back end, or that say so by
`@pytest.mark.slow`.
"""

import gc
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from hookspan.paths import Paths
from tests import compiled_once
from tests.cache import cache

CI = os.environ.get("CI") == "true"
SBIN = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"  # where servers are, and not every user looks


def program(*names: str) -> Callable[[], bool]:
    return lambda: any(shutil.which(name) for name in names)


# name: whether it is there, how to get it
NEEDS: dict[str, tuple[Callable[[], bool], str]] = {
    "cc": (program("cc"), "apt-get install gcc"),
    "musl": (program("musl-gcc"), "apt-get install musl-tools"),
    "clang": (program("clang"), "apt-get install clang"),
    "strace": (program("strace"), "apt-get install strace"),
    "tmux": (program("tmux"), "apt-get install tmux"),
    "bwrap": (lambda: all(map(shutil.which, ("bwrap", "socat"))), "apt-get install bubblewrap socat"),
    "jq": (program("jq"), "apt-get install jq"),
    "chromium": (program("chromium-headless-shell", "chromium"), "apt-get install chromium-headless-shell"),
    "notifications": (program("chromium"), "apt-get install chromium"),
    "desktop": (
        lambda: bool(shutil.which("notify-send")) and Path("/usr/lib/python3/dist-packages/dbusmock").is_dir(),
        "apt-get install libnotify-bin python3-dbusmock",
    ),
    "faketime": (program("faketime"), "apt-get install faketime"),
    "fish": (program("fish"), "apt-get install fish"),
    "mandoc": (program("mandoc"), "apt-get install mandoc"),
    "zsh": (program("zsh"), "apt-get install zsh"),
    "systemd": (program("systemd-analyze"), "apt-get install systemd"),
    "docker": (lambda: all(map(shutil.which, ("dockerd", "busybox"))), "apt-get install docker.io busybox-static"),
    "go": (program("go"), "Go 1.26 or newer from https://go.dev/dl/, its bin folder on PATH"),
    "npm": (program("npm"), "Node.js with npm from https://nodejs.org"),
    "java": (program("mvn"), "apt-get install maven"),
    "haproxy": (lambda: bool(shutil.which("haproxy", path=SBIN)), "apt-get install haproxy"),
    "root": (lambda: os.geteuid() == 0, "run the tests as root in a throw-away machine"),
}
# Fixtures that start agents and back ends.
STARTERS = {"machine", "make_machine", "site", "make_site", "shared", "morning"}
STARTERS |= {"_started_stack", "docker", "fleet", "gateway_compose"}
# Tests that run one after the other in one process, or alone for a minute. Those that take longest come first, else
# one worker is at it when all others are done; those that wait stand between those that compute.
LONG_GROUPS = (
    *("stack", "client", "kill", "gateway", "containers", "bench"),
    *("walks", "gateway_compose", "readers", "packages"),
)
# Where CI has its temporary files if there is ROOM (bytes): a twentieth less of a processor.
MEMORY, ROOM = Path("/dev/shm"), 8 << 30
LEFT_OUT = pytest.StashKey[dict[str, int]]()

hypothesis.settings.register_profile(
    "hookspan",
    deadline=None,  # the machines that run this are shared: time says nothing about the code
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.register_profile("fuzz", hypothesis.settings.get_profile("hookspan"), max_examples=1000)
hypothesis.settings.load_profile("hookspan")


def _is_roomy(folder: Path) -> bool:
    """Whether temporary files may be there, programs too."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize > ROOM and not found.f_flag & os.ST_NOEXEC


def pytest_configure(config: pytest.Config) -> None:
    if CI and _is_roomy(MEMORY):
        os.environ.setdefault("TMPDIR", str(MEMORY))  # workers have it, too
        tempfile.tempdir = None  # which may have been asked for before
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # of a run in the background; all that it starts would, too
        signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.set_threshold(
        50_000, 20, 20
    )  # what is imported and collected stays: to look at it often took a third of the time
    # Programs built from source are kept where the next run finds them, though tests have another home.
    os.environ.setdefault("HOOKSPAN_TEST_CACHE", str(Path.home() / ".cache" / "hookspan-test"))
    compiled_once.begin(cache())
    for name, (_, how) in NEEDS.items():
        config.addinivalue_line("markers", f"need_{name}: {how}")
    config.addinivalue_line("markers", "slow: `make check` leaves it out")
    config.stash[LEFT_OUT] = {}
    if config.pluginmanager.has_plugin("xdist"):
        config.pluginmanager.register(_Tally(config))


def _needs(item: pytest.Item) -> list[str]:
    marks = {mark.name for mark in item.iter_markers()}
    return [name for name in NEEDS if f"need_{name}" in marks]


def missing(item: pytest.Item) -> list[str]:
    return [name for name in _needs(item) if not NEEDS[name][0]()]


def _place(item: pytest.Item) -> int:
    """When a test has its turn: long groups, other groups, tests that any worker takes."""
    group = item.get_closest_marker("xdist_group")
    if group is None:
        return len(LONG_GROUPS) + 1
    return LONG_GROUPS.index(group.args[0]) if group.args[0] in LONG_GROUPS else len(LONG_GROUPS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=_place)
    for item in items:
        if STARTERS & set(getattr(item, "fixturenames", ())) or _needs(item):
            item.add_marker(pytest.mark.slow)
    if CI:
        return
    gone = {item: names for item in items if (names := missing(item))}
    if gone:
        items[:] = [item for item in items if item not in gone]
        config.hook.pytest_deselected(items=list(gone))
        for names in gone.values():
            for name in names:
                config.stash[LEFT_OUT][name] = config.stash[LEFT_OUT].get(name, 0) + 1


def pytest_collection_finish() -> None:
    gc.freeze()  # nor is it looked at while tests run


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if names := missing(item):
        pytest.fail("this machine lacks " + "; ".join(f"{name} ({NEEDS[name][1]})" for name in names), pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:  # in an xdist worker: only the controller writes to the terminal
        output["left_out"] = session.config.stash[LEFT_OUT]


class _Tally:
    """Takes from the first xdist worker, which all collect the same, what was left out."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_testnodedown(self, node: object) -> None:
        self.config.stash[LEFT_OUT].update(getattr(node, "workeroutput", {}).get("left_out", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name, count in config.stash[LEFT_OUT].items():
        terminalreporter.write_line(f"{count} tests were left out, for want of {name}: {NEEDS[name][1]}", yellow=True)


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of their own: `mktemp` numbers what it makes by looking at all that it has made, for every test."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture
def tmp_path(_homes: Path) -> Path:
    """As pytest's, which looks for the next number, and renews a link that nobody follows, for every test."""
    return Path(tempfile.mkdtemp(prefix="t-", dir=_homes))


@pytest.fixture(autouse=True)
def _own_home(_homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's home, Claude Code's or ours, or the variables of the shell that runs it."""
    for variable in list(os.environ):
        if variable.startswith(("HOOKSPAN_", "CLAUDE", "OTEL_", "XDG_")) and variable != "HOOKSPAN_TEST_CACHE":
            monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", tempfile.mkdtemp(dir=_homes))


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """Paths in a fresh folder, with no administrator's settings; call `create()` for the state folders."""
    return Paths(
        state=tmp_path / "state",
        config=tmp_path / "config.toml",
        data=tmp_path / "data",
        system_config=tmp_path / "etc" / "config.toml",
    )


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signed itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key
