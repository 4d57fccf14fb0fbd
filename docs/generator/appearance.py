"""dashboards/web/lib/catalogue.js: the page's words and looks, from hookspan.catalogue.appearance and the span kinds."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args, get_type_hints

from hookspan.catalogue import appearance, spans
from hookspan.catalogue.appearance import (
    CheckLook,
    DialogLook,
    EndLook,
    LineLook,
    OutcomeLook,
    SpanLook,
    StateLook,
    TimeLook,
)

WIDTH: Final = 120
HEAD: Final = """\
/**
 * What the page calls things and how it shows them: a table a noun, by the name that the API has for it, in the order
 * in which the page lists them. The page asks `words.js`, which has something plain for what is not here. Made by
 * `make generate` from instrumentation/hookspan/catalogue.
 */
"""


def script() -> str:
    """The module's text, as the page's formatter would lay it out."""
    tables = (
        _table("SPAN_KINDS", SpanLook, {kind.type: kind.look for kind in spans.SPANS}),
        _table("STATES", StateLook, appearance.STATES),
        _table("DIALOGS", DialogLook, appearance.DIALOGS),
        _table("TIME_KINDS", TimeLook, appearance.TIME_KINDS),
        _table("OUTCOMES", OutcomeLook, appearance.OUTCOMES),
        _table("END_REASONS", EndLook, appearance.END_REASONS),
        _words(
            "PROMPT_KINDS",
            appearance.PROMPT_KINDS,
            "What stands for a prompt whose text is not known, by who wrote it.",
        ),
        _words("LINKS", appearance.LINKS, "Why one span links to another."),
        _table("STATUSES", CheckLook, appearance.STATUSES),
        _words("CHARTS", appearance.CHARTS, "Checks whose value is worth a chart, and what that value is."),
        _table("LINE_KINDS", LineLook, appearance.LINE_KINDS),
    )
    return HEAD + "".join("\n" + "\n".join(lines) + "\n" for lines in tables)


def _table(name: str, row: type, rows: Mapping[str, Any]) -> Iterator[str]:
    """A table of rows, below the type that they have: a property for each field, with what its docstring says."""
    about, _, attributes = (inspect.getdoc(row) or "").partition("\n\nAttributes:\n")
    hints = get_type_hints(row)
    said = _properties(attributes)
    kind = row.__name__
    yield "/**"
    yield from _comment(about)
    yield f" * @typedef {{object}} {kind}"
    for field in row.__annotations__:
        yield from _comment(f"@property {{{_type(hints[field])}}} {_camel(field)} {said.get(field, '')}".rstrip())
    yield " */"
    yield ""
    yield f"/** @type {{Readonly<Record<string, {kind}>>}} */"
    yield f"export const {name} = {{"
    for key, value in rows.items():
        yield from _row(key, {_camel(field): given for field, given in value._asdict().items()})
    yield "};"


def _words(name: str, words: Mapping[str, str], about: str) -> Iterator[str]:
    yield f"/** {about} @type {{Readonly<Record<string, string>>}} */"
    yield f"export const {name} = {{"
    for key, word in words.items():
        yield f"  {_key(key)}: {_text(word)},"
    yield "};"


def _row(key: str, fields: Mapping[str, Any]) -> Iterator[str]:
    cells = [f"{name}: {_text(value)}" for name, value in fields.items()]
    line = f"  {_key(key)}: {{ {', '.join(cells)} }},"
    if len(line) <= WIDTH:
        yield line
        return
    yield f"  {_key(key)}: {{"
    yield from (f"    {cell}," for cell in cells)
    yield "  },"


def _text(value: str | bool) -> str:
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else _text(name)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _type(hint: Any) -> str:
    if values := get_args(hint):
        return " | ".join(map(_text, values))
    return {str: "string", bool: "boolean"}[hint]


def _properties(attributes: str) -> dict[str, str]:
    """Each field's text from the `Attributes` of a docstring."""
    found = re.findall(r"^    (\w+): (.*(?:\n     .*)*)", attributes, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def _comment(text: str) -> Iterator[str]:
    """Lines of a comment, wrapped."""
    line = " *"
    for word in text.split():
        if len(line) + 1 + len(word) > WIDTH:
            yield line
            line = " *  "
        line += f" {word}"
    yield line
