"""Checks what becomes of conversations: what Claude Code is about to delete, and whether copies are kept."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Final

from hookspan.agent.health import Status
from hookspan.cli.doctor.context import Context
from hookspan.cli.doctor.result import Result
from hookspan.clients.claude_code.settings_files import config_folder, of_managed, of_user
from hookspan.clients.claude_code.transcript_files import transcript_roots
from hookspan.content import Search
from hookspan.setup import cleanup, receipts
from hookspan.store import Reader
from hookspan.units import counted, size

SOON: Final = 7  # days


def transcripts(context: Context) -> Iterator[Result]:
    """What Claude Code, where hookspan is installed for it, deletes within the next days, and what the archive has."""
    archive = context.settings.archive
    theirs = None if context.agents.others_alone else _deleted(context)
    if not archive.enabled:
        todo = "`hookspan config set archive.enabled true` keeps copies"
        yield Result(Status.HEALTHY, f"{': '.join(theirs) if theirs else 'transcripts are not archived'}; {todo}")
    elif not context.settings.content.local:
        why = "`content.local` is false, so that no content is kept"
        yield Result(Status.WARNING, "nothing is archived", why, "set one or the other")
    else:
        with (
            contextlib.closing(Reader(context.paths)) as reader,
            contextlib.closing(Search(context.paths, reader)) as kept,
        ):
            archived = counted(kept.counts()["archived"], "sessions")
        mine = f"{archived} are in the archive, which keeps them for {archive.days} days"
        yield Result(Status.HEALTHY, f"{theirs[0]}; {mine}" if theirs else mine)


def _deleted(context: Context) -> tuple[str, str]:
    """After how long Claude Code deletes transcripts, and how much goes soon."""
    config = config_folder(context.env)
    files = [file for folder in context.managed for file in of_managed(folder)]
    days = cleanup.period([*files, of_user(config)])
    roots = transcript_roots(dict(context.env), receipts.files(context.paths))
    soon = cleanup.due(roots, days, time.time(), SOON * cleanup.DAY)
    whose = f"Claude Code deletes transcripts after {counted(days, 'days')} (`{cleanup.KEY}`)"
    return whose, f"{counted(soon.files, 'transcripts')}, {size(soon.bytes)}, go within {SOON} days"
