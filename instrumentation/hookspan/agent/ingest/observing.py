"""The observers in ingest: made from the current settings, and run when the journal is read to its end."""

from __future__ import annotations

import time
from collections.abc import Callable

from hookspan.agent.ingest import presence
from hookspan.agent.settings import AgentSettings
from hookspan.catalogue.clients import CLIENTS
from hookspan.clients.claude_code.transcript_files import transcript_roots
from hookspan.clients.transcripts import other_roots
from hookspan.config import Settings
from hookspan.journal import drops
from hookspan.model.state import SessionState, State
from hookspan.observe import FolderWatch, Observers
from hookspan.paths import Paths
from hookspan.setup import receipts
from hookspan.wire import Fact, Reduced, encode
from hookspan.wire.facts import Policy


class Observing:
    """Observers that are made anew after a change of the settings.

    Args:
        paths: Whose drops and whose client folders.
        settings: Of the agent.
        read_record: Gives a journal line by its number, None if it is gone.
        key: The install's secret for digests.
    """

    def __init__(
        self, paths: Paths, settings: AgentSettings, read_record: Callable[[int], bytes | None], key: bytes
    ) -> None:
        self._paths = paths
        self._settings = settings
        self._read_record, self._key = read_record, key
        self._observers: Observers | None = None
        self.watch = FolderWatch()
        self.presence = presence.Presence(paths)

    def settings_changed(self) -> None:
        """From any thread: the next step uses the new settings."""
        self._observers = None

    def wake(self) -> None:
        """There were events: run the next step soon."""
        if (observers := self._observers) is not None:
            observers.wake()

    def lines(self, state: State) -> list[bytes]:
        """The journal lines (without LF) of all that is new."""
        now = time.time_ns()
        return self._current().step(now, state) + [encode(fact) for fact in self.presence.facts(now, state)]

    def wait(self) -> float:
        """Seconds until they want to look again."""
        return max(0.0, (self._current().next_due() - time.time_ns()) / 1e9)

    def before(self, session: SessionState, event: Reduced) -> list[Fact]:
        """What is judged of a session by the time of an event; see `Observers.before`."""
        return self._current().before(session, event)

    def roots(self) -> tuple[str, ...]:
        """The folders that transcripts are in."""
        # CLAUDE_CONFIG_DIR is not in the environment of every agent, but `install` wrote to that folder.
        return transcript_roots(settings=receipts.files(self._paths))

    def _current(self) -> Observers:
        if (observers := self._observers) is None:
            observers = self._observers = self._made()
        return observers

    def _made(self) -> Observers:
        settings = self._settings.now
        return Observers(
            idle_hours=settings.session.idle_hours,
            labels=settings.content.local,
            policy=self._policy(settings),
            totals=self._lost,
            roots=self.roots(),
            other_roots=other_roots({name: receipts.files(self._paths, name) for name in CLIENTS}),
            read_record=self._read_record,
            key=self._key,
            watch=self.watch,
        )

    def _policy(self, settings: Settings) -> Policy:
        policy = policy_of(settings)
        if policy.logs:
            policy.hash = presence.digest(self._paths.system_config)
        return policy

    def _lost(self) -> dict[tuple[str, str], int]:
        """What relays could not write so far, by (where, reason)."""
        return {("relay", reason): total for reason, (total, _) in drops.read(self._paths).items()}


def policy_of(settings: Settings) -> Policy:
    """The settings that change rows, as the journal is to have them; its time is left open."""
    return Policy(
        at=0,
        key="",
        adopt_traceparent=settings.traces.parent == "adopt",
        cost_by_branch=settings.export.cost_by_branch,
        labels={name: dict(project.labels) for name, project in settings.projects.items() if project.labels},
        watchdog=settings.watchdog.changed(),
        opted_out=sorted(name for name, project in settings.projects.items() if not project.record),
        logs=settings.export.sends("logs"),
    )
