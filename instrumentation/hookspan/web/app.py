"""The ASGI application: routes around the answers, the stream, the login and the files."""

from __future__ import annotations

import asyncio
import contextlib
import html
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from hookspan.store import StoreDamaged
from hookspan.store.database import is_busy
from hookspan.web import api, openapi, parameters, schemas
from hookspan.web.auth import LOGIN_SECONDS, Auth
from hookspan.web.context import Context
from hookspan.web.files import INDEX, File, Files
from hookspan.web.guard import Guard, policy
from hookspan.web.handlers import health
from hookspan.web.problems import ProblemError, not_found
from hookspan.web.stream import Hub
from hookspan.web.stream_endpoint import StreamEndpoint

AGAIN: Final = 1  # seconds after which a database that is held is to be asked again: it is being made, mostly
THREADS: Final = 4  # for queries; SQLite lets go of the interpreter while it works
PAGES: Final = ("/", "/sessions/{id}", "/search", "/cost", "/friction", "/receipts", "/health", "/log")
_LASTS: Final = "private, max-age=31536000, immutable"
_SIGNED_IN: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8">
<link rel="icon" href="/favicon.svg">
<meta http-equiv="refresh" content="0;url=/"><title>hookspan</title>
<p>Signed in: <a href="/">continue to the page</a>.</p>
</html>
"""
_REFUSED: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8">
<link rel="icon" href="/favicon.svg">
<title>hookspan</title>
<h1>hookspan</h1>
<p>{text}</p>
<pre>hookspan open</pre>
</html>
"""

_encode = msgspec.json.Encoder().encode
_logger = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Response]]


def make(context: Context, hub: Hub, auth: Auth, files: Files) -> ASGIApp:
    """The whole application behind its guard."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        threads = ThreadPoolExecutor(THREADS, "page")
        asyncio.get_running_loop().set_default_executor(threads)
        async with hub.running():
            yield
        threads.shutdown(wait=False, cancel_futures=True)

    app = Starlette(
        routes=_routes(context, hub, auth, files),
        exception_handlers={
            ProblemError: _problem,
            HTTPException: _http_problem,
            StoreDamaged: _damaged,
            sqlite3.OperationalError: _refused,
            Exception: _bug,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return Guard(app, auth, context.agent.settings)


def _routes(context: Context, hub: Hub, auth: Auth, files: Files) -> list[Route]:
    """All paths; the first that fits answers."""
    return [
        *_endpoints(context),
        Route(f"{api.PREFIX}/openapi.json", _fixed(openapi.document(cookie=auth.cookie))),
        Route(f"{api.PREFIX}/stream", StreamEndpoint(context, hub), methods=["GET"]),
        Route(f"{api.PREFIX}/logout", _log_out(auth, hub), methods=["POST"]),
        Route("/healthz", _fixed(schemas.Standing(status="ok"))),
        Route("/readyz", _ready(context)),
        Route("/login", _log_in(auth), methods=["GET"]),
        *(Route(path, _page(files)) for path in PAGES),
        Route("/{name:path}", _file(files)),
    ]


# --- API


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")


def _fixed(answer: object) -> Handler:
    """A handler that always gives the same answer."""
    body = _encode(answer)

    async def handler(request: Request) -> Response:
        parameters.read((), request.query_params.multi_items())
        return _json(body)

    return handler


def _endpoints(context: Context) -> list[Route]:
    """A route for each path of `api.ENDPOINTS`, whatever its methods."""
    handlers: dict[str, dict[str, Handler]] = {}
    for endpoint in api.ENDPOINTS:
        handlers.setdefault(endpoint.path, {})[endpoint.method] = _endpoint(endpoint, context)
    return [
        Route(api.PREFIX + path, _by_method(by_method), methods=list(by_method)) for path, by_method in handlers.items()
    ]


def _by_method(handlers: dict[str, Handler]) -> Handler:
    async def handler(request: Request) -> Response:
        return await handlers["GET" if request.method == "HEAD" else request.method](request)

    return handler


def _endpoint(endpoint: api.Endpoint, context: Context) -> Handler:
    """Reads the parameters, asks the endpoint's handler on a thread, and encodes what it answers."""

    async def handler(request: Request) -> Response:
        arguments = parameters.read(endpoint.parameters, request.query_params.multi_items()) | request.path_params

        def answer() -> bytes:
            return _encode(endpoint.answer(context, arguments))

        def cached_answer() -> bytes:
            question = (endpoint.path, *sorted(arguments.items()), context.content)
            return context.cache.get(question, answer)

        return _json(await asyncio.to_thread(cached_answer if endpoint.cached else answer))

    return handler


