"""`hookspan now`: one line about all sessions, for a prompt or a status bar."""

from __future__ import annotations

import json
import string

import click
import msgspec

from hookspan.cli.quick.now import FIELDS, read
from hookspan.cli.terminal.options import JSON
from hookspan.config import nearest
from hookspan.errors import UserError
from hookspan.paths import Paths


@click.command()
@click.option(
    "--format", "form", default="{line}", metavar="TEXT", help=f"What to print, with fields: {{{'}, {'.join(FIELDS)}}}."
)
@JSON
def now(form: str, as_json: bool) -> None:
    """Print one line of what your sessions do now and what today cost, for a prompt or a status bar.

    Prints nothing where no session is open. Works without an agent. docs/prompt.md has recipes for tmux and starship.
    """
    pieces = _pieces(form)
    found = read(Paths.from_environment())
    texts = found.texts()
    text = json.dumps(msgspec.to_builtins(found)) if as_json else "".join(a + texts[b] if b else a for a, b in pieces)
    if text:
        click.echo(text)


def _pieces(form: str) -> list[tuple[str, str]]:
    """A format's pieces: a text, and the field behind it or nothing."""
    try:
        pieces = [(text, name or "") for text, name, _, _ in string.Formatter().parse(form)]
    except ValueError as error:
        raise UserError(f"`--format` can't be read: {error}", hint="a brace itself is `{{` or `}}`") from error
    for _, name in pieces:
        if name and name not in FIELDS:
            raise UserError(
                f"`{{{name}}}` is not a field{nearest(name, list(FIELDS))}", hint=f"there are: {', '.join(FIELDS)}"
            )
    return pieces
