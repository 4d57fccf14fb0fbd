"""The page's code as it is sent: its types hold, what it brings along is unaltered, and it is small."""

import gzip
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.web.packages import LOCK, node_modules

ROOT = Path(__file__).parents[2]
WEB = ROOT / "dashboards" / "web"
VENDOR = WEB / "vendor"
PACKAGES = {
    "lit": ("lit", ""),
    "lit-element": ("lit-element", ""),
    "lit-html": ("lit-html", ""),
    "reactive-element": ("@lit/reactive-element", ""),
    "uplot": ("uplot", "dist"),
}
SIZE_MAX = 150_000  # bytes, gzip: every file of every page together

pytestmark = pytest.mark.need_npm


def test_types_hold(tmp_path: Path) -> None:
    packages = node_modules()
    config: dict[str, Any] = {
        "extends": str(WEB / "tsconfig.json"),
        "compilerOptions": {
            "paths": {
                "lit": [f"{packages}/lit/index.d.ts"],
                "lit/*": [f"{packages}/lit/*"],
                "uplot": [f"{packages}/uplot/dist/uPlot.d.ts"],
            }
        },
        "include": [f"{WEB}/main.js", f"{WEB}/lib/**/*", f"{WEB}/components/**/*"],
    }
    (tmp_path / "tsconfig.json").write_text(json.dumps(config))
    done = subprocess.run(
        [packages / ".bin" / "tsc", "-p", tmp_path], cwd=WEB, capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
    assert done.returncode == 0


def test_what_it_brings_along_is_the_release_s() -> None:
    table = (VENDOR / "README.md").read_text()
    locked = json.loads(LOCK.read_text())["packages"]
    files = [path for path in VENDOR.rglob("*") if path.is_file() and path.name != "README.md"]
    for path in files:
        folder, _, name = path.relative_to(VENDOR).as_posix().partition("/")
        package, inner = PACKAGES[folder]
        version, licence = (locked[f"node_modules/{package}"][key] for key in ("version", "license"))
        assert f"| {version} | {licence} | `{folder}/` |" in table
        released = node_modules() / package
        original = next(one for one in (released / name, released / inner / name) if one.is_file())
        assert path.read_bytes() == original.read_bytes(), path
    assert {path.relative_to(VENDOR).parts[0] for path in files if path.name == "LICENSE"} == set(PACKAGES)


def test_it_is_small() -> None:
    sent = [path for path in WEB.rglob("*") if path.suffix in {".js", ".css", ".html", ".svg"}]
    sizes = {path.relative_to(WEB).as_posix(): len(gzip.compress(path.read_bytes(), 9)) for path in sent}
    assert sum(sizes.values()) < SIZE_MAX, sorted(sizes.items(), key=lambda one: -one[1])[:10]


IMPORT = re.compile(r"""(?:^|[;}\s])(?:import|export)\s*(?:[\w*{},$\s]+from\s*)?["']([^"']+)["']""")


def test_what_the_first_page_needs_is_fetched_at_once() -> None:
    """And not file after file, as their imports are found."""
    index = (WEB / "index.html").read_text()
    found = re.search(r'<script type="importmap">(.*?)</script>', index, re.DOTALL)
    assert found
    names: dict[str, str] = json.loads(found[1])["imports"]

    def path_of(name: str, importer: Path) -> Path:
        if name.startswith("."):
            return (importer.parent / name).resolve()
        key = max((key for key in names if name == key or (key.endswith("/") and name.startswith(key))), key=len)
        return WEB / (names[key] + name.removeprefix(key)).lstrip("/")

    needed, todo = (
        set(),
        [
            WEB / "main.js",
            *(WEB / "components" / f"{one}.js" for one in ("metrics-panel", "now-header", "sessions-list")),
        ],
    )
    while todo:
        path = todo.pop()
        if path not in needed:
            needed.add(path)
            todo += [path_of(name, path) for name in IMPORT.findall(path.read_text())]
    preloaded = re.findall(r'rel="modulepreload" href="/([^"]+)"', index)
    assert {WEB / one for one in preloaded} == needed - {WEB / "main.js"}


def test_nothing_writes_markup() -> None:
    """Lit puts values into the page as text; these would not."""
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|unsafe(HTML|SVG|CSS|Static)|document\.write|\beval\(|new Function"
        r"|srcdoc|\.href=\$|javascript:"
    )
    for path in [*WEB.glob("*.*"), *WEB.glob("lib/*"), *WEB.glob("components/*")]:
        assert not forbidden.search(path.read_text()), path


def test_keys_are_asked_of_the_table_that_the_help_is_made_of() -> None:
    """But for those that end or send what is typed, and the arrows in the palette's own field."""
    compared = re.compile(r"""event\.key\s*===?\s*"([^"]+)"|\[event\.key\]|event\.code""")
    found = {
        (path.name, match[0])
        for path in WEB.glob("components/*.js")
        for match in compared.finditer(path.read_text())
        if match[1] not in {"Enter", "Escape"}
    }
    assert found == {("command-palette.js", "[event.key]")}
