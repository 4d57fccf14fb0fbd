"""What is left out of a conversation that is given away: rules with names, each of which says what it does."""

from __future__ import annotations

import contextlib
import getpass
import re
import socket
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, Final

from hookspan.wire.scrub import GONE, inner_key, is_secret, scrub

_SHORTEST: Final = 3  # characters of a name that is looked for: a shorter one is in every other word
_NAME: Final = r"[\w.@+%#=~-]+"
_PATH: Final = re.compile(  # not within a relative one or an address, but behind `-I`
    r"(?:(?<![\w.~/-])|(?<=^-[A-Za-z])|(?<=[^\w-]-[A-Za-z])|(?<=file://))"
    rf"(?:(?:~|\$HOME|\$\{{HOME\}})/(?:{_NAME}/)*|/(?:{_NAME}/)+)(?P<last>{_NAME})"
)
_MAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,8}")

RULES: Final[dict[str, str]] = {
    "secrets": "Keys, tokens and passwords of the usual formats. No guarantee: read the file before you give it away.",
    "paths": "Absolute paths: only the last name stays. A blank ends a path.",
    "names": "Your login name, the names of this machine and of the session's host, and mail addresses.",
}
"""Each rule with what it removes. Secrets always go; the others may be kept."""
OPTIONAL: Final = tuple(name for name in RULES if name != "secrets")


class Redaction:
    """Applies the rules, and counts what each has removed.

    Args:
        names: Names of people and machines.
        keep: Rules that are not applied.
    """

    def __init__(self, names: Iterable[str], keep: Collection[str] = ()) -> None:
        self.counts: Counter[str] = Counter()
        known = sorted({name for name in names if len(name) >= _SHORTEST}, key=len, reverse=True)
        self._names = (
            re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, known))})(?!\w)", re.IGNORECASE) if known else None
        )
        self._keep = frozenset(keep) & set(OPTIONAL)

    def text(self, text: str) -> str:
        """The text without what the rules remove."""
        before = text.count(GONE)
        text = scrub(text)
        self.counts["secrets"] += text.count(GONE) - before
        if "paths" not in self._keep:
            text = self._sub("paths", _PATH, lambda match: f"…/{match['last']}", text)
        if "names" not in self._keep:
            text = self._sub("names", _MAIL, lambda _: "[mail]", text)
            if self._names:
                text = self._sub("names", self._names, lambda _: "[name]", text)
        return text

    def value(self, value: Any, key: str = "") -> Any:
        """The same for texts within lists and objects; `key`: the name that it has in an object."""
        if isinstance(value, dict):
            return {self.text(str(name)): self.value(item, inner_key(key, str(name))) for name, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, key) for item in value]
        if is_secret(key) and value and value is not True:
            self.counts["secrets"] += 1
            return GONE
        return self.text(value) if isinstance(value, str) else value

    def _sub(self, rule: str, pattern: re.Pattern[str], to: Callable[[re.Match[str]], str], text: str) -> str:
        text, count = pattern.subn(to, text)
        self.counts[rule] += count
        return text


def names_here(host: str) -> set[str]:
    """The login name and the machine's name, and `host`, on which a session ran; also without its domain."""
    names = {host, host.partition(".")[0], socket.gethostname(), socket.gethostname().partition(".")[0]}
    with contextlib.suppress(OSError, KeyError, ImportError):
        names.add(getpass.getuser())
    with contextlib.suppress(RuntimeError):
        names.add(Path.home().name)
    return names - {"", "root", "home", "localhost"}
