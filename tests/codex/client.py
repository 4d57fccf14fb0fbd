"""OpenAI's Codex, installed from npm at test time.

Its 424 MB go into a cache outside the repository and are never copied from there.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests import npm

PACKAGE = "@openai/codex"
DEFAULT_VERSION = "0.171.0"


def version() -> str:
    """The version that the tests drive: HOOKSPAN_CODEX_VERSION or DEFAULT_VERSION."""
    return os.environ.get("HOOKSPAN_CODEX_VERSION", DEFAULT_VERSION)


def executable() -> Path:
    """Its native program, installed on first use; many test processes may ask at once.

    Raises RuntimeError with npm's words if it can't be installed.
    """
    return npm.installed(PACKAGE, version(), f"{PACKAGE}-*/vendor/*/bin/codex")


if __name__ == "__main__":
    print(executable())
