"""The text of a file with hooks as Claude Code nests them: finds hookspan's entries in it, adds them and removes them.

Only the text between our own brackets ever changes: other people's hooks, unknown keys, indentation, line ends and a
byte order mark stay as they are.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, Self

from hookspan import jsontext
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.record import Record, replace

BOM: Final = "\ufeff"
COMMAND_MAX: Final = 16 << 10  # characters of a command of ours: three paths of 4 KiB, quoted. shlex's work is squared


class Handler(Record):
    """One of our handlers, found in a settings file."""

    event: str
    group: int
    number: int  # within the group
    matcher: str
    value: Mapping[str, Any]
    command: tuple[str, ...]  # its words


class HooksText(Record):
    """Such a file's text. `name` stands in messages; UserError for what the client could not read either.

    A client's own class says what it is called, which events its hooks have, how ours are written and what is one of
    ours.
    """

    TITLE: ClassVar[str]
    REGISTERED: ClassVar[tuple[str, ...]]

    name: str
    text: str
    bom: str = ""

    @classmethod
    def group(cls, command: Sequence[str], event: str) -> dict[str, Any]:
        """Our matcher group for an event."""
        raise NotImplementedError

    @classmethod
    def relay_of(cls, command: Sequence[str]) -> tuple[str, ...]:
        """What of a handler's command, in words, runs the relay, with its state folder; nothing for another command."""
        return tuple(command)

    @classmethod
    def is_ours(cls, command: Sequence[str], paths: Paths) -> bool:
        """Whether a handler's command, in words, is one of ours."""
        raise NotImplementedError

    @classmethod
    def of(cls, name: str, data: bytes) -> Self:
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
        """What the client reads."""
        value: dict[str, Any] = json.loads(self.text)
        return value

    def _check(self) -> None:
        value = jsontext.check(self.text, self.name)
        if not isinstance(value, dict):
            raise UserError(f"`{self.name}` must hold a JSON object, not {kind_of(value)}")
        root = jsontext.container(self.text)
        self.no_twice(root, "hooks")
        hooks = value.get("hooks", {})
        if not isinstance(hooks, dict):
            raise UserError(
                f"`hooks` in `{self.name}` must be an object, not {kind_of(hooks)}: {self.TITLE} ignores all of them",
                hint='write it as `"hooks": {"Stop": [...]}`, by event',
            )
        if (within := self.container()) is not None:
            for event in self.REGISTERED:
                self.no_twice(within, event)
        for event, groups in hooks.items():
            if not isinstance(groups, list):
                raise UserError(
                    f"`hooks.{event}` in `{self.name}` must be an array, not {kind_of(groups)}",
                    hint='write it as `[{"hooks": [...]}]`',
                )

    def no_twice(self, within: jsontext.Container, key: str) -> None:
        """UserError for a key that is there more than once."""
        lines = [self.text.count("\n", 0, e.start) + 1 for e in within.elements if e.key == key]
        if len(lines) > 1:
            raise UserError(
                f"`{key}` is there {len(lines)} times in `{self.name}` (lines {', '.join(map(str, lines))})",
                hint=f"{self.TITLE} reads the last one only; make one of them",
            )

    def container(self, key: str = "hooks") -> jsontext.Container | None:
        """The object under a key."""
        members = [member for member in jsontext.container(self.text).elements if member.key == key]
        return jsontext.container(self.text, members[-1].value_start) if members else None

    def broken(self) -> list[str]:
        """Other people's entries that the client can't use, as `hooks.Stop[0]` or `hooks.Stop[0].hooks[1]`."""
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
                    if self.is_ours(command, paths):
                        yield Handler(event, number, place, str(group.get("matcher") or ""), handler, command)

    def missing(self, command: Sequence[str], paths: Paths, events: Sequence[str]) -> list[str]:
        """Those of `events` whose hook isn't there, or not as it should be."""
        good = {ours.event for ours in self.ours(paths) if self.is_good(ours, command)}
        return [event for event in events if event not in good]

    def is_good(self, ours: Handler, command: Sequence[str]) -> bool:
        """Whether one of our handlers is as it should be."""
        return ours.value == self.group(command, ours.event)["hooks"][0] and ours.matcher in {"", "*"}

    def is_complete(self, command: Sequence[str], paths: Paths, events: Sequence[str]) -> bool:
        """Whether there is nothing to do: each of `events` once, and no other form or event of ours."""
        return not self.missing(command, paths, events) and len(list(self.ours(paths))) == len(events)

    def with_ours(self, command: Sequence[str], paths: Paths, events: Sequence[str]) -> Self:
        """The text with our entries at the end of each of `events`, and with no other or older form of them."""
        if self.is_complete(command, paths, events):
            return self
        return self.without_ours(paths, keep=self.empty()).with_added(command, events)

    def with_added(self, command: Sequence[str], events: Sequence[str]) -> Self:
        """The text with our entries at the end of each of `events`, whatever is there."""
        text = self.text
        if self.container() is None:
            text = jsontext.apply(
                text, [jsontext.append(text, jsontext.container(text), [f"{key_of(text, 'hooks')}{{}}"])]
            )
        hooks = replace(self, text=text).container()
        assert hooks is not None  # noqa: S101 - it was just put there
        present = {element.key: element for element in hooks.elements}
        groups = {event: dump(text, self.group(command, event)) for event in events}
        edits = [
            jsontext.append(text, jsontext.container(text, present[event].value_start), [groups[event]])
            for event in events
            if event in present
        ]
        if absent := [f"{key_of(text, event)}[{groups[event]}]" for event in events if event not in present]:
            edits.append(jsontext.append(text, hooks, absent))
        return replace(self, text=jsontext.apply(text, edits))

    def without_ours(self, paths: Paths, keep: Sequence[str] = (), spare: Sequence[str] = ()) -> Self:
        """The text without our entries and without the containers left empty by that, but those in `keep`.

        `spare`: state folders whose entries stay.
        """
        return self.without([each for each in self.ours(paths) if not set(spare) & set(each.command)], keep)

    def without(self, handlers: Sequence[Handler], keep: Sequence[str] = ()) -> Self:
        """The text without these handlers and without the containers left empty by that, but those in `keep`."""
        ours: dict[str, dict[int, set[int]]] = {}
        for handler in handlers:
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
        return replace(self, text=jsontext.apply(self.text, edits))

    def with_text(self, text: str) -> Self:
        """The same file with another text."""
        return self if text == self.text else replace(self, text=text)

    def with_edits(self, edits: Sequence[jsontext.Edit]) -> Self:
        """The text with these changes."""
        return self.with_text(jsontext.apply(self.text, edits))

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


