"""`hookspan prune`: deletes data past its age or size limit."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import click

from hookspan.cli.terminal.options import JSON
from hookspan.cli.terminal.text import may_draw
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.units import counted, size


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and change nothing.")
@JSON
def prune(dry_run: bool, as_json: bool) -> None:
    """Reduce old events and delete data past its age or size limit, now.

    The agent does this by itself, a little every hour. The limits are the settings `journal.raw_hours`,
    `journal.days`, `journal.bytes`, `store.days`, `store.bytes`, `archive.days` and `archive.bytes`. Spans and log
    records that wait for an endpoint stay. Copies of damaged or older databases, crash reports, and backups of
    settings that no `uninstall` needs are deleted after `journal.days`; without `archive.enabled` copies of
    `content.db` after `journal.raw_hours`. The agent is stopped in the meantime; hooks keep recording. The command can
    be interrupted at any time; when it is run again, it continues.
    """
    from hookspan.agent.exclusive import exclusive
    from hookspan.cli.lifecycle.paused import paused

    paths = Paths.from_environment()
    if dry_run:
        outcome = plan(paths)
    else:
        with paused(paths), exclusive(paths):
            outcome = run(paths, progress=may_draw(sys.stderr) and not as_json)
    if as_json:
        click.echo(json.dumps({"dry_run": dry_run, **outcome}))
    else:
        click.echo("\n".join(lines(outcome, "to be" if dry_run else "")))
    if failed := outcome["journal"]["failed"]:
        hint = "all else was done, but for `journal.bytes` on a full disk; run it again when that is mended"
        raise UserError(f"{counted(len(failed), 'segments')} could not be reduced: {'; '.join(failed)}", hint=hint)


def lines(outcome: dict[str, Any], to_be: str) -> Iterator[str]:
    """The report; `to_be` stands before what has not been done."""
    deleted = f"{to_be} deleted".strip()
    reduced = f"{to_be} reduced".strip()
    journal, store = outcome["journal"], outcome["store"]
    segments = f"{counted(journal['reduced'], 'segments')} {reduced}, {journal['deleted']:,} {deleted}"
    yield f"journal     {segments}: {size(journal['bytes'])}"
    events, spans, sessions = (counted(store[what], what) for what in ("events", "spans", "sessions"))
    rows = f"{events}, {spans} and {sessions} {deleted}"
    over = f", more as it is {size(store['over'])} too large" if store["over"] else ""
    yield f"store       {rows}: {size(store['bytes'])}{over}"
    content = outcome["content"]
    archived, found = counted(content["sessions"], "archived sessions"), counted(content["messages"], "messages")
    yield f"content     {archived} and {found} {deleted}"
    yield f"set aside   {size(outcome['quarantine']['bytes'])} {deleted}"
    copies = outcome["copies"]
    yield f"copies      {counted(len(copies['files']), 'files')} {deleted}: {size(copies['bytes'])}"


def plan(paths: Paths) -> dict[str, Any]:
    """What would be done; beside a running agent, which may do some of it meanwhile."""
    from hookspan.agent import copies
    from hookspan.config import load
    from hookspan.journal import Journal, quarantine
    from hookspan.store import Reader

    keep, journal, reader = load(paths), Journal(paths), Reader(paths)
    now = time.time()
    series = reader.series()
    reduced = journal.raw_older_than(keep.journal.raw_hours)
    deleted = journal.old(keep.journal.days, keep.journal.bytes, 0 if series is None else series.record)
    policy = _policy(paths, keep)
    rows = reader.prunable(policy, time.time_ns())
    over = max(0, reader.size() - policy.bytes)
    reader.close()
    aside = list(copies.old(paths, keep, now))
    return {
        "journal": {
            "reduced": len(reduced),
            "failed": [],
            "deleted": len(deleted),
            "bytes": sum(segment.size for segment in deleted),
        },
        "store": {"events": rows.events, "spans": rows.spans, "sessions": rows.sessions, "bytes": 0, "over": over},
        "content": _content(paths, keep, is_plan=True),
        "quarantine": {"bytes": sum(size for _, size in quarantine.old(paths, now - keep.journal.raw_hours * 3600))},
        "copies": {"files": [str(path) for path, _ in aside], "bytes": sum(size for _, size in aside)},
    }


def run(paths: Paths, *, progress: bool = False) -> dict[str, Any]:
    """Prune, with exclusive access to the state; what was done. Each step is done whole or not at all."""
    from hookspan.agent import copies
    from hookspan.config import load
    from hookspan.journal import Journal

    keep, journal = load(paths), Journal(paths)
    store, unread = _prune_store(paths, keep)
    journal.delete_leftovers()
    # What is to be deleted needn't be reduced first; what is too large then may be small enough afterwards.
    deleted = journal.delete_old(keep.journal.days, sys.maxsize, unread)
    raw = journal.raw_older_than(keep.journal.raw_hours)
    saved, failed, is_full = _reduce(paths, raw, keep, progress=progress)
    quarantined = journal.delete_quarantined(keep.journal.raw_hours)
    if not is_full:
        deleted += journal.delete_old(keep.journal.days, keep.journal.bytes, unread)
    aside = copies.delete_old(paths, keep, time.time())
    return {
        "journal": {
            "reduced": len(raw) - len(failed),
            "failed": failed,
            "deleted": len(deleted),
            "bytes": saved + sum(segment.size for segment in deleted),
        },
        "store": store,
        "content": _content(paths, keep),
        "quarantine": {"bytes": quarantined},
        "copies": {"files": [str(path) for path, _ in aside], "bytes": sum(size for _, size in aside)},
    }


def _reduce(paths: Paths, raw: list[Any], keep: Any, *, progress: bool) -> tuple[int, list[str], bool]:
    """Reduce and pack segments; the bytes that this saved, what could not be reduced and why, and if a disk is full."""
    from hookspan.agent.ingest.disk import is_full
    from hookspan.agent.ingest.upkeep import reduced
    from hookspan.agent.key import read_key
    from hookspan.journal import Journal
    from hookspan.opted_out import OptedOut, projects_in
    from hookspan.store import Reader

    known = projects_in(Reader(paths))
    opted_out = OptedOut(keep.projects, _repositories(paths), project_of=lambda session: known(session) or "")
    reduce = partial(reduced, key=read_key(paths), labels=keep.content.local, opted_out=opted_out)
    journal, saved, failed, full = Journal(paths), 0, [], False
    total = sum(segment.size for segment in raw)
    with click.progressbar(length=total, label="Reducing old events", file=sys.stderr, hidden=not progress) as bar:
        for segment in raw:
            try:
                packed = journal.compact(segment, reduce)
                saved += segment.size - (packed.size if packed is not None else segment.size)
            except Exception as error:  # noqa: BLE001 - the next one may be all right
                why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
                failed.append(f"{segment.path.name}: {why}")
                full = full or is_full(error)
            bar.update(segment.size)
    return saved, failed, full


def _repositories(paths: Paths) -> dict[str, Any]:
    """What is known of folders."""
    from hookspan.model.state import load_world
    from hookspan.store import Store

    if not paths.store.exists():
        return {}
    with contextlib.closing(Store.open(paths)) as store:
        world = store.load_world()
    return {} if world is None else load_world(world).repositories


def _prune_store(paths: Paths, keep: Any) -> tuple[dict[str, int], int]:
    """Prune it to the end; what went, and the first record that is not in it."""
    from hookspan.store import Store, StoreDamaged

    gone = {"events": 0, "spans": 0, "sessions": 0, "bytes": 0, "over": 0}
    if not paths.store.exists():
        return gone, 0
    policy = _policy(paths, keep)
    try:
        store = Store.open(paths)
    except StoreDamaged as error:
        raise UserError(error.message, hint="`hookspan up` sets it aside and rebuilds it from the journal") from error
    try:
        before, done = store.size(), False
        while not done:
            pruned = store.prune(policy, time.time_ns())
            for name in ("events", "spans", "sessions"):
                gone[name] += getattr(pruned, name)
            done = pruned.done
        gone["bytes"], gone["over"] = before - store.size(), max(0, store.size() - policy.bytes)
        position = store.position()
        return gone, 0 if position is None else position.record
    finally:
        store.close()


def _content(paths: Paths, keep: Any, *, is_plan: bool = False) -> dict[str, int]:
    """What went of kept content, or would go by age."""
    from hookspan.agent.keeping import limits, prune
    from hookspan.content import ContentDb, Search
    from hookspan.store import Reader

    if not paths.content_db.exists():
        return {"sessions": 0, "messages": 0}
    now = time.time_ns()
    if is_plan:
        with contextlib.closing(Search(paths, Reader(paths))) as search:
            gone = search.prunable(limits(keep, now))
    else:
        with contextlib.closing(ContentDb.open(paths)) as content:
            gone = prune(content, keep, now)
    return {"sessions": gone.sessions, "messages": gone.messages}


def _policy(paths: Paths, keep: Any) -> Any:
    from hookspan.store import Retention

    exported = logged = None
    if paths.export_db.exists():
        from hookspan.export.db import ExportDb

        db = ExportDb.open(paths)
        exported = db.cursor.pack() if db.enabled else None
        logged = db.cursor_of("logs").pack()  # records are only written where they are wanted
        db.close()
    return Retention(days=keep.store.days, bytes=keep.store.bytes, exported=exported, logged=logged)
