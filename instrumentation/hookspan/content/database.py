"""The SQLite database of kept content: sessions, their transcripts line by line, and the words of their messages.

One database, so that what is archived and what is found advance in one transaction and are deleted in one. Freed pages
are overwritten, and the words of deleted messages are merged away at once: no byte of what is deleted stays.
"""

# ruff: noqa: S608 - statements are put together from names of our own; values are always bound

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from collections.abc import Collection, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from hookspan.observe.transcript_paths import IN_JOURNAL
from hookspan.paths import Paths
from hookspan.store import schema
from hookspan.store.database import Files, open_writer

from . import words

APPLICATION: Final = 0x68737063  # "hspc"
NANOSECONDS: Final = 1_000_000_000
DAY: Final = 86_400 * NANOSECONDS
SESSION: Final = "session"
"""The kind of a session's title and labels, beside those of messages."""
SLOT: Final = 7 * DAY
"""The words of so much time are an index of their own: deleting merges no more than that."""
TEXT_MAX: Final = 64 << 10
"""Characters of a message that are found and shown in snippets."""
LEVEL, MEMORY = 6, 6  # of zlib: less memory to begin with is a third of the time, and no byte more
PACK_FROM: Final = 160
"""Characters of a text from which it is packed."""
CACHE: Final = 4 << 10  # KiB of pages of the connection that writes
BATCH: Final = 2_000
"""Rows that a prune deletes in one transaction."""
PAGES: Final = 1_000
"""Pages that are given back in one transaction, 50 ms."""

