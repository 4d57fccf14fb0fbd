"""A database whose log was lost is written anew; whoever is killed while one takes the other's place leaves the old."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hookspan.export.db import ExportDb
from hookspan.paths import Paths
from hookspan.store import SpanKey, Store
from tests.store import made

KILLED = 9
RENEW = """
import os, sys
from pathlib import Path
from hookspan.export.db import ExportDb
from hookspan.paths import Paths
from hookspan.store import Store

def die(event, arguments):
    if event == "os.rename" and str(arguments[0]).endswith(".fresh"):
        os._exit(9)

paths = Paths(state=Path(sys.argv[2]), config=Path("-"), data=Path("-"), system_config=Path("-"))
if sys.argv[1] == "store":
    one = Store.open(paths)
    Path(f"{paths.store}-wal").unlink()
    sys.addaudithook(die)
    one.save()
else:
    one = ExportDb.open(paths)
    Path(f"{paths.export_db}-wal").unlink()
    sys.addaudithook(die)
    one.look_after()
"""


@pytest.mark.parametrize("name", ["store", "export"])
def test_one_who_is_killed_leaves_the_old_one(name: str, paths: Paths):
    paths.create()
    store, db = Store.open(paths), ExportDb.open(paths)
    store.commit(made.commit(0, 2))
    db.switch_on(SpanKey(2, 0))
    store.close()
    db.close()
    done = subprocess.run([sys.executable, "-c", RENEW, name, str(paths.state)], check=False)
    assert done.returncode == KILLED
    store, db = Store.open(paths), ExportDb.open(paths)
    assert (store.position(), db.cursor) == (made.position(3), SpanKey(2, 0))
    store.close()
    db.close()
