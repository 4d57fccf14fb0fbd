"""For which coding agents hookspan is installed, where, and what is wrong: one answer for all that say so."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.clients.claude_code.settings_files import MANAGED
from hookspan.paths import Paths
from hookspan.record import Record

from . import installation, others
from .installation import Installation
from .others import Hooks
from .problem import Problem


class Agents(Record):
    """The hooks of all coding agents. An agent that hookspan was not installed for lacks nothing."""

    claude_code: Installation
    others: Sequence[Hooks]

    @property
    def wanted(self) -> bool:
        """Whether anything says that there are to be hooks which record to our state folder."""
        claude_code = bool(self.claude_code.ours or self.claude_code.recorded)
        return claude_code or bool(self._wanted)

    @property
    def _wanted(self) -> list[Hooks]:
        return [hooks for hooks in self.others if hooks.wanted]

    @property
    def names(self) -> list[str]:
        """The agents that run hooks of ours, or would if they were let."""
        found = [CLAUDE_CODE.name] if self.claude_code.ours else []
        return list(dict.fromkeys([*found, *(hooks.client.name for hooks in self.others if hooks.run)]))

    @property
    def where(self) -> str:
        """Where the hooks are, in words."""
        files = [f"`{hooks.file}`" for hooks in self.others if hooks.run]
        return ", ".join(filter(None, [self.claude_code.where, *files]))

    @property
    def run(self) -> list[tuple[str, ...]]:
        """What they run to record to our state folder, the last word; each once."""
        return list(dict.fromkeys([*self.claude_code.run, *(words for hooks in self.others for words in hooks.run)]))

    @property
    def others_alone(self) -> bool:
        """Whether hookspan was installed for other agents than Claude Code, and not for that."""
        return bool(self._wanted) and not self.claude_code.wanted

    @property
    def of_claude_code(self) -> list[Problem]:
        """What is wrong with Claude Code's; nothing where it is not to have any."""
        return [] if self.others_alone else self.claude_code.problems

    @cached_property
    def problems(self) -> list[Problem]:
        """Everything that is wrong, each once."""
        told: dict[tuple[str, str], Problem] = {}
        for problem in [*self.of_claude_code, *(one for hooks in self.others for one in hooks.problems)]:
            told.setdefault((problem.area, problem.what), problem)
        return list(told.values())

    @property
    def broken(self) -> list[Problem]:
        """The problems for which something is not recorded."""
        return [problem for problem in self.problems if problem.broken]

    @property
    def install(self) -> str:
        """The command that installs the relay and what it needs, and hooks where they are wanted."""
        return self._wanted[0].install if self.others_alone else self.claude_code.install


def look(
    paths: Paths,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
    managed: Sequence[Path] = MANAGED,
) -> Agents:
    """What is installed; `folder`: the project that an agent would run in, None: any that is known."""
    env = os.environ if env is None else env
    return Agents(installation.look(paths, env, folder, managed), others.installed(paths, env, folder))
