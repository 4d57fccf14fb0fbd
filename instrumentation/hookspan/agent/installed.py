"""Judges the installation from the agent, whose environment may be that of another installation, or empty."""

from __future__ import annotations

import os

from hookspan.paths import Paths
from hookspan.setup import places
from hookspan.setup.installation import Installation, look


def installed(paths: Paths) -> Installation:
    """Whose hooks Claude Code runs, and what prevents them, by the settings files as they are now."""
    env = {name: value for name, value in os.environ.items() if name not in places.MOVED}
    return look(paths, {**env, **places.variables(paths, env)})
