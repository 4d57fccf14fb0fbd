"""Reads settings files and checks what they say."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from hookspan.config.options import NOTIFY, OPTIONS, PROJECT, SECTIONS, TABLES, Option, nearest
from hookspan.config.sections import Notify, Project, Settings
from hookspan.errors import UserError
from hookspan.values import Kind, Pairs, Texts, without_secrets

RESOURCE: Final = Pairs("a table of names and texts")

Layer = tuple[dict[str, Any], list[str]]
"""What a settings file says: checked values by key, and what is odd about it."""


def read_file(path: Path) -> Layer:
    """What a settings file says; nothing if there is none."""
    text = read_text(path)
    return ({}, []) if text is None else parse(text, str(path))


def read_text(path: Path) -> str | None:
    """The text of a settings file, None if there is none; UserError if it can't be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(
            f"can't read `{path}`: {error.strerror}", hint=f"`ls -l {shlex.quote(str(path))}` shows its owner and mode"
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(f"can't read `{path}`: it is not UTF-8 (byte {error.start + 1})") from error


def parse(text: str, origin: str) -> Layer:
    """What a settings file's text says."""
    import tomllib  # noqa: PLC0415 - many have no such file, and it compiles patterns

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"`{origin}` is not TOML: {error}") from error
    return _read(table, origin)


def _read(table: Mapping[str, Any], origin: str) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    warnings: list[str] = []
    for section, content in table.items():
        if section == "locked":
            values["locked"] = checked(content, Texts("a list of keys"), "locked", origin)
        elif section == "resource":
            values["resource"] = checked(content, RESOURCE, "resource", origin)
        elif section == "projects":
            rows = _tables(content, section, origin).items()
            values["projects"] = {
                name: _row(row, PROJECT, f'projects."{name}"', origin, warnings) for name, row in rows
            }
        elif section == "notify":
            if not isinstance(content, list | tuple):
                raise UserError(f"`notify` in `{origin}` must be a list of tables: `[[notify]]`")
            rows = _tables({str(number): row for number, row in enumerate(content, 1)}, section, origin).items()
            values["notify"] = tuple(
                # Without `url` the empty one is checked, and says what is allowed.
                Notify(**_row({"url": "", **row}, NOTIFY, f"notify {number}", origin, warnings))
                for number, row in rows
            )
        elif section in SECTIONS:
            options = {option.name: option for option in OPTIONS.values() if option.section == section}
            rows_of = _tables({section: content}, section, origin)[section]
            values_of_section = _row(rows_of, options, section, origin, warnings)
            values.update({f"{section}.{name}": value for name, value in values_of_section.items()})
        else:
            warnings.append(f"`{section}` in `{origin}` is not a section{nearest(section, [*SECTIONS, *TABLES])}")
    return values, warnings


def _tables(content: object, section: str, origin: str) -> Mapping[str, Mapping[str, Any]]:
    """`content` as tables by name."""
    if not isinstance(content, Mapping) or not all(isinstance(row, Mapping) for row in content.values()):
        raise UserError(f"`{section}` in `{origin}` must be a table")
    return content


def _row(
    row: Mapping[str, Any], options: Mapping[str, Option], where: str, origin: str, warnings: list[str]
) -> dict[str, Any]:
    """The checked options of one table; a name that isn't known is a warning, since an older hookspan may read it."""
    values = {}
    for name, value in row.items():
        if (option := options.get(name)) is None:
            warnings.append(f"`{where}.{name}` in `{origin}` is not a setting{nearest(name, list(options))}")
        else:
            values[name] = checked(value, option.kind, f"{where}.{name}", origin, secret=option.secret)
    return values


def checked(value: object, kind: Kind, key: str, origin: str, *, secret: bool = False, as_text: bool = False) -> Any:
    """The value as the setting has it; UserError says what is allowed. `as_text`: as a variable has it."""
    try:
        return kind.read_text(str(value)) if as_text else kind.read(value)
    except ValueError as error:
        shown = "its value" if secret else f"`{without_secrets(str(value))}`"
        raise UserError(f"`{key}` can't be {shown} ({origin})", hint=f"allowed: {kind.allowed}") from error


def sections_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The sections and tables of Settings, from values by key."""
    sections: dict[str, Any] = {}
    for section, owner in SECTIONS.items():
        own = {key.partition(".")[2]: value for key, value in values.items() if key.startswith(section + ".")}
        sections[section] = owner(**own)
    tables = {name: values[name] for name in TABLES if name in values}
    if "projects" in tables:
        tables["projects"] = {name: Project(**row) for name, row in tables["projects"].items()}
    return sections | tables


def from_snapshot(plain: Mapping[str, Any]) -> Settings:
    """The settings of `Settings.as_dict`, checked again."""
    values, _ = _read(plain["settings"], "the snapshot")
    return Settings(
        **sections_of(values),
        origins=dict(plain["origins"]),
        locked=frozenset(plain["locked"]),
        warnings=tuple(plain["warnings"]),
    )
