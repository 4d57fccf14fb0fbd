"""Asks an HTTP address that the user named: no proxy, no redirect, one deadline, and an answer of bounded size."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final
from urllib.error import HTTPError

from hookspan.units import counted

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

LIMIT: Final = 8 << 20  # bytes; a trace of ours has some hundred KB, a Collector's metrics 60 KB
PART: Final = 64 << 10
LINE: Final = 64 << 10


@functools.cache
def _opener() -> OpenerDirector:
    """Knows no proxy, and follows no redirect: a request for one address is never sent to another.

    `urllib.request` brings HTTP, TLS and mail, a tenth of an agent's start, and most agents ask nobody.
    """
    from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener  # noqa: PLC0415

    class NoRedirect(HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            """Return the redirect as the answer."""

    return build_opener(ProxyHandler({}), NoRedirect())


def get(url: str, timeout: float) -> tuple[int, bytes]:
    """The status and so much of the body as comes within `timeout` seconds and LIMIT; only a 2xx answer's is read.

    Raises OSError or ValueError when there is no answer.
    """
    until, body = time.monotonic() + timeout, bytearray()
    try:
        with _opener().open(url, timeout=timeout) as answer:
            while len(body) < LIMIT and time.monotonic() < until and (part := answer.read1(PART)):
                body += part
            return int(answer.status), bytes(body[:LIMIT])
    except HTTPError as error:
        with error:
            return int(error.code), b""


def lines(url: str, form: bytes, headers: Mapping[str, str], timeout: float, most: int) -> Iterator[bytes]:
    """The lines of the answer to a form that is posted, as they come: each within `timeout` seconds.

    Raises OSError when there is no answer, or one that is no 2xx, and ValueError for a line of more than LINE bytes, or
    more than `most` lines.
    """
    from urllib.request import Request  # noqa: PLC0415 - as above

    request = Request(url, form, dict(headers))  # noqa: S310 - whoever calls has looked at it
    try:
        with _opener().open(request, timeout=timeout) as answer:
            for _ in range(most):
                if not (line := answer.readline(LINE)):
                    return
                if not line.endswith(b"\n"):
                    raise ValueError("a line of its answer has no end")
                yield line
            raise ValueError(f"its answer has more than {counted(most, 'lines')}")
    except HTTPError as error:
        with error:
            said = error.read(200).decode(errors="replace").strip()
            raise OSError(f"it answers {error.code}{f': {said}' if said else ''}") from error
