"""`hookspan rebuild`: builds the store again from the journal."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from hookspan.cli.terminal.options import JSON
from hookspan.cli.terminal.text import may_draw
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.units import counted

PARTS: Final = ("", "-wal", "-shm")
"""What a SQLite database may consist of."""


@click.command()
@click.option("--yes", is_flag=True, help="Don't ask, even if the journal doesn't reach back as far as the store.")
@JSON
def rebuild(yes: bool, as_json: bool) -> None:
    """Rebuild the store from the journal: the same sessions and spans with the same ids.

    Nothing is exported twice, and the sums start again from zero. The agent is stopped in the meantime; hooks keep
    recording. The old store is kept until the new one is complete.
    """
    from hookspan.agent.exclusive import exclusive
    from hookspan.cli.lifecycle.paused import paused

    paths = Paths.from_environment()
    if not paths.store.exists() and not paths.journal.is_dir():
        raise UserError("nothing has been recorded yet", hint="`hookspan install` adds the hooks")
    with paused(paths), exclusive(paths):
        lost = _lost(paths)
        if lost and not yes:
            _ask(lost)
        counts = run(paths, progress=may_draw(sys.stderr) and not as_json)
    counts["lost"] = lost
    if as_json:
        click.echo(json.dumps(counts))
        return
    before, after = counts["before"], counts["after"]
    click.echo(f"The store is rebuilt from {counted(counts['records'], 'records')}.")
    for name in ("sessions", "spans", "events"):
        click.echo(f"{name:<9} {before[name]:>10,} -> {after[name]:,}")


def _lost(paths: Paths) -> int:
    """How many sessions the store has spans of whose records the journal doesn't hold any more."""
    from hookspan.journal import segments
    from hookspan.store import Reader, StoreDamaged

    first = next((segment.first for segment in segments.finished(paths.journal) if segment.size), None)
    if first is None:
        first = segments.next_number(paths.journal)
    try:
        return Reader(paths).sessions_before(first)
    except StoreDamaged:
        return 0


def _ask(lost: int) -> None:
    what = f"{counted(lost, 'sessions')} older than the journal: not all of them will be in the rebuilt store"
    if not sys.stdin.isatty():
        raise UserError(
            what, hint="`hookspan rebuild --yes` does it anyway; `journal.days` says how far back the journal reaches"
        )
    click.confirm(f"{what}. Go on?", abort=True, err=True)


def run(paths: Paths, *, progress: bool = False) -> dict[str, Any]:
    """Rebuild, with exclusive access to the state; the counts before and after."""
    from hookspan.agent.exclusive import ingest
    from hookspan.journal import segments

    with _old_store_kept(paths):
        before = _counts(paths, paths.store_before_rebuild)
        last = segments.next_number(paths.journal)
        with (
            click.progressbar(length=last, label="Reading the journal", file=sys.stderr, hidden=not progress) as bar,
            ingest(paths, lambda news: bar.update(max(0, news.position.record - bar.pos))) as reading,
        ):
            reading.drain(float("inf"))
            records = reading.progress.records
        after = _counts(paths, paths.store)
    return {"records": records, "before": before, "after": after}


def _counts(paths: Paths, store: Path) -> dict[str, int]:
    from hookspan.store import Reader, StoreDamaged

    counts = {"sessions": 0, "spans": 0, "events": 0}
    with contextlib.suppress(StoreDamaged):
        reader = Reader(paths, store)
        counts = {name: int(getattr(reader.counts(), name)) for name in counts}
        reader.close()
    return counts


@contextmanager
def _old_store_kept(paths: Paths) -> Iterator[None]:
    """The store's place is free; the old one comes back if the new one doesn't become whole."""
    store, kept = paths.store, paths.store_before_rebuild
    if kept.exists():
        _remove(store)  # half of a rebuild that was broken off
    else:
        _move(store, kept)
    try:
        yield
    except BaseException:
        if kept.exists():
            _remove(store)
            _move(kept, store)
        raise
    _remove(kept)


def _part(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _move(source: Path, target: Path) -> None:
    for suffix in reversed(PARTS):  # the file itself last: with it the rest counts
        with contextlib.suppress(FileNotFoundError):
            _part(source, suffix).rename(_part(target, suffix))


def _remove(path: Path) -> None:
    for suffix in PARTS:
        _part(path, suffix).unlink(missing_ok=True)
