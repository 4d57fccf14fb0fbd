"""GitHub's Copilot CLI, installed from npm at test time.

Its 189 MB go into a cache outside the repository, and so do the 235 MB that it unpacks when it is first started.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests import npm
from tests.cache import cache

PACKAGE = "@github/copilot"
DEFAULT_VERSION = "1.0.102"


def version() -> str:
    """The version that the tests drive: HOOKSPAN_COPILOT_VERSION or DEFAULT_VERSION."""
    return os.environ.get("HOOKSPAN_COPILOT_VERSION", DEFAULT_VERSION)


def executable() -> Path:
    """Its native program, installed on first use; many test processes may ask at once.

    Raises RuntimeError with npm's words if it can't be installed.
    """
    return npm.installed(PACKAGE, version(), f"{PACKAGE}-*/copilot")


def unpacked() -> Path:
    """Its own cache (XDG_CACHE_HOME), one for all homes."""
    return cache() / f"copilot-{version()}-unpacked"


if __name__ == "__main__":
    print(executable())
