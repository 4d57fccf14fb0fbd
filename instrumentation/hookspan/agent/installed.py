"""Judges the installation from the agent, whose environment may be that of another installation, or empty."""

from __future__ import annotations

import os

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.paths import Paths
from hookspan.setup import others, places
from hookspan.setup.installation import Installation, look


def installed(paths: Paths) -> Installation:
    """Whose hooks Claude Code runs, and what prevents them, by the settings files as they are now."""
    return look(paths, _environment(paths))


def installed_agents(paths: Paths) -> list[str]:
    """Names of the coding agents that have hooks of ours."""
    found = [CLAUDE_CODE.name] if installed(paths).ours else []
    return found + [hooks.client.name for hooks in others.installed(paths, _environment(paths))]


def _environment(paths: Paths) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if name not in places.MOVED}
    return {**env, **places.variables(paths, env)}
