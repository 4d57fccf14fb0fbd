"""The archive: transcripts line by line, byte for byte. A line that several have (forks, resumes) is kept once."""

from __future__ import annotations

import re
import sqlite3
import zlib
from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

import msgspec

from .database import LEVEL, MEMORY, ContentDb, File

_PROMPT: Final = re.compile(rb'"promptId":"([^"\\\x00-\x1f]{8,128})"')
_SESSION_MARK, _PROMPT_MARK = b"\x00", b"\x01"
"""No text in JSON has these bytes. A line that has one all the same is kept as it is, with `_AS_IT_IS` for a prompt."""
_AS_IT_IS: Final = b"\x00"
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
"""What lines have in common, for the packer: a third less of a short line."""


class ArchivedFile(msgspec.Struct, frozen=True):
    """A transcript in the archive: its key, where it lay, and whose it is (empty: the main conversation's)."""

    key: int
    path: str
    subagent: str
    replaced: bool


def add_line(content: ContentDb, file: File, session: str, line: bytes) -> None:
    """Append a line, with its LF."""
    prompt: bytes | None = _AS_IT_IS
    data = line
    if _SESSION_MARK not in line and _PROMPT_MARK not in line:
        prompt = None
        data = line.replace(session.encode(), _SESSION_MARK)
        if match := _PROMPT.search(data):
            prompt = match.group(1)
            data = data.replace(prompt, _PROMPT_MARK)
    digest = blake2b(data, digest_size=16).digest()
    row = content.db.execute("SELECT line FROM line WHERE digest = ?", (digest,)).fetchone()
    if row is None:
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -15, MEMORY, zdict=_COMMON)
        packed = packer.compress(data) + packer.flush()
        key = content.db.execute("INSERT INTO line (digest, data) VALUES (?, ?)", (digest, packed)).lastrowid
    else:
        key = row[0]
    content.db.execute(
        "INSERT INTO part (file, number, line, prompt) VALUES (?, ?, ?, ?)", (file.key, file.lines, key, prompt)
    )
    file.lines += 1


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
    for data, prompt in db.execute(
        "SELECT data, prompt FROM part JOIN line USING (line) WHERE file = ? ORDER BY number", (file,)
    ):
        unpacker = zlib.decompressobj(-15, zdict=_COMMON)
        line = unpacker.decompress(data) + unpacker.flush()
        if prompt != _AS_IT_IS:
            line = line.replace(_SESSION_MARK, name)
            if prompt is not None:
                line = line.replace(_PROMPT_MARK, prompt)
        yield line
