"""Merges the layers of settings: the administrator's file, the user's, then `HOOKSPAN_*`; the later one wins.

But what the administrator lists under `locked` stays.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from hookspan.config.files import Layer, checked, read_file, sections_of
from hookspan.config.options import BY_VARIABLE, JOINED, OPTIONS, TABLES, is_locked, nearest
from hookspan.config.sections import DESKTOP, Settings
from hookspan.paths import Paths
from hookspan.values import Number, Text

HIDDEN: Final = "(hidden)"
NO_SETTINGS: Final = frozenset({"HOOKSPAN_HOME"})
"""Variables that say where the settings are: to look for what somebody may have meant costs 3 ms."""


def load(paths: Paths, env: Mapping[str, str] | None = None) -> Settings:
    """Read, check and merge every layer; UserError names what is not allowed.

    Without `env` the files alone count, as for an agent that a hook started.
    """
    return merge(paths, read_file(paths.system_config), read_file(paths.config), env)


def merge(paths: Paths, administrators: Layer, users: Layer, env: Mapping[str, str] | None = None) -> Settings:
    """As `load`, but from files that were already read."""
    system = {key: value for key, value in administrators[0].items() if key != "locked"}
    locked, warnings = frozenset(administrators[0].get("locked", ())), administrators[1]
    user, more = users[0], list(users[1])
    layers = [(key, value, str(paths.system_config)) for key, value in system.items()]
    others = [(key, value, str(paths.config)) for key, value in user.items() if key != "locked"]
    for variable, text in (env or {}).items():
        if (option := BY_VARIABLE.get(variable)) is not None:
            # An empty variable counts as unset, but if the setting can be none, it sets none.
            if text or (isinstance(option.kind, Text | Number) and option.kind.optional):
                value = checked(text, option.kind, option.key, variable, secret=option.secret, as_text=True)
                others.append((option.key, value, variable))
        elif _may_be_meant(variable) and (near := nearest(variable, list(BY_VARIABLE), alike=0.85)):
            more.append(f"`{variable}` is not a setting{near}")
    for key, value, origin in others:
        names = [f"{key}.{name}" for name in value] if key in JOINED else [key]
        held = [name for name in names if is_locked(name, locked)]
        more += [f"`{name}` in {origin} is ignored: `{paths.system_config}` locks it" for name in held]
        if key in JOINED:
            layers.append((key, _joined(key, value, system.get(key, {}), held), origin))
        elif not held:
            layers.append((key, value, origin))
    return Settings(
        **sections_of({key: value for key, value, _ in layers}),
        origins={key: origin for key, _, origin in layers},
        locked=locked,
        warnings=(*warnings, *more),
    )


def _may_be_meant(variable: str) -> bool:
    """Whether it looks like a setting's variable."""
    return variable.startswith("HOOKSPAN_") and variable not in NO_SETTINGS


def _joined(
    table: str, users: Mapping[str, Any], administrators: Mapping[str, Any], held: Collection[str]
) -> dict[str, Any]:
    """A table of free names: the administrator's entries, overridden by those that the user may set, key by key."""
    may = {name: value for name, value in users.items() if f"{table}.{name}" not in held}
    return _over(administrators, may)


def _over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both, of a key that both have the latter's; of tables within the same."""
    both = {name: _over(under[name], value) for name, value in over.items() if isinstance(under.get(name), Mapping)}
    return {**under, **over, **both}


def values(settings: Settings, *, secrets: bool = False) -> dict[str, Any]:
    """Every setting by key, as JSON types; secret ones hidden."""
    shown: dict[str, Any] = {}
    for option in OPTIONS.values():
        value = settings.value(option.key)
        hide = option.secret and value and not secrets
        shown[option.key] = HIDDEN if hide else list(value) if isinstance(value, tuple) else value
    tables = settings.as_dict()["settings"]
    if not secrets:
        tables["notify"] = [row if row["url"] == DESKTOP else row | {"url": HIDDEN} for row in tables["notify"]]
    return shown | {table: tables[table] for table in TABLES if tables[table]}
