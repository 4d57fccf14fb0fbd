"""The text of a settings file: finds hookspan's entries in it, adds them and removes them.

Only the text between our own brackets ever changes: other people's hooks, unknown keys, indentation, line ends and a
byte order mark stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hookspan import jsontext
from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.errors import UserError
from hookspan.paths import Paths

from . import status_line_command
from .handlers import EVENTS, command_words, is_ours, matcher_group

BOM: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class Handler:
    """One of our handlers, found in a settings file."""

    event: str
    group: int
    number: int  # within the group
    matcher: str
    value: Mapping[str, Any]
    command: tuple[str, ...]  # its words


REFRESH: Final = 5
"""Seconds after which the client asks for a line of ours again while nothing happens: the agent tells of a turn's end a
moment after the client has asked for its line."""


@dataclass(frozen=True, slots=True)
class SettingsText:
    """A settings file's text. `name` stands in messages; UserError for what Claude Code could not read either."""

    name: str
    text: str
    bom: str = ""

    @classmethod
    def of(cls, name: str, data: bytes) -> SettingsText:
        """The text of a file's bytes; an empty file counts as an empty object."""
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UserError(f"`{name}` is not UTF-8: {error.reason} at byte {error.start}") from error
        bom = BOM if text.startswith(BOM) else ""
        text = text.removeprefix(BOM)
        settings = cls(name, text if text.strip() else "{}\n", bom)
        settings._check()
        return settings

    def data(self) -> bytes:
        """The file's bytes."""
        return (self.bom + self.text).encode("utf-8")

    @property
    def value(self) -> dict[str, Any]:
        """What Claude Code reads."""
        value: dict[str, Any] = json.loads(self.text)
        return value

    def _check(self) -> None:
        value = jsontext.check(self.text, self.name)
        if not isinstance(value, dict):
            raise UserError(f"`{self.name}` must hold a JSON object, not {_kind(value)}")
        root = jsontext.container(self.text)
        self._no_twice(root, "hooks")
        hooks = value.get("hooks", {})
        if not isinstance(hooks, dict):
            raise UserError(
                f"`hooks` in `{self.name}` must be an object, not {_kind(hooks)}: Claude Code ignores all of them",
                hint='write it as `"hooks": {"Stop": [...]}`, by event',
            )
        if (within := self.container()) is not None:
            for event in CLAUDE_CODE.registered:
                self._no_twice(within, event)
        for event, groups in hooks.items():
            if not isinstance(groups, list):
                raise UserError(
                    f"`hooks.{event}` in `{self.name}` must be an array, not {_kind(groups)}",
                    hint='write it as `[{"hooks": [...]}]`',
                )

    def _no_twice(self, within: jsontext.Container, key: str) -> None:
        lines = [self.text.count("\n", 0, e.start) + 1 for e in within.elements if e.key == key]
        if len(lines) > 1:
            raise UserError(
                f"`{key}` is there {len(lines)} times in `{self.name}` (lines {', '.join(map(str, lines))})",
                hint="Claude Code reads the last one only; make one of them",
            )

    def container(self, key: str = "hooks") -> jsontext.Container | None:
        """The object under a key."""
        members = [member for member in jsontext.container(self.text).elements if member.key == key]
        return jsontext.container(self.text, members[-1].value_start) if members else None

    def broken(self) -> list[str]:
        """Other people's entries that Claude Code can't use, as `hooks.Stop[0]` or `hooks.Stop[0].hooks[1]`."""
        return [
            f"hooks.{event}[{number}]{place}"
            for event, groups in self.value.get("hooks", {}).items()
            for number, group in enumerate(groups)
            for place in _faults(group)
        ]

    def empty(self) -> list[str]:
        """The containers that are there with nothing in them: `env`, `hooks`, or events."""
        value = self.value
        names = ["env"] if value.get("env") == {} else []
        if (hooks := value.get("hooks")) is None:
            return names
        return names + ([event for event, groups in hooks.items() if not groups] if hooks else ["hooks"])

    def ours(self, paths: Paths) -> Iterator[Handler]:
        """Our handlers, of this version's form or an older one's."""
        for event, groups in self.value.get("hooks", {}).items():
            for number, group in enumerate(groups):
                handlers = group.get("hooks") if isinstance(group, dict) else None
                for place, handler in enumerate(handlers if isinstance(handlers, list) else ()):
                    command = command_words(handler)
                    if is_ours(command, paths):
                        yield Handler(event, number, place, str(group.get("matcher") or ""), handler, command)

    def missing(self, command: Sequence[str], paths: Paths, events: Sequence[str] = EVENTS) -> list[str]:
        """Those of `events` whose hook isn't there, or not as it should be."""
        wanted = matcher_group(command)["hooks"][0]
        good = {ours.event for ours in self.ours(paths) if ours.value == wanted and ours.matcher in {"", "*"}}
        return [event for event in events if event not in good]

    def is_complete(self, command: Sequence[str], paths: Paths, events: Sequence[str] = EVENTS) -> bool:
        """Whether there is nothing to do: each of `events` once, and no other form or event of ours."""
        return not self.missing(command, paths, events) and len(list(self.ours(paths))) == len(events)

    def with_ours(self, command: Sequence[str], paths: Paths, events: Sequence[str] = EVENTS) -> SettingsText:
        """The text with our entries at the end of each of `events`, and with no other or older form of them."""
        if self.is_complete(command, paths, events):
            return self
        clean = self.without_ours(paths, keep=self.empty())
        text = clean.text
        if clean.container() is None:
            text = jsontext.apply(
                text, [jsontext.append(text, jsontext.container(text), [f"{_key(text, 'hooks')}{{}}"])]
            )
        hooks = SettingsText(self.name, text).container()
        assert hooks is not None  # noqa: S101 - it was just put there
        present = {element.key: element for element in hooks.elements}
        group = _dump(text, matcher_group(command))
        edits = [
            jsontext.append(text, jsontext.container(text, present[event].value_start), [group])
            for event in events
            if event in present
        ]
        if absent := [f"{_key(text, event)}[{group}]" for event in events if event not in present]:
            edits.append(jsontext.append(text, hooks, absent))
        return SettingsText(self.name, jsontext.apply(text, edits), self.bom)

    def without_ours(self, paths: Paths, keep: Sequence[str] = (), spare: Sequence[str] = ()) -> SettingsText:
        """The text without our entries and without the containers left empty by that, but those in `keep`.

        `spare`: state folders whose entries stay.
        """
        ours: dict[str, dict[int, set[int]]] = {}
        for handler in self.ours(paths):
            if handler.command[-1] in spare:
                continue
            ours.setdefault(handler.event, {}).setdefault(handler.group, set()).add(handler.number)
        hooks = self.container()
        if hooks is None or not ours:
            return self
        edits: list[jsontext.Edit] = []
        gone = set()
        for place, event in enumerate(hooks.elements):
            if event.key in ours:
                emptied, changes = self._emptied(event, ours[event.key])
                if emptied and event.key not in keep:
                    gone.add(place)
                else:
                    edits += changes
        if len(gone) == len(hooks.elements) and "hooks" not in keep:
            root = jsontext.container(self.text)
            edits = jsontext.remove(root, {n for n, e in enumerate(root.elements) if e.key == "hooks"})
        elif gone:
            edits += jsontext.remove(hooks, gone)
        return SettingsText(self.name, jsontext.apply(self.text, edits), self.bom)

    @property
    def env(self) -> dict[str, Any]:
        """The variables that Claude Code sets for itself; UserError if `env` is no object."""
        env = self.value.get("env", {})
        if not isinstance(env, dict):
            raise UserError(
                f"`env` in `{self.name}` must be an object, not {_kind(env)}", hint='write it as `"env": {}`'
            )
        return env

    def with_env(self, variables: Mapping[str, str]) -> SettingsText:
        """The text with those of these variables that are not there, at the end of `env`."""
        self._no_twice(jsontext.container(self.text), "env")
        there = self.env
        bodies = [f"{_key(self.text, k)}{_dump(self.text, v)}" for k, v in variables.items() if k not in there]
        if not bodies:
            return self
        text = self.text
        if self.container("env") is None:
            text = jsontext.apply(text, [jsontext.append(text, jsontext.container(text), [f"{_key(text, 'env')}{{}}"])])
        env = SettingsText(self.name, text).container("env")
        assert env is not None  # noqa: S101 - it was just put there
        return SettingsText(self.name, jsontext.apply(text, [jsontext.append(text, env, bodies)]), self.bom)

    def without_env(self, variables: Mapping[str, str], keep: Sequence[str] = ()) -> SettingsText:
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
        return SettingsText(self.name, jsontext.apply(self.text, edits), self.bom)

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

    def with_status_line(self, relay: Sequence[str], paths: Paths) -> SettingsText:
        """The text with a status line that goes through the relay; UserError for one of another form than a command."""
        self._no_twice(jsontext.container(self.text), "statusLine")
        line = self.value.get("statusLine")
        if line is None and "statusLine" not in self.value:
            command = status_line_command.written(relay, None)
            ours = {"type": "command", "command": command, "refreshInterval": REFRESH}
            body = f"{_key(self.text, 'statusLine')}{_dump(self.text, ours)}"
            return self._with([jsontext.append(self.text, jsontext.container(self.text), [body])])
        element = self._status_line_command()
        plain = isinstance(line, dict) and line.get("type") == "command" and "args" not in line
        if not plain or element is None or not isinstance(element.value, str):
            raise UserError(
                f"`statusLine` in `{self.name}` is not a command that hookspan knows how to run; nothing was changed",
                hint="without `--status-line` everything else is installed",
            )
        ours_now = status_line_command.read(element.value, paths)
        before = element.value if ours_now is None else ours_now.before
        return self._with_status_line_text(element, _dump(self.text, status_line_command.written(relay, before)))

    def without_status_line(self, paths: Paths, written: str = "", spare: Sequence[str] = ()) -> SettingsText:
        """The text with the status line of before; `written`: its command as it stood there, if that is known."""
        element = self._status_line_command()
        ours = status_line_command.read(self.status_line, paths)
        if element is None or ours is None or ours.relay[-1] in spare:
            return self
        if ours.before is None:
            root = jsontext.container(self.text)
            return self._with(jsontext.remove(root, {n for n, e in enumerate(root.elements) if e.key == "statusLine"}))
        known = written and json.loads(written) == ours.before
        return self._with_status_line_text(element, written if known else _dump(self.text, ours.before))

    def _with_status_line_text(self, element: jsontext.Element, text: str) -> SettingsText:
        return self._with([jsontext.Edit(element.value_start, element.end, text)])

    def _with(self, edits: Sequence[jsontext.Edit]) -> SettingsText:
        text = jsontext.apply(self.text, edits)
        return self if text == self.text else SettingsText(self.name, text, self.bom)

    def _emptied(self, event: jsontext.Element, ours: Mapping[int, set[int]]) -> tuple[bool, list[jsontext.Edit]]:
        """Whether an event has no group left without ours (group: handlers), and the edits that take them out."""
        edits: list[jsontext.Edit] = []
        groups = jsontext.container(self.text, event.value_start)
        gone = set()
        for number, handlers in ours.items():
            members = jsontext.container(self.text, groups.elements[number].start).elements
            within = jsontext.container(self.text, [e for e in members if e.key == "hooks"][-1].value_start)
            if len(handlers) == len(within.elements):
                gone.add(number)
            else:
                edits += jsontext.remove(within, handlers)
        if gone:
            edits += jsontext.remove(groups, gone)
        return len(gone) == len(groups.elements), edits


def _faults(group: object) -> Iterator[str]:
    """Where a matcher group is not as Claude Code 2.1.331 wants it: "" for itself, `.hooks[0]` for a handler."""
    if not isinstance(group, dict) or not isinstance(group.get("hooks"), list):
        yield ""
    elif not isinstance(group.get("matcher", ""), str):
        yield ".matcher"
    else:
        for place, handler in enumerate(group["hooks"]):
            kind = handler.get("type") if isinstance(handler, dict) else None
            if not isinstance(kind, str) or (kind == "command" and not isinstance(handler.get("command"), str)):
                yield f".hooks[{place}]"


def _dump(text: str, value: object) -> str:
    """One line, spaced as the text is."""
    wide = jsontext.is_pretty(text) or '": ' in text
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": ") if wide else (",", ":"))


def _key(text: str, key: str) -> str:
    return _dump(text, {key: 0})[1:-2]


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")
