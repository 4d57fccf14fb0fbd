"""`make wheels`: the sdist, the pure wheel, and for every platform a wheel with the compiled relay in it: into `dist/`.

Zig (the package `ziglang`) compiles for all of them on one machine; what it made is kept in CACHE, by what it was made
from.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

from binary import Binary

from hookspan.setup.relay import ALONE, BUILDS

ROOT: Final = Path(__file__).resolve().parents[1]
CACHE: Final = ROOT / ".cache" / "relay"


class Target(NamedTuple):
    """A platform: zig's name for it, the wheel's tag, and what the compiled relay must turn out to be.

    On Linux it is linked with no libc, so each wheel is for glibc and musl systems alike.
    """

    zig: str
    tag: str
    binary: Binary


TARGETS: Final = (
    Target("x86_64-linux-musl", "manylinux_2_17_x86_64.musllinux_1_1_x86_64", Binary("ELF", "x86_64", True)),
    Target("aarch64-linux-musl", "manylinux_2_17_aarch64.musllinux_1_1_aarch64", Binary("ELF", "arm64", True)),
    Target("x86_64-macos.11.0", "macosx_11_0_x86_64", Binary("Mach-O", "x86_64", False)),
    Target("aarch64-macos.11.0", "macosx_11_0_arm64", Binary("Mach-O", "arm64", False)),
)


def compiled(target: Target) -> Path:
    """The relay for a platform, from the cache or made now."""
    how = ALONE if target.binary.static else BUILDS[-1]
    sources = [ROOT / "hooks" / name for name in how.sources]
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", target.zig]
    compiling, linking = (*zig, "-O3", *how.compiling, "-c"), (*zig, "-s", *how.linking)
    made_from = b"".join(source.read_bytes() for source in sources)
    made_from += " ".join([*compiling[1:], *linking[1:], version("ziglang")]).encode()
    relay = CACHE / f"{target.zig}-{hashlib.sha256(made_from).hexdigest()[:16]}"
    if not relay.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            for source in sources:  # one by one: where Zig links without a libc it does not find its headers
                subprocess.run([*compiling, str(source)], cwd=folder, check=True)
            objects = [f"{source.stem}.o" for source in sources]
            subprocess.run([*linking, "-o", "relay", *objects], cwd=folder, check=True)
            Path(folder, "relay").rename(relay)
    found = Binary.of(relay.read_bytes())
    if found != target.binary:
        raise SystemExit(f"{relay} is {found}, not {target.binary}")
    return relay


def build(kind: str, **env: str) -> None:
    """Build one distribution into `dist/`."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", "dist"]
    subprocess.run(command, cwd=ROOT, env=os.environ | env, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Build them all."""
    relays = {target: compiled(target) for target in TARGETS}
    for old in (ROOT / "dist").glob("hookspan-*"):
        old.unlink()
    build("sdist")
    build("wheel")
    for target, relay in relays.items():
        build("wheel", HOOKSPAN_RELAY=str(relay), HOOKSPAN_RELAY_PLATFORM=target.tag)
    for made in sorted((ROOT / "dist").iterdir()):
        sys.stdout.write(f"dist/{made.name}  {made.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
