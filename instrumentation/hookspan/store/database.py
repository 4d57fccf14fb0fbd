"""SQLite as both databases use it: opening, migrating, refusing, setting aside."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from hookspan.errors import UserError

WRITER_CACHE: Final = 16 << 10  # KiB; holds the inner pages of the indexes on random ids at a million spans
READER_CACHE: Final = 4 << 10  # KiB for each connection
MMAP: Final = (
    8 << 20
)  # bytes of each connection, and of resident memory; 64 MiB gained nothing measurable at 300,000 events
CHECKPOINT: Final = 4_000  # pages, 16 MiB: one fsync for about twenty full batches
WAL_LIMIT: Final = 64 << 20  # bytes to which the WAL is cut back after a long reader made it grow
BUSY: Final = 5.0  # seconds that a connection waits for a lock


class StoreTooNew(UserError):
    """The database was written by a newer hookspan."""

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(
            f"`{path}` was written by a newer hookspan (format {found}, this one knows {known})",
            hint="update hookspan, or move the file aside: it is rebuilt from the journal",
        )


class StoreDamaged(Exception):
    """The file is no database, or not ours, or its content is broken. It can be set aside and rebuilt."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"`{path}` is damaged: {why}")
        self.path = path


def set_aside(path: Path, stamp: int) -> Path:
    """Rename a database and its companions to `<name>.damaged-<stamp>`, so that a new one can take its place."""
    target = path.with_name(f"{path.name}.damaged-{stamp}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(target.with_name(target.name + suffix))
    return target


@contextmanager
def damage_noticed(path: Path) -> Iterator[None]:
    """Turn SQLite's ways to say that a file is broken into StoreDamaged; a full disk or a lock is something else."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        # The primary result code is the low byte; extended ones say where.
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise StoreDamaged(path, str(error)) from error
        raise


def open_writer(
    path: Path,
    *,
    application: int,
    migrations: Sequence[str],
    synchronous: Literal["NORMAL", "FULL"] = "NORMAL",
) -> sqlite3.Connection:
    """Open or create a database and bring it to the newest format.

    `application` marks the file as ours. `migrations[n]` is the SQL that leads from `user_version` n to n + 1; before
    an existing file is changed a copy of it is kept as `<name>.v<n>`. Raises StoreTooNew and StoreDamaged.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))  # the WAL gets the same mode
    # Isolation level None: transactions are begun and ended in the open. The owner sees to one thread at a time.
    connection = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
    try:
        with damage_noticed(path):
            _prepare(connection, path, application, migrations, synchronous)
    except BaseException:
        connection.close()
        raise
    return connection


def refuse_newer(path: Path, known: int) -> None:
    """Raise StoreTooNew if the database has a format above `known`; a missing or damaged one is no matter here."""
    try:
        connection = open_reader(path)
        try:
            version = _pragma(connection, "user_version")
        finally:
            connection.close()
    except sqlite3.Error:
        return
    if version > known:
        raise StoreTooNew(path, version, known)


class Reading(sqlite3.Connection):
    """A read-only connection, with answers that hold as long as its `PRAGMA data_version` says that nothing changed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.known: tuple[Hashable, Any] | None = None  # the newest question and its answer


def open_reader(path: Path) -> Reading:
    """A read-only connection. Raises sqlite3.OperationalError if there is no file yet."""
    connection: Reading = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=BUSY,
        isolation_level=None,
        check_same_thread=False,
        factory=Reading,
    )
    connection.execute(f"PRAGMA cache_size = -{READER_CACHE}")
    connection.execute(f"PRAGMA mmap_size = {MMAP}")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def _prepare(
    connection: sqlite3.Connection, path: Path, application: int, migrations: Sequence[str], synchronous: str
) -> None:
    version = _pragma(connection, "user_version")
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if tables and _pragma(connection, "application_id") != application:
        raise StoreDamaged(path, "it is a database of another program")
    if version > len(migrations):
        raise StoreTooNew(path, version, len(migrations))
    if not tables:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # so that pruning can give space back
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute(f"PRAGMA cache_size = -{WRITER_CACHE}")
    connection.execute(f"PRAGMA mmap_size = {MMAP}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
    if version < len(migrations):
        if tables:
            _keep_copy(connection, path, version)
        steps = "".join(migrations[version:])
        connection.executescript(
            f"BEGIN IMMEDIATE; {steps} PRAGMA application_id = {application};"
            f"PRAGMA user_version = {len(migrations)}; COMMIT;"
        )


def _keep_copy(connection: sqlite3.Connection, path: Path, version: int) -> None:
    copy = path.with_name(f"{path.name}.v{version}")
    os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    target = sqlite3.connect(copy)
    try:
        connection.backup(target)
    finally:
        target.close()


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value = connection.execute(f"PRAGMA {name}").fetchone()[0]
    assert isinstance(value, int)  # noqa: S101 - both pragmas are integers of the file's header
    return value
