"""OTLP over gRPC, for programs whose SDK sends so by default. Imported only then: gRPC takes 20 MB."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, Final

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # before it is imported: it would write to stderr what we say ourselves

import grpc  # type: ignore[import-untyped]
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from hookspan.config import Signal
from hookspan.export.batch import PRODUCT
from hookspan.export.services import SERVICES
from hookspan.peer import Address, is_ours

from . import otlp
from .gate import BODY_MAX, Gate, TooMuchError
from .otlp import NotOtlpError
from .port import HOST

THREADS: Final = 2
AT_ONCE: Final = 64  # requests; more are told to come again
OPTIONS: Final = (("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", BODY_MAX))
STOP_TIMEOUT: Final = 1.0  # seconds
DETAILS: Final = "grpc-status-details-bin"  # the metadata's key of a google.rpc.Status
_SIGNAL_OF: Final[dict[str, Signal]] = {service.method: signal for signal, service in SERVICES.items()}


class GrpcServer:
    """Listens from the start to `stop`. Raises OSError where the port is taken."""

    def __init__(self, gate: Gate, port: int) -> None:
        handler = _Handler(gate)
        self._server = grpc.server(
            ThreadPoolExecutor(THREADS, thread_name_prefix="receive-grpc"),
            handlers=[handler],
            options=OPTIONS,
            maximum_concurrent_rpcs=AT_ONCE,
        )
        try:
            self.port = int(self._server.add_insecure_port(f"{HOST}:{port}"))
        except RuntimeError as error:
            raise OSError(str(error)) from error
        handler.here = HOST, self.port

    def start(self) -> None:
        """Serve."""
        self._server.start()

    def stop(self) -> None:
        """End."""
        self._server.stop(STOP_TIMEOUT).wait(STOP_TIMEOUT)


class _Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
    """The three services, each with its one method."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.here: Address = (HOST, 0)

    def service(self, details: Any) -> Any:
        """Who answers a method; None for one that there isn't."""
        signal = _SIGNAL_OF.get(details.method)
        return None if signal is None else grpc.unary_unary_rpc_method_handler(self._answering(signal))

    def _answering(self, signal: Signal) -> Callable[[bytes, Any], bytes]:
        def answer(body: bytes, context: Any) -> bytes:
            if not is_ours(_address(context.peer()), self.here):
                context.abort(grpc.StatusCode.PERMISSION_DENIED, "this is another user's")
            if dict(context.invocation_metadata()).get("user-agent", "").startswith(PRODUCT):
                self._gate.refuse(HTTPStatus.LOOP_DETECTED.phrase)
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, otlp.OURSELVES)
            try:
                taken = self._gate.take(signal, body)
            except NotOtlpError as error:
                self._gate.refuse(error.status.phrase)
                raise context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error  # it raises by itself
            except TooMuchError as error:
                self._gate.refuse(error.status.phrase)
                again = error.status is HTTPStatus.SERVICE_UNAVAILABLE
                code = grpc.StatusCode.UNAVAILABLE if again else grpc.StatusCode.RESOURCE_EXHAUSTED
                context.set_trailing_metadata(((DETAILS, _retry(code.value[0], error)),))
                raise context.abort(code, str(error)) from error
            return bytes(otlp.answer(signal, taken.rejected, taken.message).SerializeToString())

        return answer


def _address(peer: str) -> Address:
    """Of what gRPC calls a peer: `ipv4:127.0.0.1:4711`."""
    host, _, port = peer.partition(":")[2].rpartition(":")
    return host, int(port) if port.isdigit() else 0


def _retry(code: int, error: TooMuchError) -> bytes:
    """A google.rpc.Status that asks to be left alone for so long."""
    detail = Packed()
    detail.Pack(error_details_pb2.RetryInfo(retry_delay=Duration(seconds=error.seconds)))
    return bytes(status_pb2.Status(code=code, message=str(error), details=[detail]).SerializeToString())
