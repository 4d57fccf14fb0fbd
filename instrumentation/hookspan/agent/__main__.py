"""`python -I -m hookspan.agent`: how relays, `hookspan up` and services start the agent."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import os
import sys
from pathlib import Path
from typing import Final

from hookspan import __version__
from hookspan.agent import launch, log
from hookspan.agent.lock import FileLock
from hookspan.errors import EXIT_USER, UserError
from hookspan.paths import Paths

M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -8, -3, -1  # of glibc's malloc.h
LARGE: Final = 256 << 10  # bytes; an answer of 10,000 spans has 3.5 MB
COLLECTED: Final = 40_000  # objects that Python makes between two looks for cycles; a batch makes about as many


def main() -> int:
    """Run the agent; 0 if it was told to end or if another one is running."""
    parser = argparse.ArgumentParser(prog="python -I -m hookspan.agent")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--start-lock-fd", type=int, help="descriptor of the start lock that our starter holds")
    parser.add_argument("--stay", action="store_true", help="never leave for want of work; obey HOOKSPAN_*")
    parser.add_argument("--port", type=int, default=0, help="port that the page had before, tried first; 0: none")
    options = parser.parse_args()
    paths = Paths(state=options.state, config=options.config, data=options.data)
    os.umask(0o077)
    stand_back()
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        del os.environ[name]  # the SDK would obey them, and they are often meant for the user's own program
    os.chdir("/")
    start_lock = FileLock(paths.start_lock)
    if options.start_lock_fd is not None:
        start_lock = FileLock.inherited(paths.start_lock, options.start_lock_fd)
    try:
        paths.create()
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USER
    log.open_log(paths.log)
    if paths.down.exists() and not options.stay:
        return 0  # `hookspan down` was run while a hook started this agent
    if options.start_lock_fd is None:
        start_lock.acquire()  # whoever wants to stop an agent waits for one that is just starting
    lock = FileLock(paths.agent_lock)
    if not launch.take_over(paths, lock):
        start_lock.write("")  # an agent runs, which is all that the starter wants
        return 0
    lock.write(f"{os.getpid()} {__version__}\n")

    from hookspan.agent.resident import run  # noqa: PLC0415 - an agent that isn't needed doesn't pay for it

    collect_rarely()
    share_heap()
    return run(paths, lock, start_lock, stay=options.stay, port=options.port)


def stand_back() -> None:
    """Let the process that wakes the agent run first: a hook must not lose its processor to the agent (Linux)."""
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def collect_rarely() -> None:
    """Have Python look for cycles once in COLLECTED objects, and never again at what is imported.

    A batch makes so many, and no cycle. With Python's own 700 it takes a tenth of the time to look at them.
    """
    gc.collect()  # what importing left would never be let go of
    gc.freeze()
    gc.set_threshold(COLLECTED)


def share_heap() -> None:
    """Have all threads, which are still to come, allocate from one heap, and give back what is large (glibc).

    Each would have a heap of its own, and keep there what its largest answer took: 150 MB where one heap holds 115.
    That one, too, would keep what an answer was put together in: after some of 10,000 spans 119 MB, 106 if what is
    LARGE is not taken from it. Answers take as long.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, LARGE)
        mallopt(M_TRIM_THRESHOLD, 4 * LARGE)


if __name__ == "__main__":
    sys.exit(main())
