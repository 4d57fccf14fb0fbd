"""Compiles the relay, and other programs in C, once for each source and set of flags."""

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hookspan.setup.relay import BUILDS, Build
from tests.cache import cache

HOOKS = Path(__file__).parents[2] / "hooks"

WARNINGS = (
    *(
        "-std=c11",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Wshadow",
        "-Wconversion",
        "-Wsign-conversion",
        "-Wvla",
        "-Wundef",
    ),
    *(
        "-Wstrict-prototypes",
        "-Wmissing-prototypes",
        "-Wformat=2",
        "-Wcast-qual",
        "-Wwrite-strings",
        "-Wnull-dereference",
    ),
    "-Werror",
    "-Wno-unused-command-line-argument",  # of clang: -no-pie beside -static
)
SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


def compile_relay(how: Build = BUILDS[0], compiler: str = os.environ.get("CC", "cc"), hooks: Path = HOOKS) -> Path:
    """The relay as `install` builds it, or in another way of its; a warning is an error.

    Raises:
        subprocess.CalledProcessError: the compiler's complaint is on stderr.
    """
    return compile_c([hooks / name for name in how.sources], compiler, "-O3", *how.compiling, *how.linking)


def compile_c(sources: Sequence[Path], compiler: str, *flags: str) -> Path:
    """The executable; a warning is an error.

    Raises:
        subprocess.CalledProcessError: the compiler's complaint is on stderr.
    """
    command = [compiler, *WARNINGS, *flags, *map(str, sources)]
    made_from = b"".join(source.read_bytes() for source in sources) + repr(command).encode()
    target = cache() / f"{sources[0].stem}-{hashlib.sha256(made_from).hexdigest()[:16]}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        # Under another name first: several test processes may compile the same.
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            subprocess.run([*command, "-o", f"{folder}/out"], check=True)
            Path(folder, "out").replace(target)
    return target
