"""`hookspan`, and `python -m hookspan`."""

import os
import sys

from hookspan import __version__

COLLECTED_FROM = 50_000
"""Objects: imports make many, and no garbage. To look for it among them costs 6 to 10 ms of 100."""
INTERRUPTED = 130
"""As a shell says it."""


def main() -> int:
    """Answer what is asked over and over at once; all else is the command line's, which takes longer to start."""
    words = sys.argv[1:]
    if sys.stdout is None or sys.stderr is None:  # closed: what is opened next would have its number
        sys.stdout, sys.stderr = (stream or open(os.devnull, "w") for stream in (sys.stdout, sys.stderr))  # noqa: PTH123, SIM115
    if sys.stdout.errors == "strict":  # a locale without UTF-8 has no `…`, and half a character has no UTF-8
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr] # typeshed knows only what all streams have
    if words in (["-V"], ["--version"]):
        return _end(0, f"hookspan {__version__}\n")
    import gc  # noqa: PLC0415 - for all but the version

    gc.set_threshold(COLLECTED_FROM)
    from hookspan.cli import quick  # noqa: PLC0415

    try:
        if (answer := quick.answer(words)) is not None:
            return _end(*answer)
        from hookspan.cli.main import main as run  # noqa: PLC0415 - what this module is for

        run()
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return INTERRUPTED
    except SystemExit as end:
        if words[:1] and words[0] in quick.VERBS and isinstance(end.code, int):
            return _end(end.code)
        raise


def _end(code: int, text: str = "") -> int:
    """Print the text and end at once: to take all apart that was imported costs 10 to 17 ms of 100."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError as error:
        from hookspan.cli.main import report  # noqa: PLC0415 - few need it

        return report(error)
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
