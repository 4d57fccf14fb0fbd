"""Anthropic's Claude Code client, installed from npm at test time.

It is under its own terms, so it is installed into a cache outside the repository and never copied from there.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests import npm

PACKAGE = "@anthropic-ai/claude-code"
DEFAULT_VERSION = "2.1.332"


def version() -> str:
    """The client's version that the tests drive: HOOKSPAN_CLAUDE_VERSION or DEFAULT_VERSION."""
    return os.environ.get("HOOKSPAN_CLAUDE_VERSION", DEFAULT_VERSION)


def is_since(wanted: str) -> bool:
    """Whether the client that the tests drive has what came with a version; an empty one every client has."""
    return not wanted or tuple(map(int, version().split("."))) >= tuple(map(int, wanted.split(".")))


def executable(of: str = "") -> Path:
    """The native program of a version, or of `version()`, installed on first use; many test processes may ask at once.

    Raises RuntimeError with npm's words if it can't be installed.
    """
    return npm.installed(PACKAGE, of or version(), f"{PACKAGE}-*/claude")


def newest() -> str:
    """The newest published version. Raises RuntimeError with npm's words."""
    return npm.newest(PACKAGE)
