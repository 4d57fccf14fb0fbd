"""Removes secrets of the usual formats from text. The result is good enough to be shown, but no guarantee."""

from __future__ import annotations

import functools
import json
import re
from typing import Any, Final

LABEL_LENGTH: Final = 120
"""Characters of a label: enough to recognise a prompt or a command."""
_LOOK_AHEAD: Final = 600
"""Characters looked at for a label, so that a key which starts inside it is seen whole."""

GONE: Final = "[redacted]"

_SECRETS: Final = re.compile(
    r"""
    (?P<pem>-----BEGIN\ [A-Z ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z))
    | (?P<url>(?<=://)(?!git@)[^/\s@]+(?=@))
    | (?P<user>(?:(?<=-u\ )|(?<=--user[\ =]))(?!\d+:\d+\b)[^\s:]+:\S+)
    | (?P<sshpass>(?<=sshpass\ -p)\s*\S+)
    | (?P<jwt>\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)
    | (?P<key>\b(?:
          sk-[\w-]{6,} | (?:gh[pousr]|github_pat)_\w{16,} | glpat-[\w-]{16,} | xox[a-z]-[\w-]{8,} | xapp-[\w-]{8,}
        | (?:AKIA|ASIA)[A-Z0-9]{12,} | AIza[\w-]{30,} | ya29\.[\w-]{16,} | npm_\w{20,} | pypi-[\w-]{20,} | hf_\w{16,}
        | (?:sk|rk|pk)_(?:live|test)_\w{10,} | SG\.[\w-]{10,}\.[\w-]{10,} | dop_v1_\w{20,} | glc_[\w=+/-]{16,}
        | hc[a-z]{2}k_\w{20,} | AGE-SECRET-KEY-\w{20,}
      ))
    | (?P<bearer>(?i:(?<=bearer\ )|(?<=basic\ ))[\w.~+/=-]{6,})
    | (?P<named>(?i:
          (?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|authorization)
          [\w.-]{0,40}["']?\s{0,4}(?:=|:|\s(?=\S{8}))\s{0,4})
        (?:"[^"]*"|'[^']*'|[^\s"',;&|]+))
    | (?P<hex>\b(?:[0-9a-f]{40,}|[0-9A-F]{40,})\b)
    | (?P<base64>\b[\w+-]{40,}={0,2})
    """,
    re.VERBOSE | re.DOTALL,
)
_ODD: Final = "\u0130\u0131\u017f\u212a"
"""Letters that `(?i:)` takes for `i`, `s` and `k`."""
_BEGINS: Final = tuple(
    text.encode()
    for text in (
        *("-----begin ", "eyj", "sk-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "xapp-"),
        *("akia", "asia", "aiza", "ya29.", "npm_", "pypi-", "hf_", "sk_", "rk_", "pk_", "sg.", "dop_v1_", "glc_", "hc"),
        *("age-secret-key-", "pass", "secret", "token", "api", "access", "private", "credential", "authorization"),
    )
)
"""How a match of `_SECRETS` begins, in small letters, if it is no long word .."""
_BEHIND: Final = tuple(
    text.encode() for text in ("://", "-u ", "--user ", "--user=", "sshpass -p", "bearer ", "basic ")
)
""".. or what it begins behind."""
_SHORTEST_WORD: Final = 16
"""Letters of a secret that is of letters alone, and not told by a name before it."""
_LONG: Final = b"w" * 40
_OF_WORDS: Final = bytes(ord("w" if chr(byte).isalnum() or byte in b"_+-?" else " ") for byte in range(128)).ljust(256)
"""What a long word may be of is a `w`. A letter beyond ASCII is a `?` by then."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]+")
_DIGIT, _LOWER, _UPPER = re.compile("[0-9]"), re.compile("[a-z]"), re.compile("[A-Z]")
_NAME: Final = re.compile(r"""^[\w.-]+["']?\s*(?:[=:]\s*)?""")


def _replace(match: re.Match[str]) -> str:
    if match.lastgroup == "named":
        name = _NAME.match(match.group())
        return (name.group() if name else "") + GONE
    if match.lastgroup == "base64" and not _looks_random(match.group()):
        return match.group()
    return GONE


def _looks_random(word: str) -> bool:
    """Whether a long word mixes digits, capitals and small letters, as keys in Base64 do and names don't."""
    return bool(_DIGIT.search(word) and _LOWER.search(word) and _UPPER.search(word))


def _places(text: str) -> list[int]:
    """Where in a text a match of `_SECRETS` may begin, rising. To try each place takes forty times as long."""
    data = text.encode("ascii", "replace").lower()
    places: set[int] = set()
    for begins in _BEGINS:
        at = data.find(begins)
        while at >= 0:
            places.add(at)
            at = data.find(begins, at + 1)
    for behind in _BEHIND:
        at = data.find(behind)
        while at >= 0:
            places.add(at + len(behind))
            at = data.find(behind, at + 1)
    words = data.translate(_OF_WORDS)
    at = words.find(_LONG)
    while at >= 0:
        end = words.find(b" ", at)
        end = len(words) if end < 0 else end
        places.add(at)
        for place in range(at, end):
            if data[place] in b"+-?":
                places |= {place, place + 1}
        at = words.find(_LONG, end)
    return sorted(places)


def scrub(text: str) -> str:
    """The text without keys, tokens, passwords and private keys of the usual formats."""
    if len(text) < _SHORTEST_WORD and text.isalpha():
        return text
    if not text.isascii() and any(letter in text for letter in _ODD):
        return _SECRETS.sub(_replace, text)
    kept: list[str] = []
    end = 0
    for place in _places(text):
        if place >= end and (match := _SECRETS.match(text, place)):
            kept += text[end:place], _replace(match)
            end = match.end()
    return "".join((*kept, text[end:])) if kept else text


def label(text: str) -> str:
    """One scrubbed line of at most LABEL_LENGTH characters, without control, bidi and zero-width characters."""
    return _label(text[:_LOOK_AHEAD])


@functools.lru_cache(maxsize=256)  # a call's end has the text of its beginning, and to scrub takes longer than all else
def _label(text: str) -> str:
    flat = " ".join(_CONTROL.sub(" ", scrub(text)).split())
    return flat if len(flat) <= LABEL_LENGTH else flat[: LABEL_LENGTH - 1] + "…"


def folder_name(path: str) -> str:
    """A project's name, from the name of its folder.

    `git clone https://host/shop.git?private_token=...` names the folder after all of that: query and fragment are no
    part of a name, wherever that is shown or sent. A `#` alone is (`C#`).
    """
    name = path.rstrip("/").rpartition("/")[2]
    before, _, fragment = name.partition("#")
    return (before if "=" in fragment else name).partition("?")[0] or "/"


_SECRET_KEY: Final = re.compile(
    r"(?i:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|authorization)"
)


def is_secret(key: str) -> bool:
    """Whether what an object has under a key is a secret, whatever it looks like."""
    return _SECRET_KEY.search(key) is not None


def inner_key(key: str, name: str) -> str:
    """The key that a value goes by which is called `name` in an object under `key`: all of a secret is one."""
    return key if is_secret(key) else name


_SHORT: Final = 64
"""Characters of a text that is never cut: names, roles and ids."""
_ROOM: Final = 256
"""Bytes that must be left for another item of a list, so that one which is there has its short texts whole."""


class _Cutter:
    """Scrubs the texts of a JSON value, and cuts them once `left` bytes are used up."""

    def __init__(self, limit: int) -> None:
        self.left = limit

    def value(self, value: Any, key: str = "") -> Any:
        """What is kept of a value; `key`: the name that it has in an object."""
        if isinstance(value, str):
            return self._text(GONE if is_secret(key) and value else value)
        if isinstance(value, dict):
            kept = {}
            for name, item in value.items():
                if self.left > 0 or isinstance(item, str | None):
                    shown = scrub(str(name)[:_LOOK_AHEAD])[:_SHORT]
                    self.left -= len(shown) + 4
                    kept[shown] = self.value(item, inner_key(key, shown))
                if self.left < -_ROOM:
                    break
            return kept
        if isinstance(value, list):
            items = []
            for item in value:
                if self.left < _ROOM:
                    break
                items.append(self.value(item, key))
            return items
        self.left -= 8
        return value if value is None or isinstance(value, bool | int | float) else None

    def _text(self, text: str) -> str:
        if len(text) > _SHORT:
            limit = max(_SHORT, self.left)
            text = scrub(text[: limit + _LOOK_AHEAD])[:limit] + ("…" if len(text) > limit else "")
        else:
            text = scrub(text)
        self.left -= len(text.encode("utf-8", "replace")) + 4
        return text


def bounded_json(value: Any, limit: int) -> str:
    """A value of JSON types as JSON of at most `limit` bytes, without secrets; empty if it can't be made so small.

    Long texts are cut, and what follows in a list is left out.
    """
    for share in (1.0, 0.5, 0.25, 0.1):
        text = json.dumps(_Cutter(int(limit * share)).value(value), ensure_ascii=False)
        text = text.encode("utf-8", "replace").decode()
        if len(text.encode()) <= limit:
            return text
    return ""


def bounded_text(text: str, limit: int) -> str:
    """A text of at most `limit` bytes, without secrets."""
    cut = scrub(text[: limit + _LOOK_AHEAD]).encode("utf-8", "replace")
    return cut.decode() if len(cut) <= limit else cut[: limit - 3].decode("utf-8", "ignore") + "…"


def scrubbed_value(key: str, text: str, limit: int) -> str:
    """The text of an attribute, of at most `limit` bytes, without secrets; one whose key says so is a secret whole."""
    return GONE if text and is_secret(key) else bounded_text(text, limit)
