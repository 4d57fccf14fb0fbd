"""What both SQLite databases share: opening, migrating, refusing, setting aside, noticing that a file is gone."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import sys
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeVar

import msgspec

from hookspan.errors import UserError

_T = TypeVar("_T")

COMPANIONS: Final = ("-wal", "-shm")

WRITER_CACHE: Final = 16 << 10  # KiB; holds the inner pages of the indexes on random ids at a million spans
READER_CACHE: Final = 1 << 10  # KiB for each connection; what is in it goes with each commit
CHECKPOINT: Final = 4_000  # pages, 16 MiB: one fsync for about twenty full batches
WAL_LIMIT: Final = 64 << 20  # bytes to which the WAL is cut back after a long reader made it grow
BUSY: Final = 5.0  # seconds that a connection waits for a lock


class StoreTooNew(UserError):
    """The database was written by a newer hookspan."""

    def __init__(self, path: Path, version: int, supported: int) -> None:
        super().__init__(
            f"`{path}` was written by a newer hookspan (format {version}, this one knows {supported})",
            hint="update hookspan, or move the file aside: it is rebuilt from the journal",
        )


class StoreDamaged(UserError):
    """The file is no database, or not ours, or its content is broken. It can be set aside and rebuilt."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"`{path}` is damaged: {why}",
            hint="an agent that notices this rebuilds it from the journal; `hookspan rebuild` does so at once",
        )
        self.path, self.why = path, why


class FilesLost(StoreDamaged):
    """A file of an open database was deleted, replaced or cut. `whole`: what is open still has everything."""

    def __init__(self, path: Path, why: str, *, whole: bool) -> None:
        super().__init__(path, why)
        self.whole = whole


class Identity(NamedTuple):
    """A file, whatever its name: device and inode."""

    device: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> Identity:
        """Of the file that has the path now. Raises FileNotFoundError."""
        return _look(path)[0]


class Files:
    """The files of an open database: are they still what its writer left?

    SQLite does not notice that they aren't: it goes on with a file that has no name any more, while everybody who comes
    later finds another one, or a log that is empty. There is one writer, so what the files are after its transaction
    they are before its next. Three `stat`, 8 us.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._db = connection
        self._parts = {suffix: path.with_name(path.name + suffix) for suffix in ("", *COMPANIONS)}
        self._known: dict[str, tuple[Identity, int]] = {}  # and the size in bytes
        self._least = sys.maxsize  # bytes of the database, when pages were last given back: a checkpoint cuts the rest
        self.note()

    @property
    def identity(self) -> Identity:
        """Of the database itself."""
        return self._known[""][0]

    def note(self) -> None:
        """Record the files as they are: just opened, or written again. For a missing one the old record stays."""
        for suffix, part in self._parts.items():
            with contextlib.suppress(FileNotFoundError):
                self._known[suffix] = _look(part)
        self.gave_back()  # perhaps: what a reader kept a checkpoint from cutting is still in the file

    def begin(self) -> None:
        """Begin a transaction on files that are what they were; until it has begun, others may empty the log."""
        self.check()
        self._db.execute("BEGIN IMMEDIATE")
        while self._log_is_shorter():
            self._db.execute("ROLLBACK")
            self.check()
            self._db.execute("BEGIN IMMEDIATE")

    def _log_is_shorter(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return _look(self._parts["-wal"])[1] < self._known["-wal"][1]
        return False

    def settle(self) -> None:
        """A transaction is over: they may be longer. What else has changed was not its doing, and `check` tells it.

        Shorter is only what SQLite cut: the database to its own size when a checkpoint gives pages back, the log to
        WAL_LIMIT, or to what the transaction has written where that is more.
        """
        for suffix, part in self._parts.items():
            with contextlib.suppress(FileNotFoundError):
                identity, now = _look(part)
                before, size = self._known.get(suffix, (identity, now))
                if identity == before and (now >= size or (now >= WAL_LIMIT if suffix else now == own_size(self._db))):
                    self._known[suffix] = identity, now if suffix else self._sure(now)

    def _sure(self, size: int) -> int:
        """What of a database's size no checkpoint cuts."""
        if self._least < sys.maxsize and size <= own_size(self._db):
            self._least = sys.maxsize  # all that was given back has been cut
        return min(size, self._least)

    def gave_back(self) -> None:
        """Pages were given back: the next checkpoint cuts the database, be it another program's."""
        self._least = own_size(self._db)
        self.settle()

    def check(self) -> None:
        """Raise FilesLost unless they are what they were: the same ones, and none of them shorter."""
        for suffix, (before, size) in self._known.items():
            part = self._parts[suffix]
            try:
                identity, now = _look(part)
            except FileNotFoundError:
                raise self._lost(part, "was deleted") from None
            if identity != before:
                raise self._lost(part, "was replaced")
            if now < size:
                if suffix == "-shm":
                    _renew_index(part, size)
                elif suffix == "-wal" and not now and self._is_merged():
                    self._known[suffix] = identity, now
                else:
                    raise self._lost(part, "was cut", whole=False)

    def _is_merged(self) -> bool:
        """Whether the log is empty since another program merged all of it into the database (a TRUNCATE checkpoint).

        SQLite empties its index before it. Where something else emptied the log, the index has pages that can't be
        copied. An index that was cut, too, says nothing: it is made from the log.
        """
        before, size = self._known["-shm"]
        try:
            identity, now = _look(self._parts["-shm"])
            if identity != before or now < size:
                return False
            busy, pages, _ = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except (FileNotFoundError, sqlite3.Error):
            return False
        return bool(busy) or pages == 0  # busy: that checkpoint is at its end

    def _lost(self, part: Path, what: str, *, whole: bool = True) -> FilesLost:
        return FilesLost(self._path, f"`{part.name}` {what}", whole=whole and part != self._path)


