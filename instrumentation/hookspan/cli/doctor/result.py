"""What a check is given and what it says."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from hookspan.agent import effective
from hookspan.agent.health import Finding, Status
from hookspan.config import Settings, load
from hookspan.errors import UserError
from hookspan.paths import Paths, working_folder
from hookspan.setup.installation import Installation, Problem, look
from hookspan.setup.sources import MANAGED


class UnreadError(UserError):
    """The settings can't be read, which the check of the settings has said already."""


@dataclass(frozen=True, slots=True)
class Fix:
    """Something that mends a finding and can do no harm: in words, and as a call. UserError or OSError if it can't."""

    what: str
    do: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Found:
    """What is so (`message`), why that matters or how it comes (`why`), and what to do (`todo`)."""

    status: Status
    message: str
    why: str = ""
    todo: str = ""
    value: float | None = None
    unit: str = ""
    fix: Fix | None = None
    quotes: bool = False
    """The message quotes what the user or another program wrote: nothing for a report."""

    @classmethod
    def of(cls, finding: Finding, why: str = "") -> Found:
        """A finding of the agent's own checks."""
        return cls(finding.status, finding.message, why, finding.todo, finding.value, finding.unit)

    @classmethod
    def of_problem(cls, problem: Problem, fix: Fix | None) -> Found:
        """What is wrong with the installation."""
        status = Status.CRITICAL if problem.broken else Status.WARNING
        return cls(status, problem.what, problem.why, problem.todo, fix=fix)

    def report(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "status": self.status,
            "message": self.message,
            "why": self.why,
            "todo": self.todo,
            "value": self.value,
            "unit": self.unit,
            "fix": None if self.fix is None else self.fix.what,
        }


@dataclass(frozen=True)
class Place:
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
        """The settings in force, so not what a variable says that the agent hasn't; UnreadError where one is wrong."""
        try:
            load(self.paths, self.env)
            return effective.settings(self.paths)
        except UserError as error:
            raise UnreadError(error.message, hint=error.hint) from error

    @cached_property
    def installation(self) -> Installation:
        """What Claude Code runs of ours."""
        return look(self.paths, self.env, self.folder, self.managed)
