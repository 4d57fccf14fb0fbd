"""`hookspan import`: sessions from before hookspan, read from the transcripts that coding agents kept."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hookspan.agent.client import Client, Ready
from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.catalogue.session_fields import SessionRow
from hookspan.cli.terminal.options import JSON
from hookspan.cli.terminal.text import may_draw, printable
from hookspan.config import Settings, load
from hookspan.errors import UserError
from hookspan.opted_out import OptedOut
from hookspan.paths import Paths
from hookspan.setup import receipts
from hookspan.units import counted
from hookspan.wire import Record, Reduced, encode
from hookspan.wire.facts import ModelCall, QueuedPrompt, TranscriptEvent

if TYPE_CHECKING:
    from hookspan.history import Copies
    from hookspan.history.library import Transcript

BATCH_BYTES: Final = 256 << 10  # of one append: a relay waits 50 ms for the journal, and this takes below 1
PACE: Final = 4 << 20  # bytes after which a running agent is let catch up, so that live events don't wait behind
PACE_POLL: Final = 0.05  # seconds
HELD: Final = 30.0  # seconds for which an agent that can't write is waited for
SHARE: Final = 0.5  # of what the journal may take: relays stop recording when it is full
QUIET: Final = 300.0  # seconds; a transcript changed since then belongs to a session that is running
DAY: Final = 86_400 * 10**9
REFUSED_SHOWN: Final = 5
TOO_OLD: Final = frozenset({"old", "before"})
WHY: Final = {
    "recorded": "recorded by hookspan itself",
    "imported": "imported before; to read one again, `hookspan forget` it first",
    "unhooked": "that ran without hooks, whose state alone is known; to read one, `hookspan forget` it first",
    "running": "changed in the last minutes, so they may still be running: import them later",
    "old": "whose sessions ended longer ago than the store keeps them (`store.days`)",
    "before": "whose sessions ended before the days of `--since`",
    "opted_out": "of projects that are not recorded",
    "empty": "without any work in it",
    "unreadable": "that could not be read to the end",
    "refused": "that are links, devices or somebody else's files",
}
COUNTED: Final = {"turns": "turns", "tools": "tool calls", "model_calls": "model calls"}


@click.command("import")
@click.argument("places", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=Path))
@click.option("--since", type=click.IntRange(1), metavar="DAYS", help="Only sessions that ended within this many days.")
@click.option("--dry-run", is_flag=True, help="Say what would be imported, and import nothing.")
@JSON
def import_(places: tuple[Path, ...], since: int | None, dry_run: bool, as_json: bool) -> None:
    """Import transcripts from before hookspan: those that coding agents keep, or those in PATH.

    PATH is a transcript of Claude Code, a rollout of Codex, a file of events of Copilot CLI, or a folder of those, also
    of several agents. Imported sessions are shown on your page and
    command line. They are never exported, and no counter includes them. Sessions that hookspan has recorded itself,
    or imported before, are left as they are.
    """
    paths = Paths.from_environment()
    paths.create()
    settings = load(paths, os.environ)
    outcome = Import(paths, settings, dry_run=dry_run).run(places, since)
    if as_json:
        click.echo(json.dumps(outcome))
        return
    for line in report(outcome):
        click.echo(line)
    if not dry_run and outcome["sessions"] and not isinstance(Client(paths).probe(), Ready):
        click.echo("They appear once the agent runs: hookspan up")


def _known_as(row: SessionRow) -> str:
    """Why a session that the store has is left alone; empty for one whose import was cut off."""
    if row.unhooked:
        return "unhooked" if row.ended else "running"
    if not row.local:
        return "recorded"
    return "imported" if row.end_reason else ""


class Import:
    """One import: finds transcripts, turns them into records, appends those to the journal."""

    def __init__(self, paths: Paths, settings: Settings, *, dry_run: bool) -> None:
        from hookspan.journal import Journal, Writer
        from hookspan.store import Reader

        self._paths = paths
        self._settings = settings
        self._opted_out = OptedOut(settings.projects)
        self._dry_run = dry_run
        self._reader = Reader(paths)
        self._writer = Writer(paths)
        self._room = settings.journal.bytes * SHARE - Journal(paths).size()
        self._since_pause = 0
        self._counts: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._cost = 0

    def run(self, places: tuple[Path, ...], since: int | None) -> dict[str, Any]:
        """Do it; what came of it, as JSON types. `since` is in days."""
        from hookspan.history import library

        for place in places:
            if not place.exists():
                raise UserError(f"`{place}` does not exist")
        folders = receipts.transcript_folders(self._paths).values()
        roots = [str(place) for place in places] or [root for roots in folders for root in roots]
        transcripts, refused = library.find(roots)
        explicit = bool(places)
        self._import([(transcript, self._why_not(transcript, since, explicit=explicit)) for transcript in transcripts])
        self._skipped["refused"] += len(refused)
        counts = {name: self._counts[name] for name in ("sessions", "turns", "tools", "model_calls")}
        return {
            "dry_run": self._dry_run,
            **counts,
            "cost_usd": self._cost / 1e9,
            "unpriced": self._counts["unpriced"],
            "unreadable_lines": self._counts["unreadable"],
            "skipped": {why: count for why, count in sorted(self._skipped.items()) if count},
            "refused": [{"path": file.path, "why": file.why} for file in refused],
            "from": roots,
        }

    def _why_not(self, transcript: Transcript, since: int | None, *, explicit: bool) -> str:
        """Why a transcript is left alone; empty if it isn't."""
        row = self._reader.session(transcript.session)
        if row is not None and (known := _known_as(row)):
            return known
        age = time.time_ns() - transcript.ended
        if age > self._settings.store.days * DAY:
            return "old"
        if since is not None and age > since * DAY:
            return "before"
        if not explicit and transcript.changed > time.time_ns() - QUIET * 1e9:
            return "running"
        return ""

    def _import(self, transcripts: list[tuple[Transcript, str]]) -> None:
        from hookspan.history import Copies

        copies = Copies()
        wanted = any(not why for _, why in transcripts)
        with click.progressbar(
            length=sum(transcript.size for transcript, _ in transcripts) if wanted else 0,
            label="Reading transcripts",
            file=sys.stderr,
            hidden=not (wanted and may_draw(sys.stderr)),
        ) as bar:
            for transcript, reason in transcripts:
                why = reason or self._take(transcript, copies)
                if why:
                    self._skipped[why] += 1
                if reason and wanted and reason not in TOO_OLD:
                    self._learn(transcript, copies)
                bar.update(transcript.size)

    def _take(self, transcript: Transcript, copies: Copies) -> str:
        """Import one session; why not, if it can't be."""
        from hookspan.history import history_of
        from hookspan.reading import RefusedError
        from hookspan.wire.foreign import UNREADABLE

        batch: list[bytes] = []
        size = 0
        try:
            if self._opted_out.has_folder(transcript.project_dir()):
                return "opted_out"
            history = history_of(transcript, copies, labels=self._settings.content.local)
            for record in history.records():
                self._count(record)
                batch.append(encode(record))
                size += len(batch[-1])
                if size >= BATCH_BYTES:
                    self._append(batch, size)
                    batch, size = [], 0
        except (OSError, RefusedError, UnicodeEncodeError, *UNREADABLE):  # gone meanwhile, or below a name of no UTF-8
            return "unreadable"
        self._append(batch, size)
        self._counts["unreadable"] += history.unreadable
        self._counts["sessions"] += bool(history.first)
        return "" if history.first else "empty"

    @staticmethod
    def _learn(transcript: Transcript, copies: Copies) -> None:
        """Forks of a session of Claude Code's that is left alone have copies of its lines."""
        from hookspan.reading import RefusedError

        if transcript.agent != CLAUDE_CODE.name:
            return
        with contextlib.suppress(OSError, RefusedError):
            copies.learn(transcript.sources()[0].lines)

    def _count(self, record: Record) -> None:
        if isinstance(record, ModelCall):
            self._counts["model_calls"] += 1
            self._cost += max(0, record.cost_nano)
            self._counts["unpriced"] += record.cost_nano < 0 and not record.error_status
        elif isinstance(record, QueuedPrompt):
            self._counts["turns"] += 1
        elif (event := _event_of(record)) is not None:
            self._counts["turns"] += event.event == "UserPromptSubmit" and not event.agent_id
            self._counts["tools"] += event.event == "PreToolUse"
            if event.event == "PostModelRequest" and (request := event.request):
                self._counts["model_calls"] += 1
                self._cost += max(0, request.cost_nano)
                self._counts["unpriced"] += request.cost_nano < 0 < request.output_tokens

    def _append(self, lines: list[bytes], size: int) -> None:
        if self._dry_run or not lines:
            return
        self._room -= size
        if self._room < 0:
            raise UserError(
                f"the journal would be more than {SHARE:.0%}, which is kept free for what hooks record",
                hint="import less with `--since`, or give it more: `hookspan config set journal.bytes '8 GiB'`",
            )
        try:
            self._writer.append(lines)
        except OSError as error:
            raise self._refused(f"`{self._paths.journal}` can't be written: {error.strerror}") from None
        self._since_pause += size
        if self._since_pause >= PACE:
            self._since_pause = 0
            self._let_catch_up()

    @staticmethod
    def _refused(why: str) -> UserError:
        hint = "free some space if that is why, then import again: what is imported by then is left as it is"
        return UserError(why, hint=hint)

    def _let_catch_up(self) -> None:
        """Wait until a running agent has read what was written; without one there is nobody to wait for."""
        client = Client(self._paths)
        while True:
            try:
                ingest = client.request("status")["ingest"]
            except UserError:
                return
            if ingest["caught_up"]:
                return
            if (hold := ingest["hold"]) and time.time() > hold["since"] + HELD:
                raise self._refused(f"the agent can't write: {hold['reason']}")
            time.sleep(PACE_POLL)


