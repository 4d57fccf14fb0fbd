"""The user's errors (a short message, exit 1) and the exit codes. Any other exception is a bug of hookspan (exit 3)."""

from __future__ import annotations

from typing import Final

EXIT_USER: Final = 1  # a failed check, or something that the user can fix
EXIT_USAGE: Final = 2  # click's own code for a wrong command line
EXIT_BUG: Final = 3
EXIT_INTERRUPTED: Final = 130  # what a shell reports for SIGINT


class UserError(Exception):
    """Something that the user can fix: what is wrong and why in `message`, what to do in `hint`."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """The message, and after a blank line the hint."""
        return self.message if self.hint is None else f"{self.message}\n\nhint: {self.hint}"
