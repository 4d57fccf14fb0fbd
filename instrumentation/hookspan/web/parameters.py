"""Query parameters: one declaration reads them, refuses wrong values, and describes them in the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from hookspan.web.problems import invalid

INTEGER_MAX: Final = (1 << 53) - 1  # what JavaScript can count to
TEXT_MAX: Final = 256
Arguments = dict[str, Any]

_TEXT: Final = re.compile(r"^[^\x00-\x1f\x7f-\x9f]+$")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A text unless `maximum` is set (an integer) or `words` (one of them); `words` of true and false are a boolean."""

    name: str
    text: str
    default: int | str | bool | None = None
    minimum: int = 0
    maximum: int | None = None
    words: tuple[str, ...] = ()

    def read(self, value: str) -> int | str | bool:
        """The value of a text. Raises ProblemError."""
        if self.words:
            if value in self.words:
                return value == "true" if isinstance(self.default, bool) else value
            raise invalid(f"`{self.name}` must be one of {', '.join(self.words)}")
        if self.maximum is not None:
            digits = len(str(self.maximum))
            if value.isascii() and value.isdigit() and len(value) <= digits:
                number = int(value)
                if self.minimum <= number <= self.maximum:
                    return number
            raise invalid(f"`{self.name}` must be an integer from {self.minimum} to {self.maximum}")
        if len(value) > TEXT_MAX or not _TEXT.fullmatch(value):
            raise invalid(f"`{self.name}` must be a text of at most {TEXT_MAX} characters, no control characters")
        return value

    def document(self) -> dict[str, Any]:
        """As OpenAPI has it."""
        schema: dict[str, Any]
        if isinstance(self.default, bool):
            schema = {"type": "boolean"}
        elif self.words:
            schema = {"type": "string", "enum": list(self.words)}
        elif self.maximum is not None:
            schema = {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}
        else:
            schema = {"type": "string", "minLength": 1, "maxLength": TEXT_MAX, "pattern": _TEXT.pattern}
        if self.default is not None:
            schema["default"] = self.default
        return {"name": self.name, "in": "query", "description": self.text, "schema": schema}


def flag(name: str, text: str, *, default: bool = False) -> Parameter:
    """A boolean."""
    return Parameter(name, text, default, words=("true", "false"))


def number(name: str, text: str, default: int | None, minimum: int, maximum: int = INTEGER_MAX) -> Parameter:
    """An integer."""
    return Parameter(name, text, default, minimum, maximum)


def read(parameters: Sequence[Parameter], given: Sequence[tuple[str, str]]) -> Arguments:
    """All parameters' values, defaults included. Raises ProblemError for an unknown, repeated or wrong one."""
    declared = {parameter.name: parameter for parameter in parameters}
    arguments: Arguments = {}
    for name, value in given:
        if name not in declared:
            hint = f"there are {', '.join(declared)}" if declared else "there are none"
            raise invalid(f"there is no parameter `{name[:TEXT_MAX]}`", hint)
        if name in arguments:
            raise invalid(f"`{name}` is given twice")
        arguments[name] = declared[name].read(value)
    return {parameter.name: parameter.default for parameter in parameters} | arguments
