"""The table of scenarios, filled by decorating their functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.claude.stage import Installer, Recording, Stage, Story, install_relay

Play = Callable[[Stage], Story]


@dataclass(frozen=True)
class Scenario:
    """A situation of the real client, with what its environment and project folder must be for it.

    `since`: the version of the client that it needs, empty for any.
    """

    name: str
    play: Play
    env: Mapping[str, str] = field(default_factory=dict)
    project: str = "shop"
    since: str = ""

    def run(self, install: Installer = install_relay, env: Mapping[str, str] | None = None) -> Recording:
        """Play it with these hooks installed and return what it left behind."""
        with Stage(self.name, install, {**self.env, **(env or {})}, self.project) as stage:
            return stage.recording(self.play(stage))


SCENARIOS: dict[str, Scenario] = {}


def scenario(*, env: Mapping[str, str] | None = None, project: str = "shop", since: str = "") -> Callable[[Play], Play]:
    """Enter a function into the table under its own name."""

    def enter(play: Play) -> Play:
        SCENARIOS[play.__name__] = Scenario(play.__name__, play, env or {}, project, since)
        return play

    return enter
