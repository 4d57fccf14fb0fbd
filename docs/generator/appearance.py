"""The page's words and looks, from hookspan.catalogue.appearance and the span kinds.

dashboards/web/lib/catalogue-sessions.js has the tables that the first page needs, catalogue.js all others, and looks.d.ts
beside them their types, which are not sent to browsers.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, get_args, get_type_hints

from hookspan.catalogue import appearance, spans
from hookspan.catalogue.appearance import (
    AgentLook,
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
 * What the page calls {nouns} and how it shows them: a table a noun, by the name that the API has for it, in the order
 * in which the page lists them. The page asks `{asked}`, which has something plain for what is not here. Made by
 * `make generate` from instrumentation/hookspan/catalogue.
 */

/** @import {{ {looks} }} from "./looks.js" */
"""
TYPES_HEAD: Final = (
    "/** The rows of the catalogue's tables. Made by `make generate` from instrumentation/hookspan/catalogue. */\n"
)
LOOKS: Final = (AgentLook, SpanLook, StateLook, DialogLook, TimeLook, OutcomeLook, EndLook, CheckLook, LineLook)


def sessions_script() -> str:
    """The text of catalogue-sessions.js, as the page's formatter would lay it out."""
    tables = (
        _table("STATES", StateLook, appearance.STATES),
        _table("DIALOGS", DialogLook, appearance.DIALOGS),
        _table("END_REASONS", EndLook, appearance.END_REASONS),
    )
    return _module("sessions", "session-words.js", (StateLook, DialogLook, EndLook), tables)


def script() -> str:
    """The text of catalogue.js, in the same way."""
    tables = (
        _table("SPAN_KINDS", SpanLook, {kind.type: kind.look for kind in spans.SPANS}),
        _table("TIME_KINDS", TimeLook, appearance.TIME_KINDS),
        _table("OUTCOMES", OutcomeLook, appearance.OUTCOMES),
        _words(
            "PROMPT_KINDS",
            appearance.PROMPT_KINDS,
            "What stands for a prompt whose text is not known, by who wrote it.",
        ),
        _words("LINKS", appearance.LINKS, "Why one span links to another."),
        _words(
            "SPAN_EVENTS",
            {event.name: event.word for span in spans.SPANS for event in span.events},
            "What happened during a span.",
        ),
        _words("CACHE_CAUSES", appearance.CACHE_CAUSES, "Why the prompt cache was missed."),
        _words("SOURCES", appearance.SOURCES, "What a model call was made for."),
        _table("STATUSES", CheckLook, appearance.STATUSES),
        _words("CHARTS", appearance.CHARTS, "Checks whose value is worth a chart, and what that value is."),
        _table("LINE_KINDS", LineLook, appearance.LINE_KINDS),
        _table("AGENTS", AgentLook, appearance.AGENTS),
    )
    return _module("things", "words.js", (AgentLook, SpanLook, TimeLook, OutcomeLook, CheckLook, LineLook), tables)


def _module(nouns: str, asked: str, looks: Iterable[type], tables: Iterable[Iterator[str]]) -> str:
    names = ", ".join(sorted(look.__name__ for look in looks))
    return HEAD.format(nouns=nouns, asked=asked, looks=names) + "".join(
        "\n" + "\n".join(lines) + "\n" for lines in tables
    )


def types() -> str:
    """The text of looks.d.ts."""
    return TYPES_HEAD + "".join("\n" + "\n".join(_interface(look)) + "\n" for look in LOOKS)


def _interface(look: type) -> Iterator[str]:
    """A property for each field, with what its docstring says."""
    about, _, attributes = (inspect.getdoc(look) or "").partition("\n\nAttributes:\n")
    hints = get_type_hints(look)
    meanings = _properties(attributes)
    yield "/**"
    yield from _comment(" *", about)
    yield " */"
    yield f"export interface {look.__name__} {{"
    for field in look.__annotations__:
        if meaning := meanings.get(field):
            yield "  /**"
            yield from _comment("   *", meaning)
            yield "   */"
        yield f"  {_camel(field)}: {_type(hints[field])};"
    yield "}"


def _table(name: str, look: type, rows: Mapping[str, Any]) -> Iterator[str]:
    yield f"/** @type {{Readonly<Record<string, {look.__name__}>>}} */"
    yield f"export const {name} = {{"
    for key, row in rows.items():
        yield from _row(key, {_camel(field): value for field, value in row._asdict().items()})
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


def _comment(margin: str, text: str) -> Iterator[str]:
    """Lines of a comment, wrapped."""
    line = margin
    for word in text.split():
        if len(line) + 1 + len(word) > WIDTH:
            yield line
            line = margin
        line += f" {word}"
    yield line
