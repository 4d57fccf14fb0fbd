"""Decoders are made by one thread at a time: msgspec ends a process in which two are made of the same types at once."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "instrumentation" / "hookspan"
SCRIPT = """
import sys, threading
from hookspan.model.state import SessionState, dump_session, load_session
from hookspan.wire.record import FORGOTTEN, read_line

sys.setswitchinterval(1e-6)
session = dump_session(SessionState(id="s", first=0, opened=0, start=0, phase_since=0))
start = threading.Barrier(8)

def read(work):
    start.wait()
    work()

works = [lambda: load_session(session), lambda: read_line(FORGOTTEN)] * 4
threads = [threading.Thread(target=read, args=(work,)) for work in works]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.mark.slow
def test_threads_that_read_at_once_end_no_process():
    for _ in range(10):
        done = subprocess.run([sys.executable, "-I", "-c", SCRIPT], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.returncode}: {done.stderr}"


def test_no_decoder_is_made_for_each_use():
    """`decode(data, type=...)` within a function makes what a decoder is made of at its first use, in any thread."""
    found = [
        f"{file.relative_to(SOURCES)}:{node.lineno}: make a decoder where the module begins"
        for file in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"msgspec.json.decode", "msgspec.msgpack.decode"}
        and any(word.arg == "type" for word in node.keywords)
    ]
    assert not found
