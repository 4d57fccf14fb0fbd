"""A reader's position in the journal, and the lines that it is given."""

from __future__ import annotations

import msgspec


class Position(msgspec.Struct, frozen=True):
    """The next record to read.

    `segment` is the number of the segment's first record, `record` the number of the next record, `offset` the byte at
    which that record begins in the uncompressed segment. `identity` is the reader's own: fingerprints of the bytes
    before `offset`, by which it knows the segment again (inode and device numbers don't survive a restored backup or,
    on btrfs and overlayfs, a reboot).
    """

    segment: int
    record: int
    offset: int
    identity: str


read_position = msgspec.json.Decoder(Position).decode
"""A position from its JSON. Raises msgspec.ValidationError for anything else."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """One record: its number and its bytes, without the LF."""

    number: int
    data: bytes
