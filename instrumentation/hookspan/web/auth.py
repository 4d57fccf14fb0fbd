"""Who may look: a browser that opened a one-time address, or a script with the token from the user's own file.

Loopback is no credential: every user of the machine has it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import secrets
import threading
import time
from pathlib import Path
from typing import Final

from hookspan import atomic
from hookspan.paths import Paths

TICKET_SECONDS: Final = 120.0  # until a one-time address expires: time to paste it into another browser
LOGIN_SECONDS: Final = 30 * 86_400.0
LOGINS_MAX: Final = 50  # browsers; over it the oldest has to come again
TICKETS_MAX: Final = 50
FILE: Final = "logins.json"

_logger = logging.getLogger(__name__)


class Auth:
    """Tickets in memory, logins in the state folder (a restarted agent still knows its browsers), both only as hashes.

    Thread-safe.
    """

    def __init__(self, paths: Paths) -> None:
        self._token_path = paths.token
        self._file = paths.state / FILE
        self._lock = threading.Lock()
        self._tickets: dict[str, float] = {}
        self._logins = self._load()
        # Cookies don't tell ports apart: another hookspan's page on this machine must not overwrite ours.
        self.cookie = "hookspan-" + _digest(str(paths.state))[:8]
        self._ensure_token()

    # --- Browsers

    def mint(self) -> str:
        """A ticket, good once and for TICKET_SECONDS."""
        ticket = secrets.token_urlsafe(32)
        with self._lock:
            now = time.monotonic()
            self._tickets = {digest: until for digest, until in self._tickets.items() if until > now}
            while len(self._tickets) >= TICKETS_MAX:
                del self._tickets[next(iter(self._tickets))]
            self._tickets[_digest(ticket)] = now + TICKET_SECONDS
        return ticket

    def redeem(self, ticket: str) -> str | None:
        """The value of a new login's cookie for a ticket; None for one that is unknown, used or too old."""
        with self._lock:
            until = self._tickets.pop(_digest(ticket), 0.0)
            if until <= time.monotonic():
                return None
            value = secrets.token_urlsafe(32)
            self._logins = {digest: end for digest, end in self._logins.items() if end > time.time()}
            while len(self._logins) >= LOGINS_MAX:
                del self._logins[next(iter(self._logins))]
            self._logins[_digest(value)] = time.time() + LOGIN_SECONDS
            self._save()
        return value

    def knows_cookie(self, value: str) -> bool:
        """Whether a cookie is that of a login. Hashes are compared: timing tells nothing of a value."""
        with self._lock:
            return self._logins.get(_digest(value), 0.0) > time.time()

    def log_out(self, value: str) -> None:
        """End a login."""
        with self._lock:
            if self._logins.pop(_digest(value), None) is not None:
                self._save()

    # --- Scripts

    def knows_token(self, token: str) -> bool:
        """Whether a bearer token is that of the file; read each time, so that deleting the file takes it back."""
        try:
            expected = self._token_path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return False
        return bool(expected) and hmac.compare_digest(expected.encode(), token.encode("utf-8", "surrogatepass"))

    def _ensure_token(self) -> None:
        try:
            if self._token_path.stat(follow_symlinks=False).st_size and not self._token_path.is_symlink():
                self._token_path.chmod(0o600)
                return
        except FileNotFoundError:
            pass
        atomic.write(self._token_path, secrets.token_urlsafe(32).encode() + b"\n", mode=0o600)

    # --- The file

    def _load(self) -> dict[str, float]:
        try:
            logins = json.loads(_read_own(self._file))
            return {str(digest): float(end) for digest, end in logins.items() if float(end) > time.time()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError, TypeError) as error:
            _logger.warning("logins can't be read; browsers have to sign in again", exc_info=error)
            return {}

    def _save(self) -> None:
        try:
            atomic.write(self._file, json.dumps(self._logins).encode(), mode=0o600)
        except OSError as error:
            _logger.warning("logins can't be saved; they end with the agent", exc_info=error)


def _read_own(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(1 << 20)


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
