"""A document as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hookspan.clients.message import Message
from hookspan.sharing.document import Document, Part, input_of

_RUNS = re.compile("`+")


def markdown(document: Document) -> str:
    """The whole text. Answers are the Markdown that they are, without HTML and without images from elsewhere."""
    facts = " · ".join(f"{name}: {value}" for name, value in document.facts)
    lines = [f"# {_plain(document.title)}", "", _plain(facts), ""]
    for part in document.parts:
        lines += _part(part)
    lines += ["---", "", "Left out by hookspan:", "", *(f"- {_plain(rule)}" for rule in document.rules())]
    return "\n".join(lines) + "\n"


def _part(part: Part) -> Iterator[str]:
    if part.name:
        yield from (f"## {_plain(part.name)}", "")
    for message in part.messages:
        yield from _message(message)
        for what in message.attached:
            yield from (f"*{_plain(what)}, left out*", "")


def _message(message: Message) -> Iterator[str]:
    kind, text = message.kind, message.text
    if kind == "prompt":
        yield from ("### Prompt", "", *(f"> {_said(line)}" for line in text.split("\n")), "")
    elif kind == "answer":
        yield from ("### Answer", "", *_prose(text), "")
    elif kind == "call":
        language = "sh" if message.tool == "Bash" else ""
        yield from (f"**{_plain(message.tool)}**", "")
        for block, of in ((text, language), (message.diff, "diff"), ("" if language else input_of(message), "json")):
            if block:
                yield from (*_fenced(block, of), "")
    elif kind == "result":
        yield "Failed:" if message.failed else "Output:"
        yield from ("", *_fenced(text or "(none)"), "")
    elif text:
        yield from (f"*{kind.capitalize()}*", "", *_fenced(text), "")


def _fenced(text: str, language: str = "") -> list[str]:
    fence = "`" * max(3, 1 + max((len(run) for run in _RUNS.findall(text)), default=0))
    return [f"{fence}{language}", text.rstrip("\n"), fence]


def _prose(text: str) -> Iterator[str]:
    """An answer's lines; outside of code, nothing in them is HTML or fetched from elsewhere."""
    fence = ""
    for line in text.split("\n"):
        mark = re.match(r"\s{0,3}(`{3,}|~{3,})", line)
        if mark and not fence:
            fence = mark[1]
        elif fence and line.strip().startswith(fence):
            fence = ""
        elif not fence:
            line = _said(line)  # noqa: PLW2901
        yield line
    if fence:
        yield fence


def _said(line: str) -> str:
    parts = line.split("`")
    return "`".join(
        part if at % 2 and at < len(parts) - 1 else part.replace("<", "&lt;").replace("![", "!\\[")
        for at, part in enumerate(parts)
    )


def _plain(text: str) -> str:
    """On one line, so that nothing in it is a mark."""
    return re.sub(r"[\\`*_{}\[\]<>|#~]", lambda match: f"\\{match[0]}", " ".join(text.split()))
