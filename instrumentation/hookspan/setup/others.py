"""The hooks of coding agents other than Claude Code: where they are set up, whether they run, and what is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

from hookspan.catalogue.codex import CODEX
from hookspan.catalogue.copilot import COPILOT
from hookspan.catalogue.events import Client
from hookspan.clients.codex import settings_files, trust
from hookspan.clients.codex.hooks_text import CodexHooks
from hookspan.clients.codex.trust import Trust
from hookspan.clients.copilot import settings_files as copilot_files
from hookspan.clients.copilot.hooks_text import CopilotHooks
from hookspan.clients.hooks_text import Handler, HooksText
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.record import Record, replace

from . import installed_relay, receipts, settings_file
from .problem import Area, Problem

SHOWN: Final = 3  # events that a message names
NOT_RECORDED: Final = "what they tell is not recorded"


class Hooks(Record):
    """An agent's hooks in one file, as far as they are ours."""

    other: Other
    paths: Paths
    file: Path
    text: HooksText
    beside: tuple[Path, ...] = ()
    """Files with more of our handlers, which the agent runs as well."""
    expected: bool = False
    """`install` has put ours there."""
    unreadable: str = ""
    """Why the agent can't read the file."""

    @property
    def client(self) -> Client:
        """Whose they are."""
        return self.other.client

    @property
    def install(self) -> str:
        """The command that puts them there."""
        return f"`hookspan install --agent {self.client.name}`"

    @cached_property
    def ours(self) -> list[Handler]:
        """Our handlers in the file."""
        return list(self.text.ours(self.paths))

    @cached_property
    def commands(self) -> list[tuple[str, ...]]:
        """What they run, the state folder last; each once."""
        return sorted({self.text.relay_of(each.command) for each in self.ours})

    @property
    def run(self) -> list[tuple[str, ...]]:
        """Those of them that record to our state folder."""
        return [words for words in self.commands if words[-1] == str(self.paths.state)]

    @property
    def wanted(self) -> bool:
        """Whether anything says that there are to be hooks which record to our state folder."""
        return self.expected or bool(self.run)

    @property
    def problems(self) -> Iterator[Problem]:
        """Everything that is wrong; nothing where hookspan is not installed for this agent."""
        if self.unreadable:
            todo = f"fix that file, then run {self.install}"
            yield Problem(Area.OTHERS, self.unreadable, f"{self.client.title} runs no hook of it", todo)
        elif self.ours:
            yield from self._entries()
            if self.wanted:  # else another hookspan tells what keeps its hooks from running
                yield from self.other.silenced(self)
                yield from self._twice()
                yield from installed_relay.incomplete(self.paths, self.install)
        elif self.expected:
            gone = "no longer has hookspan's hooks" if self.file.exists() else "is gone"
            yield self._mended(f"`{self.file}` {gone}", NOT_RECORDED)

    def _entries(self) -> Iterator[Problem]:
        for words in self.commands:
            if words[-1] != str(self.paths.state):
                what = f"hooks in `{self.file}` record to `{words[-1]}`, not to `{self.paths.state}`"
                why = "there are two installations, or HOOKSPAN_HOME or XDG_* had other values"
                yield self._mended(what, why, broken=self.expected)
            elif not os.access(program := Path(words[-2]), os.R_OK if program.suffix == ".py" else os.X_OK):
                yield self._mended(f"`{program}`, which hooks in `{self.file}` run, is gone", NOT_RECORDED)
            else:
                yield from installed_relay.old(self.paths, [program], self.install, Area.OTHERS)
        present = {each.event for each in self.ours}
        if missing := [event for event in self.client.registered if event not in present]:
            whole = len(self.client.registered)
            what = f"{len(missing)} of {whole} events are missing in `{self.file}`: {_some(missing)}"
            yield self._mended(what, NOT_RECORDED)
        if len(self.ours) > len(present):
            what = f"`{self.file}` has more than one of hookspan's hooks for an event"
            yield self._mended(what, "each such event starts two relays", broken=False)

    def _twice(self) -> Iterator[Problem]:
        for file in self.beside:
            what = f"`{file}` has hooks of hookspan's, too, beside `{self.file}`"
            why = f"{self.client.title} runs both: in this project each event starts two relays"
            yield Problem(Area.OTHERS, what, why, "take them out of that file", broken=False)

    def _mended(self, what: str, why: str, *, broken: bool = True) -> Problem:
        return Problem(Area.OTHERS, what, why, self.install, broken=broken, mends=True)


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


