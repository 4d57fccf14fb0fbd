"""Programs from npm that tests run beside ours, each installed on first use into a cache outside the repository."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.cache import cache

PAGE_LOCK = Path(__file__).parents[1] / "dashboards" / "package-lock.json"
INSTALL_TIMEOUT = 900  # seconds; Claude Code's 381 MB take 4 to 10 s on a fast line


def installed(package: str, version: str, program: str) -> Path:
    """A program of a package: the first that matches the pattern `program` below node_modules.

    Many test processes may ask at once. Raises RuntimeError with npm's words if it can't be installed.
    """
    target = cache() / f"{package.rpartition('/')[2]}-{version}"
    with _alone():
        if (found := _program(target, program)) is None:
            _install(target, "install", f"{package}@{version}")
            found = _program(target, program)
    if found is None:
        raise RuntimeError(f"{package}@{version} has no {program} for this machine under {target}")
    return found


def page() -> Path:
    """The node_modules that work on the page needs, each package in the version and with the hash of PAGE_LOCK.

    Many test processes may ask at once. Raises RuntimeError with npm's words if it can't be installed.
    """
    target = cache() / f"page-{hashlib.sha256(PAGE_LOCK.read_bytes()).hexdigest()[:12]}"
    with _alone():
        if not target.is_dir():
            _install(target, "ci", "--ignore-scripts", copy=(PAGE_LOCK.with_name("package.json"), PAGE_LOCK))
    return target / "node_modules"


def newest(package: str) -> str:
    """The newest published version. Raises RuntimeError with npm's words."""
    done = subprocess.run([_npm(), "view", package, "version"], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(f"npm does not tell the newest {package}: {done.stderr.strip()[-2000:]}")
    return done.stdout.strip()


def _npm() -> str:
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError("npm is needed to install what these tests run")
    return npm


def _program(root: Path, pattern: str) -> Path | None:
    return next(iter(sorted(root.glob(f"node_modules/{pattern}"))), None)


@contextmanager
def _alone() -> Iterator[None]:
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "npm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(target: Path, *words: str, copy: Sequence[Path] = ()) -> None:
    """Install into a folder beside the target and rename it, so that a killed installation leaves nothing half done."""
    fresh = Path(tempfile.mkdtemp(prefix="npm-", dir=target.parent))
    try:
        for file in copy:
            shutil.copy(file, fresh)
        command = [_npm(), *words, "--no-audit", "--no-fund", "--prefix", str(fresh)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT, check=False)
        if done.returncode:
            raise RuntimeError(f"npm could not install {target.name}: {done.stderr.strip()[-2000:]}")
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
