"""The relay, compiled once for each source: `install` and the demo compile it, which takes as long as all else they do.

As with ccache, what a compiler of the system has made of the same source in the same way is taken from where the tests
keep what they build; other compilers are run.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from hookspan.setup import relay

SYSTEM: Final = Path("/usr/bin")  # where the system's compilers are


def begin(kept: Path) -> None:
    """In this process, from now on. `kept`: the folder for what was made."""
    vars(relay)["subprocess"] = SimpleNamespace(run=partial(_run, kept), TimeoutExpired=subprocess.TimeoutExpired)


def _run(kept: Path, command: Sequence[str], **options: Any) -> "subprocess.CompletedProcess[Any]":
    """`subprocess.run` where a relay is made and tried."""
    sources = [word for word in command if word.endswith(".c")]
    if not sources or Path(command[0]).parent != SYSTEM:
        return subprocess.run(command, **options)  # noqa: PLW1510 - the relay's module says it
    target = command[command.index("-o") + 1]
    digest = hashlib.sha256(repr([word for word in command if word not in {target, *sources}]).encode())
    for file in sorted(Path(sources[0]).parent.glob("*.[ch]")):
        digest.update(file.read_bytes())
    made = kept / f"relay-{digest.hexdigest()[:16]}"
    if not made.exists():
        done = subprocess.run(command, **options)  # noqa: PLW1510 - the same
        if done.returncode:
            return done
        made.parent.mkdir(parents=True, exist_ok=True)
        fresh = made.with_suffix(f".{os.getpid()}")
        shutil.copy(target, fresh)
        fresh.rename(made)  # several may make it
    shutil.copy(made, target)
    return subprocess.CompletedProcess(command, 0)
