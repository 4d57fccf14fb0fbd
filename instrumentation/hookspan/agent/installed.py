"""What is installed for the agent of these files, whose own variables may be those of another, or none."""

from __future__ import annotations

import os

from hookspan.paths import Paths
from hookspan.setup import places
from hookspan.setup.installation import Installation, look


def installed(paths: Paths) -> Installation:
    """Whose hooks Claude Code runs, and what prevents them, by the settings files as they are now."""
    env = {name: value for name, value in os.environ.items() if name not in places.MOVED}
    return look(paths, {**env, **places.variables(paths, env)})
