"""Whose hooks Claude Code runs, and where they record to."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from hookspan.clients.claude_code.handlers import is_plugins
from hookspan.clients.claude_code.hook_sources import HookSource
from hookspan.clients.claude_code.settings_text import Handler
from hookspan.clients.relay_command import in_python, relay_in
from hookspan.paths import Paths
from hookspan.record import Record

from . import places, receipts


class Command(Record):
    """What one of our handlers runs: `run` without a shell around it, empty where the plugin's hook finds no relay."""

    run: tuple[str, ...]
    relay: Path
    state: Path

    @property
    def executable(self) -> bool:
        """Whether the relay is there and can be run."""
        return bool(self.run) and os.access(self.relay, os.R_OK if self.relay.suffix == ".py" else os.X_OK)


class InstalledHooks:
    """The hooks that Claude Code would find with these variables in this folder."""

    def __init__(self, paths: Paths, env: Mapping[str, str], sources: Sequence[HookSource]) -> None:
        self.paths, self.env, self.sources = paths, env, sources
        self._commands: dict[tuple[HookSource, tuple[str, ...]], Command | None] = {}

    @cached_property
    def ours(self) -> list[HookSource]:
        """The sources with hooks that record to our state folder, whether they run or not."""
        return [
            source
            for source in self.sources
            if any(command.state == self.paths.state for command in self.commands(source))
        ]

    @cached_property
    def running(self) -> list[HookSource]:
        """Those of them that Claude Code runs."""
        return [source for source in self.ours if not source.off]

    @property
    def here(self) -> list[HookSource]:
        """Those of them that it runs in this folder and environment."""
        return [source for source in self.running if source.here]

    @property
    def brought(self) -> list[HookSource]:
        """Those of them that are not `install`'s: the plugin's and the administrator's."""
        return [source for source in self.here if source.kind in {"managed", "plugin"}]

    @cached_property
    def elsewhere(self) -> dict[Path, list[HookSource]]:
        """State folders other than ours that hooks record to, with where these hooks are."""
        by_state: dict[Path, list[HookSource]] = {}
        for source in self.sources:
            for state in dict.fromkeys(command.state for command in self.commands(source) if command.executable):
                if state != self.paths.state and not source.off:
                    by_state.setdefault(state, []).append(source)
        return by_state

    @cached_property
    def others(self) -> list[Paths]:
        """The other hookspans whose hooks `install` wrote into the user's own settings.

        What stands in a project's files may have come with the project, so nothing is deleted for its sake.
        """
        others = [
            places.of_hook(command.relay, command.state, self.env)
            for source in self.sources
            if source.kind == "user"
            for command in self.commands(source)
            if command.state != self.paths.state
        ]
        return list(dict.fromkeys(paths for paths in others if paths is not None))

    def place(self, state: Path) -> Paths | None:
        """The files of the hookspan whose hooks record to this folder, as far as they tell."""
        commands = [command for source in self.sources for command in self.commands(source) if command.state == state]
        return next(filter(None, (places.of_hook(command.relay, state, self.env) for command in commands)), None)

    def commands(self, source: HookSource) -> list[Command]:
        """What a source's handlers run, each once."""
        words = dict.fromkeys(handler.command for handler in source.handlers)
        return list(dict.fromkeys(filter(None, (self._command(each, source) for each in words))))

    @property
    def run(self) -> list[tuple[str, ...]]:
        """What Claude Code runs, or would if it were let, to record to our state folder, the last word; each once."""
        sources = self.here or self.running or self.ours
        commands = [command for source in sources for command in self.commands(source)]
        return list(dict.fromkeys(each.run for each in commands if each.run and each.state == self.paths.state))

    @property
    def where(self) -> str:
        """Where the hooks are that run, in words."""
        return ", ".join(source.name for source in self.here or self.running)

    @cached_property
    def recorded(self) -> list[Path]:
        """The settings files that `install` wrote our hooks into."""
        return receipts.files(self.paths)

    def command(self, handler: Handler, source: HookSource) -> Command | None:
        """What a handler of ours runs; None for an old form that records nowhere."""
        return self._command(handler.command, source)

    def _command(self, words: tuple[str, ...], source: HookSource) -> Command | None:
        """The same for a handler's words, which most of them share."""
        if (source, words) not in self._commands:
            self._commands[source, words] = self._read(words, source)
        return self._commands[source, words]

    def _read(self, words: tuple[str, ...], source: HookSource) -> Command | None:
        if is_plugins(words):
            return self._plugins_command(source)
        relay = relay_in(words, self.paths)
        state = words.index(relay) + 1
        if state >= len(words):
            return None  # without a state folder
        return Command(words, Path(relay), Path(words[state]))

    def _plugins_command(self, source: HookSource) -> Command:
        """What the plugin's shell script comes to, which does not look at HOOKSPAN_HOME."""
        paths = Paths.from_environment({**self.env, "HOOKSPAN_HOME": ""})
        if os.access(paths.relay, os.X_OK):
            return Command((str(paths.relay), str(paths.state)), paths.relay, paths.state)
        scripts = [paths.relay_script, *([source.file.parent / "main.py"] if source.plugin else [])]
        script = next((script for script in scripts if os.access(script, os.R_OK)), None)
        if script is None or not paths.state.is_dir():
            return Command((), paths.relay, paths.state)
        run = (*in_python("/usr/bin/env", "python3", script=script), str(paths.state))
        return Command(run, script, paths.state)
