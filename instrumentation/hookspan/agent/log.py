"""The agent's log: JSON lines, rotated by size, without content (an exception's message may quote an event)."""

from __future__ import annotations

import json
import logging
import logging.handlers
import time
import traceback
from pathlib import Path
from typing import Any, Final

from hookspan.errors import UserError

FILE_BYTES: Final = 5 << 20
FILES: Final = 3  # with the current one: 15 MB at most

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _Json(logging.Formatter):
    """One JSON object a line: time, level, logger, event, and what was passed as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            # Other people's messages may quote anything, so of those only the template is kept.
            "event": record.getMessage() if record.name.startswith("hookspan") else str(record.msg),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = describe(record.exc_info[1])
            line["stack"] = stack(record.exc_info[1])
        return json.dumps(line, default=repr)


def describe(error: BaseException) -> str:
    """An exception in a few words: its type, and its message if that is from the system or from hookspan."""
    if isinstance(error, UserError):
        return error.message
    name = type(error).__name__
    return f"{name}: {error.strerror}" if isinstance(error, OSError) and error.strerror else name


def stack(error: BaseException) -> list[str]:
    """Where it was raised, outermost first, as `file:line function`."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]


def open_log(path: Path) -> logging.Handler:
    """Send every warning of the process and all that hookspan logs to `path`."""
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=FILE_BYTES, backupCount=FILES - 1, encoding="utf-8", delay=True
    )
    handler.setFormatter(_Json())
    logging.raiseExceptions = False  # a full disk must not write to stderr, which nobody reads
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    root.addHandler(handler)
    logging.getLogger("hookspan").setLevel(logging.INFO)
    return handler
