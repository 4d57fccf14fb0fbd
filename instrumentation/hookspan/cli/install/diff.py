"""Shows what would change in a settings file, line by line."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from hookspan.cli.install.prompt import short_path
from hookspan.units import counted


def show_change(file: Path, old: bytes, new: bytes, *, whole: bool) -> None:
    """The diff; or, for who doesn't want to be asked about it, how many lines it has."""
    lines = list(diff(short_path(file), old, new))
    if whole:
        for line in lines:
            colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
            click.secho(line, fg=colour)
    else:
        signs = Counter(line[:1] for line in lines[2:])  # two lines of heading
        click.echo(f"{short_path(file)}: {counted(signs['+'], 'lines')} added, {signs['-']:,} removed")


def diff(name: str, old: bytes, new: bytes) -> Iterator[str]:
    """The unified diff, in time that depends on what differs: difflib alone takes minutes for a big file."""
    before, after = (data.decode("utf-8").splitlines(keepends=True) for data in (old, new))
    head = next(
        (n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    head = max(0, head - 3)  # lines of context
    most = min(len(before), len(after)) - head
    pairs = zip(reversed(before), reversed(after), strict=False)
    tail = max(0, next((n for n, (a, b) in enumerate(pairs) if n >= most or a != b), most) - 3)
    lines = difflib.unified_diff(before[head : len(before) - tail], after[head : len(after) - tail], name, name)
    for number, line in enumerate(lines):
        shown = _shifted(line, head) if line.startswith("@@") else line
        yield shown.rstrip("\r\n")
        if number > 1 and not line.endswith("\n"):
            yield "\\ No newline at end of file"


def _shifted(line: str, by: int) -> str:
    """A hunk's heading with line numbers of the whole file."""
    words = line.split()
    for place in (1, 2):
        start, comma, length = words[place][1:].partition(",")
        words[place] = f"{words[place][0]}{int(start) + by}{comma}{length}"
    return " ".join(words) + "\n"
