"""The installation's secret key, for digests."""

from __future__ import annotations

import os
from typing import Final

from hookspan import atomic
from hookspan.paths import Paths

KEY_BYTES: Final = 32


def read_key(paths: Paths) -> bytes:
    """The install's secret for digests, 32 bytes, made at first use; only who has the agent's lock may call this."""
    try:
        key = paths.key.read_bytes()
    except FileNotFoundError:
        key = b""
    if len(key) != KEY_BYTES:
        key = os.urandom(KEY_BYTES)
        atomic.write(paths.key, key, mode=0o600)
    return key