def _look(path: Path) -> tuple[Identity, int]:
    status = os.stat(path)  # noqa: PTH116 - no Path object for a hot check
    return Identity(status.st_dev, status.st_ino), status.st_size


def _renew_index(shm: Path, size: int) -> None:
    """Give the index of the write-ahead log its size again, as zeros, which SQLite makes anew from the log.

    Every connection has it in memory: who touched what was cut off would end with SIGBUS.
    """
    os.truncate(shm, 0)
    os.truncate(shm, size)


def set_aside(path: Path, stamp: int) -> Path | None:
    """Rename a database and its companions to `<name>.damaged-<stamp>`, so that a new one can take its place.

    If there is none, or an empty one, nothing is kept: then it was deleted on purpose, and a log alone is useless.
    """
    target = path.with_name(f"{path.name}.damaged-{stamp}")
    there = path.exists() and path.stat().st_size > 0
    for suffix in ("", *COMPANIONS):
        with contextlib.suppress(FileNotFoundError):
            part = path.with_name(path.name + suffix)
            if there:
                part.rename(target.with_name(target.name + suffix))
            else:
                part.unlink()
    return target if there else None


def delete(path: Path) -> None:
    """Delete a database and its companions, if it is there."""
    for suffix in ("", *COMPANIONS):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def put_in_place(path: Path, fresh: Path) -> None:
    """Put a database that was written anew where the old one is; who is killed meanwhile leaves either."""
    for suffix in COMPANIONS:  # a log is of one database, and SQLite would apply it to any
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    fresh.replace(path)


