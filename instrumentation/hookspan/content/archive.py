"""The archive: transcripts byte for byte, in blocks of lines. A block that several have (forks) is kept once.

A transcript's newest lines wait in a table of their own until they are a block: packed together, they take a third of
the processor's time and two thirds of the room that each by itself takes.
"""

from __future__ import annotations

import itertools
import re
import sqlite3
import zlib
from collections.abc import Iterator
from hashlib import blake2b
from typing import Final, TypeAlias

import msgspec

from .database import ContentDb, File

_PROMPT_ID: Final = b'"promptId":"'
_PROMPT: Final = re.compile(rb'"promptId":"([^"\\\x00-\x1f]{8,128})"')
_SESSION_MARK, _PROMPT_MARK = b"\x00", b"\x01"
"""No text in JSON has these bytes. A line that has one all the same is kept as it is, with `_AS_IT_IS` for a prompt."""
_AS_IT_IS: Final = b"\x00"
BLOCK, BLOCK_MAX, BLOCK_BYTES = 64, 256, 256 << 10
"""Lines of a block, which is packed as one: as many on an average, and at most; bytes from which it ends.

It ends after a line whose own bytes say so, and not after so many: a copy with some lines more has the same blocks.
"""
SETTLED: Final = 50
"""Files whose last lines are made a block in one transaction."""
BLOCK_LEVEL: Final = 1
"""Of zlib. For 1,000 lines of 0.8 kB: 5 ms and 240 kB; by level 6 12 ms and 216 kB; each line by itself 20 and 360."""
_COMMON: Final = (
    b'{"type":"text","text":"","is_error":false,"toolUseResult":{"stdout":"","stderr":"","interrupted":false,"isImage"'
    b':false},"type":"tool_result","tool_use_id":"toolu_","structuredPatch":[{"oldStart":,"oldLines":,"newStart":,'
    b'"newLines":,"lines":["originalFile":"permissionMode":"default","stop_sequence":null,"usage":{"input_tokens":,'
    b'"cache_creation_input_tokens":,"cache_read_input_tokens":,"cache_creation":{"ephemeral_5m_input_tokens":,'
    b'"ephemeral_1h_input_tokens":},"output_tokens":,"service_tier":"standard"}},"requestId":"req_","stop_reason":'
    b'"tool_use","message":{"model":"claude-","id":"msg_","type":"message","role":"assistant","content":[{"type":'
    b'"tool_use","id":"toolu_","name":"Bash","input":{"command":"","description":"{"parentUuid":"","isSidechain":false,'
    b'"promptId":"\x01","type":"user","message":{"role":"user","content":"","uuid":"","timestamp":"2026-","userType":'
    b'"external","entrypoint":"cli","cwd":"/home/","sessionId":"\x00","version":"2.1.","gitBranch":"main"}\n'
)
"""What lines have in common, for the packer."""

Runs: TypeAlias = list[tuple[int, bytes | None]]
"""The prompts of lines: so many of each."""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Runs).decode


class ArchivedFile(msgspec.Struct, frozen=True):
    """A transcript in the archive: its key, where it lay, and whose it is (empty: the main conversation's)."""

    key: int
    path: str
    subagent: str
    replaced: bool