def command_words(handler: object) -> tuple[str, ...]:
    """What a command handler runs, in exec or shell form; nothing for what is none, or can't be told."""
    if not isinstance(handler, dict) or not isinstance(handler.get("command"), str):
        return ()
    arguments = handler.get("args")
    if isinstance(arguments, list):
        return (handler["command"], *(word for word in arguments if isinstance(word, str)))
    if len(handler["command"]) > COMMAND_MAX:
        return ()
    try:
        return tuple(shlex.split(handler["command"]))
    except ValueError:  # a quote that isn't closed: no form of ours
        return ()


def _faults(group: object) -> Iterator[str]:
    """Where a matcher group is not as clients want it: "" for itself, `.hooks[0]` for a handler."""
    if not isinstance(group, dict) or not isinstance(group.get("hooks"), list):
        yield ""
    elif not isinstance(group.get("matcher", ""), str):
        yield ".matcher"
    else:
        for place, handler in enumerate(group["hooks"]):
            kind = handler.get("type") if isinstance(handler, dict) else None
            if not isinstance(kind, str) or (kind == "command" and not isinstance(handler.get("command"), str)):
                yield f".hooks[{place}]"


def dump(text: str, value: object) -> str:
    """A value in JSON on one line, spaced as the text is."""
    wide = jsontext.is_pretty(text) or '": ' in text
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": ") if wide else (",", ":"))


def key_of(text: str, key: str) -> str:
    """A key and its colon, spaced as the text is."""
    return dump(text, {key: 0})[1:-2]


def kind_of(value: object) -> str:
    """What kind of JSON value it is, in words."""
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")
