"""Serves the page's files: those found by a walk of `dashboards/web/`, and no other path.

The page names its files by a version, `/v/VERSION/lib/api.js`, which is another one as soon as any of them changes: so
a browser keeps them and does not ask for each again. Modules name each other by relative paths, which stay within it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import stat
import threading
import time
from dataclasses import dataclass, replace
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
_VERSIONED: Final = re.compile(r"v/([0-9a-f]{16})/(.+)", re.DOTALL)
_ADDRESS: Final = re.compile(rb'"/([^"]*)"')  # each in index.html is a file's, or a folder's in its import map
_IMPORT_MAP: Final = re.compile(rb"<script\s+type=[\"']?importmap[\"']?\s*>(.*?)</script>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is now. `hashes`: CSP sources of its import maps. `lasts`: never another one by this address."""

    content: bytes
    media_type: str
    etag: str
    hashes: tuple[str, ...] = ()
    lasts: bool = False


@dataclass(frozen=True, slots=True)
class _Version:
    """All files as they were together, by name, and the page that names them so."""

    name: str
    etags: dict[str, str]
    index: File


class Files:
    """Thread-safe."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._walked = 0.0
        self._paths: dict[str, Path] = {}
        self._read: dict[str, tuple[tuple[int, int], File]] = {}
        self._version: _Version | None = None

    def get(self, name: str) -> File | None:
        """The file that the walk found under this name (`vendor/lit.js`), None for any other.

        By a version's name (`v/VERSION/vendor/lit.js`) it lasts while it is as it was in that version.
        """
        versioned = _VERSIONED.fullmatch(name)
        name = versioned[2] if versioned else name
        with self._lock:
            path = self._paths.get(name)
            if path is None and self._is_old:
                self._walk()
                path = self._paths.get(name)
            file = None if path is None else self._current(name, path)
            if file and versioned and (known := self._version) and known.name == versioned[1]:
                return replace(file, lasts=known.etags.get(name) == file.etag)
            return file

    def index(self) -> File | None:
        """The page, with the addresses of its files in their present version; None while there is none."""
        with self._lock:
            if self._version is None or self._is_old:
                self._walk()
                self._version = self._as_they_are()
            return self._version.index if self._version else None

    @property
    def _is_old(self) -> bool:
        return time.monotonic() - self._walked >= WALK_AGAIN

    def _as_they_are(self) -> _Version | None:
        found = {name: file for name, path in sorted(self._paths.items()) if (file := self._current(name, path))}
        if INDEX not in found:
            return None
        etags = {name: file.etag for name, file in found.items()}
        if self._version and self._version.etags == etags:
            return self._version
        version = hashlib.sha256("".join(map("".join, etags.items())).encode()).hexdigest()[:16]
        page = _ADDRESS.sub(rb'"/v/%b/\1"' % version.encode(), found[INDEX].content)
        return _Version(version, etags, _file(page, ".html"))

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
            file = _file(opened.read(), path.suffix)
        self._read[name] = (version, file)
        return file


def _file(content: bytes, suffix: str) -> File:
    hashes = tuple(map(_csp_hash, _IMPORT_MAP.findall(content))) if suffix == ".html" else ()
    return File(content, TYPES[suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"', hashes)


def _csp_hash(text: bytes) -> str:
    """The hash of the text as a browser sees it: with LF for line ends."""
    text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"