class Archive:
    """Appends lines of transcripts. For one writer; after a failed transaction make another."""

    def __init__(self, content: ContentDb) -> None:
        self._db = content.db
        self._tails: dict[int, tuple[int, int]] = {}  # by file: lines and bytes that are in no block yet
        self._new: list[tuple[bytes, bytes | None]] = []  # those of them that the database does not have yet
        self._prompt = b"\0"  # the newest line's, with the quote behind it: that of the next one, mostly

    def add(self, file: File, session: str, line: bytes) -> None:
        """Append a line, with its LF. `end` comes before another file, and before the transaction's end."""
        # The first line's file may have the key of one that was deleted.
        lines, size = (self._tails.get(file.key) or self._tail(file.key)) if file.lines else (0, 0)
        data, _ = new = self._without_ids(line, session.encode())
        self._new.append(new)
        file.lines += 1
        lines, size = lines + 1, size + len(data)
        if zlib.crc32(data) % BLOCK == 0 or lines >= BLOCK_MAX or size >= BLOCK_BYTES:
            self._pack(file.key, file.lines, lines > len(self._new))
            lines = size = 0
        self._tails[file.key] = lines, size

    def end(self, file: File) -> None:
        """Keep what is no block yet."""
        if self._new:
            row = (file.key, b"".join(data for data, _ in self._new), _encode(_runs(self._new)).decode())
            self._db.execute("INSERT INTO tail (file, data, prompt) VALUES (?, ?, ?)", row)
            self._new = []

    def settle(self, before: int) -> bool:
        """Make blocks of what is left of sessions without an event since then (Unix ns); False if there is nothing."""
        sql = (
            "SELECT DISTINCT file, lines FROM tail JOIN file USING (file) JOIN session USING (session) "
            "WHERE last < ? LIMIT ?"
        )
        files = self._db.execute(sql, (before, SETTLED)).fetchall()
        for file, lines in files:
            self._pack(file, lines, in_tail=True)
            self._tails.pop(file, None)
        return bool(files)

    def _tail(self, file: int) -> tuple[int, int]:
        rows = self._db.execute("SELECT length(data), prompt FROM tail WHERE file = ?", (file,)).fetchall()
        return sum(_count(_runs_of(prompt)) for _, prompt in rows), sum(size for size, _ in rows)

    def _pack(self, file: int, end: int, in_tail: bool) -> None:
        """Make a block of a file's lines before `end`."""
        parts, runs = [data for data, _ in self._new], _runs(self._new)
        if in_tail:
            rows = self._db.execute("SELECT data, prompt FROM tail WHERE file = ? ORDER BY tail", (file,)).fetchall()
            self._db.execute("DELETE FROM tail WHERE file = ?", (file,))
            parts = [*(data for data, _ in rows), *parts]
            runs = [*(run for _, prompt in rows for run in _runs_of(prompt)), *runs]
        packer = zlib.compressobj(BLOCK_LEVEL, zlib.DEFLATED, -15, zdict=_COMMON)
        packed = packer.compress(b"".join(parts)) + packer.flush()
        digest = blake2b(packed, digest_size=16).digest()
        row = self._db.execute("SELECT line FROM line WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            key = self._db.execute("INSERT INTO line (digest, data) VALUES (?, ?)", (digest, packed)).lastrowid
        else:
            key = row[0]
        self._db.execute(
            "INSERT INTO part (file, number, line, prompt) VALUES (?, ?, ?, ?)",
            (file, end - _count(runs), key, _encode(runs).decode()),
        )
        self._new = []

    def _without_ids(self, line: bytes, session: bytes) -> tuple[bytes, bytes | None]:
        """A line without what a fork changes, and the prompt's id that was taken out."""
        if _SESSION_MARK in line:
            return line, _AS_IT_IS
        data = line.replace(session, _SESSION_MARK)
        at = data.find(_PROMPT_ID)
        if at < 0:
            return data, None
        if not data.startswith(self._prompt, at + len(_PROMPT_ID)):
            if not (match := _PROMPT.search(data, at)):
                return data, None
            self._prompt = match[1] + b'"'
        if _PROMPT_MARK in line:
            return line, _AS_IT_IS
        prompt = self._prompt[:-1]
        return data.replace(prompt, _PROMPT_MARK), prompt


def _runs(lines: list[tuple[bytes, bytes | None]]) -> Runs:
    return [(len([*run]), prompt) for prompt, run in itertools.groupby(prompt for _, prompt in lines)]


def _runs_of(prompts: str | bytes | None) -> Runs:
    """As they are kept: encoded, or the prompt of a line by itself, as all were once."""
    return _decode(prompts) if isinstance(prompts, str) else [(1, prompts)]


def _count(runs: Runs) -> int:
    return sum(count for count, _ in runs)


def _with_ids(data: bytes, session: bytes, prompt: bytes | None) -> bytes:
    if prompt == _AS_IT_IS:
        return data
    line = data.replace(_SESSION_MARK, session)
    return line if prompt is None else line.replace(_PROMPT_MARK, prompt)


def archived_files(db: sqlite3.Connection, session: str) -> list[ArchivedFile]:
    """A session's transcripts in the archive, the main one first."""
    rows = db.execute(
        "SELECT file, path, subagent, replaced FROM file JOIN session USING (session) WHERE id = ? AND archived "
        "ORDER BY subagent, path, file",
        (session,),
    )
    return [ArchivedFile(key, path, subagent, bool(replaced)) for key, path, subagent, replaced in rows]


def archived_lines(db: sqlite3.Connection, session: str, file: int) -> Iterator[bytes]:
    """The lines of one, with their LFs, as they were."""
    name = session.encode()
    packed = "SELECT data, prompt FROM part JOIN line USING (line) WHERE file = ? ORDER BY number"
    for data, prompts in db.execute(packed, (file,)):
        unpacker = zlib.decompressobj(-15, zdict=_COMMON)
        yield from _lines(unpacker.decompress(data) + unpacker.flush(), prompts, name)
    for data, prompts in db.execute("SELECT data, prompt FROM tail WHERE file = ? ORDER BY tail", (file,)):
        yield from _lines(data, prompts, name)


def _lines(data: bytes, prompts: str | bytes | None, session: bytes) -> Iterator[bytes]:
    if not isinstance(prompts, str):
        yield _with_ids(data, session, prompts)
        return
    of_lines = (prompt for count, prompt in _decode(prompts) for _ in range(count))
    for line, prompt in zip(data.split(b"\n"), of_lines, strict=False):  # nothing follows the last LF
        yield _with_ids(line + b"\n", session, prompt)