class Other(Record):
    """An agent that `install` can set up: its file of hooks, and the form of that.

    `project_files`: those that it reads beside it in a folder. `silenced`: what keeps hooks that are there from
    running; `well`: what is said where nothing does. `then`: what a person does after that.
    """

    client: Client
    file: Callable[[Mapping[str, str]], Path]
    text: type[HooksText]
    is_there: Callable[[Mapping[str, str]], bool]
    project_files: Callable[[Path], list[Path]]
    silenced: Callable[[Hooks], Iterator[Problem]]
    then: str
    well: str = ""

    def look(self, paths: Paths, env: Mapping[str, str], folder: Path | None = None) -> Hooks:
        """What is in the user's file, and, in the project of `folder`, beside it.

        UserError if the agent could not read that file either.
        """
        return self.read(self.file(env), paths, folder)

    def read(self, file: Path, paths: Paths, folder: Path | None = None) -> Hooks:
        """The same of a file by its name."""
        text = self.text.of(str(file), settings_file.read(file) or b"")
        others = self.project_files(folder) if folder else []
        beside = tuple(each for each in others if each != file and self._has_ours(each, paths))
        return Hooks(self, paths, file, text, beside)

    def installed(self, paths: Paths, env: Mapping[str, str], folder: Path | None = None) -> Iterator[Hooks]:
        """Each file that has hooks of ours, or into which `install` has put them."""
        told = receipts.files(paths, self.client.name)
        for file in dict.fromkeys([self.file(env), *told]):
            try:
                hooks = replace(self.read(file, paths, folder), expected=file in told)
            except UserError as error:
                hooks = Hooks(self, paths, file, self.text.of("", b""), (), file in told, error.message)
            if hooks.ours or hooks.expected:
                yield hooks

    def _has_ours(self, file: Path, paths: Paths) -> bool:
        try:
            return any(self.text.of(str(file), settings_file.read(file) or b"").ours(paths))
        except UserError:  # such a file has no hook that runs
            return False


def _untrusted(hooks: Hooks) -> Iterator[Problem]:
    """Of Codex: hooks that nobody has reviewed, or that are switched off."""
    try:
        given = trust.settings(hooks.file)
    except UserError as error:
        yield Problem(Area.OTHERS, error.message, f"{hooks.client.title} does not start with it", "fix that file")
        return
    if trust.is_off(given):
        file = settings_files.config_file(hooks.file)
        what = f"`[features] hooks = false` in `{file}` keeps every hook from running"
        yield Problem(Area.OTHERS, what, "nothing is recorded while it is set", "remove that line")
        return
    states = trust.of(hooks.file, hooks.ours, given)
    for kind in (Trust.UNSEEN, Trust.CHANGED):
        of_kind = [each.event for each, state in zip(hooks.ours, states, strict=True) if state is kind]
        if of_kind:
            what = f"{len(of_kind)} of {len(hooks.ours)} hooks in `{hooks.file}` are {kind.value}: {_some(of_kind)}"
            why = f"{hooks.client.title} skips them, without a word where it has no terminal"
            yield Problem(Area.OTHERS, what, why, trust.HOW)


OTHERS: Final[dict[str, Other]] = {
    CODEX.name: Other(
        client=CODEX,
        file=settings_files.hooks_file,
        text=CodexHooks,
        is_there=settings_files.is_there,
        project_files=settings_files.project_files,
        silenced=_untrusted,
        well=", all trusted",
        then=f"Codex runs a hook only after a person has looked at it: {trust.HOW}. Then: hookspan open",
    ),
    COPILOT.name: Other(
        client=COPILOT,
        file=copilot_files.hooks_file,
        text=CopilotHooks,
        is_there=copilot_files.is_there,
        project_files=lambda _folder: [],
        silenced=lambda _hooks: iter(()),
        then="Sessions that begin from now on are recorded. Then: hookspan open",
    ),
}
"""By name. Claude Code's hooks, which come from more places, are `installation`'s."""


def installed(paths: Paths, env: Mapping[str, str], folder: Path | None = None) -> list[Hooks]:
    """What hookspan is installed in, of all of them; `folder`: seen from there."""
    return [hooks for other in OTHERS.values() for hooks in other.installed(paths, env, folder)]
