"""How `install` and `uninstall` ask for consent, and how they print a path."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from hookspan.errors import UserError
from hookspan.folders import home_folder


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless that was answered by `--yes`. UserError where the answer is no, or nobody can give one."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UserError(
            "there is no terminal to ask on; nothing was changed", hint="use `--yes`, or `--dry-run` to see the change"
        )
    if not click.confirm(question):
        raise UserError("nothing was changed")


def short_path(path: Path) -> str:
    """A path as people write it."""
    try:
        top = str(home_folder(os.environ))
    except UserError:  # there is none
        return str(path)
    text = str(path)
    return "~" + text[len(top) :] if text.startswith(top.rstrip("/") + "/") else text
