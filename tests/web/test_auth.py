"""Who gets in, and who doesn't: other users of the machine, other sites' pages, other names for 127.0.0.1."""

import json
import pwd
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable

import pytest

from hookspan.web.auth import Auth
from tests.waiting import PATIENCE, until
from tests.web.site import Play, Site

PATHS = ("/", "/sessions/x", "/index.html", "/api/v1/summary", "/api/v1/openapi.json", "/api/v1/stream", "/nothing")


def test_nothing_but_health_is_told_without_a_login(shared: Site) -> None:
    client = shared.client()
    for path in PATHS:
        answer = client.get(path)
        assert answer.status_code == 401, path
        assert "hookspan open" in answer.text
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert client.get("/api/v1/summary").headers["content-type"] == "application/problem+json"
    assert client.get("/").headers["content-type"].startswith("text/html")
    assert client.get("/healthz").json() == {"status": "ok"}
    until(lambda: client.get("/readyz").json() == {"status": "ok"}, "the store is not there")
    assert client.post("/api/v1/logout").status_code == 401
    for token in ("x", shared.token + "x", shared.token[:-1], "é"):
        authorization = f"Bearer {token}".encode()
        assert client.get("/api/v1/summary", headers={b"authorization": authorization}).status_code == 401


def test_the_token_is_in_a_file_of_our_own_and_deleting_it_takes_it_back(site: Site) -> None:
    path = site.machine.paths.token
    assert path.stat().st_mode & 0o777 == 0o600
    script = site.script()
    assert script.get("/api/v1/summary").status_code == 200
    path.unlink()
    assert script.get("/api/v1/summary").status_code == 401


def test_a_one_time_address_signs_one_browser_in_once(shared: Site) -> None:
    address = shared.ticket_url()
    browser, second = shared.client(), shared.client()
    answer = browser.get(address)
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert 'url=/"' in answer.text
    assert "<script" not in answer.text
    assert browser.get("/api/v1/summary").status_code == 200
    again = second.get(address)
    assert again.status_code == 401
    assert "set-cookie" not in again.headers
    assert second.get("/login").status_code == 401
    value = browser.cookies[next(iter(browser.cookies))]
    assert value not in (shared.machine.paths.state / "logins.json").read_text()  # its hash is


def test_a_login_outlives_the_agent_and_ends_with_logout(site: Site) -> None:
    browser = site.browser()
    site.machine.kill()
    site.machine.up()
    assert site.where == site.url  # the port is kept
    assert browser.get("/api/v1/summary").status_code == 200
    cookies = dict(browser.cookies)
    with browser.stream("GET", "/api/v1/stream") as live:
        lines = live.iter_lines()
        assert any(line == "event: hello" for line in lines)
        assert browser.post("/api/v1/logout", headers={"origin": site.url}).status_code == 204
        assert "event: bye" in lines, "what is live ends as well"
    assert (
        site.client(cookie="; ".join(f"{k}={v}" for k, v in cookies.items())).get("/api/v1/summary").status_code == 401
    )


