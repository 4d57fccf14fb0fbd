"""Judges whether Claude Code's hooks are installed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.clients.claude_code import programs, status_line_command
from hookspan.clients.claude_code.handlers import EVENTS, matcher_group
from hookspan.clients.claude_code.hook_sources import HookSource, find
from hookspan.clients.claude_code.programs import Program
from hookspan.clients.claude_code.settings_files import MANAGED, Scope
from hookspan.clients.claude_code.settings_text import Handler
from hookspan.clients.claude_code.status_line_command import RelayedLine
from hookspan.clients.relay_command import relay_in
from hookspan.folders import is_folder
from hookspan.paths import Paths

from . import installed_relay, places, receipts
from .hooks import InstalledHooks
from .problem import Area, Problem

SHOWN: Final = 5  # events that a message names
INSTALL: Final = "`hookspan install`"
NOT_RUN: Final = "hooks that Claude Code doesn't run record nothing"


class Installation(InstalledHooks):
    """The hooks that there are, and what is wrong with them."""

    @cached_property
    def programs(self) -> list[Program]:
        """The clients on this machine."""
        return programs.find(self.env)

    @cached_property
    def events(self) -> tuple[str, ...]:
        """The events that `install` registers."""
        return programs.events(self.programs)

    @property
    def left_out(self) -> dict[str, Program]:
        """Events that it doesn't register, each with a client that does not know it."""
        return {
            event.name: program
            for event in CLAUDE_CODE.events
            if event.name in CLAUDE_CODE.registered and event.name not in self.events
            for program in self.programs
            if not program.knows(event.since)
        }

    @cached_property
    def problems(self) -> list[Problem]:
        """Everything that is wrong with it."""
        return [
            *self._hooks(),
            *self._policies(),
            *self._stale(),
            *self._twice(),
            *(installed_relay.incomplete(self.paths, self.install) if self.running else ()),
            *self._status_lines(),
        ]

    @property
    def wanted(self) -> bool:
        """Whether anything says that Claude Code is to run our hooks: `install` wrote them, or some are there."""
        return bool(self.recorded) or any(source.handlers for source in self.sources)

    @property
    def scope(self) -> Scope:
        """The scope of `install` that mends what there is: hooks of projects alone must not become those of all."""
        return "local" if self._of_projects_alone else "user"

    @property
    def install(self) -> str:
        """The command that mends it, and where."""
        local = self._of_projects_alone
        return _install(next((source for source in local if source.here), local[0])) if local else INSTALL

    @property
    def reaches(self) -> bool:
        """Whether that can be done from here: not where the hooks are of another project."""
        local = self._of_projects_alone
        return not local or any(source.here for source in local)

    @property
    def _of_projects_alone(self) -> list[HookSource]:
        known = [
            source
            for source in self.sources
            if (source.handlers or source.file in self.recorded)
            and (source.kind != "local" or is_folder(source.file.parent.parent))  # else it is gone, with its project
        ]
        return known if all(source.kind == "local" for source in known) else []

    @property
    def broken(self) -> list[Problem]:
        """The problems for which something is not recorded."""
        return [problem for problem in self.problems if problem.broken]

    def _hooks(self) -> Iterator[Problem]:
        yield from self._unreadable()
        for state, sources in self.elsewhere.items():
            yield self._of_another(state, sources)
        yield from self._lost()
        yield from self._incomplete()
        yield from self._unknown_to_a_client()
        yield from self._new_to_all_clients()
        yield from self._without_relay()
        yield from self._old_relay()

    def _unreadable(self) -> Iterator[Problem]:
        """Files that Claude Code can't read either, and entries for which it may ignore a file's hooks."""
        for source in self.sources:
            if source.problem and (source.file in self.recorded or (source.kind == "user" and not self.running)):
                yield Problem(Area.HOOKS, source.problem, NOT_RUN, f"fix that file, then run {_install(source)}")
        for source in self.ours:
            for place in source.text.broken() if source.text is not None else ():
                yield Problem(
                    Area.HOOKS,
                    f"`{place}` in `{source.file}` is broken",
                    "one entry that Claude Code can't use can make it ignore every hook in the file",
                    "fix or remove that entry, which is not hookspan's",
                    broken=False,
                )

    def _of_another(self, state: Path, sources: Sequence[HookSource]) -> Problem:
        """Hooks that record to another state folder."""
        place = self.place(state)
        use = (
            f"`{places.call(place, self.env, 'doctor')}`" if place is not None else "the variables of that installation"
        )
        here = "`hookspan install` makes them record here" if any(source.of_install for source in sources) else ""
        return Problem(
            Area.HOOKS,
            f"the hooks in {_names(sources)} record to `{state}`, and this hookspan looks into `{self.paths.state}`",
            "there are two installations, or HOOKSPAN_HOME or XDG_* had other values when the hooks were installed",
            f"use {use}" + (f"; {here}" if here else ""),
            broken=not self.running,
        )

    def _lost(self) -> Iterator[Problem]:
        """Hooks that `install` wrote and that are no longer there, or that were never there."""
        by_file = {source.file: source for source in self.sources}
        for file in self.recorded:
            source = by_file[file]
            moved_on = source.kind == "local" and not is_folder(file.parent.parent)  # with its project
            if not (source.handlers or source.problem or moved_on):
                gone = "is gone" if source.text is None else "no longer has hookspan's hooks"
                todo = _install(source)
                if source.kind == "local":
                    todo += ", or `hookspan uninstall --scope local` there"
                yield Problem(Area.HOOKS, f"`{file}` {gone}", NOT_RUN, todo, mends=self._mends(source))
        if not (self.ours or self.elsewhere or self.recorded):
            yield Problem(
                Area.HOOKS,
                "no coding agent has a hook of hookspan's in its settings, and no plugin provides them",
                "without hooks nothing is recorded",
                "`hookspan install`",
                mends=True,
            )

    def _incomplete(self) -> Iterator[Problem]:
        events = {source: self._events(source) for source in self.running}
        for source, present in events.items():
            others = {event for other, theirs in events.items() if other is not source for event in theirs}
            if missing := [event for event in EVENTS if event not in present | others]:
                names = ", ".join(missing[:SHOWN]) + (", ..." if len(missing) > SHOWN else "")
                what = f"{len(missing)} of {len(EVENTS)} events are missing in {source.name}: {names}"
                yield Problem(Area.HOOKS, what, NOT_RUN, _renew(source), mends=self._mends(source))

    def _unknown_to_a_client(self) -> Iterator[Problem]:
        """Events in settings files that came after a client, which was put back to an older version, or came anew."""
        for source in self.running:
            registered = {} if source.kind == "plugin" else dict.fromkeys(each.event for each in source.handlers)
            for event, program in self.left_out.items():
                if event in registered:
                    yield Problem(
                        Area.HOOKS,
                        f"{source.name} has a hook for {event}, which {program} does not know",
                        "it opens a dialog at each start in a terminal, and takes no prompt until that is closed",
                        f"{_renew(source)} leaves that event out; or `claude update`"
                        if source.of_install
                        else f"remove that entry from `{source.file}`, or `claude update`",
                        broken=False,
                        mends=self._mends(source),
                    )

    def _new_to_all_clients(self) -> Iterator[Problem]:
        """Events that all clients know by now, and that came after `install` was run, or after the plugin was made."""
        if not self.running or any(set(self.events) <= self._events(source) for source in self.running):
            return
        newer = [event for event in self.events if event not in EVENTS]
        for source in self.running:
            present = self._events(source)
            if set(EVENTS) <= present and (missing := [event for event in newer if event not in present]):
                yield Problem(
                    Area.HOOKS,
                    f"{source.name} has no hook for {', '.join(missing)}, which every Claude Code here knows by now",
                    "what came with a newer Claude Code is not recorded",
                    _renew(source),
                    broken=False,
                    mends=self._mends(source),
                )

    def _events(self, source: HookSource) -> set[str]:
        """The events whose hooks record to our state folder; an entry that `install` writes must be as it writes it."""
        events = set()
        for handler in source.handlers:
            command = self.command(handler, source)
            as_written = not source.of_install or (command and handler.value == matcher_group(command.run)["hooks"][0])
            if command and command.state == self.paths.state and as_written and handler.matcher in {"", "*"}:
                events.add(handler.event)
        return events

    def _without_relay(self) -> Iterator[Problem]:
        for source in self.running:
            for command in self.commands(source):
                stale = source.kind not in {"managed", "plugin"} and command.relay.parent != self.paths.bin
                if command.state == self.paths.state and not command.executable and not stale:
                    what = (
                        f"`{command.relay}`, which the hooks in {source.name} run, is gone"
                        if command.run
                        else f"{source.name} finds no relay in `{self.paths.bin}`"
                    )
                    yield Problem(Area.HOOKS, what, NOT_RUN, self.install, mends=True)

    def _old_relay(self) -> Iterator[Problem]:
        commands = [command for source in self.running for command in self.commands(source)]
        yield from installed_relay.old(
            self.paths, {command.relay for command in commands if command.executable}, self.install
        )

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
                "ask the administrator of this machine to add what `hookspan install --print` prints"
                if switch.managed
                else "remove `disableAllHooks` from that file",
            )

    def _stale(self) -> Iterator[Problem]:
        """Entries of an older hookspan, and those that are too many; those that say the same are told once."""
        for source in self.sources:
            if source.kind in {"managed", "plugin"}:
                continue
            alike: dict[tuple[str, str, bool], list[Handler]] = {}
            seen: set[str] = set()
            for handler in source.handlers:
                if (fault := self._out_of_date(handler, source, again=handler.event in seen)) is not None:
                    alike.setdefault(fault, []).append(handler)
                seen.add(handler.event)
            for (what, why, broken), handlers in alike.items():
                first = f"`hooks.{handlers[0].event}[{handlers[0].group}]`"
                more = f" and {len(handlers) - 1} more" if len(handlers) > 1 else ""
                of_install = source.kind == "user" or source.file in self.recorded
                todo = f"{_install(source)} replaces it"
                if not of_install:
                    todo = "`hookspan uninstall --scope local` in that project"
                where = f"{first}{more} in `{source.file}`"
                yield Problem(Area.STALE, f"{where} {what}", why, todo, broken=broken, mends=self._mends(source))

    def _out_of_date(self, handler: Handler, source: HookSource, *, again: bool) -> tuple[str, str, bool] | None:
        command = self.command(handler, source)
        relay = Path(relay_in(handler.command, self.paths)) if command is None else command.relay
        if relay.parent != self.paths.bin:
            if not os.access(relay, os.R_OK if relay.suffix == ".py" else os.X_OK):
                return f"runs `{relay}`, which is gone", "Claude Code shows an error at each of these events", True
            if command is None or command.state == self.paths.state:
                return f"runs another relay, `{relay}`", "it may be left from an older version", False
            why = "it may belong to another installation, or have come with the project"
            return None if source.kind == "user" else (f"runs another relay, `{relay}`", why, False)
        if handler.event not in CLAUDE_CODE.registered:
            return (
                "is for an event that hookspan does not register",
                "a hook for it changes what Claude Code does",
                False,
            )
        if again:
            return "is in the settings twice", "each event starts two relays", False
        return None

    def _twice(self) -> Iterator[Problem]:
        """Our hooks come by one way only. The same handler in two settings files runs once."""
        ways: dict[tuple[str, ...], HookSource] = {}
        for source in self.here or self.running:
            for command in self.commands(source):
                if command.executable and command.state == self.paths.state:
                    ways.setdefault((source.plugin, *command.run), source)
        sources = list(dict.fromkeys(ways.values()))
        if len(ways) < 2:  # noqa: PLR2004 - two
            return
        plugin = next((f"`claude plugin disable {source.plugin}`" for source in sources if source.plugin), None)
        own = "`hookspan uninstall`" if any(source.of_install for source in sources) else None
        others = [source for source in sources if not source.of_install]
        keep = " or ".join(filter(None, [own, plugin])) or "ask the administrator of this machine"
        yield Problem(
            Area.TWICE,
            f"{_names(sources)} run different relays"
            if not others
            else f"hookspan's hooks come from {_names(sources)}",
            "each event starts two relays; the second record is recognised and not counted, but it takes its time",
            f"keep one: {keep}" if others else "`hookspan uninstall`, then `hookspan install`",
            broken=False,
        )

    def _status_lines(self) -> Iterator[Problem]:
        """A status line that `install` had go through the relay and that doesn't any more, or that another hides."""
        told = {file for file, receipt in receipts.read(self.paths).items() if receipt.status_line is not None}
        lines = {source.file: self._status_line(source) for source in self.sources if source.text is not None}
        for source in self.sources:
            line = lines.get(source.file)
            if str(source.file) in told and line is None and source.text is not None:
                yield Problem(
                    Area.STATUS_LINE,
                    f"the status line in `{source.file}` no longer goes through hookspan",
                    "the account's quota is not heard of",
                    "`hookspan install --status-line`, or `--no-status-line` to leave it so",
                    broken=False,
                )
            elif line is not None and not os.access(line.relay[0], os.X_OK):
                what = f"`{line.relay[0]}`, which the status line in `{source.file}` runs, is gone"
                why = "the line of before is shown, and the account's quota is not heard of"
                yield Problem(Area.STATUS_LINE, what, why, _install(source), broken=False, mends=self._mends(source))
        if not any(lines.values()):
            return
        for source in self.sources:
            of_project = source.here and source.kind in {"project", "local", "managed"} and source.text is not None
            if of_project and source.text is not None and source.text.status_line and not lines[source.file]:
                what = f"`{source.file}` has a status line of its own, which hides the one that goes through hookspan"
                why = "sessions of that project tell nothing of the account's quota"
                yield Problem(
                    Area.STATUS_LINE, what, why, "`hookspan install --status-line --scope local`", broken=False
                )

    def _mends(self, source: HookSource) -> bool:
        """Whether `install` in its scope writes that file, from here."""
        return source.here and source.kind == self.scope

    def _status_line(self, source: HookSource) -> RelayedLine | None:
        return None if source.text is None else status_line_command.read(source.text.status_line, self.paths)

    @property
    def status_lines(self) -> list[str]:
        """The settings files whose status line goes through the relay to our state folder."""
        lines = [(source.file, self._status_line(source)) for source in self.sources]
        return [f"`{file}`" for file, line in lines if line is not None and Path(line.relay[-1]) == self.paths.state]


def look(
    paths: Paths,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
    managed: Sequence[Path] = MANAGED,
) -> Installation:
    """What is installed; `folder`: the project that Claude Code would run in, None: any that is known."""
    env = os.environ if env is None else env
    return Installation(paths, env, find(paths, env, folder, managed, receipts.files(paths)))


def _renew(source: HookSource) -> str:
    """How a source gets the events that it lacks."""
    if source.kind == "plugin":
        return f"`claude plugin update {source.plugin}`"
    if source.kind == "managed":
        return "ask the administrator of this machine to add what `hookspan install --print` prints"
    return _install(source) if source.of_install else f"add what `hookspan install --print` prints to `{source.file}`"


def _install(source: HookSource) -> str:
    """What writes hooks into a file of `install`'s."""
    if source.kind != "local":
        return INSTALL
    there = "" if source.here else f" in `{source.file.parent.parent}`"
    return f"`hookspan install --scope local`{there}"


def _names(sources: Sequence[HookSource]) -> str:
    return " and ".join(source.name for source in sources)
