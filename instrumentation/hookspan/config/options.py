"""The settings as a list of options: each with its key and its name in the environment."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from hookspan.config.sections import SIGNALS, Notify, Project, Settings
from hookspan.record import Record
from hookspan.values import Kind


class Option(Record):
    """One row of the table."""

    section: str
    name: str
    kind: Kind
    default: Any
    help: str
    secret: bool

    @property
    def key(self) -> str:
        """Its name in `config set` and in messages."""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return f"HOOKSPAN_{self.section}_{self.name}".upper()


def options_of(section: str, owner: type[Record]) -> Iterator[Option]:
    """The fields of a section as options."""
    for name, about in owner.ABOUT.items():
        yield Option(section, name, default=owner.DEFAULTS[name], **about)


SECTIONS: Final[Mapping[str, type[Record]]] = {
    section: type(default) for section, default in Settings.DEFAULTS.items() if isinstance(default, Record)
}
OPTIONS: Final[Mapping[str, Option]] = {
    option.key: option for section, owner in SECTIONS.items() for option in options_of(section, owner)
}
TABLES: Final = ("resource", "projects", "notify")  # free names, so files only
JOINED: Final = ("resource", "projects")  # tables whose names in both files count, each by itself
PROJECT: Final = {option.name: option for option in options_of("projects", Project)}
NOTIFY: Final = {option.name: option for option in options_of("notify", Notify)}
BY_VARIABLE: Final[Mapping[str, Option]] = {option.variable: option for option in OPTIONS.values()}


_WITH: Final = {f"export.{signal}_{name}": f"export.{name}" for signal in SIGNALS for name in ("endpoint", "headers")}
"""What would get around the lock of another setting."""


def is_locked(key: str, locked: frozenset[str]) -> bool:
    """A lock names a key, which holds what would get around it as well, or a whole section."""
    return is_named(key, locked) or _WITH.get(key) in locked


def is_named(key: str, names: Collection[str]) -> bool:
    """Whether a key or its section is among `names`."""
    return key in names or key.partition(".")[0] in names


def nearest(name: str, names: list[str], alike: float = 0.6) -> str:
    """The words "did you mean" with the most similar of `names`; empty if none is similar."""
    import difflib  # noqa: PLC0415 - 2 ms that only a mistake costs

    alternatives = difflib.get_close_matches(name, names, n=1, cutoff=alike)
    return f"; did you mean `{alternatives[0]}`?" if alternatives else ""
