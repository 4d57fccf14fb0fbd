"""The text of our own file of hooks in Copilot CLI's folder.

The whole file is ours: `install` writes it and `uninstall` deletes it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final, Self

from hookspan.catalogue.copilot import COPILOT
from hookspan.clients.hooks_text import COMMAND_MAX, Handler, HooksText
from hookspan.clients.relay_command import relay_in
from hookspan.paths import Paths
from hookspan.record import replace

TIMEOUT: Final = 5
"""Seconds."""
_NATIVE: Final = {"SessionStart": "sessionStart"}
"""Copilot's names of the events that are registered; its other form, with Claude Code's names, has other payloads."""
_END: Final = ("--agent", COPILOT.name, "||", ":")


def command(relay: Sequence[str]) -> str:
    """The command line of our handlers. A relay that is gone is no failure; else it takes the shell's place."""
    program, whole = shlex.quote(relay[0]), shlex.join([*relay, "--agent", COPILOT.name])
    return f"test -x {program} && exec {whole} || :"


class CopilotHooks(HooksText):
    """Such a file's text. `name` stands in messages; UserError for what Copilot could not read either."""

    TITLE: ClassVar[str] = COPILOT.title
    REGISTERED: ClassVar[tuple[str, ...]] = tuple(_NATIVE.values())

    @classmethod
    def group(cls, command_: Sequence[str], event: str) -> dict[str, Any]:  # noqa: ARG003 - as every client's
        """Our handler for an event, in the form that those of other clients have."""
        return {"hooks": [{"type": "command", "bash": command(command_), "timeoutSec": TIMEOUT}]}

    @classmethod
    def relay_of(cls, command_: Sequence[str]) -> tuple[str, ...]:
        """What of a handler's command, in words, runs the relay, with its state folder."""
        words = tuple(command_)
        mine = words[:2] == ("test", "-x") and words[3:5] == ("&&", "exec") and words[-4:] == _END
        return words[5:-4] if mine else ()

    @classmethod
    def is_ours(cls, command_: Sequence[str], paths: Paths) -> bool:
        """Whether a handler's command, in words, is one of ours."""
        return bool(relay_in(cls.relay_of(command_), paths))

    def ours(self, paths: Paths) -> Iterator[Handler]:
        """Our handlers, by the names that the catalogue has for their events."""
        names = {native: name for name, native in _NATIVE.items()}
        for event, handlers in self.value.get("hooks", {}).items():
            for number, handler in enumerate(handlers):
                words = _words(handler)
                if self.is_ours(words, paths):
                    yield Handler(names.get(event, event), 0, number, "", handler, words)

    def with_ours(self, command_: Sequence[str], paths: Paths, events: Sequence[str] = COPILOT.registered) -> Self:
        """The file as it is to be, whatever it was."""
        if self.is_complete(command_, paths, events):
            return self
        hooks = {_NATIVE[event]: self.group(command_, event)["hooks"] for event in events}
        return replace(self, text=json.dumps({"version": 1, "hooks": hooks}, indent=2) + "\n")

    def without_ours(self, paths: Paths, keep: Sequence[str] = (), spare: Sequence[str] = ()) -> Self:  # noqa: ARG002
        """Nothing, unless it has nothing of ours, or of the state folders in `spare`."""
        ours = list(self.ours(paths))
        if not ours or any(set(spare) & set(each.command) for each in ours):
            return self
        return replace(self, text="{}\n")


def _words(handler: object) -> tuple[str, ...]:
    text = handler.get("bash") if isinstance(handler, dict) else None
    if not isinstance(text, str) or len(text) > COMMAND_MAX:
        return ()
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return ()
