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


def cache() -> Path:
    """The folder that outlives a test run: HOOKSPAN_TEST_CACHE or ~/.cache/hookspan-test."""
    return Path(os.environ.get("HOOKSPAN_TEST_CACHE", "~/.cache/hookspan-test")).expanduser()


def executable() -> Path:
    """The client's native program, installed on first use; safe when several test processes ask at once.

    Raises RuntimeError with npm's words if it can't be installed.
    """
    target = cache() / f"claude-{version()}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / "claude.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (found := _program(target)) is None:
            _install(target)
            found = _program(target)
    if found is None:
        raise RuntimeError(f"{PACKAGE}@{version()} has no native program for this machine under {target}")
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


def _install(target: Path) -> None:
    """Install into a folder beside the target and rename it, so that a killed installation leaves nothing half done."""
    npm = _npm()
    fresh = Path(tempfile.mkdtemp(prefix="claude-", dir=target.parent))
    try:
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(fresh), f"{PACKAGE}@{version()}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT, check=False)
        if done.returncode:
            raise RuntimeError(f"npm could not install {PACKAGE}@{version()}: {done.stderr.strip()[-2000:]}")
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
