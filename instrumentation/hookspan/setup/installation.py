"""Are our hooks installed? The one judgement of `install`, `uninstall`, `doctor`, `status` and the agent's checks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Final

from hookspan.clients.claude_code.handlers import EVENTS, command_words, is_plugins, matcher_group
from hookspan.clients.claude_code.settings_files import MANAGED
from hookspan.clients.claude_code.settings_text import Handler
from hookspan.clients.claude_code.sources import Source, find
from hookspan.clients.relay_command import in_python, relay_in
from hookspan.paths import Paths

from . import places, record
from .relay import is_newest

SHOWN: Final = 5  # events that a message names
NOT_RUN: Final = "what Claude Code does not run is not recorded"


class Area(StrEnum):
    """What a problem is about; `doctor` has a check for each."""

    HOOKS = "hooks"
    POLICIES = "policies"
    STALE = "stale"
    TWICE = "twice"
    STARTER = "starter"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is so, why that matters, what to do.

    `broken`: something is not recorded. `mends`: `hookspan install` mends it.
    """

    area: Area
    what: str
    why: str
    todo: str
    broken: bool = True
    mends: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """What one of our handlers runs: `run` without a shell around it, empty where the plugin's hook finds no relay."""

    run: tuple[str, ...]
    relay: Path
    state: Path

    @property
    def executable(self) -> bool:
        """Whether the relay is there and can be run."""
        return bool(self.run) and os.access(self.relay, os.R_OK if self.relay.suffix == ".py" else os.X_OK)


