"""Commit objects as git has them on disk, as long as they are not packed away: just after they were made.

Who made a commit, when and with which message becomes a digest, by which a commit that was made anew is recognised.
"""

from __future__ import annotations

import os
import re
import zlib
from hashlib import blake2b
from typing import Final, NamedTuple

from hookspan.reading import read_small

SIZE_MAX: Final = 256 << 10
"""Bytes of a commit object, packed and unpacked; messages are shorter."""
NAMED_MAX: Final = 64
_PICKED: Final = re.compile(rb"^\(cherry picked from commit ([0-9a-f]{40,64})\)$", re.MULTILINE)
_SQUASHED: Final = re.compile(rb"^\s{0,8}commit ([0-9a-f]{40,64})$", re.MULTILINE)
"""How `git merge --squash` names the commits in the message that it proposes."""


class CommitObject(NamedTuple):
    """What a commit object has.

    Attributes:
        parents: Commits that it follows.
        content: The tree object with its files.
        likeness: Digest of author, their date and the message.
        picked: The commits that its message says it was picked from.
        squashed: Those that its message lists.
        written: When its file was written, Unix ns.
    """

    parents: list[str]
    content: str
    likeness: str
    picked: list[str]
    squashed: list[str]
    written: int


def read_commit(git: str, sha: str) -> CommitObject | None:
    """The commit of a repository's git folder; None if it is packed, or can't be read."""
    path = f"{git}/objects/{sha[:2]}/{sha[2:]}"
    packed = read_small(path, SIZE_MAX)
    if not packed:
        return None
    try:
        written = os.stat(path).st_mtime_ns
        data = zlib.decompressobj().decompress(packed, SIZE_MAX)
    except (zlib.error, OSError):
        return None
    kind, _, body = data.partition(b"\0")
    if not kind.startswith(b"commit "):
        return None
    head, _, message = body.partition(b"\n\n")
    fields = [line.partition(b" ")[::2] for line in head.split(b"\n")]
    author = next((value for name, value in fields if name == b"author"), b"")
    return CommitObject(
        parents=[_text(value) for name, value in fields if name == b"parent"],
        content=next((_text(value) for name, value in fields if name == b"tree"), ""),
        likeness=blake2b(author + b"\n" + message.strip(), digest_size=8).hexdigest(),
        picked=[_text(sha) for sha in _PICKED.findall(message)[-NAMED_MAX:]],
        squashed=[_text(sha) for sha in _SQUASHED.findall(message)[:NAMED_MAX]],
        written=written,
    )


def _text(value: bytes) -> str:
    return value[:64].decode("ascii", "replace")
