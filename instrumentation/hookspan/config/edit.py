"""Changes the user's settings file and keeps its comments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from hookspan import atomic
from hookspan.config.files import parse, read_file
from hookspan.config.options import OPTIONS, Option, is_locked, nearest
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.values import Size, without_secrets


def change(paths: Paths, key: str, value: str | None) -> None:
    """Set a key of the user's file from a text; None removes it. UserError if the value isn't allowed."""
    change_all(paths, {key: value})


def change_all(paths: Paths, values: Mapping[str, str | None]) -> None:
    """As `change`, but several keys, all or none."""
    locked = frozenset(read_file(paths.system_config)[0].get("locked", ()))
    read_file(paths.config)
    text = paths.config.read_text(encoding="utf-8-sig") if paths.config.exists() else ""
    document = tomlkit.parse(text)
    for key, value in values.items():
        if is_locked(key, locked):
            raise UserError(f"`{key}` is locked by `{paths.system_config}`")
        section, _, name = key.partition(".")
        option = OPTIONS.get(key)
        if option is None and not (section == "resource" and name):
            raise UserError(
                f"`{key}` can't be set here{nearest(key, list(OPTIONS))}",
                hint=f"`hookspan config show` lists keys; tables: `{paths.config}`",
            )
        _edit(document, section, name, None if value is None else _toml_value(option, value))
    write(paths, tomlkit.dumps(document))


def write(paths: Paths, text: str) -> None:
    """Write the user's file anew, whole. UserError if it says what isn't allowed, or can't be written."""
    parse(text, str(paths.config))
    try:
        paths.make(paths.config.parent)
        atomic.write(paths.config, text.encode(), mode=0o600)  # it may hold credentials in headers
    except OSError as error:
        raise UserError(f"can't write `{paths.config}`: {error.strerror}") from error


def _toml_value(option: Option | None, value: str) -> Any:
    """The TOML value of a text."""
    if option is None:
        return value
    try:
        checked = option.kind.read_text(value)
    except ValueError as error:
        shown = "that" if option.secret else f"`{without_secrets(value)}`"
        raise UserError(f"`{option.key}` can't be {shown}", hint=f"allowed: {option.kind.allowed}") from error
    if isinstance(option.kind, Size):
        return value if not value.isdigit() else checked  # `2 GiB` reads better than its digits
    if isinstance(checked, Mapping):  # inline: a table of its own would take in the dotted keys behind it
        table = tomlkit.inline_table()
        table.update(checked)
        return table
    return list(checked) if isinstance(checked, tuple) else "" if checked is None else checked


def _edit(document: tomlkit.TOMLDocument, section: str, name: str, value: Any) -> None:
    try:
        if value is None:
            if name in document.get(section, {}):
                del document[section][name]
            return
        if section not in document:
            document[section] = tomlkit.table()
        document[section][name] = value
    except TOMLKitError as error:
        raise UserError(f"can't change `{section}.{name}`: {error}", hint="edit the file by hand") from error
