"""The page's code: laid out, linted and typed; as it is sent: small, and what it brings along is unaltered."""

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hookspan import units
from tests import npm

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
FIRST_PAGE_MAX, ALL_PAGES_MAX = 58_000, 226_000  # bytes, gzip: what the first page fetches; every file of every page

pytestmark = pytest.mark.need_npm


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of dashboards/ as `npm ci` leaves it, so that no tests write into the checkout."""
    folder = tmp_path_factory.mktemp("dashboards")
    for path in WEB.parent.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    shutil.copytree(WEB, folder / "web")
    (folder / "node_modules").symlink_to(npm.page())
    return folder


@pytest.mark.parametrize(
    ("script", "hint"),
    [
        ("check:format", "run `make format`"),
        ("check:lint", "run `npm run check:lint` in dashboards/"),
        ("check:types", "run `npm run check:types` in dashboards/"),
    ],
)
def test_it_is_as_make_lint_wants_it(workplace: Path, script: str, hint: str) -> None:
    command = ["npm", "run", "--silent", script]
    done = subprocess.run(command, cwd=workplace, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{hint}\n{done.stdout}{done.stderr}"


def test_what_it_brings_along_is_the_release_s() -> None:
    table = (VENDOR / "README.md").read_text()
    locked = json.loads(npm.PAGE_LOCK.read_text())["packages"]
    files = [path for path in VENDOR.rglob("*") if path.is_file() and path.name != "README.md"]
    for path in files:
        folder, _, name = path.relative_to(VENDOR).as_posix().partition("/")
        package, inner = PACKAGES[folder]
        version, licence = (locked[f"node_modules/{package}"][key] for key in ("version", "license"))
        assert f"| {version} | {licence} | `{folder}/` |" in table
        released = npm.page() / package
        original = next(one for one in (released / name, released / inner / name) if one.is_file())
        assert path.read_bytes() == original.read_bytes(), path
    assert {path.relative_to(VENDOR).parts[0] for path in files if path.name == "LICENSE"} == set(PACKAGES)


def test_it_is_small() -> None:
    sent = [path for path in WEB.rglob("*") if path.suffix in {".js", ".css", ".html", ".svg"}]
    sizes = {path.relative_to(WEB).as_posix(): len(gzip.compress(path.read_bytes(), 9)) for path in sent}
    largest = sorted(sizes.items(), key=lambda entry: -entry[1])[:10]
    assert sum(sizes.values()) < ALL_PAGES_MAX, largest
    first = {*preloaded(), *(name for name in sizes if "/" not in name)}
    assert sum(sizes[name] for name in first) < FIRST_PAGE_MAX, largest


def preloaded() -> set[str]:
    """What index.html fetches at once beside main.js."""
    return set(re.findall(r'rel="modulepreload" href="/([^"]+)"', (WEB / "index.html").read_text()))


IMPORT = re.compile(
    r"""(?:^|[;}\s])(?:import\s*(?:[\w*{},$\s]+from\s*)?|export\s*[\w*{},$\s]+from\s*)["']([^"']+)["']"""
)


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
            *(WEB / "components" / f"{one}.js" for one in ("now-header", "sessions-list")),
        ],
    )
    while todo:
        path = todo.pop()
        if path not in needed:
            needed.add(path)
            todo += [path_of(name, path) for name in IMPORT.findall(path.read_text())]
    assert {WEB / name for name in preloaded()} == needed - {WEB / "main.js"}


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


MILLISECONDS = [
    0, 0.001, 0.0049, 0.005, 0.21, 9.99, 9.995, 12, 531, 999.4, 999.5, 1000, 4240, 9_940, 9_950, 42_000, 59_940, 59_950,
    60_000, 192_000, 3_599_400, 3_599_600, 3_600_000, 7_500_000, 86_399_999, 86_400_000, 273_600_000, -4200,
]  # fmt: skip
DOLLARS = [0, 0.0004, 0.0005, 0.004, 0.078, 0.11, 0.9994, 0.9995, 1.2, 9.996, 999.5, 1234.5, -0.078]
NODE = """
import {age, duration, elapsed, money} from "./format.js";
const [times, dollars] = JSON.parse(process.argv[1]);
const all = {
  duration: times.map(duration), elapsed: times.map(elapsed), age: times.map(age),
  money: dollars.map(one => money(one)), column: dollars.map(one => money(one, Math.max(...dollars))),
};
console.log(JSON.stringify(all));
"""


def test_figures_read_alike_on_the_page_and_in_the_terminal() -> None:
    command = ["node", "--input-type=module", "-e", NODE, json.dumps([MILLISECONDS, DOLLARS])]
    done = subprocess.run(command, cwd=WEB / "lib", capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.replace("\u00a0", " "))  # on the page no line ends within a figure
    seconds = [one / 1e3 for one in MILLISECONDS]
    assert found["duration"] == [units.duration(one) for one in seconds]
    assert found["elapsed"] == [units.elapsed(one) for one in seconds]
    assert found["age"] == [units.age(one) for one in seconds]
    assert found["money"] == [units.money(one) for one in DOLLARS]
    assert found["column"] == [units.money(one, max(DOLLARS)) for one in DOLLARS]
    assert found["duration"][4:20] == [
        "0.21 ms", "9.99 ms", "10 ms", "12 ms", "531 ms", "999 ms", "1.0 s", "1.0 s", "4.2 s", "9.9 s", "9.9 s",
        "42.0 s", "59.9 s", "1 min 00 s", "1 min 00 s", "3 min 12 s",
    ]  # fmt: skip
    assert found["money"][3:9] == ["$0.004", "$0.078", "$0.110", "$0.999", "$1.00", "$1.20"]
    assert {text[-3] for text in found["column"]} == {"."}  # decimals below each other
