"""The machine and the versions that a benchmark measured, as its report names them."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import psutil

from hookspan import __version__
from hookspan.errors import UserError
from hookspan.units import counted, size


def machine() -> dict[str, str]:
    """What it was measured on."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    named = [line.partition(":")[2].strip() for line in lines.splitlines() if line.startswith("model name")]
    return {
        "processor": named[0] if named else platform.processor(),
        "processors": counted(os.cpu_count() or 1, "processors"),
        "memory": size(psutil.virtual_memory().total),
        "load": f"load {os.getloadavg()[0]:.1f}",
        "system": platform.platform(),
    }


def versions(client: Path | None) -> dict[str, str]:
    """What was measured."""
    versions = {"hookspan": f"hookspan {__version__}", "python": f"Python {platform.python_version()}"}
    if client is not None:
        done = subprocess.run([str(client), "--version"], capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"`{client} --version` exited {done.returncode}")
        versions["client"] = done.stdout.strip()
    return versions
