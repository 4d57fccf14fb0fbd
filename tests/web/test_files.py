"""The page's files: those of the folder, as what they are, and nothing else."""

import base64
import hashlib
import shutil
from pathlib import Path

import pytest

from hookspan.web.files import TYPES, Files
from tests.web.site import Site

MAP = b'\r\n  {"imports": {"lit": "/vendor/lit.js"}}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "web"
    (root / "vendor").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / "index.html").write_bytes(
        b'<!doctype html><script type="importmap">' + MAP + b"</script><script>evil()</script>"
        b'<script type="module" src="/main.js"></script>'
    )
    for name in TYPES:
        (root / f"file{name}").write_bytes(b"{}")
    (root / "vendor" / "lit.js").write_bytes(b"export {}")
    (tmp_path / "secret.js").write_bytes(b"secret")
    (root / "link.js").symlink_to(tmp_path / "secret.js")
    (root / "outside").symlink_to(tmp_path)
    for hidden in (".env.js", ".git/config.js", "notes.md", "run.py", "vendor/.hidden.css"):
        (root / hidden).write_bytes(b"hidden")
    return root


def test_every_type_is_named_and_only_import_maps_may_run(folder: Path) -> None:
    files = Files(folder)
    for suffix, media_type in TYPES.items():
        found = files.get(f"file{suffix}")
        assert found is not None
        assert found.media_type == media_type
    index = files.get("index.html")
    assert index is not None
    seen_by_a_browser = MAP.replace(b"\r\n", b"\n")
    expected = base64.b64encode(hashlib.sha256(seen_by_a_browser).digest()).decode()
    assert index.hashes == (f"'sha256-{expected}'",)


@pytest.mark.parametrize(
    "name",
    [
        "../secret.js",
        "vendor/../../secret.js",
        "/etc/passwd",
        "link.js",
        "outside/secret.js",
        ".env.js",
        ".git/config.js",
        "vendor/.hidden.css",
        "notes.md",
        "run.py",
        "vendor",
        "vendor/",
        "",
        "./index.html",
        "index.html\0",
        "..%2fsecret.js",
    ],
)
def test_nothing_else_is_served(folder: Path, name: str) -> None:
    assert Files(folder).get(name) is None


def test_a_file_that_changes_comes_or_goes_is_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hookspan.web.files.WALK_AGAIN", 0.0)
    files = Files(folder)
    before = files.get("vendor/lit.js")
    assert before is not None
    assert files.get("vendor/lit.js") is before
    (folder / "vendor" / "lit.js").write_bytes(b"export {};")
    after = files.get("vendor/lit.js")
    assert after is not None
    assert after.etag != before.etag
    assert files.get("new.js") is None
    (folder / "new.js").write_bytes(b"1")
    assert files.get("new.js") is not None
    (folder / "new.js").unlink()
    (folder / "new.js").symlink_to(folder.parent / "secret.js")
    assert files.get("new.js") is None
    shutil.rmtree(folder)
    assert files.get("index.html") is None


def test_an_address_that_is_no_page_shows_the_way_to_those_that_are(site: Site) -> None:
    browser = site.browser()
    opened = browser.get(
        "/nowhere", headers={"sec-fetch-dest": "document", "if-none-match": browser.get("/").headers["etag"]}
    )
    assert opened.status_code == 404
    assert opened.text == browser.get("/").text
    assert opened.headers["content-security-policy"] == browser.get("/").headers["content-security-policy"]
    fetched = browser.get("/nowhere")
    assert (fetched.status_code, fetched.headers["content-type"]) == (404, "application/problem+json")
