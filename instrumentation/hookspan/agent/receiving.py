"""Starts and stops the receiver in the agent, as `receive.enabled` says; what it needs is imported only then."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from hookspan.agent.exports import export_settings
from hookspan.agent.settings import AgentSettings
from hookspan.config import SIGNALS, Export, Settings, Signal
from hookspan.errors import UserError
from hookspan.paths import Paths

if TYPE_CHECKING:
    from hookspan.export import ExportSettings
    from hookspan.receive.children import ChildrenTaker
    from hookspan.receive.receiver import Receiver

HTTP_PORT: Final = 4318
GRPC_PORT: Final = 4317
"""Where OpenTelemetry's SDKs send by default."""

_logger = logging.getLogger(__name__)


def default_ports(export: Export) -> set[int]:
    """Those of the two to listen at: none if an endpoint names one, since a Collector opens both, at any time."""
    ports = {HTTP_PORT, GRPC_PORT}
    return set() if ports & export.local_ports else ports


def is_forwarded(signal: Signal, now: Settings) -> bool:
    """Whether what is received of a signal is to be forwarded."""
    allowed = now.receive.enabled and signal in now.receive.forwarded and now.export.enabled
    return bool(allowed and now.export.endpoint_of(signal))


class Receiving:
    """One receiver at most; none is a normal state. Thread-safe."""

    def __init__(self, paths: Paths, settings: AgentSettings, wake: Callable[[], None]) -> None:
        """`wake` is called when there are new facts in the journal."""
        self._paths = paths
        self._settings = settings
        self._wake = wake
        self._lock = threading.Lock()
        self._receiver: Receiver | None = None
        self._children: ChildrenTaker | None = None
        self._made_of: tuple[Any, ...] = ()
        self.problem = ""

    def start(self) -> None:
        """Start, if something is to be received. What prevents it is logged and shown by the health check."""
        with self._lock:
            self._start()
        if self.problem:
            self._settings.again(self.settings_changed)

    def stop(self) -> None:
        """End."""
        with self._lock:
            self._stop()

    def settings_changed(self) -> None:
        """Continue with the current settings. UserError where nothing can be received: it is called again then."""
        with self._lock:
            if self._ingredients() != self._made_of or self.problem:
                self._stop()
                self._start()
                if self.problem:
                    raise UserError(self.problem)
            elif self._receiver is not None:
                self._receiver.ring()

    def stats(self) -> dict[str, Any] | None:
        """What `status` and health show; None if nothing is to be received."""
        if not self._settings.now.receive.enabled:
            return None
        receiver, children = self._receiver, self._children
        if receiver is None:
            return {"problem": self.problem}
        return {"problem": "", **receiver.stats(), "children": children.stats() if children else None}

    @property
    def waiting(self) -> bool:
        """Whether something was received that is not dealt with yet."""
        receiver = self._receiver
        return receiver is not None and receiver.waiting

    def _ingredients(self) -> tuple[Any, ...]:
        """The settings that a receiver can't change while it runs."""
        receive, export = self._settings.now.receive, self._settings.now.export
        sent = frozenset(signal for signal in SIGNALS if is_forwarded(signal, self._settings.now))
        defaults = default_ports(export) if receive.children else set()
        return receive.enabled, receive.port, receive.bytes, receive.children, defaults, sent

    def _start(self) -> None:
        self._made_of = enabled, port, limit, children, defaults, forward = self._ingredients()
        if not enabled:
            self.problem = ""
            return
        try:
            from hookspan.receive.children import ChildrenTaker  # noqa: PLC0415 - 20 MB that most agents don't need
            from hookspan.receive.claude_code import ClaudeCode  # noqa: PLC0415
            from hookspan.receive.receiver import Receiver  # noqa: PLC0415

            client = ClaudeCode()
            programs = ChildrenTaker(self._paths.received, self._keeps_content) if children else None
            receiver = Receiver(
                self._paths,
                port=port,
                limit=limit,
                forward=forward,
                settings=self._where,
                wake=self._wake,
                spans=[client, programs] if programs else [client],
                logs=[client.logged],
                more_ports=[HTTP_PORT] if HTTP_PORT in defaults else (),
                grpc_port=GRPC_PORT if GRPC_PORT in defaults else 0,
            )
            receiver.start()
        except Exception as error:
            before, self.problem = self.problem, str(error) or type(error).__name__
            if self.problem != before:
                _logger.exception("nothing can be received")
            return
        self._receiver, self._children, self.problem = receiver, programs, ""
        _logger.info("receiving", extra={"url": receiver.url})

    def _stop(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.stop()

    def _keeps_content(self) -> bool:
        return self._settings.now.content.local

    def _where(self, signal: Signal) -> ExportSettings | None:
        """By which settings a signal may be forwarded now."""
        is_settled, now = self._settings.look(), self._settings.now
        return export_settings(now) if is_settled and is_forwarded(signal, now) else None