def _ready(context: Context) -> Handler:
    async def handler(request: Request) -> Response:
        parameters.read((), request.query_params.multi_items())
        ready = await asyncio.to_thread(health.ready, context)
        return _json(_encode(schemas.Standing(status="ok" if ready else "unavailable")), 200 if ready else 503)

    return handler


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101 - it is registered for nothing else
    return error.response()


async def _http_problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for nothing else
    kind = {404: "not_found", 405: "method"}.get(error.status_code, "http")
    return ProblemError(error.status_code, kind, error.detail, headers=error.headers).response()


async def _damaged(_request: Request, error: Exception) -> Response:
    assert isinstance(error, StoreDamaged)  # noqa: S101 - it is registered for nothing else
    _logger.warning("a database is damaged", exc_info=error)
    hint = "the agent sets it aside and makes a new one of what is there: try again in a moment"
    headers = {"retry-after": str(AGAIN)}
    return ProblemError(503, "damaged", f"`{error.path.name}` is damaged", hint, headers=headers).response()


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, sqlite3.OperationalError)  # noqa: S101 - it is registered for nothing else
    if not is_busy(error):
        return await _bug(request, error)
    _logger.warning("a database is held", exc_info=error)
    headers = {"retry-after": str(AGAIN)}
    return ProblemError(
        503, "busy", "somebody else holds the store", "try again in a moment", headers=headers
    ).response()


async def _bug(_request: Request, error: Exception) -> Response:
    _logger.error("an answer failed", exc_info=error)
    return ProblemError(500, "bug", "hookspan has a bug here", "`agent.log` says more").response()


# --- Login


def _log_in(auth: Auth) -> Handler:
    async def handler(request: Request) -> Response:
        value = await asyncio.to_thread(auth.redeem, request.query_params.get("ticket", ""))
        if value is None:
            text = "This address was used already, or is too old. A new one:"
            return HTMLResponse(_REFUSED.format(text=html.escape(text)), 401)
        # A page and no redirect: what was opened from another program counts as another site's until it is left.
        response = HTMLResponse(_SIGNED_IN)
        response.set_cookie(auth.cookie, value, max_age=int(LOGIN_SECONDS), path="/", httponly=True, samesite="strict")
        return response

    return handler


def _log_out(auth: Auth, hub: Hub) -> Handler:
    """Live connections end, too: who is still signed in comes back."""

    async def handler(request: Request) -> Response:
        value = request.scope.get("state", {}).get("login", "")
        if value:
            await asyncio.to_thread(auth.log_out, value)
            hub.say_goodbye("a browser was signed out; who is still signed in comes back")
        response = Response(status_code=204)
        response.delete_cookie(auth.cookie, path="/", httponly=True, samesite="strict")
        return response

    return handler


# --- Files


def _page(files: Files) -> Handler:
    async def handler(request: Request) -> Response:
        return await _serve(files, INDEX, request.headers)

    return handler


def _file(files: Files) -> Handler:
    async def handler(request: Request) -> Response:
        try:
            return await _serve(files, request.path_params["name"], request.headers)
        except ProblemError:
            if request.headers.get("sec-fetch-dest") != "document":
                raise
            response = await _serve(files, INDEX, Headers())  # it says so, and has the way to the others
            response.status_code = 404
            return response

    return handler


async def _serve(files: Files, name: str, headers: Headers) -> Response:
    # Not on a thread: handing it over takes longer.
    file: File | None = files.index() if name == INDEX else files.get(name)
    if file is None:
        raise not_found("there is no such page or file")
    about: dict[str, Any] = {"etag": file.etag, "cache-control": _LASTS if file.lasts else "no-cache"}
    if file.media_type.startswith("text/html"):
        about["content-security-policy"] = policy(file.hashes)
    if file.etag in headers.get("if-none-match", ""):
        return Response(status_code=304, headers=about)
    return Response(file.content, 200, about, file.media_type)
