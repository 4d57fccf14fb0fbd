"""Anthropic's Claude Code client, installed from npm at test time.

It is under its own terms, so it is installed into a cache outside the repository and never copied from there.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

PACKAGE = "@anthropic-ai/claude-code"
DEFAULT_VERSION = "2.1.332"
INSTALL_TIMEOUT = 300  # seconds; 381 MB, 4 to 10 s on a fast line


def version() -> str:
    """The client's version that the tests drive: HOOKSPAN_CLAUDE_VERSION or DEFAULT_VERSION."""
    return os.environ.get("HOOKSPAN_CLAUDE_VERSION", DEFAULT_VERSION)


def is_since(wanted: str) -> bool:
    """Whether the client that the tests drive has what came with a version; an empty one every client has."""
    return not wanted or tuple(map(int, version().split("."))) >= tuple(map(int, wanted.split(".")))


def cache() -> Path:
    """The folder that outlives a test run: HOOKSPAN_TEST_CACHE or ~/.cache/hookspan-test."""
    return Path(os.environ.get("HOOKSPAN_TEST_CACHE", "~/.cache/hookspan-test")).expanduser()


def executable(of: str = "") -> Path:
    """The native program of a version, or of `version()`, installed on first use; many test processes may ask at once.

    Raises RuntimeError with npm's words if it can't be installed.
    """
    wanted = of or version()
    target = cache() / f"claude-{wanted}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / "claude.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (found := _program(target)) is None:
            _install(target, wanted)
            found = _program(target)
    if found is None:
        raise RuntimeError(f"{PACKAGE}@{wanted} has no native program for this machine under {target}")
    return found


def newest() -> str:
    """The newest published version. Raises RuntimeError with npm's words."""
    npm = _npm()
    done = subprocess.run([npm, "view", PACKAGE, "version"], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(f"npm does not tell the newest {PACKAGE}: {done.stderr.strip()[-2000:]}")
    return done.stdout.strip()


def _npm() -> str:
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError("npm is needed to install the Claude Code client for these tests")
    return npm


def _program(root: Path) -> Path | None:
    """The platform package's program, e.g. claude-code-linux-x64/claude."""
    return next(iter(sorted(root.glob("node_modules/@anthropic-ai/claude-code-*/claude"))), None)


def _install(target: Path, wanted: str) -> None:
    """Install into a folder beside the target and rename it, so that a killed installation leaves nothing half done."""
    npm = _npm()
    fresh = Path(tempfile.mkdtemp(prefix="claude-", dir=target.parent))
    try:
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(fresh), f"{PACKAGE}@{wanted}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT, check=False)
        if done.returncode:
            raise RuntimeError(f"npm could not install {PACKAGE}@{wanted}: {done.stderr.strip()[-2000:]}")
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
