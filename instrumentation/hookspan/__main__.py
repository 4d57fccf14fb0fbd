"""`hookspan`, and `python -m hookspan`."""

import os
import sys

from hookspan import __version__


def main() -> int:
    """Run the command line; the version is told without it, in a third of the time."""
    if sys.argv[1:] not in (["-V"], ["--version"]):
        from hookspan.cli.main import main as run  # noqa: PLC0415 - what this module is for

        run()
    try:
        os.write(1, f"hookspan {__version__}\n".encode())
    except OSError:  # nobody reads it: no traceback, as with all else
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
