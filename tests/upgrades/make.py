"""`python -m tests.upgrades.make`: fixtures of this version's formats, which later versions must be able to take over.

A store and its journal as they are in the middle of a recorded session (`store-<version>/`), and what `install` leaves
behind (`install-<version>/`). Databases are kept as SQL, so that a difference can be read. To be run once for each
version, before it is released; `test_upgrades.py` fails while one is missing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from hookspan.export.db import MIGRATIONS as EXPORT_MIGRATIONS
from hookspan.export.db import ExportDb
from hookspan.paths import Paths
from hookspan.setup.receipts import VERSION as RECORD_VERSION
from hookspan.store import SpanKey, schema
from tests.agent.ingest import take_in

HERE = Path(__file__).parent
SESSION = HERE.parent / "sessions" / "permission_approved" / "journal.jsonl"

SETTINGS = b'{\n  "model": "opus",\n  "hooks": {}\n}\n'


def dump(path: Path) -> str:
    """A database as SQL, with the two numbers that tell its format."""
    database = sqlite3.connect(path)
    try:
        numbers = {
            name: database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        }
        pragmas = [f"PRAGMA {name} = {number};" for name, number in numbers.items()]
        return "\n".join([*pragmas, *database.iterdump()]) + "\n"
    finally:
        database.close()


def halves() -> tuple[list[bytes], list[bytes]]:
    """The recorded session, cut in the middle of its turn."""
    lines = SESSION.read_bytes().splitlines()
    return lines[: len(lines) // 2], lines[len(lines) // 2 :]


def store(folder: Path) -> None:
    """The state of a session that goes on."""
    paths = Paths.from_environment({"HOME": str(folder), "HOOKSPAN_HOME": str(folder)})
    take_in(paths, halves()[0])
    export = ExportDb.open(paths)
    export.switch_on(SpanKey(1, 0))
    export.close()
    target = HERE / f"store-{len(schema.MIGRATIONS)}"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    (target / "store.sql").write_text(dump(paths.store))
    (target / "key").write_text(paths.key.read_bytes().hex() + "\n")
    shutil.copy(paths.current, target / "journal.jsonl")
    (HERE / f"export-{len(EXPORT_MIGRATIONS)}.sql").write_text(dump(paths.export_db))


def install(home: Path) -> None:
    """What `install` leaves, with @HOME@ for the home, and @AFTER@ for the digest of settings that name the home."""
    settings = home / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_bytes(SETTINGS)
    env = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    subprocess.run([sys.executable, "-m", "hookspan", "install", "--yes"], env=env, check=True, capture_output=True)
    target = HERE / f"install-{RECORD_VERSION}"
    shutil.rmtree(target, ignore_errors=True)
    state = home / ".local" / "state" / "hookspan"
    for source in (settings, state / "installed.json", *(state / "backups").iterdir()):
        copy = target / source.relative_to(home)
        copy.parent.mkdir(parents=True, exist_ok=True)
        data = source.read_bytes().replace(str(home).encode(), b"@HOME@")
        copy.write_bytes(data.replace(hashlib.sha256(settings.read_bytes()).hexdigest().encode(), b"@AFTER@"))


if __name__ == "__main__":
    for make in (store, install):
        with tempfile.TemporaryDirectory() as scratch:
            make(Path(scratch))
