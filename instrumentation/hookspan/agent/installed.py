"""Judges the installation from the agent, whose environment may be that of another installation, or empty."""

from __future__ import annotations

import os

from hookspan.paths import Paths
from hookspan.setup import places
from hookspan.setup.agents import Agents, look


def installed(paths: Paths) -> Agents:
    """Whose hooks coding agents run, and what prevents them, by their settings files as they are now."""
    env = {name: value for name, value in os.environ.items() if name not in places.MOVED}
    return look(paths, {**env, **places.variables(paths, env)})
