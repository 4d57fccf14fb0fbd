"""The scenarios: each brings the real client into one situation and tells what is true of it.

A scenario is a function that plays on a `Stage` and returns its `Story`. Its docstring says what happens; `SCENARIOS`
holds them all by name.
"""

from tests.claude.scenarios import interactive, printed
from tests.claude.scenarios.registry import SCENARIOS, Scenario

__all__ = ["SCENARIOS", "Scenario", "interactive", "printed"]
