"""OTLP's requests and answers, as they are on the wire."""

from __future__ import annotations

import base64
import json
import zlib
from http import HTTPStatus
from typing import Any, Final

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from hookspan.config import Signal
from hookspan.export.services import SERVICES
from hookspan.wire.foreign import whole

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
UNPACKED_MAX: Final = 64 << 20  # bytes, as the exporters' own limit
DEPTH_MAX: Final = 100  # of a JSON text, as protobuf's own
OURSELVES: Final = "this is hookspan's own receiver"
"""What hookspan's export is told here: it would drop its spans as a stranger's, and receive again what it forwards."""
_IDS: Final = frozenset({"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"})


class NotOtlpError(Exception):
    """A request that can't be used; `status` is the answer that it deserves."""

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status


def unpacked(body: bytes, *, gzip: bool) -> bytes:
    """The body without its compression, of a size that is no bomb; NotOtlpError."""
    if not gzip:
        return body
    inflate = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        data = inflate.decompress(body, UNPACKED_MAX)
    except zlib.error as error:
        raise NotOtlpError("the body is not gzip, as its Content-Encoding says") from error
    if inflate.unconsumed_tail:
        raise NotOtlpError(f"the body unpacks to more than {UNPACKED_MAX} bytes", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if not inflate.eof or inflate.unused_data:
        raise NotOtlpError("the body is not one whole gzip stream")
    return data


def check(signal: Signal, data: bytes, *, is_json: bool) -> list[tuple[str, int]]:
    """Whether an unpacked body is a request of its signal (NotOtlpError): its parts' scopes, and how much is in each.

    Of JSON only the outside is looked at, since to turn all of it into a message takes a hundred times as long.
    """
    if is_json:
        tree = _tree(data)
        if not isinstance(tree, dict):
            raise NotOtlpError("the body is not a JSON object")
        return _json_parts(tree, SERVICES[signal].levels)
    outer, inner, items = SERVICES[signal].levels
    message = decode(signal, data, is_json=False)
    return [
        (scope.scope.name, _points(getattr(scope, items)) if signal == "metrics" else len(getattr(scope, items)))
        for resource in getattr(message, outer)
        for scope in getattr(resource, inner)
    ]


def decode(signal: Signal, data: bytes, *, is_json: bool) -> Any:
    """The request of an unpacked body; NotOtlpError."""
    message = SERVICES[signal].request()
    try:
        if is_json:
            ParseDict(_with_ids(_tree(data)), message, ignore_unknown_fields=True, max_recursion_depth=DEPTH_MAX)
        else:
            message.ParseFromString(data)
    except (DecodeError, ParseError, ValueError, RecursionError, AttributeError, TypeError) as error:
        raise NotOtlpError(f"the body is not an OTLP request for {signal}") from error
    return message


def answer(signal: Signal, rejected: int = 0, message: str = "") -> Message:
    """A success, of which so much was not taken."""
    response: Any = SERVICES[signal].response()
    if message:
        setattr(response.partial_success, SERVICES[signal].rejected, rejected)
        response.partial_success.error_message = message
    return response


def refusal(status: HTTPStatus, message: str) -> Message:
    """A refusal: a google.rpc.Status, as OTLP wants it."""
    refused: Message = Status(code=_CODES.get(status, 2), message=message)
    return refused


_CODES: Final = {
    HTTPStatus.BAD_REQUEST: 3,  # INVALID_ARGUMENT
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: 3,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: 3,
    HTTPStatus.FORBIDDEN: 7,  # PERMISSION_DENIED
    HTTPStatus.NOT_FOUND: 12,  # UNIMPLEMENTED
    HTTPStatus.METHOD_NOT_ALLOWED: 12,
    HTTPStatus.TOO_MANY_REQUESTS: 8,  # RESOURCE_EXHAUSTED
    HTTPStatus.SERVICE_UNAVAILABLE: 14,  # UNAVAILABLE
    HTTPStatus.LOOP_DETECTED: 9,  # FAILED_PRECONDITION
}
"""gRPC's codes for these answers; any other is UNKNOWN."""


def encoded(message: Message, *, is_json: bool) -> bytes:
    """As an answer has it."""
    return json.dumps(MessageToDict(message)).encode() if is_json else message.SerializeToString()


def _tree(data: bytes) -> Any:
    try:
        return json.loads(whole(data))
    except (ValueError, RecursionError) as error:
        raise NotOtlpError("the body is not JSON") from error


def _points(metrics: Any) -> int:
    return sum(len(getattr(one, kind).data_points) for one in metrics if (kind := one.WhichOneof("data")))


def _json_parts(tree: dict[str, Any], levels: tuple[str, str, str]) -> list[tuple[str, int]]:
    """The same of JSON, whatever its shape is; of metrics so many as there are, not their points."""
    outer, inner, items = levels
    return [
        (str(about.get("name", "")) if isinstance(about := scope.get("scope"), dict) else "", len(_list(scope, items)))
        for resource in _list(tree, outer)
        for scope in _list(resource, inner)
    ]


def _list(tree: dict[str, Any], name: str) -> list[Any]:
    """The objects in a field, which may be called as in protobuf or as in its JSON."""
    head, *rest = name.split("_")
    found = tree.get(head + "".join(map(str.title, rest)), tree.get(name))
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _with_ids(tree: Any) -> Any:
    """OTLP/JSON writes ids in hexadecimal, where protobuf's own JSON has base64. ValueError, RecursionError."""
    if isinstance(tree, dict):
        return {
            key: base64.b64encode(bytes.fromhex(value)).decode()
            if key in _IDS and isinstance(value, str)
            else _with_ids(value)
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [_with_ids(value) for value in tree]
    return tree
