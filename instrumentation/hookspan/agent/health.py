"""Is everything well? Checks at an interval, each with its value, its threshold, since when, and what to do.

One check that breaks makes itself unknown, not the monitor.
"""

from __future__ import annotations

import collections
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from hookspan import hooktime, units
from hookspan.agent import log
from hookspan.hooktime import HookTime
from hookspan.paths import Paths
from hookspan.setup import places, relay
from hookspan.setup.installation import Installation, look
from hookspan.setup.sources import MANAGED
from hookspan.units import age, counted
from hookspan.values import without_secrets

HISTORY: Final = 100  # results kept
HOOK_WARNING: Final = 0.005  # seconds: the promise for a hook; for the average and for p99
HOOK_CRITICAL: Final = 0.010  # seconds, average
HOOKS_JUDGED: Final = 20  # so many at least: of fewer, one that had to wait for a processor would make the average
LAG_WARNING: Final = 5.0  # seconds that the journal's reader is behind
LAG_CRITICAL: Final = 60.0
STORE_WARNING: Final = 0.100  # seconds a query takes
STORE_CRITICAL: Final = 0.500
STORE_TRIES: Final = 3
EXPORT_WARNING: Final = 60.0  # seconds the oldest span has waited
EXPORT_CRITICAL: Final = 3600.0
NO_METRICS: Final = "if it is to have traces only: `hookspan config set export.metrics false`"
NO_TRACES: Final = "if it is to have metrics only: `hookspan config set export.traces false`"
MEMORY_WARNING: Final = 80.0  # percent of the machine's
DISK_WARNING: Final = 90.0  # percent of the state folder's file system
CRITICAL: Final = 95.0  # percent, of either
OWN_MEMORY_WARNING: Final = 150 << 20  # bytes; a million events' backlog stays below this


class Status(StrEnum):
    """From best to worst."""

    HEALTHY = "healthy"
    UNKNOWN = "unknown"
    WARNING = "warning"
    CRITICAL = "critical"


RANK: Final = {status: rank for rank, status in enumerate(Status)}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `value` and `threshold` are in `unit`; `todo` says what to do, empty when all is well."""

    status: Status
    message: str
    value: float | None = None
    threshold: float | None = None
    unit: str = ""
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """A finding, since when the check has had this status (unix seconds), and how long the check took (seconds)."""

    finding: Finding
    since: float
    took: float

    def report(self) -> dict[str, Any]:
        """As the API and `status` show it."""
        return {**asdict(self.finding), "since": self.since, "took": round(self.took, 6)}


@dataclass(frozen=True, slots=True)
class Round:
    """All checks once: when, how long it took, what each found. The overall status is the worst."""

    at: float
    took: float
    checks: Mapping[str, Checked]

    @property
    def status(self) -> Status:
        """The worst of them."""
        return max(
            (checked.finding.status for checked in self.checks.values()), key=RANK.__getitem__, default=Status.UNKNOWN
        )

    def report(self) -> dict[str, Any]:
        """As the API and `status` show it."""
        return {
            "status": self.status,
            "at": self.at,
            "took": round(self.took, 6),
            "checks": {name: checked.report() for name, checked in self.checks.items()},
        }


Check = Callable[[], Finding]
Change = Callable[[str, Checked], None]


class Monitor:
    """Runs the checks. `on_change` hears of every check whose status is another than before."""

    def __init__(self, checks: Mapping[str, Check], on_change: Change = lambda _name, _checked: None) -> None:
        self._checks = dict(checks)
        self._on_change = on_change
        self.history: collections.deque[Round] = collections.deque(maxlen=HISTORY)

    @property
    def latest(self) -> Round | None:
        """The newest round."""
        return self.history[-1] if self.history else None

    def newest(self, count: int) -> list[dict[str, Any]]:
        """So many of the newest rounds, oldest first, as the API shows them."""
        return [found.report() for found in list(self.history)[-count:]]

    def run(self) -> Round:
        """Every check once."""
        began, at = time.monotonic(), time.time()
        before = self.latest.checks if self.latest is not None else {}
        checks = {name: self._one(check, before.get(name), at) for name, check in self._checks.items()}
        found = Round(at, time.monotonic() - began, checks)
        self.history.append(found)
        for name, checked in checks.items():
            was = before[name].finding.status if name in before else Status.HEALTHY
            if was is not checked.finding.status:
                self._on_change(name, checked)
        return found

    @staticmethod
    def _one(check: Check, before: Checked | None, at: float) -> Checked:
        began = time.monotonic()
        try:
            finding = check()
        except Exception as error:  # noqa: BLE001 - a broken check is unknown and shown; the others go on
            finding = Finding(Status.UNKNOWN, f"the check failed: {log.describe(error)}", todo="see `agent.log`")
        same = before is not None and before.finding.status == finding.status
        return Checked(finding, before.since if same and before is not None else at, time.monotonic() - began)


def graded(value: float, warning: float, critical: float) -> Status:
    """The status of a value of which less is better."""
    return Status.CRITICAL if value > critical else Status.WARNING if value > warning else Status.HEALTHY


def worst(*statuses: Status) -> Status:
    """The worst of them."""
    return max(statuses, key=RANK.__getitem__)


# --- The checks


def hook_path(hooks: Sequence[HookTime]) -> Finding:
    """What the newest hooks cost. Judged is the relay's own part: its process's start is the machine's."""
    found = hooktime.statistics(hooks)
    if found is None:
        return Finding(Status.HEALTHY, "no events yet", threshold=HOOK_WARNING, unit="s")
    enough = found["samples"] >= HOOKS_JUDGED
    status = graded(found["average"], HOOK_WARNING, HOOK_CRITICAL) if enough else Status.HEALTHY
    if enough and found["p99"] > HOOK_WARNING:
        status = worst(status, Status.WARNING)
    return Finding(
        status,
        hooktime.words(found),
        found["p99"],
        HOOK_WARNING,
        "s",
        "" if status is Status.HEALTHY else "the disk or the machine is slow: `hookspan bench` measures both",
    )


