"""`hookspan`, and `python -m hookspan`."""

import os
import sys

from hookspan import __version__

QUICK = ("now", "sessions", "status", "trace")
"""Verbs that are asked over and over, some by a prompt or a status bar, and leave nothing to be done at their end."""
COLLECTED_FROM = 50_000
"""Objects: imports make many, and no garbage. To look for it among them costs 6 to 10 ms of 100."""


def main() -> int:
    """Run the command line; the version is told without it, in a third of the time."""
    if sys.argv[1:] in (["-V"], ["--version"]):
        try:
            os.write(1, f"hookspan {__version__}\n".encode())
        except OSError:  # nobody reads it: no traceback, as with all else
            return 1
        return 0
    import gc  # noqa: PLC0415 - for all but the version

    gc.set_threshold(COLLECTED_FROM)
    from hookspan.cli.main import main as run  # noqa: PLC0415 - what this module is for

    try:
        run()
    except SystemExit as end:
        if sys.argv[1:2] and sys.argv[1] in QUICK and isinstance(end.code, int):
            _leave(end.code)
        raise


def _leave(code: int) -> None:
    """End at once: to take all apart that was imported costs 10 to 17 ms of 100."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return  # the interpreter's own end knows what to do about it
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