# Keys of messages are their times, Unix ns, made unique: the index's own order is that of time, and a range of dates is
# a range of keys. `name` is the same in a copy of the transcript (a fork's begins with its parent's), so that nothing
# is found twice. A block of a transcript's lines is kept once, whichever file it stands in, with the ids of its session
# and prompts taken out: those are all that a fork changes.
_FIRST: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE session (
    session INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL, branch TEXT NOT NULL,
    model TEXT NOT NULL, title TEXT NOT NULL, last INTEGER NOT NULL
);
CREATE TABLE file (
    file INTEGER PRIMARY KEY, session INTEGER NOT NULL, path TEXT NOT NULL, subagent TEXT NOT NULL,
    device INTEGER NOT NULL, inode INTEGER NOT NULL, indexed INTEGER NOT NULL DEFAULT 0,
    archived INTEGER NOT NULL DEFAULT 0, lines INTEGER NOT NULL DEFAULT 0, turn TEXT NOT NULL DEFAULT '',
    replaced INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX file_session ON file (session, path);
CREATE INDEX file_path ON file (path);
CREATE TABLE line (line INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, data BLOB NOT NULL);
CREATE TABLE part (
    file INTEGER NOT NULL, number INTEGER NOT NULL, line INTEGER NOT NULL, prompt BLOB, PRIMARY KEY (file, number)
) WITHOUT ROWID;
CREATE INDEX part_line ON part (line);
CREATE TABLE message (
    message INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, session INTEGER NOT NULL, file INTEGER NOT NULL,
    kind TEXT NOT NULL, turn TEXT NOT NULL, call TEXT NOT NULL, tool_call TEXT NOT NULL, tool TEXT NOT NULL,
    failed INTEGER NOT NULL, scope INTEGER NOT NULL, text NOT NULL
);
CREATE TABLE scope (scope INTEGER PRIMARY KEY, session INTEGER NOT NULL, words TEXT NOT NULL UNIQUE);
CREATE INDEX scope_session ON scope (session);
CREATE INDEX message_session ON message (session);
CREATE INDEX message_file ON message (file);
"""
# Lines that are in no block yet; `line` has blocks, beside lines that were kept by themselves.
_BLOCKS: Final = """
CREATE TABLE tail (tail INTEGER PRIMARY KEY, file INTEGER NOT NULL, data BLOB NOT NULL, prompt BLOB);
CREATE INDEX tail_file ON tail (file);
"""
MIGRATIONS: Final = (_FIRST, _BLOCKS)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the index says of a session; times in Unix ns."""

    id: str
    project: str = ""
    branch: str = ""
    model: str = ""
    title: str = ""
    started: int = 0
    last: int = 0


class File(msgspec.Struct):
    """A transcript as far as it is in, in bytes. `turn`: that of the newest message, `lines`: archived ones."""

    key: int
    indexed: int
    archived: int
    lines: int
    turn: str


class Row(msgspec.Struct, kw_only=True):
    """A message to be found."""

    name: str
    at: int
    kind: str
    text: str
    turn: str = ""
    call: str = ""
    tool_call: str = ""
    tool: str = ""
    failed: bool = False


class Deleted(msgspec.Struct, kw_only=True):
    """What was deleted; `done` if that was all."""

    sessions: int = 0
    messages: int = 0
    lines: int = 0
    done: bool = True


def token(letter: str, value: str) -> str:
    """What stands for a value in the column `scope`, one word whatever it holds."""
    return letter + blake2b(value.encode("utf-8", "replace"), digest_size=6).hexdigest()


def scope_of(session: Kept, row: Row) -> str:
    """What a message can be filtered by."""
    values = (("p", session.project), ("b", session.branch), ("m", session.model), ("s", session.id), ("t", row.tool))
    found = [token(letter, value) for letter, value in values if value]
    return " ".join([*found, token("k", row.kind), *(["failed"] if row.failed else [])])


def pack(text: str) -> str | bytes:
    """A text as it is kept: packed if that is worth it."""
    if len(text) < PACK_FROM:
        return text
    packer = zlib.compressobj(LEVEL, memLevel=MEMORY)
    return packer.compress(text.encode()) + packer.flush()


def unpack(text: str | bytes) -> str:
    """The text."""
    return text if isinstance(text, str) else zlib.decompress(text).decode()


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What is past its time; times in Unix ns.

    Attributes:
        content: Messages before it of transcripts that are not archived.
        archive: Archived sessions without an event from then on.
        titles: Titles of sessions that began before it and are not archived.
        bytes: Size above which the oldest archived sessions go, too.
    """

    content: int
    archive: int
    titles: int
    bytes: int


_OLD_MESSAGES: Final = "FROM file JOIN message USING (file) WHERE NOT archived AND message < ?"
_OLD_SESSIONS: Final = "FROM session WHERE last < ? AND session IN (SELECT session FROM file WHERE archived)"


def prunable(db: sqlite3.Connection, limits: Limits) -> Deleted:
    """What `ContentDb.prune` would delete by age, all rounds of it together."""
    (messages,) = db.execute(f"SELECT count(*) {_OLD_MESSAGES}", (limits.content,)).fetchone()
    (sessions,) = db.execute(f"SELECT count(*) {_OLD_SESSIONS}", (limits.archive,)).fetchone()
    return Deleted(messages=messages, sessions=sessions)


class ContentDb:
    """For one writer at a time."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path = path
        self.db = db
        self._files = Files(path, db)
        self._slots = {int(name.removeprefix("words_")) for name in slots(db)}

    @classmethod
    def open(cls, paths: Paths) -> Self:
        """Open or make it. Raises StoreTooNew, StoreDamaged, OSError and sqlite3.Error."""
        db = open_writer(paths.content_db, application=APPLICATION, migrations=MIGRATIONS)
        try:
            db.execute("PRAGMA secure_delete = ON")
            db.execute(f"PRAGMA cache_size = -{CACHE}")
            self = cls(paths.content_db, db)
            self._see_to_version()
        except BaseException:
            db.close()
            raise
        return self

    def close(self) -> None:
        """Close it."""
        self.db.close()

    def check(self) -> None:
        """Raise FilesLost unless the files are what they were."""
        self._files.check()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block, or nothing. Raises FilesLost."""
        self._files.begin()
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            self._slots = {int(name.removeprefix("words_")) for name in slots(self.db)}
            raise
        self._files.settle()

    # --- Adding

    def session(self, kept: Kept) -> int:
        """The session's key; what is said of it is brought up to date, and is found itself."""
        known = self.db.execute(
            "SELECT session, project, branch, model, title, last FROM session WHERE id = ?", (kept.id,)
        ).fetchone()
        values = (kept.project, kept.branch, kept.model, kept.title, kept.last)
        if known is None:
            key = self.db.execute(
                "INSERT INTO session (project, branch, model, title, last, id) VALUES (?, ?, ?, ?, ?, ?)",
                (*values, kept.id),
            ).lastrowid
            assert key is not None  # noqa: S101 - a row was inserted
        else:
            key = known[0]
            if known[1:] == values:
                return int(key)
            self.db.execute(
                "UPDATE session SET project = ?, branch = ?, model = ?, title = ?, last = ? WHERE session = ?",
                (*values, key),
            )
        if known is None or known[1:5] != values[:4]:
            self._delete_messages("name = ?", f"session:{kept.id}")
            text = "\n".join(filter(None, (kept.title, kept.project, kept.branch)))
            self.add(key, 0, kept, Row(name=f"session:{kept.id}", at=kept.started, kind=SESSION, text=text))
        return int(key)

    def file(self, session: int, path: str, subagent: str, inode: int, size: int) -> File:
        """The file of a session. One that was replaced or cut stays as it was, beside the new one.

        The column `device` is of former versions: a disk may have another number after each start of the machine.
        """
        inode &= schema.INTEGER_MAX
        known = self.db.execute(
            "SELECT file, indexed, archived, lines, turn, inode FROM file "
            "WHERE session = ? AND path = ? AND subagent = ? AND NOT replaced",
            (session, path, subagent),
        ).fetchone()
        if known is not None:
            if known[5] == inode and size >= max(known[1:3]):
                return File(*known[:5])
            self.db.execute("UPDATE file SET replaced = 1 WHERE file = ?", known[:1])
        key = self.db.execute(
            "INSERT INTO file (session, path, subagent, device, inode) VALUES (?, ?, ?, 0, ?)",
            (session, path, subagent, inode),
        ).lastrowid
        assert key is not None  # noqa: S101 - a row was inserted
        return File(key, 0, 0, 0, "")

    def has_files(self, session: int) -> bool:
        """Whether it has transcripts here, also such as were deleted."""
        sql = "SELECT 1 FROM file WHERE session = ? AND path NOT GLOB ? LIMIT 1"
        return self.db.execute(sql, (session, f"{IN_JOURNAL}*")).fetchone() is not None

    def drop_events(self, session: int) -> list[int]:
        """Delete what was taken from a session's hook events; the keys of the files that stood for them."""
        sql = "SELECT file FROM file WHERE session = ? AND path GLOB ?"
        files: list[int] = [file for (file,) in self.db.execute(sql, (session, f"{IN_JOURNAL}*"))]
        for file in files:
            self._delete_messages("file = ?", file)
            self.db.execute("DELETE FROM file WHERE file = ?", (file,))
        return files

    def save(self, file: File) -> None:
        """Note how far a file is in."""
        self.db.execute(
            "UPDATE file SET indexed = ?, archived = ?, lines = ?, turn = ? WHERE file = ?",
            (file.indexed, file.archived, file.lines, file.turn, file.key),
        )

    def add(self, session: int, file: int, kept: Kept, row: Row) -> bool:
        """Have a message found; False if it is there already."""
        if self.db.execute("SELECT 1 FROM message WHERE name = ?", (row.name,)).fetchone():
            return False
        key = max(1, row.at)
        while self.db.execute("SELECT 1 FROM message WHERE message = ?", (key,)).fetchone():
            key += 1
        text = row.text[:TEXT_MAX].encode("utf-8", "replace").decode()
        scope = scope_of(kept, row)
        of_it = self._scope(session, scope)
        about = (row.name, session, file, row.kind, row.turn, row.call, row.tool_call, row.tool, row.failed, of_it)
        self.db.execute(
            "INSERT INTO message "
            "(message, name, session, file, kind, turn, call, tool_call, tool, failed, scope, text) "
            f"VALUES ({', '.join('?' * 12)})",
            (key, *about, pack(text)),
        )
        self._index(key, scope, text)
        return True

    def _scope(self, session: int, text: str) -> int:
        """The key of what some messages can be filtered by: few are different."""
        row = self.db.execute("SELECT scope FROM scope WHERE words = ?", (text,)).fetchone()
        key = (
            row[0]
            if row
            else self.db.execute("INSERT INTO scope (session, words) VALUES (?, ?)", (session, text)).lastrowid
        )
        assert isinstance(key, int)  # noqa: S101 - it is a key
        return key

    def _index(self, key: int, scope: str, text: str) -> None:
        slot = key // SLOT
        if slot not in self._slots:
            self.db.execute(
                f"CREATE VIRTUAL TABLE words_{slot} USING fts5"
                "(scope, words, content='', columnsize=0, tokenize='unicode61 remove_diacritics 2')"
            )
            self._slots.add(slot)
        self.db.execute(
            f"INSERT INTO words_{slot} (rowid, scope, words) VALUES (?, ?, ?)",
            (key, scope, words.indexed(text)),
        )

    # --- Deleting

    def sessions_of(self, projects: Collection[str], since: int) -> list[str]:
        """Sessions of these projects with an event from `since` on (Unix ns)."""
        rows = self.db.execute("SELECT id, project FROM session WHERE last >= ?", (since,))
        return [id_ for id_, project in rows if project in projects]

    def forget(self, sessions: Sequence[str]) -> Deleted:
        """Delete sessions to the last byte. Raises sqlite3.OperationalError while somebody reads."""
        deleted = Deleted()
        for name in sessions:
            with self.transaction():
                self._forget(name, deleted)
        self.erase()
        return deleted

    def _forget(self, name: str, deleted: Deleted) -> None:
        row = self.db.execute("SELECT session FROM session WHERE id = ?", (name,)).fetchone()
        if row is None:
            return
        deleted.messages += self._delete_messages("message.session = ?", row[0])
        for (file,) in self.db.execute("SELECT file FROM file WHERE session = ?", row).fetchall():
            lines = self.db.execute("SELECT DISTINCT line FROM part WHERE file = ?", (file,)).fetchall()
            self.db.execute("DELETE FROM part WHERE file = ?", (file,))
            self.db.execute("DELETE FROM tail WHERE file = ?", (file,))
            self.db.executemany(
                "DELETE FROM line WHERE line = ? AND NOT EXISTS (SELECT 1 FROM part WHERE part.line = line.line)", lines
            )
        (archived,) = self.db.execute("SELECT coalesce(sum(lines), 0) FROM file WHERE session = ?", row).fetchone()
        deleted.lines += archived
        self.db.execute("DELETE FROM scope WHERE session = ?", row)
        self.db.execute("DELETE FROM file WHERE session = ?", row)
        self.db.execute("DELETE FROM session WHERE session = ?", row)
        deleted.sessions += 1

    def prune(self, limits: Limits) -> Deleted:
        """Delete some of what is past its time, so that others come through."""
        deleted = Deleted()
        with self.transaction():
            old = f"message IN (SELECT message {_OLD_MESSAGES} LIMIT {BATCH})"
            deleted.messages += self._delete_messages(old, limits.content)
            titles = (
                "kind = 'session' AND message < ? AND message.session NOT IN (SELECT session FROM file WHERE archived)"
            )
            self._delete_messages(titles, limits.titles)
            session = self.db.execute(f"SELECT id {_OLD_SESSIONS} ORDER BY last LIMIT 1", (limits.archive,)).fetchone()
            if session is None and size(self.db) > limits.bytes:
                session = self.db.execute(
                    f"SELECT id {_OLD_SESSIONS} ORDER BY last LIMIT 1", (schema.INTEGER_MAX,)
                ).fetchone()
            if session is not None:
                self._forget(session[0], deleted)
            self.db.execute(
                "DELETE FROM file WHERE NOT archived AND session IN (SELECT session FROM session WHERE last < ?) "
                "AND NOT EXISTS (SELECT 1 FROM message WHERE message.file = file.file)",
                (limits.content,),
            )
            self.db.execute(
                "DELETE FROM session WHERE last < ? "
                "AND NOT EXISTS (SELECT 1 FROM file WHERE file.session = session.session) "
                "AND NOT EXISTS (SELECT 1 FROM message WHERE message.session = session.session)",
                (limits.content,),
            )
            self.db.execute("DELETE FROM scope WHERE session NOT IN (SELECT session FROM session)")
        deleted.done = not deleted.sessions and deleted.messages < BATCH
        return deleted

    def _delete_messages(self, where: str, *values: Any) -> int:
        rows = self.db.execute(
            f"SELECT message, words, text FROM message JOIN scope USING (scope) WHERE {where}", values
        ).fetchall()
        for key, scope, text in rows:
            slot = key // SLOT
            self.db.execute(
                f"INSERT INTO words_{slot} (words_{slot}, rowid, scope, words) VALUES ('delete', ?, ?, ?)",
                (key, scope, words.indexed(unpack(text))),
            )
            self.db.execute("DELETE FROM message WHERE message = ?", (key,))
        for slot in {key // SLOT for key, _, _ in rows}:
            self.db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, 1)", (f"unmerged_{slot}",))
        return len(rows)

    def erase(self) -> None:
        """Merge the words of deleted messages away, give pages back, and empty the write-ahead log.

        It goes on where it was broken off, also by another process. Raises sqlite3.OperationalError while somebody
        reads the log.
        """
        for (name,) in self.db.execute("SELECT name FROM meta WHERE name GLOB 'unmerged_*'").fetchall():
            slot = int(name.removeprefix("unmerged_"))
            with self.transaction():
                if slot in self._slots:
                    between = (slot * SLOT, (slot + 1) * SLOT)
                    if self.db.execute(
                        "SELECT 1 FROM message WHERE message >= ? AND message < ? LIMIT 1", between
                    ).fetchone():
                        self.db.execute(f"INSERT INTO words_{slot} (words_{slot}) VALUES ('optimize')")
                    else:
                        self.db.execute(f"DROP TABLE words_{slot}")
                        self._slots.discard(slot)
                self.db.execute("DELETE FROM meta WHERE name = ?", (name,))
        self._give_back()
        busy = self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        self._files.note()
        if busy:
            raise sqlite3.OperationalError("somebody reads it")

    def _give_back(self) -> None:
        (free,) = self.db.execute("PRAGMA freelist_count").fetchone()
        for _ in range(0, free, PAGES):
            with self.transaction():
                for _ in range(PAGES):
                    self.db.execute("PRAGMA incremental_vacuum(1)")  # one step, as `execute` makes, is one page
            self._files.gave_back()

    def _see_to_version(self) -> None:
        """Make the words anew if another version made them."""
        row = self.db.execute("SELECT value FROM meta WHERE name = 'words'").fetchone()
        if row is not None and row[0] == words.VERSION:
            return
        with self.transaction():
            for slot in sorted(self._slots):
                self.db.execute(f"DROP TABLE words_{slot}")
            self._slots.clear()
            for key, scope, text in self.db.execute(
                "SELECT message, words, text FROM message JOIN scope USING (scope) ORDER BY message"
            ):
                self._index(key, scope, unpack(text))
            self.db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('words', ?)", (words.VERSION,))


def slots(db: sqlite3.Connection) -> list[str]:
    """The tables of words, the newest first."""
    sql = "SELECT coalesce(group_concat(name), '') FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL TABLE words_%'"
    (names,) = db.execute(sql).fetchone()
    return sorted(filter(None, names.split(",")), key=lambda name: -int(name.removeprefix("words_")))


def size(db: sqlite3.Connection) -> int:
    """Bytes of the pages in use."""
    pages, free, page = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * page)
