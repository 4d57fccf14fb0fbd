"""The record of what `install` changed in which settings file, `<state>/installed.json`, for `uninstall`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final, Self

from hookspan import atomic
from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.catalogue.clients import CLIENTS
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.record import Record, plain

from .settings_file import digest

VERSION: Final = 1  # of installed.json; a new one needs a fixture in tests/upgrades


class Receipt(Record):
    """What `install` did to one settings file."""

    at: int  # Unix seconds
    before: str | None  # SHA-256 of the file as it was; None: there was none
    after: str
    backup: str | None
    empty: list[str]  # containers that were there with nothing in them
    env: dict[str, str] = {}  # noqa: RUF012 - each has its own; variables of ours, as they were written
    agent: str = CLAUDE_CODE.name  # whose settings file it is
    status_line: str | None = None  # the command of before, as it stood there; empty: there was none; None: not ours

    @classmethod
    def of(cls, clean: bytes | None, after: bytes, empty: list[str], **more: Any) -> Self:
        """Of a change that is made now, from what was there without ours to what is there then."""
        before = None if clean is None else digest(clean)
        return cls(at=int(time.time()), before=before, after=digest(after), backup=None, empty=empty, **more)


def read(paths: Paths) -> dict[str, Receipt]:
    """By settings file; a file of receipts that can't be read is as good as none. UserError for a newer version's."""
    try:
        content = json.loads(paths.installed.read_bytes())
        if content["version"] > VERSION:
            raise UserError(
                f"`{paths.installed}` was written by a newer hookspan "
                f"(format {content['version']}, this one knows {VERSION})",
                hint="update hookspan, or uninstall with the newer one first",
            )
        return {file: Receipt(**receipt) for file, receipt in content["files"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def write(paths: Paths, receipts: dict[str, Receipt]) -> None:
    """Keep these receipts; without any there is no file."""
    if receipts:
        files = {file: _plain(receipt) for file, receipt in receipts.items()}
        content: dict[str, Any] = {"version": VERSION, "files": files}
        atomic.write(paths.installed, json.dumps(content, indent=2).encode() + b"\n", mode=0o600)
    else:
        paths.installed.unlink(missing_ok=True)


def _plain(receipt: Receipt) -> dict[str, Any]:
    """What is kept of it: an older hookspan, which knows no status line or other agent, reads it where it has none."""
    values = plain(receipt)
    left_out = {"status_line": None, "agent": CLAUDE_CODE.name}
    return {name: value for name, value in values.items() if name not in left_out or value != left_out[name]}


def transcript_folders(paths: Paths) -> dict[str, tuple[str, ...]]:
    """By agent, the folders with its transcripts: as the environment says, and where `install` has written hooks."""
    from hookspan.clients.transcripts import all_roots  # noqa: PLC0415 - with all that reads them, which `status` does not

    return all_roots({agent: files(paths, agent) for agent in CLIENTS})


def files(paths: Paths, agent: str = CLAUDE_CODE.name) -> list[Path]:
    """The settings files of an agent that `install` wrote our hooks into, whichever version wrote the receipts."""
    try:
        told = json.loads(paths.installed.read_bytes())["files"]
        return [Path(file) for file, receipt in told.items() if receipt.get("agent", CLAUDE_CODE.name) == agent]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