@dataclass(frozen=True, slots=True)
class Mended:
    """What happened to the store since the agent's start: in words, and where the old one is, if it was kept."""

    text: str
    aside: str | None = None


@dataclass(frozen=True, slots=True)
class IngestView:
    """What the check needs to know of the ingest loop."""

    alive: bool
    behind: float  # seconds since it was last caught up
    hold: str | None
    mended: Mended | None
    failures: int  # in the last round
    quarantined: int


def ingest(view: IngestView) -> Finding:
    """Whether what hooks record gets into the store."""
    status = graded(view.behind, LAG_WARNING, LAG_CRITICAL)
    message, todo = f"{view.behind:.1f} s behind", ""
    if status is not Status.HEALTHY:
        todo = "a backlog is being read; if it does not shrink, see `agent.log`"
    if view.failures:
        status, todo = worst(status, Status.WARNING), "see `agent.log`"
        message += f", {counted(view.failures, 'failures')} since the last check"
    if view.mended:
        status, message = worst(status, Status.WARNING), f"{message}; the store {view.mended.text}"
        todo = "nothing: this is said until the agent's next start"
        if view.mended.aside:
            todo = f"`{view.mended.aside}` is the old one: delete it when you don't need it"
    if view.hold:
        return Finding(
            Status.CRITICAL,
            f"nothing can be written ({view.hold}); hooks go on recording as long as the disk lets them",
            view.behind,
            LAG_WARNING,
            "s",
            "make room on the disk of the state folder",
        )
    if not view.alive:
        return Finding(
            Status.CRITICAL, "the ingest thread is dead", view.behind, LAG_WARNING, "s", "`hookspan restart`"
        )
    return Finding(status, message, view.behind, LAG_WARNING, "s", todo)


def least(ask: Callable[[], object]) -> float:
    """Seconds that a question takes, asked up to STORE_TRIES times while it is slow.

    Once may have waited for a store that was just being made, or for a processor.
    """
    found = float("inf")
    for _ in range(STORE_TRIES):
        began = time.monotonic()
        ask()
        found = min(found, time.monotonic() - began)
        if found <= STORE_WARNING:
            break
    return found


def store(latency: float, size: int, limit: int) -> Finding:
    """Whether the store answers quickly. `size` and `limit` in bytes."""
    status = graded(latency, STORE_WARNING, STORE_CRITICAL)
    todo = "" if status is Status.HEALTHY else "the disk is slow, or `store.days` keeps too much: `hookspan prune`"
    return Finding(
        status,
        f"answers in {latency * 1000:.1f} ms; {units.size(size)} of {units.size(limit)}",
        latency,
        STORE_WARNING,
        "s",
        todo,
    )


def export(stats: Mapping[str, Any] | None) -> Finding:
    """Whether spans and metrics get out. None: no endpoint is set, which is a normal state."""
    if stats is None:
        return Finding(Status.HEALTHY, "off: no endpoint is set", unit="s")
    metrics = stats.get("metrics") or {}
    age = float(stats.get("oldest_age") or 0.0)
    status = graded(age, EXPORT_WARNING, EXPORT_CRITICAL)
    waiting = f"{counted(stats.get('queue', 0), 'spans')} waiting"
    message = f"{waiting}, the oldest for {age:.0f} s; {stats.get('refused', 0)} refused"
    todo = ""
    if stats.get("state") == "holding":
        status = worst(status, Status.WARNING)
        message = f"{stats.get('last_error') or 'the endpoint does not take spans'}; {message}"
        todo = "start the collector, or correct `export.endpoint`, its token or certificates; nothing is lost meanwhile"
        if stats.get("not_taken") and metrics.get("state") == "sending":
            todo = NO_TRACES
    elif status is not Status.HEALTHY:
        todo = "the endpoint is slower than the events come"
    elif metrics.get("state") == "refused":
        status, todo = Status.WARNING, NO_METRICS
        message = f"{message}; metrics: {metrics['last_error']}"
    elif metrics.get("state") == "holding" and time.time() - metrics["last_success"] / 1e9 > EXPORT_WARNING:
        status, todo = Status.WARNING, "see the log of what is at `export.endpoint`; sums go on, no count is lost"
        message = f"{message}; metrics: {metrics['last_error']}"
    if renewed := stats.get("renewed"):
        status, message = worst(status, Status.WARNING), f"{message}; export.db was damaged ({renewed})"
        todo = todo or "nothing: it is written anew, and what was sent is known"
    return Finding(status, message, age, EXPORT_WARNING, "s", todo)


