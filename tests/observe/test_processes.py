"""Which of a client's children tells that a dialog was answered."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from hookspan.model.state import Session, Wait
from hookspan.observe.processes import Processes

SECOND = 1_000_000_000


@contextmanager
def client_with_child(folder: Path, client: str, child: str) -> Iterator[int]:
    """A shell by one name that runs `sleep` by another; gives its pid once both are there."""
    for name, program in ((client, "sh"), (child, "sleep")):
        if not (folder / name).exists():
            shutil.copy(str(shutil.which(program)), folder / name)
    process = subprocess.Popen([folder / client, "-c", f"{folder / child} 60; exit"], start_new_session=True)
    try:
        while [one.name() for one in psutil.Process(process.pid).children()] != [child]:
            time.sleep(0.01)
        yield process.pid
    finally:
        os.killpg(process.pid, 9)
        process.wait()


@pytest.mark.parametrize(
    ("child", "tells"),
    [pytest.param("bash", True, id="a tool"), pytest.param("hookspan-relay", False, id="a hook that waits its turn")],
)
def test_only_a_tool_s_process_tells_that_a_dialog_was_answered(tmp_path, child, tells):
    with client_with_child(tmp_path, "claude", child) as pid:
        now = time.time_ns()
        asked = now - 10 * SECOND
        session = Session(id="s", first=asked, opened=asked, start=asked, started=True, pid=pid, last=now)
        session.waits = [Wait(at=asked, tool="Bash")]
        found = Processes().step(now + SECOND, [session])
    assert bool(found) is tells
