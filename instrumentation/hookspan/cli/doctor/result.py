"""The result of a check, and what would fix it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hookspan.agent.health import Finding, Status
from hookspan.setup.problem import Problem


@dataclass(frozen=True, slots=True)
class Fix:
    """A fix that can do no harm: in words, and as a call, which raises UserError or OSError if it fails."""

    what: str
    do: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Result:
    """The finding (`message`), why it matters or where it comes from (`why`), and what to do (`todo`)."""

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
    def of(cls, finding: Finding, why: str = "") -> Result:
        """A finding of the agent's own checks."""
        return cls(finding.status, finding.message, why, finding.todo, finding.value, finding.unit)

    @classmethod
    def of_problem(cls, problem: Problem, fix: Fix | None) -> Result:
        """What is wrong with the installation."""
        status = Status.CRITICAL if problem.broken else Status.WARNING
        return cls(status, problem.what, problem.why, problem.todo, fix=fix)

    def as_dict(self) -> dict[str, Any]:
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
