"""The context that every check is given."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from hookspan.agent import effective
from hookspan.clients.claude_code.settings_files import MANAGED
from hookspan.config import Settings, load
from hookspan.errors import UserError
from hookspan.folders import working_folder
from hookspan.paths import Paths
from hookspan.setup.agents import Agents, look
from hookspan.setup.installation import Installation


class SettingsUnreadable(UserError):
    """The settings can't be read, which the check of the settings has said already."""


@dataclass(frozen=True)
class Context:
    """Where to look: one user's files, the environment of the shell, and the folder that it is in."""

    paths: Paths
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    folder: Path | None = field(default_factory=working_folder)
    jaeger: str | None = None
    """Where the test span is looked for; None: where `links.jaeger` says."""
    managed: Sequence[Path] = MANAGED
    """Folders of the administrator's settings of Claude Code."""

    @cached_property
    def settings(self) -> Settings:
        """The settings in force, so not what a variable says that the agent hasn't. Raises SettingsUnreadable."""
        try:
            load(self.paths, self.env)
            return effective.settings(self.paths)
        except UserError as error:
            raise SettingsUnreadable(error.message, hint=error.hint) from error

    @cached_property
    def agents(self) -> Agents:
        """Which of hookspan's hooks coding agents run."""
        return look(self.paths, self.env, self.folder, self.managed)

    @property
    def installation(self) -> Installation:
        """Which of them Claude Code runs."""
        return self.agents.claude_code