def is_busy(error: sqlite3.Error) -> bool:
    """Whether somebody else held the database for longer than BUSY: it is to be asked again."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def is_damage(error: BaseException) -> bool:
    """Whether it says that a database is broken or has what nobody wrote; a full disk or a lock is something else."""
    if not isinstance(error, sqlite3.Error):
        return isinstance(error, StoreDamaged | msgspec.DecodeError | UnicodeDecodeError)
    code = getattr(error, "sqlite_errorcode", 0)
    # The primary result code is the low byte; extended ones say where. Who reads past the end has a file that was cut.
    if code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or code == sqlite3.SQLITE_IOERR_SHORT_READ:
        return True
    return not code and "Could not decode to UTF-8" in str(error)  # Python's own, of a text


@contextmanager
def damage_noticed(path: Path) -> Iterator[None]:
    """Turn all of that into StoreDamaged."""
    try:
        yield
    except (sqlite3.Error, msgspec.DecodeError, UnicodeDecodeError) as error:
        if not is_damage(error):
            raise
        # Of SQLite's own words alone it is known that they quote no row.
        why = str(error) if getattr(error, "sqlite_errorcode", 0) else "a value can't be read"
        raise StoreDamaged(path, why) from error


def own_size(connection: sqlite3.Connection) -> int:
    """Bytes of a database by its own count of pages."""
    (pages,), (size,) = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    return int(pages) * int(size)


def open_writer(
    path: Path,
    *,
    application: int,
    migrations: Sequence[str],
    complete: Callable[[sqlite3.Connection], None] = lambda _: None,
    synchronous: Literal["NORMAL", "FULL"] = "NORMAL",
) -> sqlite3.Connection:
    """Open or create a database and bring it to the newest format, in one transaction: no reader sees a half of it.

    `application` marks the file as ours. `migrations[n]` is the SQL that leads from `user_version` n to n + 1; before
    an existing file is changed a copy of it is kept as `<name>.v<n>`. `complete` adds what a database of any version
    may lack. Raises StoreTooNew and StoreDamaged.
    """
    _create(path)
    # Isolation level None: transactions are begun and ended in the open. The owner sees to one thread at a time.
    connection = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
    try:
        with damage_noticed(path):
            _configure(connection, path, application, migrations, synchronous)
            _upgrade(connection, path, application, migrations, complete)
    except BaseException:
        connection.close()
        raise
    return connection


def _create(path: Path) -> None:
    """Make the file, for us alone: its companions get the same mode.

    One that is there is not opened: closing it would drop the locks that this process's other connections hold on it.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        os.close(os.open(path, flags, 0o600))
    except FileExistsError:
        if path.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from None


def refuse_newer(path: Path, supported: int) -> None:
    """Raise StoreTooNew if the database has a format above `supported`; a missing or damaged one is no matter here."""
    try:
        connection = open_reader(path)
        try:
            version = _pragma(connection, "user_version")
        finally:
            connection.close()
    except sqlite3.Error:
        return
    if version > supported:
        raise StoreTooNew(path, version, supported)


class Reading(sqlite3.Connection):
    """A read-only connection, with answers that hold as long as its `PRAGMA data_version` says that nothing changed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._answers: dict[str, tuple[Hashable, Any]] = {}  # the newest of each kind, with what was asked

    def kept(self, kind: str, asked: Hashable, answer: Callable[[], _T]) -> _T:
        """The answer to a question of some kind, from before if it was asked the same and nothing was committed."""
        now = (self.execute("PRAGMA data_version").fetchone()[0], asked)
        if kind not in self._answers or self._answers[kind][0] != now:
            self._answers[kind] = (now, answer())
        known: _T = self._answers[kind][1]
        return known


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
    connection.execute("PRAGMA mmap_size = 0")  # a mapped file that somebody cuts ends the process with SIGBUS
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def _configure(
    connection: sqlite3.Connection, path: Path, application: int, migrations: Sequence[str], synchronous: str
) -> None:
    """Refuses what isn't ours, or is newer; else sets what holds for this connection and for the file."""
    version = _pragma(connection, "user_version")
    tables = _has_tables(connection)
    if tables and _pragma(connection, "application_id") != application:
        raise StoreDamaged(path, "it is a database of another program")
    if version > len(migrations):
        raise StoreTooNew(path, version, len(migrations))
    if not tables:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # so that pruning can give space back
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute(f"PRAGMA cache_size = -{WRITER_CACHE}")
    connection.execute("PRAGMA mmap_size = 0")  # a mapped file that somebody cuts ends the process with SIGBUS
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")


def _upgrade(
    connection: sqlite3.Connection,
    path: Path,
    application: int,
    migrations: Sequence[str],
    complete: Callable[[sqlite3.Connection], None],
) -> None:
    version = _pragma(connection, "user_version")
    begin = "BEGIN IMMEDIATE;"
    if version < len(migrations):
        if _has_tables(connection):
            copy_to(path.with_name(f"{path.name}.v{version}"), connection)
        steps = "".join(migrations[version:])
        begin += f"{steps} PRAGMA application_id = {application}; PRAGMA user_version = {len(migrations)};"
    connection.executescript(begin)
    complete(connection)
    connection.execute("COMMIT")


def _has_tables(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])


def copy_to(target: Path, connection: sqlite3.Connection) -> None:
    """Write what a connection sees to another file, page by page."""
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    written = sqlite3.connect(target)
    try:
        connection.backup(written)
    finally:
        written.close()


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value = connection.execute(f"PRAGMA {name}").fetchone()[0]
    assert isinstance(value, int)  # noqa: S101 - both pragmas are integers of the file's header
    return value
