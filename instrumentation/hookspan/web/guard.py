"""The checks that every request must pass first, and the headers that every answer carries.

Host, Origin and Sec-Fetch-Site are looked at, then the login. A page that somebody else's site opens in the user's
browser reaches 127.0.0.1, too: with its own name in Host (DNS rebinding), in Origin, or with a Sec-Fetch-Site that says
so.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hookspan.config import Settings
from hookspan.peer import Peers
from hookspan.web.auth import Auth
from hookspan.web.problems import ProblemError

OPEN: Final = frozenset({"/healthz", "/readyz", "/login"})
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_WILDCARDS: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - addresses that are no names to be called by
_CSP: Final = (
    "default-src 'none'; script-src 'self'{hashes}; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": _CSP.format(hashes=""),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
"""On every answer that doesn't set its own."""
_HEADERS: Final = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
_SIGN_IN: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>hookspan</title>
<h1>hookspan</h1>
<p>This browser is not signed in. Run this in a terminal:</p>
<pre>hookspan open</pre>
</html>
"""


def policy(hashes: tuple[str, ...]) -> str:
    """The Content-Security-Policy of a page whose import maps have these hashes."""
    return _CSP.format(hashes="".join(f" {one}" for one in hashes))


class Guard:
    """The outermost ASGI application."""

    def __init__(self, app: ASGIApp, auth: Auth, settings: Callable[[], Settings]) -> None:
        self._app = app
        self._auth = auth
        self._settings = settings
        self._peers = Peers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(one for one in _HEADERS if one[0] not in own)]
            await send(message)

        headers = Headers(scope=scope)
        try:
            by_loopback = self._check_host(headers)
            _check_origin(headers)
            _check_site(headers, scope["path"])
            # Behind a proxy all connections are the proxy's; then another name than loopback's is used.
            if scope["path"] == "/login" and by_loopback:
                self._check_peer(scope)
            if scope["path"] not in OPEN and not self._has_token(headers):
                self._check_cookie(headers, scope)
                _check_asker(headers, scope["method"])
                if by_loopback:
                    self._check_peer(scope)
        except ProblemError as problem:
            response: Response = problem.response()
            if problem.status == 401 and not scope["path"].startswith("/api/"):  # noqa: PLR2004 - Unauthorized
                response = HTMLResponse(_SIGN_IN, problem.status, problem.headers)
            await response(scope, receive, guarded)
            return
        await self._app(scope, receive, guarded)

    # --- Checks, each raising ProblemError

    def _check_host(self, headers: Headers) -> bool:
        """Whether we are called by a name of loopback; refused if it is no name of ours at all."""
        hosts = headers.getlist("host")
        name = _name(hosts[0]) if len(hosts) == 1 else None
        if name in LOOPBACK:
            return True
        dashboard = self._settings().dashboard
        allowed = {_bracketed(one) for one in (dashboard.host, *dashboard.allowed_hosts) if one not in _WILDCARDS}
        if name is None or name not in allowed:
            raise ProblemError(
                421,
                "host",
                "this host name is not served here",
                "`hookspan config set dashboard.allowed_hosts NAME` allows one",
            )
        return False

    def _check_peer(self, scope: Scope) -> None:
        client, server = scope.get("client"), scope.get("server")
        if client and server and self._peers.is_stranger((client[0], client[1]), (server[0], server[1])):
            hint = "behind a proxy, add the name that it uses to `dashboard.allowed_hosts`"
            raise ProblemError(403, "stranger", "this connection is another user's", hint)

    def _has_token(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        if not self._auth.knows_token(token.strip()):
            raise _unauthorized("this token is not valid", "it is in the file `token` of the state folder")
        return True

    def _check_cookie(self, headers: Headers, scope: Scope) -> None:
        value = cookie(headers, self._auth.cookie)
        if not value or not self._auth.knows_cookie(value):
            raise _unauthorized("you are not signed in", "`hookspan open` signs your browser in")
        scope.setdefault("state", {})["login"] = value


def _unauthorized(detail: str, hint: str) -> ProblemError:
    return ProblemError(401, "unauthorized", detail, hint, headers={"www-authenticate": 'Bearer realm="hookspan"'})


def _check_origin(headers: Headers) -> None:
    """A browser names the page that asks; it must be ours. `null` is nobody's."""
    for origin in headers.getlist("origin"):
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or parts.netloc.lower() != headers["host"].lower():
            raise ProblemError(
                403, "origin", "a page of another site may not send this request", "open hookspan's own page"
            )


def _check_asker(headers: Headers, method: str) -> None:
    """Where a login is to change something, the browser must have said which page wants that."""
    if method not in {"GET", "HEAD"} and "origin" not in headers and "sec-fetch-site" not in headers:
        raise ProblemError(
            403, "origin", "the request doesn't say which page sent it", "a script should send the token instead"
        )


def _check_site(headers: Headers, path: str) -> None:
    """What another site's page makes the browser do: it may open our pages, and nothing else."""
    for site in headers.getlist("sec-fetch-site"):
        if site in {"same-origin", "none"}:
            continue
        navigates = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        if path.startswith("/api/") or not navigates:
            raise ProblemError(
                403, "site", "a page of another site may not send this request", "open hookspan's own page"
            )


def cookie(headers: Headers, name: str) -> str:
    """The value of one cookie, empty without it; what other programs on this host set beside it may be anything."""
    for part in headers.get("cookie", "").split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""


def _name(host: str) -> str | None:
    """The name in a Host header without its port; None for what is no host."""
    if host.startswith("["):
        name, bracket, port = host.partition("]")
        name += bracket
    else:
        name, _, port = host.partition(":")
        port = f":{port}" if port else ""
    if port and not (port[0] == ":" and port[1:].isdigit()):
        return None
    return name.lower().rstrip(".") or None


def _bracketed(name: str) -> str:
    """A name or an address as it stands in Host."""
    try:
        return f"[{name}]" if ipaddress.ip_address(name).version == 6 else name  # noqa: PLR2004 - IPv6
    except ValueError:
        return name.lower()
