"""Starts and stops the exporter in the agent; OpenTelemetry is imported only once an endpoint is set."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from hookspan.agent.gauges import Gauges
from hookspan.agent.ingest import Watermark
from hookspan.agent.ingest.disk import is_disk
from hookspan.agent.settings import AgentSettings
from hookspan.config import Settings
from hookspan.observe.conversation import Conversation
from hookspan.paths import Paths
from hookspan.record import plain
from hookspan.store import Identity, Reader

if TYPE_CHECKING:
    from hookspan.export import Exporter, ExportSettings

HOLDING: Final = 2.0
RESTART: Final = 1.0  # seconds for an exporter to end before one with other settings takes its place

_logger = logging.getLogger(__name__)


class Exports:
    """Holds an exporter while an endpoint is set. `stats` is None without one, a normal state."""

    def __init__(
        self,
        paths: Paths,
        settings: AgentSettings,
        gauges: Gauges,
        *,
        watermark: Watermark,
        damaged: Callable[[Identity], None],
    ) -> None:
        """`watermark` follows the exporter; `damaged` hears in which file a reader of the store met damage."""
        self._paths = paths
        self._watermark = watermark
        self._damaged = damaged
        self._reader = Reader(paths, damaged=damaged)
        self._settings = settings
        self._gauges = gauges
        self._exporter: Exporter | None = None
        self._made_of: tuple[Any, ...] = ()
        self._lock = threading.RLock()

    def store_opened(self) -> None:
        """The store is open, and nothing was committed yet; once more after a damaged one was set aside.

        Raises what the disk is the reason of, which can be waited for; after anything else it is tried again later.
        """
        try:
            with self._lock:
                self._end(another_begins=True)
                self._begin()
        except Exception as error:
            if is_disk(error):
                raise
            _logger.exception("export can't begin yet")
            self._settings.again(self.settings_changed)

    def settings_changed(self) -> None:
        """Continue with the current settings."""
        with self._lock:
            if self._exporter is None or self._ingredients() != self._made_of:
                self._end(another_begins=True)
                self._begin()
            else:
                self._exporter.apply(export_settings(self._settings.now))

    def committed(self, _news: object) -> None:
        """There may be spans to export."""
        if (exporter := self._exporter) is not None:
            exporter.committed()

    def look_after_db(self, vanishing: Callable[[], bool]) -> None:
        """Write `export.db` anew where it was deleted, replaced or cut, and not all is `vanishing`."""
        if (exporter := self._exporter) is not None:
            exporter.db.look_after(vanishing)

    def stats(self) -> dict[str, Any] | None:
        """What `status` and health show."""
        exporter = self._exporter
        return None if exporter is None else exporter.stats()

    @property
    def off(self) -> str:
        """Why nothing is exported by these settings; empty if something is."""
        return self._settings.now.export.off

    def drain(self, seconds: float) -> bool:
        """Export all that is due; False if something is left, or if the exporter is still being made at the end.

        True without an endpoint.
        """
        until = time.monotonic() + seconds
        exporter = self._exporter_by(until)
        while exporter is not None:
            if exporter.drain(max(0.0, until - time.monotonic())):
                return True
            ended, exporter = exporter, self._exporter_by(until)
            if exporter is ended:
                return False  # else one with other settings has taken its place
        return not self._settings.now.export.on

    def _exporter_by(self, until: float) -> Exporter | None:
        """The exporter, once nobody exchanges it; None if there is none, or none at that time (monotonic seconds)."""
        if not self._lock.acquire(timeout=max(0.0, until - time.monotonic())):
            return None
        try:
            return self._exporter
        finally:
            self._lock.release()

    def patience(self) -> float:
        """How long it makes sense to wait for a drain (seconds): not long, where the endpoint doesn't answer anyway."""
        exporter = self._exporter
        return HOLDING if exporter is not None and exporter.stats()["state"] == "holding" else float("inf")

    def stop(self) -> None:
        """Stop; what was not sent is sent after the next start."""
        if not self._lock.acquire(timeout=RESTART):  # one is being exchanged: the process ends without it
            return
        try:
            self._end()
            self._reader.close()
        finally:
            self._lock.release()

    def _ingredients(self) -> tuple[Any, ...]:
        """The settings that an exporter can't change while it runs."""
        now = self._settings.now
        return now.export.on, now.export.interval, now.export.temporality, now.export.sends("logs")

    def _is_permitted(self, used: ExportSettings) -> bool:
        """Whether something may be sent by these settings: before every request, or it would break a new policy."""
        return self._settings.look() and export_settings(self._settings.now) == used

    def _begin(self) -> None:
        self._made_of = self._ingredients()
        on = self._settings.now.export.on
        if not on and not self._paths.export_db.exists():
            self._watermark.follow(None)
            return
        from hookspan.export import Exporter  # noqa: PLC0415 - 25 MB and half a second that most agents don't need

        exporter = Exporter(
            self._paths,
            export_settings(self._settings.now),
            gauges=self._gauges.readings,
            permit=self._is_permitted,
            conversation=Conversation(self._paths, self._reader),
            damaged=self._damaged,
        )
        if not on:
            exporter.stop(RESTART)  # it has noted that export is off, so that it will begin anew when it is on again
            self._watermark.follow(None)
            return
        self._exporter = exporter  # whose totals until now the instruments leave out
        self._watermark.follow(exporter)
        try:
            self._gauges.register(exporter.meter)
            exporter.start()
        except BaseException:
            self._end()  # half of one would pass for one that runs
            raise
        _logger.info("exporting", extra={"protocol": self._settings.now.export.protocol})

    def _end(self, *, another_begins: bool = False) -> None:
        """The watermark stays with it until there is another, or what waits for that could be pruned."""
        exporter, self._exporter = self._exporter, None
        if exporter is not None:
            exporter.stop(RESTART, another_begins=another_begins)


def export_settings(now: Settings) -> ExportSettings:
    """What export needs of the settings."""
    from hookspan.export import ExportSettings, Sampling  # noqa: PLC0415

    return ExportSettings(
        **plain(now.export),
        content=now.content.export,
        content_of=now.content_of_projects(),
        content_bytes=now.content.max_bytes,
        left_out=frozenset(name for name, project in now.projects.items() if not project.record),
        resource=now.resource,
        identity=now.identity,
        sampling=Sampling(now.traces.sample, int(now.traces.slow_seconds * 1e9)),
    )
