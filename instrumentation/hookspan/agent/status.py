"""The state of hookspan from its files, with or without an agent. Cheap: it opens no database and counts no lines."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from hookspan.agent.client import READY_TIMEOUT, Client, NeedsRestart, Ready, lock_content
from hookspan.agent.lock import is_held
from hookspan.errors import UserError
from hookspan.paths import Paths

ASKED_MAX: Final = 8 << 10
"""Characters of variables; each may take six bytes of a request, and the control socket reads 64 KiB."""


def status_of(paths: Paths) -> dict[str, Any]:
    """Everything `status` shows: from the agent where one answers, else from files."""
    return ask(paths)()


def ask(paths: Paths, variables: Mapping[str, str] | None = None) -> Callable[[], dict[str, Any]]:
    """As `status_of`, which is what is given back: the agent answers meanwhile.

    `variables`: of a shell. An agent says as `unheard` which of them it doesn't go by, unless they are too long to ask.
    """
    if variables and sum(len(name) + len(value) for name, value in variables.items()) > ASKED_MAX:
        variables = None
    try:
        answer = Client(paths).ask("status", variables=variables)
    except UserError as error:
        message = error.message
        return lambda: _of_files(paths, message)

    def status() -> dict[str, Any]:
        try:
            return answer() | {"answered": True}
        except UserError as error:
            return _of_files(paths, error.message)

    return status


def _of_files(paths: Paths, problem: str) -> dict[str, Any]:
    return {"answered": False, "agent": _unheard(paths, problem), **files(paths)}


def _unheard(paths: Paths, problem: str) -> dict[str, Any]:
    """What is known of an agent that gave no answer."""
    probe = Client(paths).probe()
    if is_held(paths.start_lock) and _since(paths.start_lock, paths.agent_lock) < READY_TIMEOUT:
        return {"state": "starting", **lock_content(paths)}
    if isinstance(probe, Ready | NeedsRestart):
        return {"state": "unresponsive", **lock_content(paths), "problem": problem}
    return {"state": "down" if paths.down.exists() else "not running"}


def _since(*paths: Path) -> float:
    """Seconds since one of them was written last; whoever starts an agent writes into its locks."""
    return time.time() - max(_modified(path) or 0.0 for path in paths)


def files(paths: Paths) -> dict[str, Any]:
    """What lies in the state folder."""
    return {
        "journal": journal(paths),
        "store": store(paths),
        "drops": drops(paths),
        "heartbeat": _modified(paths.heartbeat),
    }


def store(paths: Paths) -> dict[str, Any]:
    """Bytes of the database and its companions."""
    return {"bytes": sum(_size(paths.store.with_name(paths.store.name + suffix)) for suffix in ("", "-wal", "-shm"))}


def journal(paths: Paths) -> dict[str, Any]:
    """Bytes by kind of file, and whether a relay can write there."""
    report = {
        "writable": not paths.journal.exists() or os.access(paths.journal, os.W_OK),
        "bytes": 0,
        "current_bytes": 0,
        "segments": 0,
        "strays": 0,
        "quarantine_bytes": 0,
    }
    for name, size in _files(paths.journal):
        report["bytes"] += size
        if name == paths.current.name:
            report["current_bytes"] = size
        elif name.startswith("stray-"):
            report["strays"] += 1
        elif name.endswith((".jsonl", ".jsonl.gz")):
            report["segments"] += 1
    report["quarantine_bytes"] = sum(size for _, size in _files(paths.quarantine))
    return report


def drops(paths: Paths) -> dict[str, dict[str, float]]:
    """What relays could not write: reason -> count and unix seconds of the last."""
    from hookspan.journal.drops import read  # noqa: PLC0415 - keeps this module's import cheap

    return {reason: {"count": count, "last": last / 1e9} for reason, (count, last) in read(paths).items() if count}


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    """Names of the files in a folder, and their bytes."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    if entry.is_file(follow_symlinks=False):
                        yield entry.name, entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:  # taken in or deleted since
                    continue
    except FileNotFoundError:
        return


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None
