"""Figures as people read them, in the same form on the command line and on the page."""

from __future__ import annotations

from typing import Final

BYTES: Final = ("B", "KiB", "MiB", "GiB", "TiB")
STEP: Final = 1024


def size(number: float) -> str:
    """Bytes: `0 B`, `1.5 KiB`, `64 MiB`."""
    unit, *larger = BYTES
    for following in larger:
        if number < STEP - 0.5:  # what would be rounded to 1024 is 1 of the next
            break
        number, unit = number / STEP, following
    digits = 1 if unit != BYTES[0] and number < 9.95 else 0  # noqa: PLR2004 - two figures
    return f"{number:.{digits}f} {unit}"


def elapsed(nanoseconds: int) -> str:
    """A length in whole seconds: `0s`, `42s`, `3m 12s`, `2h 05m`, `3d 4h`."""
    minutes, seconds = divmod(max(0, nanoseconds) // 10**9, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}h"
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {seconds:02}s" if minutes else f"{seconds}s"


def counted(count: int, plural: str) -> str:
    """The count with its noun, given in the plural: `1 turn`, `1,234 turns`, `1 entry`."""
    if count != 1:
        return f"{count:,} {plural}"
    return f"1 {plural.removesuffix('ies')}y" if plural.endswith("ies") else f"1 {plural.removesuffix('s')}"
