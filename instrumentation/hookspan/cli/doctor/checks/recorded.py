"""Checks what was recorded: the journal, lost events, and the store."""

from __future__ import annotations

import shlex
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from hookspan.agent import status
from hookspan.agent.health import Status
from hookspan.cli.doctor.context import Context
from hookspan.cli.doctor.fixes import listed
from hookspan.cli.doctor.result import Result
from hookspan.store import schema
from hookspan.store.database import StoreDamaged, damage_noticed, open_reader
from hookspan.units import counted, size

DAY: Final = 86_400.0  # seconds
STORE_SECONDS: Final = 3.0  # that a store's pages are looked through; a large one is looked at in part
STEP: Final = 100_000  # of SQLite's instructions between two looks at the clock: some milliseconds

# What the reasons in the relay's file of lost events mean.
REASONS: Final[Mapping[str, str]] = {
    "cap": "the journal had reached `journal.bytes`, and no agent was running to make room",
    "heartbeat": "no agent had run for 7 days",
    "read": "the client sent nothing within 2 s",
    "open": "the journal could not be opened",
    "lock": "the journal was locked, and a file beside it could not be created",
    "write": "the disk was full",
    "other": "the state folder was not private",
}


def journal(context: Context) -> Iterator[Result]:
    """Relays can write, and every line could be read."""
    files = status.journal(context.paths)
    message = f"{size(files['bytes'])} in {counted(files['segments'] + bool(files['current_bytes']), 'files')}"
    if not files["writable"]:
        why = "hooks lose their events, and count them"
        todo = f"`ls -ld {shlex.quote(str(context.paths.journal))}`; is the file system read-only?"
        yield Result(Status.CRITICAL, f"`{context.paths.journal}` can't be written", why, todo)
    if files["quarantine_bytes"]:
        yield Result(
            Status.WARNING,
            f"{message}; lines that could not be read are set aside in `{context.paths.quarantine}`",
            "usually another program wrote to the journal, or the power failed",
            "look at their `reason`; they are deleted after `journal.raw_hours`",
        )
        return
    if files["strays"]:
        message += f", {counted(files['strays'], 'strays')} that the agent takes in"
    if files["writable"]:
        yield Result(Status.HEALTHY, message)


def lost(context: Context) -> Iterator[Result]:
    """Events that a relay could not write."""
    drops = status.drops(context.paths)
    if not drops:
        yield Result(Status.HEALTHY, "no event was lost")
        return
    reasons = "; ".join(f"{drop['count']:g} because {REASONS.get(reason, reason)}" for reason, drop in drops.items())
    recent = any(time.time() - drop["last"] < DAY for drop in drops.values())
    yield Result(
        Status.CRITICAL if recent else Status.WARNING,
        f"lost events: {reasons}",
        "a hook never delays its client or makes it fail: it counts what it can't write",
        "fix what the other checks report" if recent else "",
    )


def store(context: Context) -> Iterator[Result]:
    """The database can be read; what it holds can be had again from the journal."""
    path = context.paths.store
    aside = sorted(path.parent.glob(f"{path.name}.damaged-*[0-9]"))
    if aside:
        why = "it was damaged, and was rebuilt from what the journal held"
        yield Result(Status.WARNING, f"{listed(aside)} was set aside", why, "delete it when you don't need it")
    if not path.exists():
        if not aside:
            yield Result(Status.HEALTHY, "not there yet")
        return
    try:
        problem = _damage(path)
    except StoreDamaged as error:
        problem = error.message
    except sqlite3.OperationalError as error:
        yield Result(Status.UNKNOWN, f"`{path}` can't be opened ({error})", todo="`hookspan status`")
        return
    if problem:
        why = "the page and the counters can't be trusted; the journal still has the last days"
        todo = "`hookspan rebuild`, or `hookspan restart`: the agent sets it aside and rebuilds it"
        yield Result(Status.CRITICAL, problem, why, todo)
    elif not aside:
        yield Result(Status.HEALTHY, f"{size(status.store(context.paths)['bytes'])}, sound")


def _damage(path: Path) -> str:
    """What SQLite finds wrong with a store's pages in STORE_SECONDS; empty for nothing."""
    with damage_noticed(path):
        connection = open_reader(path)
        try:
            if not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                return ""  # an agent is just making it
            application, version = (
                connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
            )
            if application != schema.APPLICATION:
                return f"`{path}` is a database of another program"
            if version > len(schema.MIGRATIONS):
                return f"`{path}` was written by a newer hookspan"
            until = time.monotonic() + STORE_SECONDS
            connection.set_progress_handler(lambda: time.monotonic() > until, STEP)
            try:
                answer = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
                return ""
            return "" if answer == "ok" else f"`{path}` is damaged: {' '.join(answer.split())}"
        finally:
            connection.close()
