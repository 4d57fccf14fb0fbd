"""Removes from a text what identifies a person or place, and what is secret."""

from __future__ import annotations

import contextlib
import getpass
import re
import socket
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hookspan.clients.claude_code.settings_files import config_folder
from hookspan.config import DESKTOP, OPTIONS, load
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.wire.scrub import GONE, scrub

SHORTEST: Final = 4  # characters of a secret or a name that is looked for: a shorter one is in every other word
_URL: Final = re.compile(r"\b([a-z][a-z0-9+.-]{0,30})://[^\s`'\"<>]+")
_PATH: Final = re.compile(r"(?<![\w<>~])(?:~|/(?=[\w.]))[^\s`'\":;,]*")
_QUOTED: Final = re.compile(r"(?P<quote>[`'])[~/](?:(?!(?P=quote)).)*(?P=quote)")
_SAID: Final = re.compile(r"(answered (?:with )?\w+)\b.*", re.DOTALL)
"""What an endpoint says after its status is its own text, which may quote what it was sent."""


class Redactor:
    """Knows this user's folders, names and secrets."""

    def __init__(self, paths: Paths, env: Mapping[str, str]) -> None:
        places = {
            str(paths.state): "<state>",
            str(paths.data): "<data>",
            str(paths.config): "<config>",
            str(config_folder(env) / "settings.json"): "<claude>/settings.json",
        }
        self._places = sorted(places.items(), key=lambda item: -len(item[0]))
        names = {socket.gethostname(), env.get("USER", ""), env.get("LOGNAME", "")}
        with contextlib.suppress(OSError, KeyError, ImportError):
            names.add(getpass.getuser())
        self._names = [name for name in names if len(name) >= SHORTEST]
        secrets = {secret for secret in _secrets(paths, env) if len(secret) >= SHORTEST}
        self._secrets = sorted(secrets, key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without them. Folders that are known keep a name, other paths and addresses are left out."""
        for secret in self._secrets:
            text = text.replace(secret, GONE)
        text = _SAID.sub(r"\1", text)
        text = _URL.sub(r"\1://<address>", text)
        for folder, name in self._places:
            text = text.replace(folder, name)
        text = _QUOTED.sub(r"\g<quote><path>\g<quote>", text)  # it may have blanks
        text = _PATH.sub("<path>", text)
        for name in self._names:
            text = re.sub(rf"\b{re.escape(name)}\b", "<name>", text)
        return scrub(text)

    def value(self, value: Any) -> Any:
        """The same for texts within lists and objects."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {str(key): self.value(item) for key, item in value.items()}
        return value


def _secrets(paths: Paths, env: Mapping[str, str]) -> Iterator[str]:
    """The secrets in the settings, whole and word by word, and the token for scripts."""
    with contextlib.suppress(UserError):
        settings = load(paths, env)
        for option in OPTIONS.values():
            if option.secret and (value := settings.value(option.key)):
                for text in value.values() if isinstance(value, Mapping) else (value,):
                    yield text
                    yield from text.split()
        yield from (row.url for row in settings.notify if row.url != DESKTOP)
    with contextlib.suppress(OSError):
        yield paths.token.read_text(encoding="ascii", errors="replace").strip()
