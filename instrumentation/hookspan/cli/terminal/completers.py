"""What a shell offers for arguments: sessions, projects, settings. If they can't be read, it offers nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import click
from click.shell_completion import CompletionItem

from hookspan.cli.terminal.text import fit, printable

SHOWN: Final = 100  # newest sessions
HELP: Final = 60  # columns of what stands beside an id

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _from(offered: Callable[[], Iterable[tuple[str, str]]]) -> Completer:
    """A completer of values, each with its line of help."""

    def complete(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            values = dict(offered())
        except Exception:  # noqa: BLE001 - a damaged store is no reason to print into somebody's command line
            return []
        fitting = {value: text for value, text in values.items() if value.startswith(incomplete)}
        return [CompletionItem(value, help=text or None) for value, text in fitting.items()]

    return complete


def _sessions() -> Iterator[tuple[str, str]]:
    from hookspan.config import load
    from hookspan.paths import Paths
    from hookspan.store import Reader

    paths = Paths.from_environment()
    local = load(paths).content.local
    for row in Reader(paths).sessions(limit=SHOWN):
        yield row.id, fit(printable(" ".join(part for part in (row.project, row.title if local else "") if part)), HELP)


def _of_sessions(field: str) -> Iterator[tuple[str, str]]:
    """The values of a field of the newest sessions."""
    from hookspan.paths import Paths
    from hookspan.store import Reader

    for row in Reader(Paths.from_environment()).sessions(limit=SHOWN):
        value = getattr(row, field)
        if value and value.isprintable():
            yield value, ""


def _keys() -> Iterator[tuple[str, str]]:
    from hookspan.config import OPTIONS

    for key, option in OPTIONS.items():
        yield key, option.help


sessions = _from(_sessions)
traces = _from(lambda: [("last", "your newest turn"), *_sessions()])
projects = _from(lambda: _of_sessions("project"))
branches = _from(lambda: _of_sessions("branch"))
keys = _from(_keys)
