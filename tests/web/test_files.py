"""The page's files: those of the folder, as what they are, and nothing else."""

import base64
import hashlib
import re
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


def test_what_the_page_names_lasts_until_a_file_changes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = Files(folder)
    first = files.index()
    assert first is not None
    assert files.index() is first
    (lit,) = re.findall(rb'"lit": "/([^"]+)"', first.content)
    (main,) = re.findall(rb'src="/([^"]+)"', first.content)
    assert lit.decode().partition("/vendor")[0] == main.decode().partition("/main.js")[0]
    seen_by_a_browser = MAP.replace(b"\r\n", b"\n").replace(b"/vendor/lit.js", b"/" + lit)
    expected = base64.b64encode(hashlib.sha256(seen_by_a_browser).digest()).decode()
    assert first.hashes == (f"'sha256-{expected}'",)
    found = files.get(lit.decode())
    assert found is not None
    assert found.lasts
    assert found.content == b"export {}"
    unversioned = files.get("vendor/lit.js")
    assert unversioned is not None
    assert not unversioned.lasts
    assert files.get(f"{main.decode().partition('/main.js')[0]}/../../secret.js") is None
    (folder / "vendor" / "lit.js").write_bytes(b"export {};")
    by_its_old_name = files.get(lit.decode())  # the page has not been asked for since
    assert by_its_old_name is not None
    assert by_its_old_name.content == b"export {};"
    assert not by_its_old_name.lasts
    monkeypatch.setattr("hookspan.web.files.WALK_AGAIN", 0.0)
    second = files.index()
    assert second is not None
    assert lit not in second.content
    shutil.rmtree(folder)
    assert files.index() is None


def test_a_browser_keeps_the_files_and_asks_for_the_page(site: Site) -> None:
    browser = site.browser()
    page = browser.get("/")
    (main,) = re.findall(r'src="(/[^"]+)"', page.text)
    assert page.headers["cache-control"] == "no-cache"
    assert "immutable" in browser.get(main).headers["cache-control"]
    assert browser.get("/main.js").headers["cache-control"] == "no-cache"
    old = re.sub("/v/[0-9a-f]+/", f"/v/{0:016}/", main)
    assert browser.get(old).headers["cache-control"] == "no-cache"
    assert browser.get(old).text == browser.get(main).text
    assert site.client().get(main).status_code == 401


def test_each_of_the_pages_addresses_is_the_pages(site: Site) -> None:
    router = (Path(__file__).parents[2] / "dashboards" / "web" / "lib" / "router.js").read_text()
    paths = re.findall(r'^\t"(/\w*)": "\w+",$', router, re.MULTILINE)
    assert len(paths) > 6
    browser = site.browser()
    assert {path: browser.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)


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