def test_tickets_and_logins_grow_old(paths, monkeypatch: pytest.MonkeyPatch) -> None:
    paths.create()
    auth = Auth(paths)
    ticket, kept = auth.mint(), auth.redeem(auth.mint())
    assert kept
    now, monotonic = time.time, time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + 121)
    assert auth.redeem(ticket) is None
    assert auth.knows_cookie(kept)
    assert Auth(paths).knows_cookie(kept)
    monkeypatch.setattr(time, "time", lambda: now() + 31 * 86_400)
    assert not auth.knows_cookie(kept)
    assert not Auth(paths).knows_cookie(kept)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:9999", 200),  # ssh -L
        ("[::1]:{port}", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example:{port}", 421),
        ("evil.example:{port}", 421),
        ("127.0.0.1:{port}@evil.example", 421),
        ("localhost.evil.example", 421),
        ("0.0.0.0:{port}", 421),
        ("", 421),
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/summary", "/healthz"])
def test_a_name_that_was_rebound_to_loopback_gets_nothing(shared: Site, host: str, status: int, path: str) -> None:
    answer = shared.script(host=host.format(port=shared.port)).get(path)
    assert answer.status_code == status
    assert ("position" in answer.text) == (status == 200 and path != "/healthz")


def test_more_names_can_be_allowed(make_site: Callable[..., Site]) -> None:
    site = make_site(allowed_hosts=["box.lan"])
    assert site.script(host="BOX.lan:8420").get("/api/v1/summary").status_code == 200
    assert site.script(host="box.lan.evil.example").get("/api/v1/summary").status_code == 421


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://127.0.0.1:{port}"}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"origin": "null"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),  # another program's page on this machine
        ({"origin": "file://"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, 403),
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/summary", "/api/v1/stream"])
def test_another_sites_page_gets_nothing_even_with_the_cookie(
    shared: Site, headers: dict[str, str], status: int, path: str
) -> None:
    browser = shared.browser()
    given = {name: value.format(port=shared.port) for name, value in headers.items()}
    with browser.stream("GET", path, headers=given) as answer:
        assert answer.status_code == status
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert browser.options(path, headers={"origin": "http://evil.example"}).status_code == 403


def test_another_site_may_link_to_the_page_and_not_embed_it(shared: Site) -> None:
    browser = shared.browser()
    cross = {"sec-fetch-site": "cross-site"}
    link = cross | {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert browser.get("/friction", headers=link).status_code != 403
    assert (
        browser.get("/friction", headers=cross | {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}).status_code
        == 403
    )
    assert (
        browser.get("/friction", headers=cross | {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}).status_code
        == 403
    )


_AS_SOMEBODY_ELSE = """
import json, sys, urllib.error, urllib.request
asked = json.load(sys.stdin)
answers = []
for url, headers in asked["requests"]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            answers.append(answer.status)
    except urllib.error.HTTPError as error:
        answers.append(error.code)
readable = []
for path in asked["paths"]:
    try:
        open(path).close()
        readable.append(path)
    except OSError:
        pass
print(json.dumps([answers, readable]))
"""


@pytest.mark.need_root
def test_another_user_of_the_machine_gets_nothing_not_even_with_what_he_saw(site: Site) -> None:
    """A one-time address stands in the browser's command line, and cookies go to every port of 127.0.0.1."""
    site.append(Play().start())
    browser, address, api = site.browser(), site.ticket_url(), f"{site.url}/api/v1/summary"
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    state = site.machine.paths.state
    asked = {
        "requests": [(f"{site.url}/healthz", {}), (api, {}), (address, {}), (api, {"Cookie": cookie})],
        "paths": [str(path) for path in (state / "token", state / "logins.json", state / "store.db", state / "key")],
    }
    nobody = pwd.getpwnam("nobody")
    done = subprocess.run(
        [shutil.which("python3", path="/usr/bin:/bin") or "python3", "-c", _AS_SOMEBODY_ELSE],
        input=json.dumps(asked),
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [[200, 401, 403, 403], []]
    assert site.client().get(address).status_code == 200  # the stranger's try did not use it up
    assert browser.get("/api/v1/summary").status_code == 200


def test_open_says_why_there_is_no_page(make_site: Callable[..., Site]) -> None:
    site = make_site()
    site.machine.paths.config.write_text("[dashboard]\nenabled = false\n")
    site.restart()
    done = site.machine.cli("open", "--print")
    assert done.returncode == 1
    assert "dashboard.enabled" in done.stderr
    assert site.url == ""


def _listen(port: int = 0) -> socket.socket:
    listening = socket.create_server(("127.0.0.1", port))
    listening.settimeout(PATIENCE)
    return listening


def test_a_port_that_somebody_else_has_is_left_to_him(make_site: Callable[..., Site]) -> None:
    """Who listens where the page was sees no ticket and no token: addresses come from the agent by its own socket."""
    with _listen() as first:
        taken = first.getsockname()[1]
        site = make_site(port=taken)
        assert site.port != taken
        assert site.ticket_url().startswith(f"{site.url}/login?ticket=")
        assert site.browser().get("/api/v1/summary").status_code == 200
        site.machine.kill()
        site.machine.up()
        assert site.where == site.url  # the port is kept while it is free
        site.machine.down()
        with _listen(site.port or 0):
            site.machine.up()
            moved = site.where
            assert moved not in {site.url, f"http://127.0.0.1:{taken}"}
            assert site.ticket_url().startswith(f"{moved}/login?ticket=")


def test_only_our_own_scripts_run_and_nothing_is_fetched_from_elsewhere(shared: Site) -> None:
    browser = shared.browser()
    for path in ("/", "/sessions/x", "/friction", "/health", "/log"):
        answer = browser.get(path)
        rules = dict(one.strip().split(" ", 1) for one in answer.headers["content-security-policy"].split(";"))
        assert rules["default-src"] == "'none'"
        script, *hashes = rules.pop("script-src").split()
        assert script == "'self'"
        inline = re.findall(r"<script([^>]*)>[^<]*\S[^<]*</script>", answer.text)
        assert inline == [' type="importmap"'] * len(hashes)
        assert all(one.startswith("'sha256-") for one in hashes)
        assert not {"unsafe", "http", "*"} & set(re.findall(r"unsafe|http|\*", " ".join(rules.values())))
        assert not re.findall(r"(?:src|href)=\"(?:\w+:)?//", answer.text)
        assert not re.findall(r"\son\w+=", answer.text)
    assert (
        shared.client().get("/").headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
    )
