"""Standard output that takes no more: its disk is full, or its reader has gone."""

from __future__ import annotations

import os
import sys

from hookspan.errors import UserError


def refused() -> UserError | None:
    """What to say where standard output does not take what is still to be written, which is given up; else None.

    The message is empty where the reader has gone, as `head` does: nobody wants more.
    """
    try:
        sys.stdout.write("\n")  # what has failed is not kept, if it was much
        sys.stdout.flush()
    except OSError as error:
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(null, 1)  # the interpreter tries again at its end
        os.close(null)
        if isinstance(error, BrokenPipeError):
            return UserError("")
        hint = "make room there, or send it elsewhere"
        return UserError(f"can't write the output: {error.strerror}", hint=hint)
    return None
