"""What the packages hold, to the file, and that they install and work; `make wheels-check` does it at length."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

from hookspan import __version__
from tests.cache import cache
from tests.conformance.build import compile_relay
from tests.test_supply import entries

ROOT = Path(__file__).parents[1]
INFO = f"hookspan-{__version__}"
STACK = ("collector", "dashboards/grafana", "dashboards/web", "docker-compose.yml", "docs/runbooks", "hooks")
PLATFORM = "manylinux_2_17_x86_64.musllinux_1_1_x86_64"

# One process builds and installs: the builders share a folder.
pytestmark = [pytest.mark.xdist_group("packages"), pytest.mark.need_cc]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, the pure wheel and one for a platform, its relay compiled by this machine's compiler."""
    folder, clone = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("clone")
    for name in files():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, clone / name)
    (clone / "collector/gateway/secrets").mkdir()
    for name in ("secrets/tokens", ".env", "docker-compose.override.yml"):
        (clone / "collector/gateway" / name).write_text("hunter2")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    packed = {"HOOKSPAN_RELAY": str(compile_relay()), "HOOKSPAN_RELAY_PLATFORM": PLATFORM}
    for kinds, env in ((["-t", "sdist", "-t", "wheel"], {}), (["-t", "wheel"], packed)):
        subprocess.run([*build, *kinds], cwd=clone, env=os.environ | env, capture_output=True, check=True)
    return folder


@pytest.fixture(scope="module")
def wheels() -> Path:
    """What `requirements.lock` has and what builds, to be found by pip: to read its index takes most of its time."""
    lock = ROOT / "requirements.lock"
    folder = cache() / f"wheels-{hashlib.sha256((ROOT / 'requirements-dev.lock').read_bytes()).hexdigest()[:16]}"
    if not folder.exists():
        builder = f"hatchling=={entries('requirements-dev.lock')['hatchling'][0]}"
        with tempfile.TemporaryDirectory(dir=cache()) as scratch:
            fresh = Path(scratch) / "wheels"
            for what in (["--no-deps", "-r", str(lock)], [builder]):
                command = [sys.executable, "-m", "pip", "download", "-q", "-d", str(fresh), *what]
                subprocess.run(command, capture_output=True, check=True)
            fresh.rename(folder)
    return folder


def files() -> set[str]:
    """Every file of the repository, those too that are not yet committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return {name for name in listed if (ROOT / name).exists()}


def of_wheel() -> set[str]:
    package = {name.removeprefix("instrumentation/") for name in files() if name.startswith("instrumentation/")}
    stack = {f"hookspan/_stack/{name}" for name in files() if name.startswith(STACK)}
    info = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "licenses/NOTICE"}
    man = f"{INFO}.data/data/share/man/man1/hookspan.1"
    return package | stack | {f"{INFO}.dist-info/{name}" for name in info} | {man}


def test_the_sdist_holds_the_repository(built: Path):
    with tarfile.open(built / f"{INFO}.tar.gz") as archive:
        names = {member.name.removeprefix(f"{INFO}/") for member in archive.getmembers() if not member.isdir()}
    assert names == files() | {"PKG-INFO"}


def test_the_pure_wheel_holds_the_package_and_the_stack(built: Path):
    with zipfile.ZipFile(built / f"{INFO}-py3-none-any.whl") as archive:
        assert set(archive.namelist()) == of_wheel()


def test_a_platforms_wheel_holds_the_relay_too(built: Path):
    with zipfile.ZipFile(built / f"{INFO}-py3-none-{PLATFORM}.whl") as archive:
        assert set(archive.namelist()) == of_wheel() | {"hookspan/_stack/hooks/hookspan-relay"}
        assert archive.read("hookspan/_stack/hooks/hookspan-relay") == compile_relay().read_bytes()
        assert "Root-Is-Purelib: false" in archive.read(f"{INFO}.dist-info/WHEEL").decode()


@pytest.mark.need_root
@pytest.mark.parametrize(
    ("by", "name", "made"),
    [
        ("uv", f"{INFO}-py3-none-{PLATFORM}.whl", "relay from this package"),
        ("pip", f"{INFO}.tar.gz", "relay compiled with "),
    ],
    ids=["a platform's wheel by uv", "the sdist by pip"],
)
def test_it_installs_and_works_without_a_network(by: str, name: str, made: str, built: Path, wheels: Path):
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [sys.executable, "packaging/check.py", str(built / name), "--by", by, "--python", python]
    found = os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    done = subprocess.run(command, cwd=ROOT, env=found, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Python {python}" in done.stdout
    assert made in done.stdout
