"""Serves the page's files: those found by a walk of `dashboards/web/`, and no other path."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import stat
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""What is served, and as what; the machine's own table of types may be wrong."""
INDEX: Final = "index.html"
WALK_AGAIN: Final = 1.0  # seconds; a file that is new is found after that
_IMPORT_MAP: Final = re.compile(rb"<script\s+type=[\"']?importmap[\"']?\s*>(.*?)</script>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is now. `hashes`: CSP sources of its import maps."""

    content: bytes
    media_type: str
    etag: str
    hashes: tuple[str, ...] = ()


class Files:
    """Thread-safe."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._walked = 0.0
        self._paths: dict[str, Path] = {}
        self._read: dict[str, tuple[tuple[int, int], File]] = {}

    def get(self, name: str) -> File | None:
        """The file that the walk found under this name (`vendor/lit.js`), None for any other."""
        with self._lock:
            path = self._paths.get(name)
            if path is None and time.monotonic() - self._walked >= WALK_AGAIN:
                self._walk()
                path = self._paths.get(name)
            return None if path is None else self._current(name, path)

    def _walk(self) -> None:
        self._walked = time.monotonic()
        paths = {}
        for folder, folders, names in os.walk(self._root):  # doesn't follow links to folders
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = Path(folder) / name
                if path.suffix in TYPES and not name.startswith(".") and not path.is_symlink():
                    paths[path.relative_to(self._root).as_posix()] = path
        self._paths = paths

    def _current(self, name: str, path: Path) -> File | None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            self._paths.pop(name, None)
            return None
        with os.fdopen(descriptor, "rb") as opened:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return None
            version = (status.st_mtime_ns, status.st_size)
            cached = self._read.get(name)
            if cached is not None and cached[0] == version:
                return cached[1]
            content = opened.read()
        hashes = tuple(map(_csp_hash, _IMPORT_MAP.findall(content))) if path.suffix == ".html" else ()
        file = File(content, TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"', hashes)
        self._read[name] = (version, file)
        return file


def _csp_hash(text: bytes) -> str:
    """The hash of the text as a browser sees it: with LF for line ends."""
    text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"
