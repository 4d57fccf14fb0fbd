"""Classes of named values that stay as they are: frozen dataclasses, but made within microseconds.

Of a dataclass each process compiles the methods anew, 0.5 ms, and `dataclasses` imports `inspect`, 6 ms. A command that
is asked over and over must not wait for that, nor the agent's start. Where many instances are made, or they change,
`msgspec.Struct` is the better one.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn, TypeVar, dataclass_transform


class About:
    """A field's default, and what else is said about the field."""

    def __init__(self, default: Any, **said: Any) -> None:
        self.default, self.said = default, said


@dataclass_transform(frozen_default=True)
class Record:
    """The base of such a class, whose annotated names are its fields, those of its own bases first.

    `DEFAULTS` and `ABOUT` have, by name, the default of those that have one, and what else is said about them.
    """

    FIELDS: ClassVar[tuple[str, ...]] = ()
    DEFAULTS: ClassVar[dict[str, Any]] = {}
    ABOUT: ClassVar[dict[str, dict[str, Any]]] = {}

    def __init_subclass__(cls) -> None:
        """Note the fields. A default that is an empty table is another one in each instance."""
        names = [name for name, kind in cls.__annotations__.items() if not str(kind).startswith("ClassVar")]
        cls.FIELDS = tuple(dict.fromkeys((*cls.FIELDS, *names)))
        cls.DEFAULTS, cls.ABOUT = dict(cls.DEFAULTS), dict(cls.ABOUT)
        for name in names:
            if name in cls.__dict__:
                default = cls.__dict__[name]
                if isinstance(default, About):
                    cls.ABOUT[name], default = default.said, default.default
                    setattr(cls, name, default)
                cls.DEFAULTS[name] = default

    def __init__(self, *values: Any, **named: Any) -> None:
        """The values in the order of the fields, or by name. TypeError for one too many or too few."""
        given = {**dict(zip(self.FIELDS, values, strict=False)), **named}
        if len(given) != len(values) + len(named) or not given.keys() <= set(self.FIELDS):
            raise TypeError(f"{type(self).__name__} takes {', '.join(self.FIELDS)}, each once")
        if missing := [name for name in self.FIELDS if name not in given and name not in self.DEFAULTS]:
            raise TypeError(f"{type(self).__name__} needs {', '.join(missing)}")
        for name in self.FIELDS:
            default = self.DEFAULTS.get(name)
            self.__dict__[name] = given[name] if name in given else {} if type(default) is dict else default

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Nothing is changed."""
        raise AttributeError(f"{type(self).__name__}.{name} can't be set")

    def __eq__(self, other: object) -> bool:
        """Of the same class, with equal values."""
        return (
            plain(self) == plain(other) if isinstance(other, Record) and type(other) is type(self) else NotImplemented
        )

    def __hash__(self) -> int:
        """Of the values."""
        return hash((type(self), *plain(self).values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in plain(self).items())})"


R = TypeVar("R", bound=Record)


def replace(record: R, **changes: Any) -> R:
    """Another one with other values."""
    return type(record)(**{**plain(record), **changes})


def plain(record: Record) -> dict[str, Any]:
    """Its values by name."""
    return {name: record.__dict__[name] for name in record.FIELDS}
