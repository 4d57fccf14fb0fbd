"""The text of a settings file of Claude Code: hooks, variables and the status line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Self

from hookspan import jsontext
from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.clients.hooks_text import Handler, HooksText, dump, key_of, kind_of
from hookspan.errors import UserError
from hookspan.paths import Paths

from . import status_line_command
from .handlers import EVENTS, is_ours, matcher_group

__all__ = ["Handler", "SettingsText"]

REFRESH: Final = 5
"""Seconds after which the client asks for a line of ours again while nothing happens: the agent tells of a turn's end a
moment after the client has asked for its line."""


class SettingsText(HooksText):
    """A settings file's text. `name` stands in messages; UserError for what Claude Code could not read either."""

    TITLE: ClassVar[str] = CLAUDE_CODE.title
    REGISTERED: ClassVar[tuple[str, ...]] = CLAUDE_CODE.registered

    @classmethod
    def group(cls, command: Sequence[str], event: str) -> dict[str, Any]:  # noqa: ARG003 - the same for all
        """Our matcher group for an event."""
        return matcher_group(command)

    @classmethod
    def is_ours(cls, command: Sequence[str], paths: Paths) -> bool:
        """Whether a handler's command, in words, is one of ours."""
        return is_ours(command, paths)

    def with_ours(self, command: Sequence[str], paths: Paths, events: Sequence[str] = EVENTS) -> Self:
        """The text with our entries at the end of each of `events`, and with no other or older form of them."""
        return HooksText.with_ours(self, command, paths, events)

    @property
    def env(self) -> dict[str, Any]:
        """The variables that Claude Code sets for itself; UserError if `env` is no object."""
        env = self.value.get("env", {})
        if not isinstance(env, dict):
            raise UserError(
                f"`env` in `{self.name}` must be an object, not {kind_of(env)}", hint='write it as `"env": {}`'
            )
        return env

    def with_env(self, variables: Mapping[str, str]) -> Self:
        """The text with those of these variables that are not there, at the end of `env`."""
        self.no_twice(jsontext.container(self.text), "env")
        there = self.env
        bodies = [f"{key_of(self.text, k)}{dump(self.text, v)}" for k, v in variables.items() if k not in there]
        if not bodies:
            return self
        text = self.text
        if self.container("env") is None:
            text = jsontext.apply(
                text, [jsontext.append(text, jsontext.container(text), [f"{key_of(text, 'env')}{{}}"])]
            )
        env = self.with_text(text).container("env")
        assert env is not None  # noqa: S101 - it was just put there
        return self.with_text(jsontext.apply(text, [jsontext.append(text, env, bodies)]))

    def without_env(self, variables: Mapping[str, str], keep: Sequence[str] = ()) -> Self:
        """The text without those of these variables that have the value given, and without an `env` left empty."""
        env = self.container("env")
        if env is None or not isinstance(self.value["env"], dict):
            return self
        gone = {n for n, e in enumerate(env.elements) if e.key and e.value == variables.get(e.key)}
        if not gone:
            return self
        edits = jsontext.remove(env, gone)
        if len(gone) == len(env.elements) and "env" not in keep:
            root = jsontext.container(self.text)
            edits = jsontext.remove(root, {n for n, e in enumerate(root.elements) if e.key == "env"})
        return self.with_text(jsontext.apply(self.text, edits))

    @property
    def status_line(self) -> object:
        """The command of the status line; None without one."""
        line = self.value.get("statusLine")
        return line.get("command") if isinstance(line, dict) else None

    @property
    def status_line_text(self) -> str:
        """That command as it stands in the file, with its quotes; empty without one."""
        element = self._status_line_command()
        return "" if element is None else self.text[element.value_start : element.end]

    def _status_line_command(self) -> jsontext.Element | None:
        line = self.value.get("statusLine")
        within = self.container("statusLine") if isinstance(line, dict) else None
        commands = [] if within is None else [each for each in within.elements if each.key == "command"]
        return commands[-1] if commands else None

    def with_status_line(self, relay: Sequence[str], paths: Paths) -> Self:
        """The text with a status line that goes through the relay; UserError for one of another form than a command."""
        self.no_twice(jsontext.container(self.text), "statusLine")
        line = self.value.get("statusLine")
        if line is None and "statusLine" not in self.value:
            command = status_line_command.written(relay, None)
            ours = {"type": "command", "command": command, "refreshInterval": REFRESH}
            body = f"{key_of(self.text, 'statusLine')}{dump(self.text, ours)}"
            return self.with_edits([jsontext.append(self.text, jsontext.container(self.text), [body])])
        element = self._status_line_command()
        plain = isinstance(line, dict) and line.get("type") == "command" and "args" not in line
        if not plain or element is None or not isinstance(element.value, str):
            raise UserError(
                f"`statusLine` in `{self.name}` is not a command that hookspan knows how to run; nothing was changed",
                hint="without `--status-line` everything else is installed",
            )
        ours_now = status_line_command.read(element.value, paths)
        before = element.value if ours_now is None else ours_now.before
        return self._with_status_line_text(element, dump(self.text, status_line_command.written(relay, before)))

    def without_status_line(self, paths: Paths, written: str = "", spare: Sequence[str] = ()) -> Self:
        """The text with the status line of before; `written`: its command as it stood there, if that is known."""
        element = self._status_line_command()
        ours = status_line_command.read(self.status_line, paths)
        if element is None or ours is None or ours.relay[-1] in spare:
            return self
        if ours.before is None:
            root = jsontext.container(self.text)
            return self.with_edits(
                jsontext.remove(root, {n for n, e in enumerate(root.elements) if e.key == "statusLine"})
            )
        known = written and json.loads(written) == ours.before
        return self._with_status_line_text(element, written if known else dump(self.text, ours.before))

    def _with_status_line_text(self, element: jsontext.Element, text: str) -> Self:
        return self.with_edits([jsontext.Edit(element.value_start, element.end, text)])
