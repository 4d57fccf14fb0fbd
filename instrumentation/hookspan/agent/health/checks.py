"""The agent's own checks. A new one is a function here with `@check("its name")`, and nothing else.

They run in the order in which they stand here, which is that of `status`, the API and the page. The name is also the
value of the attribute `hookspan.health.check`.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hookspan import hooktime, units
from hookspan.agent import status as files
from hookspan.agent.installed import installed
from hookspan.journal import drops
from hookspan.setup import relay
from hookspan.units import age, counted

from .collector import Backlog
from .finding import Finding, Status, graded, worst

if TYPE_CHECKING:
    from hookspan.agent.exports import Exports
    from hookspan.agent.ingest import Ingest
    from hookspan.agent.page import Page
    from hookspan.agent.receiving import Receiving
    from hookspan.agent.settings import AgentSettings
    from hookspan.paths import Paths
    from hookspan.store import Reader

HOOK_WARNING: Final = hooktime.PROMISE  # for the average and for p99
HOOK_CRITICAL: Final = 0.010  # seconds, average
HOOKS_JUDGED: Final = 20  # so many at least: of fewer, one that had to wait for a processor would make the average
LAG_WARNING: Final = 5.0  # seconds that the journal's reader is behind
LAG_CRITICAL: Final = 60.0
LOSS_RECENT: Final = 86_400.0  # seconds; older losses stay in `status`
STORE_WARNING: Final = 0.100  # seconds a query takes
STORE_CRITICAL: Final = 0.500
STORE_TRIES: Final = 3
EXPORT_WARNING: Final = 60.0  # seconds the oldest span has waited
METRICS_WARNING: Final = 180.0  # seconds since metrics arrived, which may be sent only once a minute
EXPORT_CRITICAL: Final = 3600.0
NO_METRICS: Final = (
    "if it should get traces only: `hookspan config set export.metrics false`; "
    "if another takes metrics: `hookspan config set export.metrics_endpoint URL`"
)
NO_TRACES: Final = (
    "if it should get metrics only: `hookspan config set export.traces false`; "
    "if another takes spans: `hookspan config set export.traces_endpoint URL`"
)
NO_LOGS: Final = (
    "if another takes log records: `hookspan config set export.logs_endpoint URL`; until then they are kept"
)
MEMORY_WARNING: Final = 80.0  # percent of the machine's
DISK_WARNING: Final = 90.0  # percent of the state folder's file system
FULL_CRITICAL: Final = 95.0  # percent, of either
OWN_MEMORY_WARNING: Final = 150 << 20  # bytes; a million events' backlog stays below this


class Inspected(msgspec.Struct, frozen=True):
    """What the checks look at: the parts of a running agent."""

    paths: Paths
    settings: AgentSettings
    ingest: Ingest
    reader: Reader
    exports: Exports
    page: Page
    receiving: Receiving
    backlog: Backlog = msgspec.field(default_factory=Backlog)
    _seen: dict[str, int] = msgspec.field(default_factory=dict)

    def gained(self, name: str, total: int) -> int:
        """How much a total has grown since the last round."""
        before, self._seen[name] = self._seen.get(name, 0), total
        return max(0, total - before)


Check = Callable[[Inspected], Finding]
ALL: Final[dict[str, Check]] = {}


def check(name: str) -> Callable[[Check], Check]:
    """Register a function as the check of that name."""

    def enter(function: Check) -> Check:
        ALL[name] = function
        return function

    return enter


def of(agent: Inspected) -> Mapping[str, Callable[[], Finding]]:
    """All checks of an agent, for its monitor."""
    return {name: partial(function, agent) for name, function in ALL.items()}


@check("hook path")
def hook_path(agent: Inspected) -> Finding:
    """What the newest hooks cost. Only the relay's own part is judged; starting its process depends on the machine."""
    taken = hooktime.statistics(agent.ingest.progress.hooks_now())
    if taken is None:
        return Finding(Status.HEALTHY, "no events yet", threshold=HOOK_WARNING, unit="s")
    enough = taken["samples"] >= HOOKS_JUDGED
    status = graded(taken["average"], HOOK_WARNING, HOOK_CRITICAL) if enough else Status.HEALTHY
    if enough and taken["p99"] > HOOK_WARNING:
        status = worst(status, Status.WARNING)
    return Finding(
        status,
        hooktime.describe(taken),
        taken["p99"],
        HOOK_WARNING,
        "s",
        "" if status is Status.HEALTHY else "the disk or the machine is slow; `hookspan bench` measures both",
    )


@check("lost events")
def lost_events(agent: Inspected) -> Finding:
    """Events that relays could not write."""
    table, now = drops.read(agent.paths), time.time()
    lost = {reason: count for reason, (count, _) in table.items() if count and reason in relay.DROP_REASONS}
    if not lost:
        return Finding(Status.HEALTHY, "no event was lost", 0.0, 0.0, "events")
    last = max(last for _, last in table.values()) / 1e9
    recent = now - last < LOSS_RECENT
    return Finding(
        Status.WARNING if recent else Status.HEALTHY,
        ", ".join(f"{count} ({reason})" for reason, count in lost.items())
        + f" {'event' if sum(lost.values()) == 1 else 'events'} lost, the last {age(now - last)} ago",
        float(sum(lost.values())),
        0.0,
        "events",
        "`hookspan doctor` says what the reasons mean" if recent else "",
    )


