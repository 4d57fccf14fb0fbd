"""Which settings are in force on this machine: those of the running agent, not those of the shell that asks."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Final

from hookspan.agent.client import Client
from hookspan.config import OPTIONS, Layer, Option, Settings, from_snapshot, load, merge
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.record import Record
from hookspan.values import without_secrets

NO_FILE: Final[Layer] = ({}, [])


class Ignored(Record):
    """A variable that sets `key`, and what to do so that it counts."""

    variable: str
    key: str
    todo: str

    @property
    def message(self) -> str:
        """What is so."""
        return (
            f"`{self.variable}` has no effect: an agent that a hook starts reads files only, "
            "and none runs that was started with it"
        )

    def as_dict(self) -> dict[str, str]:
        """As `status --json` has it."""
        return {"variable": self.variable, "key": self.key, "message": self.message, "todo": self.todo}


def settings(paths: Paths) -> Settings:
    """What the running agent goes by; without one, what one that a hook starts will. UserError for broken files."""
    try:
        return from_snapshot(Client(paths).request("settings")["settings"])
    except (UserError, KeyError):  # none runs, or one of a version that can't say it
        return load(paths)


def ignored(paths: Paths, env: Mapping[str, str], now: Settings | None = None) -> list[Ignored]:
    """Variables of `env` that set something else than what is in force; none while a file or a variable is wrong.

    `now`: what is in force, where the caller knows it.
    """
    options = [option for option in OPTIONS.values() if option.variable in env]
    if not options:
        return []
    try:
        now = now or settings(paths)
        if not _differing(options, merge(paths, NO_FILE, NO_FILE, env), now):
            return []  # whatever the files say, which to read takes 5 ms
        differing = _differing(options, load(paths, env), now)
    except UserError:
        return []
    return [
        Ignored(option.variable, option.key, _todo(option.key, env[option.variable], secret=option.secret))
        for option in differing
    ]


def _differing(options: Iterable[Option], wanted: Settings, now: Settings) -> list[Option]:
    """Those of them whose variable sets something else than what is in force now."""
    return [
        option
        for option in options
        if wanted.origin(option.key) == option.variable and wanted.value(option.key) != now.value(option.key)
    ]


def _todo(key: str, value: str, *, secret: bool) -> str:
    """In the files it counts for every agent; `up` starts one that has the variables of its shell."""
    shown = "-" if secret or without_secrets(value) != value else shlex.quote(value)
    return f"`hookspan config set {key} {shown}`, or `hookspan up` in this shell"
