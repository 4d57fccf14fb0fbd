"""The receiver's parts and how they are wired."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hookspan.config import SIGNALS, Signal
from hookspan.export import ExportSettings
from hookspan.journal import Writer
from hookspan.paths import Paths

from .forward import Forwarding
from .gate import Gate
from .intake import FOLDED, Intake, LogsTaker
from .port import bind, listen, url_of
from .server import Server
from .spans import SpansTaker
from .spool import Spool

if TYPE_CHECKING:
    from .grpc_server import GrpcServer

STOP_TIMEOUT: Final = 2.0  # seconds

_logger = logging.getLogger(__name__)


class Receiver:
    """From the start to the end. Raises UserError where the port can't be had, OSError where nothing can be stored."""

    def __init__(
        self,
        paths: Paths,
        *,
        port: int,
        limit: int,
        forward: frozenset[Signal],
        settings: Callable[[Signal], ExportSettings | None],
        wake: Callable[[], None],
        spans: Sequence[SpansTaker] = (),
        logs: Sequence[LogsTaker] = (),
        more_ports: Sequence[int] = (),
        grpc_port: int = 0,
    ) -> None:
        """Make all parts; nothing is received before `start`. Where that fails, nothing is left open.

        Args:
            paths: Whose receiver.
            port: Where to listen; 0 for the one of before, or any that is free.
            limit: Most bytes on disk that wait to be forwarded, for each signal.
            forward: The signals that are forwarded.
            settings: Where to, asked before each request; None while nothing of the signal may leave.
            wake: Called when facts are in the journal.
            spans: Who makes facts of spans.
            logs: Who makes facts of log records.
            more_ports: Listened on as well, if they are free.
            grpc_port: The same, for gRPC; 0 for none.
        """
        with contextlib.ExitStack() as made:
            self._sockets = [made.enter_context(listen(port, paths.receive_port))]
            for number in more_ports:
                with contextlib.suppress(OSError):
                    self._sockets.append(made.enter_context(bind(number)))
            self._spools = spools(paths.received, limit)
            for spool in self._spools.values():
                made.callback(spool.close)
            self._gate = Gate(self._spools)
            self._forwardings = {
                signal: Forwarding(
                    signal, spool.readers["forward"], partial(settings, signal), wanted=signal in forward
                )
                for signal, spool in self._spools.items()
            }
            readers = {signal: self._spools[signal].readers["facts"] for signal in FOLDED}
            self._intake = Intake(readers, Writer(paths), wake, spans=spans, logs=logs)
            self._server = Server(self._gate, self._sockets)
            self._grpc = _grpc_server(self._gate, grpc_port) if grpc_port else None
            made.pop_all()
        self.port: int = self._sockets[0].getsockname()[1]
        self.ports: list[int] = [each.getsockname()[1] for each in self._sockets]
        self._thread = threading.Thread(target=self._serve, name="receive", daemon=True)

    def start(self) -> None:
        """Begin."""
        for forwarding in self._forwardings.values():
            forwarding.start()
        self._intake.start()
        if self._grpc:
            self._grpc.start()
        self._thread.start()

    def stop(self) -> None:
        """End within STOP_TIMEOUT; what is stored is dealt with after the next start."""
        deadline = time.monotonic() + STOP_TIMEOUT
        self._server.end()
        for forwarding in self._forwardings.values():
            forwarding.stop()
        self._intake.stop()
        if self._grpc:
            self._grpc.stop()
        self._thread.join(max(0.0, deadline - time.monotonic()))
        self._intake.join(max(0.0, deadline - time.monotonic()))
        for forwarding in self._forwardings.values():
            forwarding.join(max(0.0, deadline - time.monotonic()))
        for each in self._sockets:
            each.close()
        for spool in self._spools.values():
            spool.close()

    def ring(self) -> None:
        """The settings may be others: forwarding tries again."""
        for forwarding in self._forwardings.values():
            forwarding.ring()

    @property
    def alive(self) -> bool:
        """Whether it answers."""
        return self._thread.is_alive()

    @property
    def url(self) -> str:
        """What a sender's OTEL_EXPORTER_OTLP_ENDPOINT is to be."""
        return url_of(self.port)

    @property
    def waiting(self) -> bool:
        """Whether anything is stored that is not dealt with."""
        return any(spool.bytes for spool in self._spools.values())

    def stats(self) -> dict[str, Any]:
        """What `status` and health show."""
        gate = self._gate
        return {
            "url": self.url,
            "ports": self.ports,
            "grpc_port": self._grpc.port if self._grpc else 0,
            "alive": self.alive,
            "taken": {signal: gate.taken[signal] for signal in SIGNALS},
            "foreign": {signal: gate.foreign[signal] for signal in SIGNALS},
            "refused": dict(gate.refused),
            "facts": self._intake.facts,
            "undecodable": self._intake.undecodable,
            "failures": self._intake.failures,
            "forwarding": {
                signal: {
                    **each.stats(),
                    "dropped": self._spools[signal].dropped,
                    "damaged": self._spools[signal].damaged,
                }
                for signal, each in self._forwardings.items()
            },
        }

    def _serve(self) -> None:
        try:
            self._server.run()
        except Exception:
            _logger.exception("the receiver ended")


def spools(folder: Path, limit: int) -> dict[Signal, Spool]:
    """What is stored, by signal, each with its readers. Raises OSError, and has then left nothing open."""
    found: dict[Signal, Spool] = {}
    with contextlib.ExitStack() as made:
        for signal in SIGNALS:
            readers = ("forward", "facts") if signal in FOLDED else ("forward",)
            found[signal] = Spool(folder / signal, readers, limit)
            made.callback(found[signal].close)
        made.pop_all()
    return found


def _grpc_server(gate: Gate, port: int) -> GrpcServer | None:
    """None where the port is not free."""
    from .grpc_server import GrpcServer  # noqa: PLC0415 - 20 MB

    with contextlib.suppress(OSError):
        return GrpcServer(gate, port)
    return None
