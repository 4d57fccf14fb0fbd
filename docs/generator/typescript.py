"""dashboards/web/lib/types.d.ts: what the API answers, as the page's checkers read it, from hookspan.web.schemas."""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Iterable, Iterator
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import msgspec

from hookspan.catalogue.enums import TimeKind
from hookspan.catalogue.session_fields import Field
from hookspan.web import schemas

HEAD: Final = """\
/**
 * What the API answers. Times are Unix milliseconds, durations milliseconds, costs USD.
 *
 * Made by `make generate` from instrumentation/hookspan/web/schemas and catalogue/session_fields.py.
 */
"""
ENUMS: Final[tuple[type[StrEnum], ...]] = (TimeKind,)
"""Closed lists of the catalogue that the page has to know beside those of the answers."""
_PLAIN: Final = {str: "string", bool: "boolean", int: "number", float: "number", NoneType: "null", Any: "unknown"}
_WIDTH: Final = 120


def types() -> str:
    """The file's text: closed lists first, then an interface for each type, in the order of the schemas."""
    lists = [f"export type {name} = {_union(map(json.dumps, get_args(one)))};\n" for name, one in _literals().items()]
    lists += [f"export type {one.__name__} = {_union(json.dumps(value.value) for value in one)};\n" for one in ENUMS]
    return "\n".join([HEAD + "".join(lists), *map(_interface, _classes())])


def _literals() -> dict[str, Any]:
    return {name: one for name, one in vars(schemas).items() if get_origin(one) is Literal}


def _classes() -> Iterator[type]:
    for name, one in vars(schemas).items():
        described = isinstance(one, type) and (issubclass(one, msgspec.Struct) or is_typeddict(one))
        if described and one.__module__.startswith(schemas.__name__) and not name.startswith("_"):
            yield one


def _interface(one: type) -> str:
    lines = [*_comment(inspect.getdoc(one) or "", ""), f"export interface {one.__name__} {{"]
    for name, hint in get_type_hints(one, include_extras=True).items():
        if meanings := [note.meaning for note in _notes(hint) if isinstance(note, Field)]:
            lines += _comment(meanings[0], "  ")
        optional = "?" if name in _left_out(one) else ""
        lines.append(f"  {name}{optional}: {_type(hint)};")
    return "\n".join([*lines, "}"]) + "\n"


def _left_out(one: type) -> set[str]:
    """Fields that are missing where they have their default."""
    if not issubclass(one, msgspec.Struct) or not one.__struct_config__.omit_defaults:
        return set()
    return {field.name for field in msgspec.structs.fields(one) if field.default is not msgspec.NODEFAULT}


def _notes(hint: Any) -> tuple[Any, ...]:
    return hint.__metadata__ if get_origin(hint) is Annotated else ()


def _type(hint: Any) -> str:
    """A Python type in TypeScript. A mapping that says by `Annotated` what is in it is that."""
    if notes := _notes(hint):
        described = [note for note in notes if not isinstance(note, Field)]
        return _type(described[0] if described else get_args(hint)[0])
    if name := _PLAIN.get(hint) or next((name for name, one in _literals().items() if hint == one), ""):
        return name
    return _composed(hint) if get_origin(hint) else str(hint.__name__)


def _composed(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return _union(map(json.dumps, arguments))
    types = [_type(argument) for argument in arguments]
    if origin in {Union, UnionType}:
        return _union(types)
    if origin is list:
        return f"({types[0]})[]" if " | " in types[0] else f"{types[0]}[]"
    if origin is dict:
        return f"Record<{types[0]}, {types[1]}>"
    raise TypeError(f"{hint} has no word in TypeScript yet: docs/generator/typescript.py")


def _union(members: Iterable[str]) -> str:
    return " | ".join(dict.fromkeys(members))


def _comment(text: str, indent: str) -> list[str]:
    whole = f"{indent}/** {' '.join(text.split())} */"
    if not text or len(whole) <= _WIDTH:
        return [whole] if text else []
    lines = textwrap.wrap(" ".join(text.split()), _WIDTH - len(indent) - 3, break_long_words=False)
    return [f"{indent}/**", *(f"{indent} * {line}" for line in lines), f"{indent} */"]
