"""The text of Codex's `hooks.json`.

Codex trusts a handler by its very text at its very place. So what is there and right is never touched, and ours come
after everybody else's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from hookspan.catalogue.codex import CODEX
from hookspan.clients.hooks_text import Handler, HooksText
from hookspan.clients.relay_command import relay_in
from hookspan.paths import Paths

from . import handlers


class CodexHooks(HooksText):
    """Such a file's text. `name` stands in messages; UserError for what Codex could not read either."""

    TITLE: ClassVar[str] = CODEX.title
    REGISTERED: ClassVar[tuple[str, ...]] = CODEX.registered

    @classmethod
    def group(cls, command: Sequence[str], event: str) -> dict[str, Any]:
        """Our matcher group for an event; `command` runs the relay."""
        return {"hooks": [handlers.handler(event, handlers.command(command))]}

    @classmethod
    def relay_of(cls, command: Sequence[str]) -> tuple[str, ...]:
        """What of a handler's command, in words, runs the relay, with its state folder; nothing for another command."""
        return handlers.relay_of(command)

    @classmethod
    def is_ours(cls, command: Sequence[str], paths: Paths) -> bool:
        """Whether a handler's command, in words, is one of ours."""
        return bool(relay_in(cls.relay_of(command), paths))

    def with_ours(self, command: Sequence[str], paths: Paths, events: Sequence[str] = CODEX.registered) -> Self:
        """The text with our handler once for each of `events`; one that is right stays where it is."""
        right: set[str] = set()
        wrong: list[Handler] = []
        for ours in self.ours(paths):
            if ours.event in events and ours.event not in right and self.is_good(ours, command):
                right.add(ours.event)
            else:
                wrong.append(ours)
        missing = [event for event in events if event not in right]
        clean = self.without(wrong, keep=self.empty())
        return clean.with_added(command, missing) if missing else clean
