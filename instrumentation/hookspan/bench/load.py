"""Load for an agent: a backlog in the journal, and sessions of relay processes side by side."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from hookspan.bench.events import SESSIONS, events, lines
from hookspan.bench.hooks import payload, run
from hookspan.journal import Writer
from hookspan.paths import Paths
from hookspan.sandbox import Sandbox

LINES: Final = 100  # a write
STEP: Final = 1_000_000  # nanoseconds between two events of a backlog


def write_backlog(paths: Paths, count: int) -> None:
    """A backlog of so many events of 1.5 KB."""
    writer = Writer(paths)
    backlog = lines(count, time.time_ns() - count * STEP, STEP)
    while batch := list(islice(backlog, LINES)):
        writer.append(batch)


@contextlib.contextmanager
def sessions(
    home: Sandbox, count: int, rate: float, recorded: Callable[[Mapping[str, Any]], None] = lambda _: None
) -> Iterator[None]:
    """Meanwhile SESSIONS sessions send `count` events, `rate` a second together; they are waited for at the end.

    `recorded` is called with each event once its relay has ended.
    """
    shares = [count // SESSIONS + (n < count % SESSIONS) for n in range(SESSIONS)]
    failures: list[Exception] = []
    with open(os.devnull, "wb") as null:  # noqa: PTH123 - a device

        def session(share: int) -> None:
            began, pause = time.monotonic(), SESSIONS / rate
            try:
                for number, event in enumerate(events(share, sessions=1)):
                    time.sleep(max(0.0, began + number * pause - time.monotonic()))
                    run(home.relay, payload(event, event["session_id"]), null.fileno())
                    recorded(event)
            except (OSError, RuntimeError) as error:
                failures.append(error)

        threads = [threading.Thread(target=session, args=(share,)) for share in shares]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for thread in threads:
                thread.join()
    if failures:
        raise failures[0]