class Installation:
    """What there is, as Claude Code would find it with these variables in this folder."""

    def __init__(self, paths: Paths, env: Mapping[str, str], sources: Sequence[Source]) -> None:
        self.paths, self.env, self.sources = paths, env, sources

    @cached_property
    def ours(self) -> list[Source]:
        """The sources with hooks that record to our state folder, whether they run or not."""
        return [
            source for source in self.sources if any(one.state == self.paths.state for one in self.commands(source))
        ]

    @cached_property
    def running(self) -> list[Source]:
        """Those of them that Claude Code runs."""
        return [source for source in self.ours if not source.off]

    @property
    def here(self) -> list[Source]:
        """Those of them that it runs in this folder and environment."""
        return [source for source in self.running if source.here]

    @property
    def brought(self) -> list[Source]:
        """Those of them that are not `install`'s: the plugin's and the administrator's."""
        return [source for source in self.here if source.kind in {"managed", "plugin"}]

    @cached_property
    def elsewhere(self) -> dict[Path, list[Source]]:
        """State folders other than ours that hooks record to, with where these hooks are."""
        found: dict[Path, list[Source]] = {}
        for source in self.sources:
            for state in dict.fromkeys(one.state for one in self.commands(source) if one.executable):
                if state != self.paths.state and not source.off:
                    found.setdefault(state, []).append(source)
        return found

    @cached_property
    def others(self) -> list[Paths]:
        """The other hookspans whose hooks `install` wrote into the user's own settings.

        What stands in a project's files may have come with the project, so nothing is deleted for its sake.
        """
        found = [
            places.of_hook(command.relay, command.state, self.env)
            for source in self.sources
            if source.kind == "user"
            for command in self.commands(source)
            if command.state != self.paths.state
        ]
        return list(dict.fromkeys(one for one in found if one is not None))

    def place(self, state: Path) -> Paths | None:
        """The files of the hookspan whose hooks record to this folder, as far as they tell."""
        relays = [one.relay for source in self.sources for one in self.commands(source) if one.state == state]
        return next((found for one in relays if (found := places.of_hook(one, state, self.env)) is not None), None)

    def commands(self, source: Source) -> list[Command]:
        """What a source's handlers run, each once."""
        return list(dict.fromkeys(filter(None, (self._command(one, source) for one in source.handlers))))

    @property
    def run(self) -> list[tuple[str, ...]]:
        """What Claude Code runs, or would if it were let, to record to our state folder, the last word; each once."""
        commands = [one for source in self.here or self.running or self.ours for one in self.commands(source)]
        return list(dict.fromkeys(one.run for one in commands if one.run and one.state == self.paths.state))

    @property
    def where(self) -> str:
        """Where the hooks are that run, in words."""
        return ", ".join(source.name for source in self.here or self.running)

    @cached_property
    def problems(self) -> list[Problem]:
        """Everything that is wrong with it."""
        return [*self._hooks(), *self._policies(), *self._stale(), *self._twice(), *self._starter()]

    @property
    def broken(self) -> list[Problem]:
        """The problems for which something is not recorded."""
        return [one for one in self.problems if one.broken]

    # --- What a handler runs

    def _command(self, handler: Handler, source: Source) -> Command | None:
        words = command_words(handler.value)
        if is_plugins(words):
            return self._plugins_command(source)
        relay = relay_in(words, self.paths)
        place = words.index(relay) + 1
        if place >= len(words):
            return None  # an old form without a state folder: it records nowhere
        return Command(words, Path(relay), Path(words[place]))

    def _plugins_command(self, source: Source) -> Command:
        """What the plugin's shell script comes to, which does not look at HOOKSPAN_HOME."""
        paths = Paths.from_environment({**self.env, "HOOKSPAN_HOME": ""})
        if os.access(paths.relay, os.X_OK):
            return Command((str(paths.relay), str(paths.state)), paths.relay, paths.state)
        scripts = [paths.relay_script, *([source.file.parent / "main.py"] if source.plugin else [])]
        script = next((one for one in scripts if os.access(one, os.R_OK)), None)
        if script is None or not paths.state.is_dir():
            return Command((), paths.relay, paths.state)
        run = (*in_python("/usr/bin/env", "python3", script=script), str(paths.state))
        return Command(run, script, paths.state)

    # --- What can be wrong

    def _hooks(self) -> Iterator[Problem]:
        yield from self._unreadable()
        for state, sources in self.elsewhere.items():
            yield self._of_another(state, sources)
        yield from self._lost()
        yield from self._incomplete()
        yield from self._without_relay()
        yield from self._old_relay()

    def _unreadable(self) -> Iterator[Problem]:
        """Files that Claude Code can't read either, and entries for which it may ignore a file's hooks."""
        for source in self.sources:
            if source.problem and (source.file in self.recorded or (source.kind == "user" and not self.running)):
                yield Problem(Area.HOOKS, source.problem, NOT_RUN, "mend that file, then `hookspan install`")
        for source in self.ours:
            for place in source.text.broken() if source.text is not None else ():
                yield Problem(
                    Area.HOOKS,
                    f"`{place}` in `{source.file}` is broken",
                    "Claude Code can ignore every hook of a file for one entry that it can't use",
                    "mend or remove that entry, which is not ours",
                    broken=False,
                )

    def _of_another(self, state: Path, sources: Sequence[Source]) -> Problem:
        """Hooks that record to another state folder."""
        place = self.place(state)
        use = (
            f"`{places.call(place, self.env, 'doctor')}`" if place is not None else "the variables of that installation"
        )
        here = "`hookspan install` makes them record here" if any(one.of_install for one in sources) else ""
        return Problem(
            Area.HOOKS,
            f"the hooks in {_names(sources)} record to `{state}`, and this hookspan looks into `{self.paths.state}`",
            "two installations, or HOOKSPAN_HOME or XDG_* were others at the installation",
            f"use {use}" + (f"; {here}" if here else ""),
            broken=not self.running,
        )

    def _lost(self) -> Iterator[Problem]:
        """Hooks that `install` wrote and that are no longer there, or that were never there."""
        known = {source.file: source for source in self.sources}
        for file in self.recorded:
            source = known[file]
            moved_on = source.kind == "local" and not file.parent.parent.exists()  # with its project
            if not (source.handlers or source.problem or moved_on):
                gone = "is gone" if source.text is None else "has none of our hooks any more"
                yield Problem(Area.HOOKS, f"`{file}` {gone}", NOT_RUN, "`hookspan install`", mends=True)
        if not (self.ours or self.elsewhere or self.recorded):
            yield Problem(
                Area.HOOKS,
                "no hook of ours is in Claude Code's settings, and no plugin brings them",
                "without hooks nothing is recorded",
                "`hookspan install`",
                mends=True,
            )

    def _incomplete(self) -> Iterator[Problem]:
        events = {source: self._events(source) for source in self.running}
        for source, present in events.items():
            others = {event for other, found in events.items() if other is not source for event in found}
            if missing := [event for event in EVENTS if event not in present | others]:
                names = ", ".join(missing[:SHOWN]) + (", ..." if len(missing) > SHOWN else "")
                what = f"{len(missing)} of {len(EVENTS)} events are missing in {source.name}: {names}"
                yield Problem(Area.HOOKS, what, NOT_RUN, _renew(source), mends=source.of_install)

    def _events(self, source: Source) -> set[str]:
        """The events whose hooks record to our state folder; an entry that `install` writes must be as it writes it."""
        found = set()
        for handler in source.handlers:
            command = self._command(handler, source)
            as_written = not source.of_install or (command and handler.value == matcher_group(command.run)["hooks"][0])
            if command and command.state == self.paths.state and as_written and handler.matcher in {"", "*"}:
                found.add(handler.event)
        return found

    def _without_relay(self) -> Iterator[Problem]:
        for source in self.running:
            for command in self.commands(source):
                told = (
                    source.kind not in {"managed", "plugin"} and command.relay.parent != self.paths.bin
                )  # it is stale
                if command.state == self.paths.state and not command.executable and not told:
                    what = (
                        f"`{command.relay}`, which the hooks in {source.name} run, is gone"
                        if command.run
                        else f"{source.name} finds no relay in `{self.paths.bin}`"
                    )
                    yield Problem(Area.HOOKS, what, NOT_RUN, "`hookspan install`", mends=True)

    def _old_relay(self) -> Iterator[Problem]:
        relays = {one.relay for source in self.running for one in self.commands(source) if one.executable}
        for relay in sorted(relays):
            if relay.parent == self.paths.bin and not is_newest(self.paths, relay):
                why = "it may not record what this version reads"
                what = f"`{relay}` is another version's"
                yield Problem(Area.HOOKS, what, why, "`hookspan install`", broken=False, mends=True)

    def _policies(self) -> Iterator[Problem]:
        """What keeps our hooks from running, where none of them runs."""
        sources = self.ours or self.sources[:1]
        if any(source.off is None for source in sources):
            return
        for switch in dict.fromkeys(source.off for source in sources if source.off is not None):
            yield Problem(
                Area.POLICIES,
                switch.what,
                "the administrator's settings win over yours"
                if switch.managed
                else "nothing is recorded while it is set",
                "ask who manages this machine to add what `hookspan install --print` says"
                if switch.managed
                else "take `disableAllHooks` out of that file",
            )

    def _stale(self) -> Iterator[Problem]:
        """Entries of an older hookspan, and those that are too many; those that say the same are told once."""
        for source in self.sources:
            if source.kind in {"managed", "plugin"}:
                continue
            alike: dict[tuple[str, str, bool], list[Handler]] = {}
            seen: set[str] = set()
            for handler in source.handlers:
                if (said := self._out_of_date(handler, source, again=handler.event in seen)) is not None:
                    alike.setdefault(said, []).append(handler)
                seen.add(handler.event)
            for (what, why, broken), handlers in alike.items():
                first = f"`hooks.{handlers[0].event}[{handlers[0].group}]`"
                more = f" and {len(handlers) - 1} more" if len(handlers) > 1 else ""
                mends = source.kind == "user" or source.file in self.recorded
                todo = (
                    "`hookspan install` replaces it" if mends else "`hookspan uninstall --scope local` in that project"
                )
                told = f"{first}{more} in `{source.file}` {what}"
                yield Problem(Area.STALE, told, why, todo, broken=broken, mends=source.kind == "user" and source.here)

    def _out_of_date(self, handler: Handler, source: Source, *, again: bool) -> tuple[str, str, bool] | None:
        command = self._command(handler, source)
        relay = Path(relay_in(command_words(handler.value), self.paths)) if command is None else command.relay
        if relay.parent != self.paths.bin:
            if not os.access(relay, os.R_OK if relay.suffix == ".py" else os.X_OK):
                return f"runs `{relay}`, which is gone", "Claude Code shows an error at each of these events", True
            if command is None or command.state == self.paths.state:
                return f"runs another relay, `{relay}`", "it may be that of an older version", False
            why = "it may be another installation's, or have come with the project"
            return None if source.kind == "user" else (f"runs another relay, `{relay}`", why, False)
        if handler.event not in EVENTS:
            return (
                "is for an event that hookspan does not register",
                "a hook for it changes what Claude Code does",
                False,
            )
        if again:
            return "is there a second time", "each event starts two relays", False
        return None

    def _twice(self) -> Iterator[Problem]:
        """Our hooks come by one way only. The same handler in two settings files runs once."""
        ways: dict[tuple[str, ...], Source] = {}
        for source in self.here or self.running:
            for command in self.commands(source):
                if command.executable and command.state == self.paths.state:
                    ways.setdefault((source.plugin, *command.run), source)
        sources = list(dict.fromkeys(ways.values()))
        if len(ways) < 2:  # noqa: PLR2004 - two
            return
        plugin = next((f"`claude plugin disable {one.plugin}`" for one in sources if one.plugin), None)
        own = "`hookspan uninstall`" if any(one.of_install for one in sources) else None
        others = [one for one in sources if not one.of_install]
        keep = " or ".join(filter(None, [own, plugin])) or "ask who manages this machine"
        yield Problem(
            Area.TWICE,
            f"{_names(sources)} run different relays" if not others else f"hooks of ours come from {_names(sources)}",
            "each event starts two relays; the second record is recognised and not counted, but the time is spent",
            f"keep one: {keep}" if others else "`hookspan uninstall`, then `hookspan install`",
            broken=False,
        )

    def _starter(self) -> Iterator[Problem]:
        """What the relay needs beside the journal."""
        paths = self.paths
        missing = [path for path in (paths.relay_conf, paths.heartbeat, paths.drops) if not path.exists()]
        if missing and self.running:
            yield Problem(
                Area.STARTER,
                f"{', '.join(f'`{path.name}`' for path in missing)} missing in `{paths.state}`",
                "without `relay.conf` no hook starts an agent, without the others what is lost is not counted",
                "`hookspan install`",
                broken=paths.relay_conf in missing,
                mends=True,
            )

    @cached_property
    def recorded(self) -> list[Path]:
        """The settings files that `install` wrote our hooks into."""
        return record.files(self.paths)


def look(
    paths: Paths,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
    managed: Sequence[Path] = MANAGED,
) -> Installation:
    """What is installed; `folder`: the project that Claude Code would run in, None: any that is known."""
    env = os.environ if env is None else env
    return Installation(paths, env, find(paths, env, folder, managed, record.files(paths)))


def _renew(source: Source) -> str:
    """How a source gets the events that it lacks."""
    if source.kind == "plugin":
        return f"`claude plugin update {source.plugin}`"
    if source.kind == "managed":
        return "ask who manages this machine to add what `hookspan install --print` says"
    return "`hookspan install`" if source.of_install else f"add what `hookspan install --print` says to `{source.file}`"


def _names(sources: Sequence[Source]) -> str:
    return " and ".join(source.name for source in sources)
