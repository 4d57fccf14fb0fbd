"""`hookspan forget`: deletes a session from everything that hookspan keeps."""

from __future__ import annotations

import contextlib
import json
import shlex
import sqlite3
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from hookspan.cli.terminal import completers
from hookspan.cli.terminal.options import JSON, YES
from hookspan.cli.terminal.text import printable
from hookspan.clients.decode import decode
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.units import counted
from hookspan.wire import FORGOTTEN, Reduced, Unreadable
from hookspan.wire.facts import HeadMoved, LinesStayed, Repository

if TYPE_CHECKING:
    from hookspan.journal import Journal
    from hookspan.store import SpanKey, Store

COMMITS: Final = (b'"head_moved"', b'"lines_stayed"')
"""One is in every line that tells of a commit, and in few others."""
REPOSITORY: Final = b'"repository"'
"""Is in every line that tells the repository of a folder, and in few others."""


@click.command()
@click.argument("ids", metavar="SESSION...", nargs=-1, required=True, shell_complete=completers.sessions)
@YES
@JSON
def forget(ids: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete sessions: their raw and compacted events, spans, labels, archived transcripts, and what waits for export.

    SESSION is an id or its first digits. What belongs only to these sessions is deleted with them: folders in which no
    other session worked, with their repository, branch and commits, and projects that no other session has, with their
    metric series. Series of other projects keep what they counted, and the names in their labels. What the receiver has
    of them goes, too. The files are written again, so that no byte remains. Older copies of the store (made before an
    upgrade, or of a damaged one) are deleted whole. What was already exported stays where it is, and so do the agents'
    own transcripts. The agent is stopped in the meantime; hooks keep recording.
    """
    from hookspan.agent.exclusive import exclusive
    from hookspan.cli.lifecycle.paused import paused

    paths = Paths.from_environment()
    sessions = [_session(paths, given) for given in ids]
    if not yes:
        _ask(sessions)
    with paused(paths), exclusive(paths):
        outcome = run(paths, sessions)
    if as_json:
        click.echo(json.dumps(outcome))
        return
    click.echo(f"Forgotten: {', '.join(sessions)}")
    click.echo(
        f"journal     {counted(outcome['records'], 'records')} replaced in {counted(outcome['segments'], 'segments')}"
    )
    click.echo(f"set aside   {counted(outcome['quarantined'], 'lines')} removed")
    click.echo(f"store       {counted(outcome['spans'], 'spans')} and {counted(outcome['events'], 'events')} removed")
    click.echo(f"folders     {counted(outcome['folders'], 'folders')} in which no other session worked")
    for project in outcome["projects"]:
        click.echo(f"project     {printable(project)}, with its metrics: no other session has it")
    for project in outcome["shared"]:
        click.echo(f"project     {printable(project)} stays: other sessions have it, and its sums count these, too")
    click.echo(f"export      {counted(outcome['unexported'], 'spans')} that waited and won't be sent")
    if outcome["exported"]:
        click.echo(
            f"Already exported: {counted(outcome['exported'], 'spans')}, which stay at the backend: delete them there."
        )
    content = outcome["content"]
    if content["messages"] or content["lines"]:
        found, lines = counted(content["messages"], "messages"), counted(content["lines"], "archived lines")
        click.echo(f"content     {found} and {lines} removed")
    if outcome["received"]:
        click.echo(f"received    removed from {counted(outcome['received'], 'requests')} of the receiver")
    for path in outcome["copies"]:
        click.echo(f"copy        {path} removed")


def _session(paths: Paths, given: str) -> str:
    """The session that is meant; one that only the journal knows must be given whole."""
    from hookspan.cli.terminal.lookup import refuse_empty
    from hookspan.content import Search
    from hookspan.store import Reader

    refuse_empty(given)
    reader = Reader(paths)
    with contextlib.closing(Search(paths, reader)) as search:
        matching = sorted({*reader.find_sessions(given, limit=6), *search.find_sessions(given, limit=6)})
    if given in matching or (not matching and _in_journal(paths, given)):
        return given
    if not matching:
        raise UserError(f"no session has the id `{printable(given)}`", hint="`hookspan sessions` lists them")
    if len(matching) > 1:
        raise UserError(f"`{given}` could be {', '.join(matching)}", hint="give more of the id")
    return matching[0]


def _in_journal(paths: Paths, session: str) -> bool:
    from hookspan.journal import Tail

    is_of = of_sessions([session])
    tail = Tail(paths, mend=False)
    try:
        return any(is_of(line.data) for lines in iter(tail.read, []) for line in lines)
    finally:
        tail.close()


def _ask(sessions: list[str]) -> None:
    if not sys.stdin.isatty():
        raise UserError("deleting sessions can't be undone", hint="`hookspan forget --yes ...` doesn't ask")
    click.confirm(f"Delete {', '.join(sessions)}? This can't be undone.", abort=True, err=True)


def of_sessions(sessions: list[str]) -> Callable[[bytes], bool]:
    """Tells whether a journal line belongs to one of these sessions; one that can't be read does if it names it."""
    names = [session.encode() for session in sessions]

    def belongs(line: bytes) -> bool:
        if not any(name in line for name in names):
            return False
        try:
            return decode(line, b"", labels=False).session in sessions
        except Unreadable:
            return True

    return belongs


def run(paths: Paths, sessions: list[str]) -> dict[str, Any]:
    """Delete the sessions, with exclusive access to the state; what was removed."""
    from hookspan.journal import Journal
    from hookspan.journal.rewrite import forget_quarantined, rewrite
    from hookspan.store import Store

    if paths.store_before_rebuild.exists():
        raise UserError("a rebuild was interrupted", hint="`hookspan rebuild` finishes it")
    journal, is_of = Journal(paths), of_sessions(sessions)
    _finish(paths, journal, is_of)
    journal.delete_leftovers()
    folders = _folders_of(journal, is_of)
    store = Store.open(paths)
    try:
        projects = store.projects_of(sessions)
        only = [project for project, alone in projects.items() if alone]
        trees, repositories = store.trees_of(sessions)

        def change(line: bytes) -> bytes:
            return FORGOTTEN if is_of(line) or _folder(line) in folders or _repository(line) in repositories else line

        # The journal and then the store's rows go last: they tell what else is theirs when this was broken off.
        with _room_for(paths):
            traces, outcome = _in_store(paths, sessions, only)
            outcome["received"] = _forget_received(paths, sessions, traces)
            names = [session.encode() for session in sessions]
            outcome["quarantined"] = forget_quarantined(paths, lambda line: any(name in line for name in names))
            outcome["content"] = _forget_content(paths, sessions)
            outcome["copies"] = _remove_copies(paths)
            _remove_lines(paths, sessions)
            store.unlink(sessions)
            _step_out(paths, store, sessions, only, folders, trees)
            # The newest first, so that the sessions themselves still tell which folders were theirs.
            finished = [segment for segment in reversed(list(journal.segments())) if not segment.current]
            changes = [rewrite(segment, change) for segment in finished]
            store.forget_commits(repositories)
            store.forget(sessions, only)
            store.scrub(sessions)
    finally:
        store.close()
    return outcome | {
        "sessions": sessions,
        "records": sum(changes),
        "segments": sum(map(bool, changes)),
        "folders": len(folders),
        "projects": only,
        "shared": [project for project, alone in projects.items() if not alone],
    }


@contextlib.contextmanager
def _room_for(paths: Paths) -> Iterator[None]:
    """Tell what was broken off for want of room, and what helps: the databases are written anew."""
    from hookspan.agent.ingest.disk import is_full

    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        if isinstance(error, OSError) and not is_full(error):
            raise
        raise UserError(
            f"not all of it is forgotten yet: {printable(str(error))}",
            hint=f"make room in `{paths.state}` for a second `{paths.store.name}`, then run this once more",
        ) from error


def _finish(paths: Paths, journal: Journal, is_of: Callable[[bytes], bool]) -> None:
    """Read the journal to its end, and leave nothing of theirs in the current segment: relays append to that one.

    Strays, and the facts that reading adds, get there meanwhile; so once more, until none did.
    """
    from hookspan.agent.exclusive import ingest
    from hookspan.journal import JournalBusyError, rotation
    from hookspan.journal.rewrite import lines

    locked = UserError(
        "nothing is forgotten: a process keeps the journal locked, most likely a hook that was stopped",
        hint=f"`fuser {shlex.quote(str(paths.current))}` names it: let it go on or end it, and run this once more",
    )
    with ingest(paths) as reading:
        more = True
        while more:
            reading.drain(float("inf"))
            try:
                rotation.rotate(paths)
            except JournalBusyError as error:
                raise locked from error
            reading.drain(float("inf"))
            current = [segment for segment in journal.segments() if segment.current]
            more = journal.take_in_strays() > 0 or any(is_of(line) for segment in current for line in lines(segment))
    if journal.strays_held:
        raise locked


def _folders_of(journal: Journal, is_of: Callable[[bytes], bool]) -> frozenset[str]:
    """Folders whose repositories are known because these sessions worked there, and no other one did."""
    from hookspan.journal.rewrite import lines

    worked: set[str] = set()
    located: set[str] = set()
    for segment in journal.segments():
        for line in lines(segment):
            if folder := _folder(line):
                located.add(folder)
                worked |= {folder} if is_of(line) else set()
            elif is_of(line):
                with contextlib.suppress(Unreadable):
                    record = decode(line, b"", labels=False)
                    worked |= {record.cwd, record.project_dir} if isinstance(record, Reduced) else set()
    left = {msgspec.json.encode(folder): folder for folder in worked & located}
    for segment in journal.segments() if left else ():
        for line in lines(segment):
            for quoted in [quoted for quoted in left if quoted in line]:
                if not is_of(line) and not _folder(line) and not _repository(line):
                    del left[quoted]
    return frozenset(left.values())


def _folder(line: bytes) -> str:
    """The folder that a line tells the repository of; empty for every other line."""
    if REPOSITORY not in line:
        return ""
    try:
        record = decode(line, b"", labels=False)
    except Unreadable:
        return ""
    return record.folder if isinstance(record, Repository) else ""


def _repository(line: bytes) -> int:
    """The number of the repository of whose commits a line tells; 0 for every other line."""
    from hookspan.store.schema import tree_number

    if not any(name in line for name in COMMITS):
        return 0
    try:
        record = decode(line, b"", labels=False)
    except Unreadable:
        return 0
    return tree_number(record.repository) if isinstance(record, HeadMoved | LinesStayed) else 0


def _forget_content(paths: Paths, sessions: list[str]) -> dict[str, int]:
    """Delete their messages and archived transcripts."""
    if not paths.content_db.exists():
        return {"messages": 0, "lines": 0}
    from hookspan.content import ContentDb

    content = ContentDb.open(paths)
    try:
        deleted = content.forget(sessions)
    except sqlite3.OperationalError as error:
        raise UserError(
            f"messages, or bytes of them, may still be in `{paths.content_db}`: {error}",
            hint="close what reads it, or make room, and run this once more",
        ) from error
    finally:
        content.close()
    return {"messages": deleted.messages, "lines": deleted.lines}


def _forget_received(paths: Paths, sessions: list[str], traces: set[str]) -> int:
    """Take them out of what the receiver has stored and not dealt with yet; of how many requests."""
    if not paths.received.exists():
        return 0
    from hookspan.receive.forgetting import forget as take_out

    return take_out(paths.received, sessions, traces)


def _remove_copies(paths: Paths) -> list[str]:
    """Copies of the databases that upgrades and damage left: no part of them can be taken out alone."""
    copies = [
        path for base in (paths.store, paths.export_db, paths.content_db) for path in paths.state.glob(f"{base.name}.*")
    ]
    for path in copies:
        path.unlink()
    return sorted(str(path) for path in copies if not path.name.endswith(("-wal", "-shm")))


def _in_store(paths: Paths, sessions: list[str], projects: list[str]) -> tuple[set[str], dict[str, Any]]:
    """Their traces, and how much the store has of them, and what of that is out.

    What export knows of them and the projects is forgotten.
    """
    from hookspan.store import Reader, SpanKey

    reader = Reader(paths)
    spans = [span for session in sessions for span in reader.spans_of_session(session)]
    events = sum(len(reader.events(session=session, limit=10**9)) for session in sessions)
    logs = [key for session in sessions for key in reader.log_keys(session)]
    reader.close()
    own = [SpanKey(span.record, span.ordinal) for span in spans if not span.local]
    traces = {span.trace_id for span in spans}
    cursor, behind = _let_go(paths, own, projects, traces, logs)
    exported = sum(key <= cursor for key in own) - behind if cursor else 0
    unexported = len(own) - exported if cursor else 0
    return traces, {"spans": len(spans), "events": events, "exported": exported, "unexported": unexported}


def _let_go(
    paths: Paths, keys: list[SpanKey], projects: list[str], traces: set[str], logs: list[SpanKey]
) -> tuple[SpanKey | None, int]:
    """Key of the last span that was settled, None where none ever was, and how many before it were not sent (sampling).

    What was said of them is deleted.
    """
    if not paths.export_db.exists():
        return None, 0
    from hookspan.export.db import ExportDb

    db = ExportDb.open(paths)
    try:
        behind = sum(trace.back for name in traces if (trace := db.trace(name)))
        db.forget(keys, projects, traces, logs)
        return (db.cursor, behind) if db.enabled else (None, 0)
    finally:
        db.close()


def _remove_lines(paths: Paths, sessions: Iterable[str]) -> None:
    """Their status lines."""
    from hookspan.agent.lines import ID

    for session in filter(ID.match, sessions):
        for name in (session, f"{session}.tmp"):
            (paths.lines / name).unlink(missing_ok=True)


def _step_out(
    paths: Paths,
    store: Store,
    sessions: Collection[str],
    projects: Collection[str],
    folders: Iterable[str],
    trees: Collection[int],
) -> None:
    """Let nothing else in the store know these sessions, projects, folders and work trees any more.

    The reader stands where a segment begins: it knows a place within one by bytes that are about to change.
    """
    from hookspan.catalogue import attributes as sc
    from hookspan.journal import Position, segments
    from hookspan.model import collisions, quota
    from hookspan.model.state import State, dump_session, dump_world, load_session, load_world
    from hookspan.model.summary import session_row
    from hookspan.store import Commit
    from hookspan.store.schema import tree_number

    position, following = store.position(), segments.next_number(paths.journal)
    if position is None:
        return
    if position.record == following:
        position = Position(following, following, 0, "")
    saved, state = store.load_world(), State()
    if saved is not None:
        world = state.world = load_world(saved)
        for folder in folders:
            world.repositories.pop(folder, None)
        for told in world.repositories.values():  # of a folder in which others worked, too
            told.session = "" if told.session in sessions else told.session
        quota.forget(world.quotas, sessions)
        for tree in [tree for tree in world.trees if tree_number(tree) in trees]:
            del world.trees[tree]
        staying = [one.attributes for one in store.series() if dict(one.attributes).get(sc.PROJECT) not in projects]
        used = {label for attributes in staying for label in attributes}
        for key, values in world.labels.items():
            world.labels[key] = [value for value in values if (key, value) in used]
    named = [load_session(blob) for session in sessions for blob in store.states_naming(session)]
    met = {session.id: session for session in named if session.id not in sessions}
    for session in met.values():
        collisions.forget(session, sessions)
    changed = {id_: (dump_session(session), session_row(state, session)) for id_, session in met.items()}
    store.commit(Commit(position=position, sessions=changed, world=None if saved is None else dump_world(state.world)))
