"""npm packages that work on the page needs, installed at test time into a cache outside the repository."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

WANTED = Path(__file__).parents[2] / "dashboards"
LOCK = WANTED / "package-lock.json"
INSTALL_TIMEOUT = 300  # seconds; 70 MB, 10 s on a fast line


def node_modules() -> Path:
    """The folder with every package in the version and with the hash of the lock file; several processes may ask.

    Raises RuntimeError with npm's words if it can't be installed.
    """
    cache = Path(os.environ.get("HOOKSPAN_TEST_CACHE") or Path.home() / ".cache" / "hookspan-test")
    target = cache / f"page-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "page.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            _install(target)
    return target / "node_modules"


def _install(target: Path) -> None:
    """Beside the target, and renamed when all is there."""
    fresh = Path(tempfile.mkdtemp(prefix="page-", dir=target.parent))
    try:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(WANTED / name, fresh)
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=fresh,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"npm could not install {WANTED / 'package.json'}: {done.stderr.strip()[-2000:]}")
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
