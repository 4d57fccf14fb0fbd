"""Compiles hooks/relay.c, once for each source and set of flags."""

import hashlib
import subprocess
import tempfile
from pathlib import Path

from hookspan.setup.relay import STATIC
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
)
RELEASE = ("-O2", *STATIC)
SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


def compile_c(source: Path, compiler: str, *flags: str) -> Path:
    """The executable; a warning is an error.

    Raises:
        subprocess.CalledProcessError: the compiler's complaint is on stderr.
    """
    command = [compiler, *WARNINGS, *flags, str(source)]
    digest = hashlib.sha256(source.read_bytes() + repr(command).encode()).hexdigest()[:16]
    target = cache() / f"{source.stem}-{digest}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        # Under another name first: several test processes may compile the same.
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            subprocess.run([*command, "-o", f"{folder}/out"], check=True)
            Path(folder, "out").replace(target)
    return target
