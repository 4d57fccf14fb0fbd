"""Removes the hooks from settings files, by the receipt of the hookspan that wrote them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.clients.claude_code import settings_files
from hookspan.clients.claude_code.hook_sources import HookSource
from hookspan.clients.claude_code.settings_files import Scope
from hookspan.clients.claude_code.settings_text import SettingsText
from hookspan.clients.hooks_text import HooksText
from hookspan.paths import Paths

from . import others, places, receipts
from .installation import Installation
from .others import Hooks
from .receipts import Receipt
from .settings_file import digest, put, read, refuse_changed


@dataclass(frozen=True, slots=True)
class Removal:
    """What is going to be done to one settings file; `new` None deletes it."""

    file: Path
    old: bytes
    new: bytes | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What `uninstall` does: changes of settings files, and whose records of them go."""

    changes: tuple[Removal, ...]
    places: tuple[Paths, ...]  # ours first
    forgotten: tuple[Path, ...]  # files that had hooks of ours, which somebody else has taken out already

    def carry_out(self, change: Removal) -> None:
        """Change the file, and forget it. UserError if it has changed meanwhile."""
        if change.new is None:
            refuse_changed(change.file, change.old)
            Path(os.path.realpath(change.file)).unlink()
        else:
            put(self.places[0], change.file, change.new, change.old)
        self.forget(change.file)

    def forget(self, file: Path) -> None:
        """Drop what is remembered of a file, and the copy of it."""
        for paths in self.places:
            kept = receipts.read(paths)
            if (gone := kept.pop(str(file), None)) is not None:
                receipts.write(paths, kept)
                if gone.backup and gone.backup not in {receipt.backup for receipt in kept.values()}:
                    Path(gone.backup).unlink(missing_ok=True)


def plan(
    installation: Installation,
    scope: Scope | None,
    env: Mapping[str, str],
    folder: Path | None,
    agent: str | None = None,
) -> Plan:
    """What there is to take out, in one scope (of Claude Code's settings), of one agent, or everywhere.

    Whoever sets a variable that moves hookspan's files means the hookspan there, and the hooks of others stay. Without
    one all hooks go, whatever they record to.
    """
    ours_alone = any(env.get(name) for name in places.MOVED)
    of_others = others.installed(installation.paths, env)
    spared = _elsewhere(installation, of_others) if ours_alone else ()
    owners = (installation.paths, *(() if ours_alone else installation.others))
    by_owner = [receipts.read(paths) for paths in owners]
    if scope is not None:
        files = {settings_files.of_scope(scope, env, folder): CLAUDE_CODE.name}
    else:
        sources = installation.sources
        found = [source.file for source in sources if source.of_install and _may_have_ours(source)]
        files = dict.fromkeys(found, CLAUDE_CODE.name)
        files |= {hooks.file: hooks.client.name for hooks in of_others}
        files |= {Path(file): receipt.agent for by_file in by_owner for file, receipt in by_file.items()}
    changes, forgotten = [], []
    for file, whose in files.items():
        if agent in {None, whose}:
            told = [by_file[str(file)] for by_file in by_owner if str(file) in by_file]
            if change := _removal(installation.paths, file, told, spared, whose):
                changes.append(change)
            elif told:
                forgotten.append(file)
    return Plan(tuple(changes), owners, tuple(forgotten))


def _may_have_ours(source: HookSource) -> bool:
    """Whether anything of ours may be in it: a file that nobody can read, and that doesn't name us, is left alone."""
    if source.handlers or not source.problem:
        return source.here or bool(source.handlers)
    try:
        return source.here and b"hookspan" in source.file.read_bytes()
    except OSError:
        return False


def _elsewhere(installation: Installation, of_others: Sequence[Hooks]) -> tuple[str, ...]:
    """State folders of other hookspans, whose hooks stay."""
    ours = str(installation.paths.state)
    states = [str(state) for state in installation.elsewhere]
    states += [words[-1] for hooks in of_others for words in hooks.commands if words[-1] != ours]
    return tuple(dict.fromkeys(states))


def _removal(paths: Paths, file: Path, told: Sequence[Receipt], spare: Sequence[str], agent: str) -> Removal | None:
    """The change of one file of an agent, of which these receipts tell."""
    old = read(file)
    if old is None:
        return None
    exact = next((receipt for receipt in told if receipt.after == digest(old)), None)
    if exact is not None:
        if exact.backup is None:
            return Removal(file, old, None)
        saved = read(Path(exact.backup))
        if saved is not None and digest(saved) == exact.before:
            return Removal(file, old, saved)
    receipt = exact or next(iter(told), None)
    keep, env = ((), {}) if receipt is None else (receipt.empty, receipt.env)
    clean: HooksText
    if other := others.OTHERS.get(agent):
        clean = other.text.of(str(file), old).without_ours(paths, keep, spare)
    else:
        clean = SettingsText.of(str(file), old).without_ours(paths, keep, spare).without_env(env, keep=keep)
        clean = clean.without_status_line(paths, (receipt and receipt.status_line) or "", spare)
    if clean.data() == old:
        return None
    made_by_us = receipt is not None and receipt.before is None and clean.value == {}
    return Removal(file, old, None if made_by_us else clean.data())
