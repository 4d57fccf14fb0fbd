"""The words of a text, as the index has them; what a query asks of them; and where they stand in a text.

A run of letters and digits is a word, whole and by the parts of its `camelCase`, so that a name is found in a minified
line. Scripts without blanks between words are indexed as pairs of characters that overlap (`日本語`: `日本`, `本語`,
and the last one alone), so that any two in a row are found, which trigrams can't do.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from typing import Final

import msgspec

VERSION: Final = 3
"""Of what `indexed` makes: the index of another one is made anew."""
WORD_MAX: Final = 48
"""Characters of a word that count. Longer ones are encoded data, whose parts nobody looks for."""
TERMS_MAX: Final = 16
BEGINNING: Final = 3
"""Characters that the beginning of a word needs, since each word that begins with it is looked up."""
BEFORE, SHOWN = 60, 240
"""Characters of a snippet before the first hit, and in all."""

_PAIRED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003134f"
)
_RUN: Final = re.compile(rf"([{_PAIRED}]+)|([^\W_{_PAIRED}]+)")  # each of its sets takes Python 2 ms at the start
_NAME: Final = re.compile(r"[A-Za-z0-9]+")
_PART: Final = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_TERM: Final = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')


class Term(msgspec.Struct, frozen=True):
    """One thing that a query asks for: words in a row, the last of which may be the beginning of one."""

    text: str
    words: tuple[str, ...]
    is_beginning: bool = False
    is_unwanted: bool = False

    @property
    def match(self) -> str:
        """As FTS5 has it."""
        return f'"{" ".join(self.words)}"' + (" *" if self.is_beginning else "")


def row(text: str) -> list[str]:
    """The words of a text in their order."""
    if text.isascii():
        return _cut(_NAME.findall(text.lower()))
    found: list[str] = []
    for paired, word in _RUN.findall(unicodedata.normalize("NFKC", text).casefold()):
        if paired:
            found += map("".join, itertools.pairwise(paired))
            found.append(paired[-1])
        else:
            found.append(word[:WORD_MAX])
    return found


def _is_paired(word: str) -> bool:
    return (run := _RUN.match(word)) is not None and run[1] is not None


def indexed(text: str) -> str:
    """What the index has of a text: its words in their order, and behind them the parts that are no words of it."""
    names = _NAME.findall(text)
    words = _cut(" ".join(names).lower().split()) if text.isascii() else row(text)
    mixed = {name for name in set(names) if len(name) <= WORD_MAX and _has_parts(name)}
    parts = {part.lower() for name in mixed for part in _PART.findall(name) if len(part) > 1}
    return " ".join([*words, *sorted(parts.difference(words))])


def _cut(words: list[str]) -> list[str]:
    return words if len(max(words, key=len, default="")) <= WORD_MAX else [word[:WORD_MAX] for word in words]


def _has_parts(name: str) -> bool:
    return not name.isdigit() if not name.isalpha() else not (name.islower() or name.isupper() or name[1:].islower())


def terms(query: str) -> list[Term]:
    """What a query asks for: words, `"several in a row"`, `beginning*` and `-unwanted`, all of them at once.

    The last word may be the beginning of one. Punctuation says that its words stand in a row: `src/main.py`.
    """
    found = []
    for minus, quoted, word in _TERM.findall(query):
        text = quoted or word
        is_beginning = not quoted and text.endswith("*")
        words = row(text)
        if not words:
            continue
        last = words[-1]
        if _is_paired(last) and len(last) == 1:
            if len(words) > 1 and _is_paired(words[-2]) and words[-2].endswith(last):
                words.pop()  # the pair before has it, and what follows it in the text is not asked
            else:
                is_beginning = True
        found.append(Term(text.rstrip("*"), tuple(words), is_beginning, bool(minus)))
    del found[TERMS_MAX:]
    if (
        found
        and not query.rstrip().endswith('"')
        and not found[-1].is_unwanted
        and len(found[-1].words[-1]) >= BEGINNING
    ):
        found[-1] = msgspec.structs.replace(found[-1], is_beginning=True)
    return found


def expression(query: list[Term]) -> str:
    """As FTS5 has it; empty if nothing is asked for."""
    wanted = " AND ".join(term.match for term in query if not term.is_unwanted)
    unwanted = "".join(f" NOT {term.match}" for term in query if term.is_unwanted)
    return f"words : ({wanted}){unwanted.replace(' NOT ', ' NOT words : ')}" if wanted else ""


Piece = tuple[str, bool]
"""A part of a snippet, and whether it is what was looked for."""


def snippet(text: str, query: list[Term], shown: int = SHOWN) -> list[Piece]:
    """The part of a text around the first hit, on one line."""
    wanted = [term for term in query if not term.is_unwanted]
    names = {name for term in wanted for name in (term.text, *term.words) if name}
    pattern = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))) or r"(?!)", re.IGNORECASE)
    first = pattern.search(text)
    start = max(0, first.start() - BEFORE) if first else 0
    part = text[start : start + shown]
    pieces: list[Piece] = [("…", False)] if start else []
    at = 0
    for match in pattern.finditer(part):
        if match.start() > at:
            pieces.append((part[at : match.start()], False))
        pieces.append((match.group(), True))
        at = match.end()
    rest = part[at:] + ("…" if len(text) > start + shown else "")
    if rest:
        pieces.append((rest, False))
    return [(" ".join(piece.replace("\n", " ⏎ ").split(" ")), hit) for piece, hit in pieces]
