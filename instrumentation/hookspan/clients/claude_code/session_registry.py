"""Claude Code's registry of its sessions: one file for each process that runs, which says what it does at the moment.

The client writes a file in place, the new object over the old one, and cuts off the rest afterwards: what is read in
between is the new object with the old one's end behind it. So the first object is all that counts.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

from hookspan.wire.facts import Asks, ClientStatus
from hookspan.wire.foreign import whole

FOLDER: Final = "sessions"
NAME: Final = re.compile(r"\A(\d{1,10})\.json\Z")
"""The file of a process is called after its pid. Beside it lies a key, a secret, that is never opened."""
_MACHINE_ID: Final = Path("/etc/machine-id")
_NAMESPACE: Final = Path("/proc/self/ns/pid")
_MS: Final = 1_000_000
_MS_MAX: Final = 1 << 43
"""Milliseconds, in the year 2248: a larger number is not a time."""
_ASKS: Final = {
    "permission prompt": Asks.PERMISSION,
    "input needed": Asks.INPUT,
    "sandbox request": Asks.SANDBOX,
    "dialog open": Asks.DIALOG,
}
_STATUSES: Final = {
    "idle": ClientStatus.IDLE,
    "shell": ClientStatus.IDLE,  # it waits for a prompt, while a shell of its own still runs in the background
    "busy": ClientStatus.BUSY,
    "waiting": ClientStatus.WAITING,
}
_decoder = json.JSONDecoder()


class Entry(NamedTuple):
    """What a process says of itself.

    Attributes:
        process_start: When the process started, as the kernel counts it: with the pid it names one process.
        pid_domain: The machine and the pid namespace that the pid is of, empty if unknown.
        started: Unix ns.
        status: None for one that is not known, or not told yet.
        asks: What it waits for, None unless it does.
        since: Unix ns at which the status began.
        kind: `interactive`, also in print mode, or `bg` for a job in the background.
        job: Id of that job, empty for any other.
    """

    pid: int
    process_start: str
    pid_domain: str
    session: str
    cwd: str
    started: int
    since: int
    status: ClientStatus | None
    asks: Asks | None
    kind: str
    entrypoint: str
    name: str
    job: str
    version: str


def parse(data: bytes) -> Entry | None:
    """The entry in a file's content; None if it is none."""
    try:
        fields, _ = _decoder.raw_decode(whole(data).decode("utf-8", "replace").lstrip())
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    pid, session = fields.get("pid"), _text(fields, "sessionId", 128)
    if type(pid) is not int or pid < 2 or not session or "/" in session:  # noqa: PLR2004 (0 and 1 are nobody's client)
        return None
    status = _STATUSES.get(_text(fields, "status", 32))
    asks = _ASKS.get(_text(fields, "waitingFor", 64), Asks.OTHER) if status is ClientStatus.WAITING else None
    started = _time(fields, "startedAt")
    return Entry(
        pid=pid,
        process_start=_text(fields, "procStart", 64),
        pid_domain=_text(fields, "pidDomain", 512),
        session=session,
        cwd=_text(fields, "cwd", 4096),
        started=started,
        since=_time(fields, "statusUpdatedAt") or _time(fields, "updatedAt") or started,
        status=status,
        asks=asks,
        kind=_text(fields, "kind", 32),
        entrypoint=_text(fields, "entrypoint", 64),
        name=_text(fields, "name", 512),
        job=_text(fields, "jobId", 128),
        version=_text(fields, "version", 32),
    )


def own_pid_domain() -> str:
    """The pid domain of this process, as the client names it."""
    if sys.platform != "linux":
        return "linux"  # as it calls any other
    try:
        namespace = str(_NAMESPACE.readlink())
    except OSError:
        namespace = ""
    try:
        machine = _MACHINE_ID.read_text("ascii", "replace").strip()
    except OSError:
        machine = ""
    return f"linux:{machine}:{namespace}"


def _text(fields: dict[str, Any], name: str, limit: int) -> str:
    value = fields.get(name)
    return value[:limit] if isinstance(value, str) else ""


def _time(fields: dict[str, Any], name: str) -> int:
    """Unix ns of a field in milliseconds, 0 for none."""
    value = fields.get(name)
    return int(value) * _MS if isinstance(value, int | float) and 0 < value < _MS_MAX else 0
