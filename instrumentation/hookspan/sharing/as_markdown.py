"""A document as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from hookspan.clients.message import Message
from hookspan.sharing.document import Document, Part, input_of

_RUNS = re.compile("`+")
_FENCE = re.compile(r"(`{3,})(?=[^`]*$)|~{3,}")
_MARKS = re.compile(r"[\\`*_{}\[\]<>|#~]")


def markdown(document: Document) -> str:
    """The whole text. Answers are the Markdown that they are, without HTML and without images from elsewhere."""
    facts = " · ".join(f"{name}: {value}" for name, value in document.facts)
    lines = [f"# {plain(document.title)}", "", plain(facts), ""]
    for part in document.parts:
        lines += _part(part)
    lines += ["---", "", "Left out by hookspan:", "", *(f"- {plain(rule)}" for rule in document.rules())]
    return "\n".join(lines) + "\n"


def _part(part: Part) -> Iterator[str]:
    if part.name:
        yield from (f"## {plain(part.name)}", "")
    for message in part.messages:
        yield from _message(message)
        for what in message.attached:
            yield from (f"*{plain(what)}, left out*", "")


def _message(message: Message) -> Iterator[str]:
    kind, text = message.kind, message.text
    if kind == "prompt":
        yield from ("### Prompt", "", *(f"> {_safe(line)}" for line in text.split("\n")), "")
    elif kind == "answer":
        yield from ("### Answer", "", *_prose(text), "")
    elif kind == "call":
        language = "sh" if message.tool == "Bash" else ""
        yield from (f"**{plain(message.tool)}**", "")
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
    """An answer's lines; outside of code, nothing in them is HTML or fetched from elsewhere.

    Less is taken for code than Markdown does: a fence must begin its line, since one that is indented may end with the
    item of a list that it is in, and marks of code within lines count only if none is left over in any line, which
    could reach into the next.
    """
    lines = list(_fences(text.split("\n")))
    spans = [None if is_code else _code(line) for line, is_code in lines]
    has_left_over = any(code is None for (_, is_code), code in zip(lines, spans, strict=True) if not is_code)
    for (line, is_code), code in zip(lines, spans, strict=True):
        yield line if is_code else _safe(line, () if has_left_over else code or ())


def _code(line: str) -> list[tuple[int, int]] | None:
    """Where there is code within a line, by its marks; None if a mark is left over."""
    found, runs = [], [run.span() for run in _RUNS.finditer(line)]
    at = 0
    while at < len(runs):
        begin, after = runs[at]
        end = next((n for n in range(at + 1, len(runs)) if runs[n][1] - runs[n][0] == after - begin), None)
        if end is None or line[begin - 1 : begin] == "\\":
            return None
        found.append((begin, runs[end][1]))
        at = end + 1
    return found


def _safe(line: str, code: Sequence[tuple[int, int]] = ()) -> str:
    """The line without HTML and pictures, but for what is code in it."""
    parts, at = [], 0
    for begin, end in (*code, (len(line), len(line))):
        parts += [line[at:begin].replace("<", "&lt;").replace("![", "!\\["), line[begin:end]]
        at = end
    return "".join(parts)


def _fences(lines: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """The lines, and whether they are of a fenced block."""
    fence = ""
    for line in lines:
        if not fence:
            mark = _FENCE.match(line)
            fence = mark[0] if mark else ""
            yield line, bool(mark)
        else:
            yield line, True
            if line.strip(" ").startswith(fence):
                fence = ""
    if fence:
        yield fence, True


def plain(text: str) -> str:
    """On one line, so that nothing in it is a mark."""
    return _MARKS.sub(lambda match: f"\\{match[0]}", " ".join(text.split()))
