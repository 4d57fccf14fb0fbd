"""Writes a settings file so that what is written can be taken back: a copy, then a receipt, then the file."""

from __future__ import annotations

from pathlib import Path

from hookspan import atomic
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.record import replace

from . import receipts, settings_file
from .receipts import Receipt


def put(paths: Paths, file: Path, old: bytes | None, new: bytes, clean: bytes | None, receipt: Receipt) -> None:
    """Write `new` in place of `old`. `clean` is what `uninstall` gives back, None for no file at all.

    UserError if the file has changed in the meantime or can't be written; then the receipts are as they were.
    """
    if clean is not None:
        backup = paths.backups / f"{file.name}.{settings_file.digest(clean)[:16]}"
        atomic.write(backup, clean, mode=0o600)
        receipt = replace(receipt, backup=str(backup))
    before = receipts.read(paths)
    receipts.write(paths, before | {str(file): receipt})
    try:
        settings_file.put(paths, file, new, old)
    except UserError:
        receipts.write(paths, before)
        raise
