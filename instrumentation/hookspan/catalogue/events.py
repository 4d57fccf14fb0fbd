"""What an entry about a hook event says, and every event of every client."""

from __future__ import annotations

from typing import NamedTuple


class HookEvent(NamedTuple):
    """A hook event of a client.

    `effect`: what it does besides its own hook span, a phrase for people; such an event has a handler in the fold.
    `of_session`: its hook span belongs to the session, whatever prompt it names. `unregistered`: why `install` leaves
    it out, a phrase; empty for those that it registers.
    """

    name: str
    effect: str = ""
    of_session: bool = False
    unregistered: str = ""


class Client(NamedTuple):
    """A coding agent whose hooks are heard; `name` as `gen_ai.agent.name` has it."""

    name: str
    events: tuple[HookEvent, ...]

    @property
    def registered(self) -> tuple[str, ...]:
        """Names of the events that `install` registers, in their order."""
        return tuple(event.name for event in self.events if not event.unregistered)
