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
    """What the client deletes within the next days, and what the archive has."""
    config = config_folder(context.env)
    files = [file for folder in context.managed for file in of_managed(folder)]
    days = cleanup.period([*files, of_user(config)])
    roots = transcript_roots(dict(context.env), receipts.files(context.paths))
    soon = cleanup.due(roots, days, time.time(), SOON * cleanup.DAY)
    whose = f"Claude Code deletes transcripts after {counted(days, 'days')} (`{cleanup.KEY}`)"
    going = f"{counted(soon.files, 'transcripts')}, {size(soon.bytes)}, go within {SOON} days"
    archive = context.settings.archive
    with contextlib.closing(Reader(context.paths)) as reader, contextlib.closing(Search(context.paths, reader)) as kept:
        archived = kept.counts()["archived"]
    if archive.enabled:
        mine = f"{counted(archived, 'sessions')} are in the archive, which keeps them for {archive.days} days"
        if not context.settings.content.local:
            why = "`content.local` is false, so that no content is kept"
            yield Result(Status.WARNING, "nothing is archived", why, "set one or the other")
        else:
            yield Result(Status.HEALTHY, f"{whose}; {mine}")
    else:
        todo = "`hookspan config set archive.enabled true` keeps copies"
        yield Result(Status.HEALTHY, f"{whose}: {going}; {todo}")
