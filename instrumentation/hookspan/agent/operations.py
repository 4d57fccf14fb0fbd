"""The operations that the control socket offers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from hookspan import __version__, hooktime
from hookspan.agent import attention, effective, log, status
from hookspan.agent.control import Answer, Operation
from hookspan.agent.exports import Exports
from hookspan.agent.health import History
from hookspan.agent.ingest import Ingest
from hookspan.agent.lifecycle import Lifecycle
from hookspan.agent.loop import Loop
from hookspan.agent.notify import Notifier
from hookspan.agent.page import Page
from hookspan.agent.receiving import Receiving
from hookspan.agent.settings import AgentSettings
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.store import Reader, StoreDamaged

FLUSH_WAIT: Final = 10.0  # seconds
FLUSH_POLL: Final = 0.05  # seconds between looks for what has no span yet
FLUSH_SHARE: Final = 0.7  # of that time at most for what has no span yet; the rest is for export
FLUSH_WAIT_MAX: Final = 3600.0

_T = TypeVar("_T")


class Operations:
    """Each is called in a thread of its own, with what was asked, and returns JSON types."""

    def __init__(
        self,
        paths: Paths,
        lifecycle: Lifecycle,
        settings: AgentSettings,
        *,
        ingest: Ingest,
        reader: Reader,
        notifier: Notifier,
        page: Page,
        exports: Exports,
        receiving: Receiving,
        history: History,
        loops: list[Loop],
    ) -> None:
        self._paths = paths
        self._lifecycle = lifecycle
        self._settings = settings
        self._ingest = ingest
        self._reader = reader
        self._notifier = notifier
        self._page = page
        self._exports = exports
        self._receiving = receiving
        self._history = history
        self._loops = loops

    def by_name(self) -> dict[str, Operation]:
        """All of them."""
        return {
            "ping": lambda _: {},
            "status": lambda asked: self.status(asked) | attention.of(self._reader) | self._unheard(asked),
            "stop": self._stop,
            "reload": self._reload,
            "way": lambda _: {"with": self._settings.env},
            "settings": lambda _: {"settings": self._settings.now.as_dict()},
            "flush": self._flush,
            "open": self._page.open,
        }

    def about(self) -> Answer:
        """What every answer says of the agent."""
        return {**self._lifecycle.about(), "url": self._page.url, "variables": self._settings.variables}

    def status(self, _asked: Mapping[str, Any]) -> Answer:
        """Everything that `hookspan status` shows of the agent itself."""
        self._lifecycle.asked_at = time.monotonic()
        files = status.files(self._paths)
        files["store"] |= _part(lambda: msgspec.structs.asdict(self._reader.counts()))
        latest = self._history.latest
        return {
            **files,
            "agent": {"version": __version__, "started": self._lifecycle.started, **self.about()},
            "ingest": self._ingest.report(),
            "hooks": hooktime.statistics(self._ingest.progress.hooks_now()),
            "export": _part(self._export_stats),
            "export_off": self._exports.off,
            "receive": _part(self._receiving.stats),
            "health": latest.report() if latest is not None else None,
            "notify": self._notifier.report(),
            "loops": {loop.name: loop.report() for loop in self._loops},
            "settings": self._settings.report(),
            "settings_problem": self._settings.problem,
        }

    def _unheard(self, asked: Mapping[str, Any]) -> Answer:
        """Which variables of the asker's shell the agent does not go by: to import what tells it takes him 10 ms."""
        if (variables := asked.get("variables")) is None:
            return {}
        ignored = effective.ignored(self._paths, variables, self._settings.now)
        return {"unheard": [variable.as_dict() for variable in ignored]}

    def _export_stats(self) -> dict[str, Any] | None:
        stats = self._exports.stats()
        if stats is None and self._settings.now.export.on:
            raise UserError("export begins once the store is open")
        return stats

    def _stop(self, _asked: Mapping[str, Any]) -> Answer:
        self._lifecycle.stop()
        return {}

    def _reload(self, _asked: Mapping[str, Any]) -> Answer:
        reloaded = self._settings.reload()
        self._settings.tell()
        problem = self._settings.problem
        if trouble := self._settings.trouble:
            problem = problem or f"a part of the agent can't follow yet ({trouble}); it is tried again"
        return {"reloaded": reloaded and not trouble, "problem": problem}

    def _flush(self, asked: Mapping[str, Any]) -> Answer:
        """Wait until all of the journal is in the store, what is over has its span, and that is exported."""
        began = time.monotonic()
        wait = min(float(asked.get("wait", FLUSH_WAIT)), FLUSH_WAIT_MAX)
        deadline = began + wait
        state = self._ingest.state
        drained = self._ingest.wait_caught_up(deadline)
        while drained and state.unwritten() and time.monotonic() < began + wait * FLUSH_SHARE:
            time.sleep(FLUSH_POLL)
            drained = self._ingest.wait_caught_up(deadline)
        try:
            exported = self._exports.drain(deadline - time.monotonic())
        except StoreDamaged:  # ingest has been told, and rebuilds the store
            drained = self._ingest.wait_caught_up(deadline)
            exported = self._exports.drain(deadline - time.monotonic())
        stats = self._exports.stats()
        logs = (stats and stats["logs"]) or {"state": "off", "queue": 0, "last_error": ""}
        return {
            "drained": drained,
            "unwritten": state.unwritten(),
            "exported": exported,
            "spans_left": 0 if stats is None else stats["queue"],
            "held": 0 if stats is None else stats["held"],
            "export": "off" if stats is None else stats["state"],
            "off": self._exports.off,
            "error": "" if stats is None else stats["last_error"],
            "metrics": "off" if stats is None else stats["metrics"]["state"],
            "metrics_error": "" if stats is None else stats["metrics"]["last_error"],
            "logs": logs["state"],
            "logs_left": logs["queue"],
            "logs_error": logs["last_error"],
            "seconds": time.monotonic() - began,
        }


def _part(read: Callable[[], _T]) -> _T | dict[str, str]:
    """A part of the report; one that can't be told says why, and the others are shown."""
    try:
        return read()
    except Exception as error:  # noqa: BLE001 - shown in place of the part
        return {"problem": log.describe(error)}