@check("ingest")
def ingest(agent: Inspected) -> Finding:
    """Whether what hooks record gets into the store."""
    loop, hold, mended = agent.ingest.loop, agent.ingest.hold, agent.ingest.mended
    behind, failures = agent.ingest.progress.behind(), agent.gained("ingest failures", loop.failures)
    status = graded(behind, LAG_WARNING, LAG_CRITICAL)
    message, todo = f"{behind:.1f} s behind", ""
    if status is not Status.HEALTHY:
        todo = "a backlog is being read; if it does not shrink, see `agent.log`"
    if failures:
        status, todo = worst(status, Status.WARNING), "see `agent.log`"
        message += f", {counted(failures, 'failures')} since the last check"
    if mended:
        status, message = worst(status, Status.WARNING), f"{message}; the store {mended.text}"
        todo = "nothing; this is shown until the agent's next start"
        if mended.aside:
            todo = f"`{mended.aside}` is the old one: delete it when you don't need it"
    if hold:
        status, todo = Status.CRITICAL, "free space on the disk of the state folder"
        message = f"nothing can be written ({hold.reason}); hooks keep recording as long as the disk allows"
    elif not loop.alive:
        status, message, todo = Status.CRITICAL, "the ingest thread is dead", "`hookspan restart`"
    return Finding(status, message, behind, LAG_WARNING, "s", todo)


@check("store")
def store(agent: Inspected) -> Finding:
    """Whether the store answers quickly."""
    latency = shortest(agent.reader.counts)
    size, limit = files.store(agent.paths)["bytes"], agent.settings.now.store.bytes
    status = graded(latency, STORE_WARNING, STORE_CRITICAL)
    todo = "" if status is Status.HEALTHY else "the disk is slow, or `store.days` keeps too much: `hookspan prune`"
    message = f"answers in {latency * 1000:.1f} ms; {units.size(size)} of {units.size(limit)}"
    return Finding(status, message, latency, STORE_WARNING, "s", todo)


def shortest(query: Callable[[], object]) -> float:
    """Seconds that a query takes, asked up to STORE_TRIES times while it is slow.

    Once may have waited for a store that was just being made, or for a processor.
    """
    seconds = float("inf")
    for _ in range(STORE_TRIES):
        began = time.monotonic()
        query()
        seconds = min(seconds, time.monotonic() - began)
        if seconds <= STORE_WARNING:
            break
    return seconds


@check("export")
def export(agent: Inspected) -> Finding:
    """Whether spans and metrics get out. That nothing is to is a normal state."""
    stats = agent.exports.stats()
    if stats is None:
        return _no_export(agent)
    metrics = stats.get("metrics") or {}
    waited = float(stats.get("oldest_age") or 0.0)
    status = graded(waited, EXPORT_WARNING, EXPORT_CRITICAL)
    waiting = f"{counted(stats.get('queue', 0), 'spans')} waiting"
    message = f"{waiting}, the oldest for {waited:.0f} s; {stats.get('refused', 0)} refused"
    todo = ""
    if stats.get("state") == "holding":
        status = worst(status, Status.WARNING)
        message = f"{stats.get('last_error') or 'the endpoint does not accept spans'}; {message}"
        todo = (
            "start the collector, or correct `export.endpoint`, its token or certificates; until then nothing is lost"
        )
        if stats.get("not_taken") and metrics.get("state") == "sending":
            todo = NO_TRACES
    elif status is not Status.HEALTHY:
        todo = "the endpoint accepts spans more slowly than they are recorded"
    elif metrics.get("state") == "refused":
        status, todo = Status.WARNING, NO_METRICS
        message = f"{message}; metrics: {metrics['last_error']}"
    elif metrics.get("state") == "holding" and time.time() - metrics["last_success"] / 1e9 > METRICS_WARNING:
        status, todo = (
            Status.WARNING,
            "see the log of the program at `export.endpoint`; sums continue, no count is lost",
        )
        message = f"{message}; metrics: {metrics['last_error']}"
    if (logs := stats.get("logs")) and logs["state"] == "holding" and logs["oldest_age"] > EXPORT_WARNING:
        status = worst(status, graded(logs["oldest_age"], EXPORT_WARNING, EXPORT_CRITICAL))
        message, todo = f"{message}; log records: {logs['last_error']}", todo or NO_LOGS
    if renewed := stats.get("renewed"):
        status, message = worst(status, Status.WARNING), f"{message}; export.db was damaged ({renewed})"
        todo = todo or "nothing; it was written again, and what was sent is known"
    return Finding(status, message, waited, EXPORT_WARNING, "s", todo)


