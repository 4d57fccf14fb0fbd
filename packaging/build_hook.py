"""Puts the Collector's files and a compiled relay into the wheel: hatchling runs this for every wheel that it builds.

A checkout may hold what the gateway's operator has made beside them, which is nobody else's.

Without HOOKSPAN_RELAY the wheel is pure, and `hookspan install` compiles the relay on the machine where it is to run.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

OPERATORS = frozenset({"secrets", ".env", "docker-compose.override.yml"})
"""What an operator makes beside the gateway's files, as `hookspan.cli.stack.compose` has it."""


class RelayHook(BuildHookInterface[Any]):
    """Takes the relay's file from HOOKSPAN_RELAY and the wheel's platform tag from HOOKSPAN_RELAY_PLATFORM."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files and the tag; an editable install takes its files from the checkout and gets none."""
        if version == "standard":
            for path in sorted(Path(self.root, "collector").rglob("*")):
                name = path.relative_to(self.root)
                if path.is_file() and OPERATORS.isdisjoint(name.parts):
                    build_data["force_include"][str(path)] = f"hookspan/_stack/{name}"
        relay = os.environ.get("HOOKSPAN_RELAY")
        if relay and version == "standard":
            build_data["force_include"][relay] = "hookspan/_stack/hooks/hookspan-relay"
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{os.environ['HOOKSPAN_RELAY_PLATFORM']}"
