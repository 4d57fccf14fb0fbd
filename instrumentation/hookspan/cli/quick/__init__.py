"""What verbs say that are asked over and over, some by a prompt or a status bar, without the command line's library.

Click, with what it imports, takes 25 ms: as long as all else that `status` does. So each of these verbs is answered
here where nothing but its name is given, and by its click command, which uses the same functions, otherwise.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from hookspan.cli.terminal.text import may_draw

PLAIN: Final = {
    ("now",): "now",
    ("sessions",): "sessions",
    ("status",): "status",
    ("trace",): "trace",
    ("trace", "last"): "trace",
}
"""By the words of a command, the module here whose `answer` gives the text and the exit code."""
UNNEEDED: Final = "typing_extensions"
"""Where another package brought it, msgspec takes from it what `typing` has as well: with `inspect`, 9 ms of 80."""
_COLOUR: Final = re.compile("\033\\[[0-9]{1,2}m")
VERBS: Final = frozenset(PLAIN.values())


def answer(words: Sequence[str]) -> tuple[int, str] | None:
    """How to end, and what to print; None for what the command line has to do.

    That, too, is whatever goes wrong: the command line meets it again, and tells.
    """
    if (name := PLAIN.get(tuple(words))) is None:
        return None
    try:
        with _absent(UNNEEDED):
            text, code = importlib.import_module(f"{__name__}.{name}").answer()
        if not may_draw(sys.stdout):
            text = _COLOUR.sub("", text)
        text.encode(sys.stdout.encoding, sys.stdout.errors or "strict")
    except Exception:  # noqa: BLE001 - told by the command line
        return None
    return code, f"{text}\n" if text else ""


@contextlib.contextmanager
def _absent(module: str) -> Iterator[None]:
    """A block in which an import of it fails, as if it were not installed."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment] # Python's own way to say so
    try:
        yield
    finally:
        del sys.modules[module]
