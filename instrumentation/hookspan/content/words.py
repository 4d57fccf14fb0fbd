"""The words of a text, as the index has them; what a query asks of them; and where they stand in a text.

A run of letters and digits is a word, whole and by the parts of its `camelCase`, so that a name is found in a minified
line. Scripts without blanks between words are indexed as pairs of characters that overlap (`日本語`: `日本`, `本語`,
and the last one alone), so that any two in a row are found, which trigrams can't do.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

import msgspec

VERSION: Final = 3
"""Of what `indexed` makes: the index of another one is made anew."""
WORD_MAX: Final = 48
"""Characters of a word that count. Longer ones are encoded data, whose parts nobody looks for."""
TERMS_MAX: Final = 16
BEGINNING: Final = 3
"""Characters that the beginning of a word needs, since each word that begins with it is looked up."""
OPTION_MAX: Final = 2
"""ASCII letters behind a single dash that are an option, and nothing unwanted: `-rf`."""
LOOKED_INTO: Final = 100
"""Places within longer words that are looked at for a snippet."""
BLOCK: Final = 256
BEFORE, SHOWN = 60, 240
"""Characters of a snippet before the first hit, and in all."""

_PAIRED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003134f"
)
_RUN: Final = re.compile(rf"([{_PAIRED}]+)|([^\W_{_PAIRED}]+)")  # each of its sets takes Python 2 ms at the start
_MARKS: Final = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u3099\u309a\ufe20-\ufe2f]+")
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

    The last word may be the beginning of one. Punctuation says that its words stand in a row: `src/main.py`. Options of
    commands are words as any: `--force`, `-rf`.
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
        is_option = not quoted and (text.startswith("-") or (text.isascii() and len(text) <= OPTION_MAX))
        found.append(Term(text.rstrip("*"), tuple(words), is_beginning, bool(minus) and not is_option))
    del found[TERMS_MAX:]
    if (
        found
        and not query.rstrip().endswith('"')
        and not found[-1].is_unwanted
        and len(found[-1].words[-1]) >= BEGINNING
    ):
        found[-1] = msgspec.structs.replace(found[-1], is_beginning=True)
    return found


def expression(query: list[Term], scope: str = "") -> str:
    """As FTS5 has it, within what another expression finds; empty if nothing is asked for, or nothing but what not."""
    wanted = " AND ".join(term.match for term in query if not term.is_unwanted)
    asked = " AND ".join(filter(None, (scope, f"(words : ({wanted}))" if wanted else "")))
    unwanted = "".join(f" NOT words : {term.match}" for term in query if term.is_unwanted)
    return f"({asked}){unwanted}" if asked else ""


Piece = tuple[str, bool]
"""A part of a snippet, and whether it is what was looked for."""


def snippet(text: str, query: list[Term], shown: int = SHOWN) -> list[Piece]:
    """The part of a text around the first hit, on one line."""
    wanted = [term for term in query if not term.is_unwanted]
    found = [hit for term in wanted if (hit := next(_hits(text, term), None))]
    start = max(0, min(found)[0] - BEFORE) if found else 0
    end = start + shown
    before = max(0, start - 1)  # a word may begin at the start
    part = text[before : end + WORD_MAX]
    hits = sorted((before + first, before + last) for term in wanted for first, last in _hits(part, term))
    pieces: list[Piece] = [("…", False)] if start else []
    at = start
    for first, last in hits:
        if at <= first < end:
            pieces += [(text[at:first], False), (text[first : min(last, end)], True)]
            at = min(last, end)
    pieces.append((text[at:end] + ("…" if len(text) > end else ""), False))
    return [(" ".join(piece.replace("\n", " ⏎ ").split(" ")), hit) for piece, hit in pieces if piece]


def _hits(text: str, term: Term) -> Iterator[tuple[int, int]]:
    """Where a text has the words of a term in a row."""
    folded, runs = _Folded(text), [paired or word[:WORD_MAX] for paired, word in _RUN.findall(_fold(term.text))]
    if not runs:
        return
    is_end = not term.is_beginning and len(runs[-1]) < WORD_MAX
    inside = 0
    for match in re.finditer(r"[\W_]*".join(map(re.escape, runs)), folded.text):
        first, last = match.span()
        if not (_is_border(folded.text, first) and (_is_border(folded.text, last) or not is_end)):
            inside += 1  # perhaps a part of a name, which only the text tells
            if inside > LOOKED_INTO:
                continue
        first, last = folded.place(first), folded.place(last)
        if _is_border(text, first) and (_is_border(text, last) or not is_end):
            yield first, last


def _fold(text: str) -> str:
    """A text without case, accents and width."""
    return text.lower() if text.isascii() else _MARKS.sub("", unicodedata.normalize("NFKD", text).casefold())


_plain = functools.lru_cache(maxsize=4096)(_fold)
"""Of one character."""


class _Folded:
    """A text as `_fold` makes it, and where in the text it is from."""

    def __init__(self, text: str) -> None:
        self._from = text
        blocks = [text] if text.isascii() else [text[at : at + BLOCK] for at in range(0, len(text), BLOCK)]
        folded = [_fold(block) for block in blocks]
        self.text = "".join(folded)
        self._starts = [*itertools.accumulate(map(len, folded), initial=0)]

    def place(self, place: int) -> int:
        """Of what is at a place of the folded text; behind marks that are not in it."""
        if self._from.isascii():
            return place
        block = bisect_right(self._starts, place) - 1
        at, ahead = block * BLOCK, place - self._starts[block]
        while at < len(self._from) and (ahead > 0 or not _plain(self._from[at])):
            ahead -= len(_plain(self._from[at]))
            at += 1
        return min(at, len(self._from))


def _is_border(text: str, place: int) -> bool:
    """Whether a word may begin or end there: between two of its kind only where a part of a name begins."""
    before, after = text[place - 1 : place], text[place : place + 1]
    if not before.isalnum() or not after.isalnum() or _is_paired(before) or _is_paired(after):
        return True
    is_last_upper = text[place + 1 : place + 2].islower()  # the `S` of `HTTPServer`
    return before.isdigit() != after.isdigit() or (after.isupper() and (is_last_upper or not before.isupper()))
