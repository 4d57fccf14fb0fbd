"""The OpenAPI document, made of the table of endpoints and the types of the answers."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from hookspan import __version__
from hookspan.web import schemas
from hookspan.web.api import ENDPOINTS, PREFIX, Endpoint
from hookspan.web.problems import MEDIA_TYPE

_PATH_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_EXAMPLES: Final = {"id": "71ace8f7e2714a408d028c10b25b5524", "record": "1", "number": "1"}
_REFUSALS: Final = {
    400: "A parameter is wrong.",
    401: "Not signed in.",
    403: "Not allowed: another site's page, another user, or content that is switched off.",
    404: "Not found.",
    421: "A host name that is not served here.",
    503: "Too many live connections, or a database is held or damaged; `Retry-After` says when to come again.",
}
_STREAM: Final = (
    "Server-sent events. First `hello`, then `update` for everything that happens (id: the store's position after it), "
    "`summary`, and on occasion `reset`, `slow`, `bye`."
)
_AFTER: Final = {
    "name": "after",
    "in": "query",
    "description": "The `position` of what the page shows: the stream begins there.",
    "schema": {"type": "integer", "minimum": 0, "maximum": (1 << 53) - 1},
}
_LAST: Final = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The id of the last message of an earlier connection; goes before `after`.",
    "schema": {"type": "string", "pattern": "^[0-9]{1,15}$"},
}


def document(*, cookie: str = "hookspan") -> dict[str, Any]:
    """OpenAPI 3.1. `cookie`: the name of the one that signs a browser in."""
    types = [schemas.Problem, schemas.Standing, *(endpoint.schema for endpoint in ENDPOINTS)]
    _, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    paths: dict[str, Any] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(PREFIX + endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    paths[f"{PREFIX}/stream"] = {
        "get": {
            "operationId": "stream",
            "description": _STREAM,
            "parameters": [_AFTER, _LAST],
            "responses": {
                "200": {"description": "The stream.", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
                **_refusals(400, 401, 403, 421, 503),
            },
        }
    }
    paths[f"{PREFIX}/logout"] = {
        "post": {
            "operationId": "logout",
            "description": "Ends the login of this browser.",
            "responses": {"204": {"description": "Done."}, **_refusals(401, 403, 421)},
        }
    }
    for path, text in (("/healthz", "Whether the server runs."), ("/readyz", "Whether the store can be read.")):
        shape = {"application/json": {"schema": {"$ref": "#/components/schemas/Standing"}}}
        responses: dict[str, Any] = {"200": {"description": "Yes.", "content": shape}, **_refusals(400, 403, 421)}
        if path == "/readyz":
            responses["503"] = {"description": "No.", "content": shape}
        paths[path] = {"get": {"operationId": path[1:], "description": text, "security": [], "responses": responses}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "hookspan",
            "version": __version__,
            "description": "What the page shows. Times: Unix milliseconds. Durations: milliseconds.",
        },
        "security": [{"cookie": []}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "cookie": {"type": "apiKey", "in": "cookie", "name": cookie, "description": "By `hookspan open`."},
                "token": {"type": "http", "scheme": "bearer", "description": "The file `token` of the state folder."},
            },
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    path_parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": 128},
            "example": _EXAMPLES[name],
        }
        for name in _PATH_PARAMETER.findall(endpoint.path)
    ]
    name = endpoint.path.strip("/").replace("/", "_").replace("{", "").replace("}", "")
    return {
        "operationId": name if endpoint.method == "GET" else f"{endpoint.method.lower()}_{name}",
        "description": endpoint.text,
        "parameters": path_parameters + [parameter.document() for parameter in endpoint.parameters],
        "responses": {
            "200": {
                "description": endpoint.text,
                "content": {
                    "application/json": {"schema": {"$ref": f"#/components/schemas/{endpoint.schema.__name__}"}}
                },
            },
            **_refusals(*sorted({400, 401, 403, 421, 503, *endpoint.refusals})),
        },
    }


def _refusals(*statuses: int) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {str(status): {"description": _REFUSALS[status], "content": content} for status in statuses}