def _event_of(record: Record) -> Reduced | None:
    """The event that a record is, or tells of; none for another fact."""
    if isinstance(record, TranscriptEvent):
        return record.event
    return record if isinstance(record, Reduced) else None


def report(outcome: Mapping[str, Any]) -> Iterator[str]:
    """What came of it, in words."""
    verb = "Would import" if outcome["dry_run"] else "Imported"
    skipped = outcome["skipped"]
    if outcome["sessions"]:
        counts = ", ".join(counted(outcome[key], words) for key, words in COUNTED.items())
        price = f"${outcome['cost_usd']:,.2f} at list prices"
        if outcome["unpriced"]:
            price += f" ({counted(outcome['unpriced'], 'calls')} without a known price)"
        yield f"{verb} {counted(outcome['sessions'], 'sessions')}: {counts}, {price}."
    else:
        yield f"Nothing to import in {', '.join(outcome['from'])}."
    for why, count in skipped.items():
        yield f"Left out: {counted(count, 'transcripts')} {WHY[why]}."
    for file in outcome["refused"][:REFUSED_SHOWN]:
        yield f"refused: {printable(file['path'])}: {printable(file['why'])}"
    if outcome["unreadable_lines"]:
        yield f"Skipped: {counted(outcome['unreadable_lines'], 'lines')} that could not be read."
