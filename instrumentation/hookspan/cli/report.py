"""A bug's report, ready for an issue: versions, the verb and the traceback, no argument and no setting."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
import traceback
from pathlib import Path

from hookspan import __version__
from hookspan.paths import Paths


def write(error: BaseException) -> Path:
    """Write the report of `error` (0600) to the state folder, else to the temporary folder, and give its path."""
    verb = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), "")
    trace = "".join(traceback.format_exception(error))
    text = (
        f"# hookspan {__version__}: {type(error).__name__}\n\n"
        f"- command: `hookspan {verb}` (arguments left out)\n"
        f"- Python {platform.python_version()} ({sys.implementation.name}), {platform.platform()}\n\n"
        f"```\n{trace.replace(str(Path.home()), '~')}```\n"
    )
    name = time.strftime("crash-%Y%m%dT%H%M%S") + f"-{os.getpid()}.md"
    try:
        folder = Paths.from_environment().state / "reports"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _put(folder / name, text)
    except Exception:  # noqa: BLE001 - whatever is wrong with the state folder, the report must still be written
        return _put(Path(tempfile.mkdtemp(prefix="hookspan-")) / name, text)


def _put(path: Path, text: str) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path
