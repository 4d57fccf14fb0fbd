"""The kinds of values that settings can have.

Every kind says in `allowed` what it takes; `read` takes a TOML value and `read_text` a variable's text, and both
raise ValueError for anything else.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from hookspan.record import Record


class Flag(Record):
    """true or false."""

    allowed: str = "true or false"

    def read(self, value: object) -> bool:
        """A TOML boolean."""
        if not isinstance(value, bool):
            raise ValueError
        return value

    def read_text(self, text: str) -> bool:
        """The words that people use in environment variables."""
        word = text.strip().lower()
        if word in {"1", "true", "yes", "on"}:
            return True
        if word in {"0", "false", "no", "off"}:
            return False
        raise ValueError


class Level(Record):
    """false, or one of a few words that say how much; true is the first of them."""

    words: tuple[str, ...]
    others: tuple[str, ...] = ()  # words that are no level

    @property
    def allowed(self) -> str:
        """The words."""
        listed = [f"`{word}`" for word in (*self.others, *self.words)]
        return f"false, {', '.join(listed[:-1])} or {listed[-1]}; true means `{self.words[0]}`"

    def read(self, value: object) -> str | bool:
        """A TOML boolean or string."""
        if isinstance(value, bool):
            return self.words[0] if value else False
        if not isinstance(value, str) or value not in (*self.others, *self.words):
            raise ValueError
        return value

    def read_text(self, text: str) -> str | bool:
        """One of the words, or a boolean as `Flag` reads it."""
        word = text.strip()
        return word if word in (*self.others, *self.words) else self.read(Flag().read_text(word))


class Number(Record):
    """A number from `low` to `high`, in `unit`; whole unless `fraction`. An empty text means none if `optional`."""

    low: float
    high: float
    unit: str = ""
    fraction: bool = False
    optional: bool = False

    @property
    def allowed(self) -> str:
        """The range in words."""
        unit = f" {self.unit}" if self.unit else ""
        return f"a {'' if self.fraction else 'whole '}number from {self.low:g} to {self.high:g}{unit}"

    def read(self, value: object) -> float | None:
        """A TOML integer, or float where fractions are allowed."""
        if value == "" and self.optional:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError
        if not self.fraction and not isinstance(value, int):
            raise ValueError
        if not self.low <= value <= self.high:
            raise ValueError
        return value

    def read_text(self, text: str) -> float | None:
        """Digits, with a decimal point where fractions are allowed."""
        if not text and self.optional:
            return None
        return self.read(float(text) if self.fraction else int(text))


_SIZE: Final = re.compile(r"(\d+) ?([KMGT]i?)?B?", re.IGNORECASE)
_POWERS: Final = {"K": 1, "M": 2, "G": 3, "T": 4}


class Size(Record):
    """Bytes: a whole number, or text such as `2 GiB` (powers of 1024) or `2 GB` (of 1000)."""

    low: int

    @property
    def allowed(self) -> str:
        """With the lowest."""
        low = f"{self.low >> 20} MiB" if self.low >= 1 << 20 else f"{self.low >> 10} KiB"
        return f"a whole number of bytes, or a size such as `512 MiB` or `2 GiB`; at least {low}"

    def read(self, value: object) -> int:
        """A TOML integer or string."""
        if isinstance(value, str):
            return self.read_text(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < self.low:
            raise ValueError
        return value

    def read_text(self, text: str) -> int:
        """Digits and a unit."""
        match = _SIZE.fullmatch(text.strip())
        if match is None:
            raise ValueError
        unit = match[2] or ""
        base = 1024 if unit[1:] else 1000
        return self.read(int(match[1]) * base ** _POWERS.get(unit[:1].upper(), 0))


class Choice(Record):
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def allowed(self) -> str:
        """The words."""
        first, last = [f"`{word}`" for word in self.words[:-1]], f"`{self.words[-1]}`"
        return f"{', '.join(first)} or {last}"

    def read(self, value: object) -> str:
        """A TOML string."""
        if value not in self.words:
            raise ValueError
        return str(value)

    def read_text(self, text: str) -> str:
        """One of the words."""
        return self.read(text.strip())


class Text(Record):
    """A text that `accept` allows; an empty one means none if the default is none."""

    allowed: str
    accept: Callable[[str], bool] = bool
    optional: bool = True

    def read(self, value: object) -> str | None:
        """A TOML string."""
        if not isinstance(value, str):
            raise ValueError
        return self.read_text(value)

    def read_text(self, text: str) -> str | None:
        """The text itself."""
        if not text and self.optional:
            return None
        if not self.accept(text):
            raise ValueError
        return text


class Texts(Record):
    """A list of texts; in an environment with commas between them."""

    allowed: str
    words: frozenset[str] | None = None  # None: any

    def read(self, value: object) -> tuple[str, ...]:
        """A TOML array of strings."""
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
            raise ValueError
        if self.words is not None and not self.words.issuperset(value):
            raise ValueError
        return tuple(value)

    def read_text(self, text: str) -> tuple[str, ...]:
        """Texts between commas."""
        return self.read([item.strip() for item in text.split(",") if item.strip()])


class Pairs(Record):
    """Names with texts; in an environment `name=value,name=value`, percent-decoded as OTEL_EXPORTER_OTLP_HEADERS is."""

    allowed: str

    def read(self, value: object) -> dict[str, str]:
        """A TOML table of strings."""
        if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in value.values()):
            raise ValueError
        return {str(name): item for name, item in value.items()}

    def read_text(self, text: str) -> dict[str, str]:
        """Pairs between commas."""
        pairs = [item.partition("=") for item in text.split(",") if item.strip()]
        if not all(equals and name.strip() for name, equals, _ in pairs):
            raise ValueError
        return {unquote(name.strip()): unquote(value.strip()) for name, _, value in pairs}


Kind = Flag | Level | Number | Size | Choice | Text | Texts | Pairs


_HOST_END: Final = re.compile(r"[/?#]")
_QUERY: Final = re.compile(r"[?#]")


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and (parts.port or 1) > 0
            and "@" not in parts.netloc  # a password there would be shown, and is not even sent
        )
    except ValueError:
        return False


_CONTAINERS_HOST: Final = frozenset({"host.docker.internal", "host.containers.internal"})
"""What a container calls the machine that it runs on."""


def is_on_this_machine(url: str) -> bool:
    """Whether an address is of loopback, or of a container's host."""
    return is_loopback(url) or urlsplit(url).hostname in _CONTAINERS_HOST


def is_loopback(url: str) -> bool:
    """Whether an address is of loopback."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def origin(url: str) -> tuple[str, str | None, int]:
    """Scheme, host and port of an address: two with the same are one server's."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]


def without_secrets(text: str) -> str:
    """A text for messages and logs: of an address neither user and password nor query and fragment.

    An `@` behind the host's end may end a password with a `/`, `?` or `#` in it: of such an address nothing is sure.
    """
    scheme, mark, rest = text.partition("://")
    if not mark:
        if "@" not in text:
            return text
        scheme, rest = "", text
    end = _HOST_END.search(rest)
    host, path = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    if "@" in path:
        return f"{scheme}{mark}[redacted]"
    return f"{scheme}{mark}{host.rpartition('@')[2]}{_QUERY.split(path, maxsplit=1)[0]}"


URL: Final = Text("a URL such as `http://127.0.0.1:4318`, without user and password", _is_url)
