"""The API's errors: RFC 9457 problem details with a hint."""

from __future__ import annotations

import http
from collections.abc import Mapping
from typing import Final

import msgspec
from starlette.responses import Response

from hookspan.web import schemas

MEDIA_TYPE: Final = "application/problem+json"


class ProblemError(Exception):
    """An answer that reports an error. `kind` is the last part of its URN."""

    def __init__(
        self, status: int, kind: str, detail: str, hint: str = "", *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail, self.hint = status, kind, detail, hint
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The HTTP response."""
        body = schemas.Problem(
            type=f"urn:hookspan:problem:{self.kind}",
            title=http.HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            hint=self.hint,
        )
        return Response(msgspec.json.encode(body), self.status, self.headers, MEDIA_TYPE)


def invalid(detail: str, hint: str = "") -> ProblemError:
    """400."""
    return ProblemError(400, "invalid", detail, hint)


def not_found(detail: str, hint: str = "") -> ProblemError:
    """404."""
    return ProblemError(404, "not_found", detail, hint)


def need_content(*, shown: bool, what: str) -> None:
    """403, unless the user's texts may be shown. `what`: which of them, in the plural."""
    if not shown:
        raise ProblemError(
            403,
            "content",
            f"{what} are not shown, since `content.local` is off",
            "`hookspan config set content.local true` shows them to you alone",
        )
