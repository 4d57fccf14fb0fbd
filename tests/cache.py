"""The folder for what tests build and install, outside the checkout; it outlives a run."""

import os
from pathlib import Path


def cache() -> Path:
    """HOOKSPAN_TEST_CACHE or ~/.cache/hookspan-test."""
    return Path(os.environ.get("HOOKSPAN_TEST_CACHE") or "~/.cache/hookspan-test").expanduser()
