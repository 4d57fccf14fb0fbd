"""What a compiled program is, read from its first bytes: for which system and processor, and whether it is static."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple, Self

ELF_64: Final = b"\x7fELF\x02\x01"  # little-endian
ELF_MACHINES: Final = {62: "x86_64", 183: "arm64"}
INTERPRETER: Final = 3  # PT_INTERP: the program asks for a dynamic linker
MACH_O_64: Final = b"\xcf\xfa\xed\xfe"
MACH_O_MACHINES: Final = {0x01000007: "x86_64", 0x0100000C: "arm64"}


class Binary(NamedTuple):
    """`format` is ELF or Mach-O, `machine` x86_64 or arm64."""

    format: str
    machine: str
    static: bool

    def __str__(self) -> str:
        return f"{'static ' if self.static else ''}{self.format} for {self.machine}"

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Read the headers. ValueError for anything else than a 64-bit little-endian ELF or Mach-O program."""
        if data.startswith(ELF_64):
            machine, table, size, count = struct.unpack_from("<18xH12xQ14xHH", data)
            kinds = [struct.unpack_from("<I", data, table + size * n)[0] for n in range(count)]
            return cls("ELF", ELF_MACHINES[machine], INTERPRETER not in kinds)
        if data.startswith(MACH_O_64):
            return cls("Mach-O", MACH_O_MACHINES[struct.unpack_from("<4xI", data)[0]], False)
        raise ValueError("no 64-bit program for Linux or macOS")
