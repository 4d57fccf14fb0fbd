"""To wait for what other processes do."""

import http.client
import sqlite3
import time
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 60.0  # seconds; only what is broken takes as long, whatever else the machine does
POLL = 0.05  # seconds
MAKING = (http.client.HTTPException, sqlite3.OperationalError)


def until(
    condition: Callable[[], T], what: str = "what was waited for", timeout: float = PATIENCE, poll: float = POLL
) -> T:
    """Ask again and again until the answer is truthy, and return it.

    What fails within because something isn't there yet (an assertion, a connection, a lookup, a number of values, a
    database that is being made, an answer that broke off) counts as "not yet". Raises `TimeoutError` with `what` it was
    and the last of these, or the last answer.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer: T | None = None
        last: Exception | None = None
        try:
            if answer := condition():
                return answer
        except (AssertionError, LookupError, OSError, ValueError, *MAKING) as error:
            last = error
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout:g} s: {what}; last: {last or answer!r}") from last
        time.sleep(poll)


def clear_of_midnight(before: float = 3 * PATIENCE, after: float = 0) -> None:
    """Wait until today has begun so many seconds ago, if tomorrow begins within so many: what is of which day changes.

    For tests of what happens from `after` seconds ago on until `before` seconds from now.
    """

    def into() -> float:
        now = datetime.now().astimezone()
        return (now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()

    if into() > 86_400 - before:
        time.sleep(86_400 - into())
    time.sleep(max(0, after - into()))
