"""Formats figures for people, in the same way on the command line and on the page."""

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


def counted(count: int, plural: str) -> str:
    """The count with its noun, given in the plural: `1 turn`, `1,234 turns`, `1 entry`."""
    if count != 1:
        return f"{count:,} {plural}"
    return f"1 {plural.removesuffix('ies')}y" if plural.endswith("ies") else f"1 {plural.removesuffix('s')}"


MINUTE, HOUR, DAY = 60, 3600, 86_400  # seconds


def duration(seconds: float) -> str:
    """A measured length: `0.21 ms`, `812 ms`, `4.2 s`, `42.0 s`, `3 min 12 s`, `2 h 05 min`, `3 d 4 h`."""
    ms = seconds * 1e3
    if ms < 0:
        return f"−{duration(-seconds)}"  # noqa: RUF001
    if ms == 0:
        return "0 ms"
    if ms < 9.995:  # noqa: PLR2004 - three figures
        return "<0.01 ms" if ms < 0.005 else f"{ms:.2f} ms"  # noqa: PLR2004
    if ms < 999.5:  # noqa: PLR2004
        return f"{ms:.0f} ms"
    return f"{seconds:.1f} s" if seconds < MINUTE - 0.05 else elapsed(seconds + 0.5)


def elapsed(seconds: float) -> str:
    """A length in whole seconds, as a clock shows it: `0 s`, `42 s`, `3 min 12 s`, `2 h 05 min`, `3 d 4 h`."""
    whole = max(0, int(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE:02} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"


def age(seconds: float) -> str:
    """How long ago, roughly: `42 s`, `5 min`, `3 h`, `2 d`."""
    whole = max(0, int(seconds))
    for unit, length in (("d", DAY), ("h", HOUR), ("min", MINUTE)):
        if whole >= length:
            return f"{whole // length} {unit}"
    return f"{whole} s"


def money(dollars: float, of: float | None = None) -> str:
    """US dollars: `$0.004`, `$0.110`, `$1.23`, `$1,234.50`.

    `of` is the largest of a column: all of it has as many decimals, three below a dollar and two above.
    """
    of = dollars if of is None else max(of, dollars)
    digits = 3 if of < 0.9995 else 2  # noqa: PLR2004 - what would be rounded to a dollar is one
    if dollars < 0:
        return f"−{money(-dollars, of)}"  # noqa: RUF001
    if of == 0:
        return "$0"
    least = 10**-digits
    return f"<${least}" if 0 < dollars < least / 2 else f"${dollars:,.{digits}f}"
