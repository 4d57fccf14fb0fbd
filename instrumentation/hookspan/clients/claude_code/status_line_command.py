"""The command of a status line that goes through the relay: written, and found again with the command it was before.

Claude Code runs it by `/bin/sh -c`. The command of before stands in it, so nothing is lost with hookspan's own files:
where there is no relay any more, the same shell runs it.

- A program with its arguments: the relay runs it itself. They need no shell but to expand them.
- Any other command, and a compiled relay on Linux: the shell runs the relay first, which looks at what stdin has and
  leaves it there, and goes on with the command itself.
- Any other command: quoted, the relay runs it by `$0`, the shell that ran ours.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from typing import Final

from hookspan.clients import relay_command
from hookspan.clients.hooks_text import COMMAND_MAX
from hookspan.paths import Paths
from hookspan.record import Record

OPTION: Final = "--status-line"
LOOK: Final = "--status-line-look"
_COMPILED: Final = 2  # words that run a compiled relay: it, and its state folder
_LOOKS: Final = "[ ! -x "
_VARIABLE: Final = "_hookspan_line"  # of the shell, not of the environment
_PLAIN: Final = re.compile(r"""(?:[A-Za-z0-9_./:=@%+,~"' -]|\$HOME\b)+""")
"""Nothing of a shell's but quotes, and home folders."""


class RelayedLine(Record):
    """A status line's command of ours: the words that run the relay, and the command of before, None without one."""

    relay: tuple[str, ...]
    before: str | None


def written(relay: Sequence[str], before: str | None) -> str:
    """The command, for the words that run the relay (its state folder included)."""
    there = " && ".join(f"[ {test} {shlex.quote(word)} ]" for test, word in _tests(relay))
    run = f"{there} && exec {shlex.join([*relay, OPTION])}"
    if before is None:
        return run
    if len(relay) == _COMPILED and sys.platform == "linux" and not _is_program(before):
        return f"{_LOOKS}{shlex.quote(relay[0])} ] || {shlex.join([*relay, LOOK])}; {before}"
    words = f" -- {before}" if _is_program(before) else ""
    return f'{_VARIABLE}={shlex.quote(before)}; {run} "$0" -c "${_VARIABLE}"{words}; eval "${_VARIABLE}"'


def _is_program(line: str) -> bool:
    """Whether a line is a program's path and arguments: a name could be a shell's own command or function."""
    if not _PLAIN.fullmatch(line):
        return False
    try:
        program = shlex.split(line)[0]
    except (ValueError, IndexError):  # an open quotation
        return False
    return "/" in program and "=" not in program


def read(command: object, paths: Paths) -> RelayedLine | None:
    """What a command of ours runs, whichever hookspan wrote it; None for any other."""
    if not isinstance(command, str) or len(command) > COMMAND_MAX:
        return None
    ours, end, before = command.partition(f" {LOOK}; ") if command.startswith(_LOOKS) else (command, "", "")
    try:
        words = shlex.split(ours)
    except ValueError:
        return None
    if end:
        relay = tuple(words[-_COMPILED:])
        return RelayedLine(relay, before) if relay_command.relay_in(relay, paths) else None
    if "exec" not in words or OPTION not in words:
        return None
    relay = tuple(words[words.index("exec") + 1 : words.index(OPTION)])
    if len(relay) < _COMPILED or not relay_command.relay_in(relay, paths):
        return None
    kept = words[0].removeprefix(f"{_VARIABLE}=")
    return RelayedLine(relay, None if kept == words[0] else kept.removesuffix(";"))


def _tests(relay: Sequence[str]) -> list[tuple[str, str]]:
    """What must be there: a program that can be run, and the script that Python is to run."""
    return [("-x", relay[0])] if len(relay) == _COMPILED else [("-x", relay[0]), ("-r", relay[-2])]