def _no_export(agent: Inspected) -> Finding:
    if off := agent.exports.off:
        return Finding(Status.HEALTHY, f"off: {off}", unit="s")
    if reason := agent.settings.trouble:
        todo = "see `agent.log`, and whether another program holds `export.db`; it is tried again each five seconds"
        return Finding(Status.WARNING, f"can't begin: {reason}", unit="s", todo=todo)
    return Finding(Status.HEALTHY, "begins once the store is open", unit="s")


@check("receive")
def receive(agent: Inspected) -> Finding:
    """Whether what Claude Code tells of itself comes in and gets out."""
    stats = agent.receiving.stats()
    if stats is None:
        return Finding(Status.HEALTHY, "switched off by `receive.enabled`", unit="s")
    if not stats["problem"] and "alive" not in stats:
        return Finding(Status.HEALTHY, "is being started", unit="s")
    if stats["problem"] or not stats["alive"]:
        message = stats["problem"] or "the receiver ended"
        return Finding(Status.CRITICAL, message, todo="see `agent.log`; `receive.port` may be taken")
    queues: Mapping[str, Mapping[str, Any]] = stats["forwarding"]
    waited = max(queue["oldest_age"] for queue in queues.values())
    held = next(
        (f"{signal}: {queue['last_error']}" for signal, queue in queues.items() if queue["state"] == "holding"), ""
    )
    lost = agent.gained("received and dropped", sum(queue["dropped"] + queue["expired"] for queue in queues.values()))
    failed = agent.gained("received in vain", stats["failures"])
    status, todo = graded(waited, EXPORT_WARNING, EXPORT_CRITICAL), ""
    message = f"{stats['url']}, {counted(sum(stats['taken'].values()), 'requests')}"
    if held and status is not Status.HEALTHY:
        message, todo = f"{message}; {held}", "start the collector, or correct `export.endpoint`; until then it is kept"
    if lost:
        status, message = worst(status, Status.WARNING), f"{message}; {counted(lost, 'requests')} were not forwarded"
        todo = todo or "the endpoint was away for too long: raise `receive.bytes`"
    if failed:
        status, todo = worst(status, Status.WARNING), todo or "see `agent.log`"
    return Finding(status, message, waited, EXPORT_WARNING, "s", todo)


@check("resources")
def resources(agent: Inspected) -> Finding:
    """Memory and disk of the machine, and what the agent itself takes."""
    import psutil  # noqa: PLC0415 - used here only

    memory = psutil.virtual_memory().percent
    disk = shutil.disk_usage(agent.paths.state)
    full = 100.0 * disk.used / max(1, disk.used + disk.free)  # a file system may have no blocks
    resident = psutil.Process().memory_info().rss
    status = worst(graded(memory, MEMORY_WARNING, FULL_CRITICAL), graded(full, DISK_WARNING, FULL_CRITICAL))
    todo = "" if status is Status.HEALTHY else "free memory" if memory > MEMORY_WARNING else "free space on the disk"
    if resident > OWN_MEMORY_WARNING:
        status, todo = (
            worst(status, Status.WARNING),
            todo or "`hookspan restart`, and report it: the agent uses too much memory",
        )
    return Finding(
        status,
        f"memory {memory:.0f} %, disk {full:.0f} %, CPU {psutil.cpu_percent():.0f} %; agent {units.size(resident)}",
        max(memory, full),
        MEMORY_WARNING if memory >= full else DISK_WARNING,
        "%",
        todo,
    )


@check("collector")
def collector(agent: Inspected) -> Finding:
    """Whether the Collector is well and delivers."""
    return agent.backlog.check(agent.settings.now.collector)


@check("installation")
def installation(agent: Inspected) -> Finding:
    """Whether coding agents still run our hooks: settings and policies change without us."""
    state = installed(agent.paths)
    problems = state.problems
    message = "; ".join(problem.what for problem in problems)
    if not state.wanted:  # hooks of a project, or of a command line, which no settings tell
        return Finding(Status.UNKNOWN, message, todo="`hookspan doctor` says more")
    if problems:
        status = Status.CRITICAL if state.broken else Status.WARNING
        return Finding(status, message, todo="; ".join(dict.fromkeys(problem.todo for problem in problems)))
    return Finding(Status.HEALTHY, f"the hooks are in {state.where}")


@check("dashboard")
def dashboard(agent: Inspected) -> Finding:
    """The page's server. Pages that it turned away come back every 10 s."""
    wanted, page = agent.settings.now.dashboard, agent.page
    refused = agent.gained("refused pages", page.refused)
    if not wanted.enabled:
        return Finding(Status.HEALTHY, "switched off by `dashboard.enabled`")
    if page.url is None:
        return Finding(Status.CRITICAL, "the page is not served", todo="see `agent.log`")
    message = f"{page.url}, {counted(page.connections, 'live connections')}"
    message += f", {refused} more refused" if refused else ""
    return Finding(
        Status.WARNING if refused else Status.HEALTHY,
        message,
        float(page.connections),
        float(wanted.max_connections),
        "connections",
        "close some pages, or raise `dashboard.max_connections`" if refused else "",
    )