def resources(paths: Paths) -> Finding:
    """Memory and disk of the machine, and what the agent itself takes."""
    import psutil  # noqa: PLC0415 - used here only

    memory = psutil.virtual_memory().percent
    disk = shutil.disk_usage(paths.state)
    full = 100.0 * disk.used / (disk.used + disk.free)
    own = psutil.Process()
    resident = own.memory_info().rss
    status = worst(graded(memory, MEMORY_WARNING, CRITICAL), graded(full, DISK_WARNING, CRITICAL))
    todo = "" if status is Status.HEALTHY else "free memory" if memory > MEMORY_WARNING else "make room on the disk"
    if resident > OWN_MEMORY_WARNING:
        status, todo = worst(status, Status.WARNING), todo or "`hookspan restart`, and report it: the agent grew"
    return Finding(
        status,
        f"memory {memory:.0f} %, disk {full:.0f} %, CPU {psutil.cpu_percent():.0f} %; agent {units.size(resident)}",
        max(memory, full),
        MEMORY_WARNING if memory >= full else DISK_WARNING,
        "%",
        todo,
    )


def collector(url: str | None, timeout: float = 2.0) -> Finding:
    """The Collector's own health endpoint."""
    if url is None:
        return Finding(Status.HEALTHY, "not checked: `collector.health` is not set")
    from hookspan.agent import fetch  # noqa: PLC0415 - only where it is set

    shown = without_secrets(url)
    began = time.monotonic()
    try:
        code, _ = fetch.get(url, timeout)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return Finding(
            Status.CRITICAL,
            f"`{shown}` does not answer ({reason})",
            todo="start it; spans wait meanwhile, nothing is lost",
        )
    took = time.monotonic() - began
    if code >= 300:  # noqa: PLR2004 - a redirect is no word on anybody's health
        return Finding(Status.CRITICAL, f"`{shown}` says {code}", took, timeout, "s", "see the collector's own log")
    return Finding(Status.HEALTHY, f"answers in {took * 1000:.0f} ms", took, timeout, "s")


def installed(paths: Paths, managed: Sequence[Path] = MANAGED) -> Installation:
    """What is installed for the agent of these files, whose own variables may be those of another, or none."""
    env = {name: value for name, value in os.environ.items() if name not in places.MOVED}
    return look(paths, {**env, **places.variables(paths, env)}, managed=managed)


def installation(paths: Paths, managed: Sequence[Path] = MANAGED) -> Finding:
    """Whether Claude Code still runs our hooks: settings and policies change without us."""
    found = installed(paths, managed)
    problems = found.problems
    if not found.ours and not found.recorded:  # hooks of a project, or of a command line, which no settings tell
        said = "; ".join(one.what for one in problems)
        return Finding(Status.UNKNOWN, said, todo="`hookspan doctor` says more")
    if problems:
        status = Status.CRITICAL if found.broken else Status.WARNING
        todo = "; ".join(dict.fromkeys(one.todo for one in problems))
        return Finding(status, "; ".join(one.what for one in problems), todo=todo)
    return Finding(Status.HEALTHY, f"the hooks are in {found.where}")


def dashboard(*, enabled: bool, url: str | None, connections: int, limit: int, refused: int) -> Finding:
    """The page's server. `refused`: pages that it turned away since the last check; they come back every 10 s."""
    if not enabled:
        return Finding(Status.HEALTHY, "switched off, as you said")
    if url is None:
        return Finding(Status.CRITICAL, "the page is not served", todo="see `agent.log`")
    status = Status.WARNING if refused else Status.HEALTHY
    message = f"{url}, {counted(connections, 'live connections')}" + (f", {refused} more refused" if refused else "")
    todo = "close some pages, or raise `dashboard.max_connections`" if refused else ""
    return Finding(status, message, float(connections), float(limit), "connections", todo)


def relay_drops(found: Mapping[str, tuple[int, int]], now: float) -> Finding:
    """Events that relays could not write, by reason: (count, unix nanoseconds of the last)."""
    lost = {reason: count for reason, (count, _) in found.items() if count and reason in relay.DROP_REASONS}
    if not lost:
        return Finding(Status.HEALTHY, "no event was lost", 0.0, 0.0, "events")
    last = max(last for _, last in found.values()) / 1e9
    recent = now - last < 86_400  # noqa: PLR2004 - a day; older losses stay in `status`
    return Finding(
        Status.WARNING if recent else Status.HEALTHY,
        ", ".join(f"{count} ({reason})" for reason, count in lost.items())
        + f" {'event' if sum(lost.values()) == 1 else 'events'} lost, the last {age(now - last)} ago",
        float(sum(lost.values())),
        0.0,
        "events",
        "`hookspan doctor` says what the reasons mean" if recent else "",
    )
