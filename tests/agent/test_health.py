"""The health checks' thresholds, and a monitor that outlives its checks."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from hookspan.agent import health
from hookspan.agent.health import Finding, History, Monitor, Status, checks, collector
from hookspan.agent.health.collector import Backlog
from hookspan.agent.health.monitor import ROUNDS_KEPT
from hookspan.agent.ingest import Mended
from hookspan.agent.ingest.disk import Hold
from hookspan.agent.ingest.progress import Progress
from hookspan.catalogue.appearance import CHARTS
from hookspan.config import Collector, Settings
from hookspan.hooktime import HookTime
from hookspan.paths import Paths

MS = 1_000_000  # nanoseconds


def agent(**parts: Any) -> checks.Inspected:
    """An agent of these parts; a check that looks at another one fails."""
    others = dict.fromkeys(checks.Inspected.__struct_fields__[: -len(checks.Inspected.__struct_defaults__)])
    return checks.Inspected(**{**others, **parts})


@pytest.mark.parametrize(
    ("took", "status"),
    [
        ([], Status.HEALTHY),
        ([1 * MS] * 100, Status.HEALTHY),
        ([1 * MS] * 98 + [6 * MS] * 2, Status.WARNING),  # p99
        ([6 * MS] * 100, Status.WARNING),  # average
        ([11 * MS] * 100, Status.CRITICAL),
        ([11 * MS] * 20, Status.CRITICAL),
        ([1 * MS] * 18 + [300 * MS], Status.HEALTHY),  # too few to tell a slow hook from a busy machine
    ],
)
def test_hook_path(took: list[int], status: Status):
    progress = Progress()
    progress.hooks.extend(HookTime(one, 7 * MS) for one in took)
    assert checks.hook_path(agent(ingest=SimpleNamespace(progress=progress))).status is status


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, Status.HEALTHY),
        ({"behind": 6.0}, Status.WARNING),
        ({"behind": 61.0}, Status.CRITICAL),
        ({"failures": 1}, Status.WARNING),
        ({"mended": Mended("was damaged", "/x")}, Status.WARNING),
        ({"mended": Mended("was damaged")}, Status.WARNING),
        ({"hold": Hold("OperationalError", 0.0)}, Status.CRITICAL),
        ({"alive": False}, Status.CRITICAL),
    ],
)
def test_ingest(changes: dict[str, object], status: Status):
    state: dict[str, Any] = {"alive": True, "behind": 0.0, "hold": None, "mended": None, "failures": 0, **changes}
    ingest = SimpleNamespace(
        loop=SimpleNamespace(alive=state["alive"], failures=state["failures"]),
        progress=SimpleNamespace(behind=lambda: state["behind"]),
        hold=state["hold"],
        mended=state["mended"],
    )
    finding = checks.ingest(agent(ingest=ingest))
    assert finding.status is status
    assert bool(finding.todo) is (status is not Status.HEALTHY)


@pytest.mark.parametrize(
    ("latency", "status"), [(0.09, Status.HEALTHY), (0.11, Status.WARNING), (0.51, Status.CRITICAL)]
)
def test_store(paths: Paths, monkeypatch: pytest.MonkeyPatch, latency: float, status: Status):
    monkeypatch.setattr(checks, "shortest", lambda _: latency)
    settings = SimpleNamespace(now=Settings())
    assert checks.store(agent(paths=paths, settings=settings, reader=SimpleNamespace(counts=None))).status is status


def test_a_store_that_was_slow_once_is_not_called_slow(monkeypatch: pytest.MonkeyPatch):
    times = iter([0.0, 9.0, 9.0, 9.01])  # the second answer takes 10 ms
    monkeypatch.setattr(checks.time, "monotonic", lambda: next(times))
    assert checks.shortest(lambda: None) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("stats", "status"),
    [
        (None, Status.HEALTHY),
        ({"queue": 3, "oldest_age": 1.0, "state": "sending"}, Status.HEALTHY),
        ({"queue": 3, "oldest_age": 61.0, "state": "sending"}, Status.WARNING),
        ({"queue": 3, "oldest_age": 1.0, "state": "holding", "last_error": "refused"}, Status.WARNING),
        ({"queue": 3, "oldest_age": 3601.0, "state": "holding"}, Status.CRITICAL),
    ],
)
def test_export(stats: dict[str, object] | None, status: Status):
    assert checks.export(agent(exports=SimpleNamespace(stats=lambda: stats, off="no endpoint is set"))).status is status


@pytest.mark.parametrize(("trouble", "status"), [("", Status.HEALTHY), ("OperationalError", Status.WARNING)])
def test_an_export_that_can_not_begin(trouble: str, status: Status):
    exports, settings = SimpleNamespace(stats=lambda: None, off=""), SimpleNamespace(trouble=trouble)
    finding = checks.export(agent(exports=exports, settings=settings))
    assert (finding.status, trouble in finding.message) == (status, True)


@pytest.mark.parametrize(
    ("memory", "disk", "own", "status"),
    [
        (79, 89, 90, Status.HEALTHY),
        (81, 10, 90, Status.WARNING),
        (10, 91, 90, Status.WARNING),
        (96, 10, 90, Status.CRITICAL),
        (10, 96, 90, Status.CRITICAL),
        (10, 10, 160, Status.WARNING),
    ],
)
def test_resources(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, memory: int, disk: int, own: int, status: Status
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(percent=float(memory)))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(used=disk, free=100 - disk))
    monkeypatch.setattr(psutil.Process, "memory_info", lambda _: SimpleNamespace(rss=own << 20))
    finding = checks.resources(agent(paths=paths))
    assert finding.status is status
    assert bool(finding.todo) is (status is not Status.HEALTHY)
    assert finding.value == max(memory, disk)


def test_events_that_were_lost_are_told_for_a_day(paths: Paths, monkeypatch: pytest.MonkeyPatch):
    now = 1_800_000_000.0
    drops = {"write": (3, int(now * 1e9) - 60 * 10**9)}

    def found(table: dict[str, tuple[int, int]], at: float) -> Finding:
        monkeypatch.setattr(checks.drops, "read", lambda _: table)
        monkeypatch.setattr(checks.time, "time", lambda: at)
        return checks.lost_events(agent(paths=paths))

    assert found({}, now).status is Status.HEALTHY
    recent = found(drops, now)
    assert (recent.status, recent.value) == (Status.WARNING, 3.0)
    assert "3 (write) events lost, the last 1 min ago" in recent.message
    assert found(drops, now + 86_400).status is Status.HEALTHY


def test_dashboard():
    def found(url: str | None = "http://x", refused: int = 0, *, enabled: bool = True) -> Finding:
        page = SimpleNamespace(url=url, connections=3, refused=refused)
        dashboard = SimpleNamespace(enabled=enabled, max_connections=50)
        settings = SimpleNamespace(now=SimpleNamespace(dashboard=dashboard))
        return checks.dashboard(agent(page=page, settings=settings))

    assert found().status is Status.HEALTHY
    assert found(None, enabled=False).status is Status.HEALTHY
    assert found(refused=1).status is Status.WARNING
    assert found(None).status is Status.CRITICAL


def test_what_a_total_gained_is_told_once():
    one = agent()
    assert [one.gained("refused pages", total) for total in (2, 2, 5, 1, 2)] == [2, 0, 3, 0, 1]


def test_collector(answering: tuple[str, list[int]]):
    url, codes = answering
    for code, status in ((200, Status.HEALTHY), (503, Status.CRITICAL)):
        codes.append(code)
        assert collector.answers(url).status is status
    assert collector.answers(None).status is Status.HEALTHY
    assert collector.answers("http://127.0.0.1:1/").status is Status.CRITICAL


def exposition(exporter: str, size: int, sent: int) -> str:
    """What a Collector's metrics say of one exporter; newer ones put `_total` behind counters."""
    label = f'data_type="traces",exporter="{exporter}"'
    return (
        f"# TYPE otelcol_exporter_queue_size gauge\n"
        f"otelcol_exporter_queue_size{{{label}}} {size}\n"
        f"otelcol_exporter_queue_capacity{{{label}}} 1e+06\n"
        f'otelcol_exporter_sent_spans_total{{exporter="{exporter}",url_path="/v1/traces"}} {sent}\n'
        f"otelcol_exporter_sent_metric_points{{{label}}} 0\n"
    )


@pytest.mark.parametrize(
    ("looks", "status"),
    [
        ([(0, 0, 5), (60, 0, 5)], Status.HEALTHY),  # nothing to deliver
        ([(0, 9, 5), (60, 9, 6)], Status.HEALTHY),  # delivers, and something new waits
        ([(0, 9, 5), (9, 9, 5)], Status.HEALTHY),  # not for long
        ([(0, 9, 5), (60, 9, 5)], Status.WARNING),
        ([(0, 9, 5), (300, 9, 5)], Status.CRITICAL),
        ([(0, 9, 5), (60, 0, 5), (65, 9, 5)], Status.HEALTHY),  # was empty in between
        ([(0, 510_000, 5), (1, 510_000, 6)], Status.WARNING),
        ([(0, 910_000, 5), (1, 910_000, 6)], Status.CRITICAL),
    ],
)
def test_a_backend_that_takes_nothing_shows_at_its_collector(looks: list[tuple[int, int, int]], status: Status):
    now, size, sent = 0, 0, 0
    both = Backlog(
        fetch=lambda _: exposition("otlp_http/jaeger", size, sent) + exposition("other", 0, 9),
        alive=lambda _: Finding(Status.HEALTHY, "answers"),
        clock=lambda: float(now),
    )
    settings = Collector(health="http://h", metrics="http://m")
    for now, size, sent in looks:  # noqa: B007 - the lambdas read them
        found = both.check(settings)
    assert found.status is status
    assert ("otlp_http/jaeger" in found.message) == (status is not Status.HEALTHY)
    assert "other" not in found.message


def test_a_collector_that_is_down_or_tells_nothing(answering: tuple[str, list[int]]):
    url, codes = answering
    codes.append(404)
    backlog = Backlog()
    down = backlog.check(Collector(health="http://127.0.0.1:1/", metrics=url))
    assert down.status is Status.CRITICAL
    assert backlog.check(Collector(metrics=url)).status is Status.UNKNOWN
    assert backlog.check(Collector()).status is Status.HEALTHY


def test_a_broken_check_is_unknown_and_the_others_go_on():
    def broken() -> Finding:
        raise ValueError("hunter2")

    found = Monitor({"broken": broken, "fine": lambda: Finding(Status.HEALTHY, "fine")}, History()).run()
    assert found.checks["broken"].finding.status is Status.UNKNOWN
    assert "hunter2" not in found.checks["broken"].finding.message
    assert found.checks["fine"].finding.status is Status.HEALTHY
    assert found.status is Status.UNKNOWN


def test_changes_are_told_once_and_history_is_bounded():
    statuses = iter(
        (Status.HEALTHY, Status.WARNING, Status.WARNING, Status.CRITICAL, *[Status.HEALTHY] * (ROUNDS_KEPT + 6))
    )
    changes: list[tuple[str, Status]] = []
    history = History()
    monitor = Monitor(
        {"one": lambda: Finding(next(statuses), "")},
        history,
        on_change=lambda name, checked: changes.append((name, checked.finding.status)),
    )
    for _ in range(5):
        monitor.run()
    assert [status for _, status in changes] == [Status.WARNING, Status.CRITICAL, Status.HEALTHY]
    first, second = list(history.rounds)[1:3]
    assert second.checks["one"].since == first.checks["one"].since
    for _ in range(ROUNDS_KEPT + 5):
        monitor.run()
    assert len(history.rounds) == ROUNDS_KEPT
    assert max(Status, key=health.RANK.__getitem__) is Status.CRITICAL


def test_the_runbook_says_what_to_do_about_every_check():
    runbook = Path(__file__).parents[2] / "docs/runbooks/AgentCheckCritical.md"
    cells = [line.split("|")[1] for line in runbook.read_text().splitlines() if line.startswith("|")]
    missing = checks.ALL.keys() - {name.strip() for cell in cells for name in cell.split(",")}
    assert not missing, f"add a row for each of {sorted(missing)} to {runbook}"


def test_charts_are_of_checks_that_there_are():
    assert CHARTS.keys() <= checks.ALL.keys()


def received(**changes: Any) -> Any:
    """A receiver with one queue of spans."""
    queue = {"oldest_age": 0.0, "state": "idle", "last_error": "", "dropped": 0, "expired": 0}
    told = {"problem": "", "alive": True, "url": "http://127.0.0.1:4000", "taken": {"traces": 3}, "failures": 0}
    of_queue = {name: value for name, value in changes.items() if name in queue}
    of_all = {name: value for name, value in changes.items() if name in told}
    return {**told, **of_all, "forwarding": {"traces": {**queue, **of_queue}}}


@pytest.mark.parametrize(
    ("stats", "status", "words"),
    [
        (None, Status.HEALTHY, "switched off"),
        ({"problem": ""}, Status.HEALTHY, "is being started"),
        ({"problem": "the port is taken"}, Status.CRITICAL, "the port is taken"),
        (received(alive=False), Status.CRITICAL, "ended"),
        (received(), Status.HEALTHY, "3 requests"),
        (received(state="holding", last_error="refused", oldest_age=5.0), Status.HEALTHY, "3 requests"),
        (received(state="holding", last_error="refused", oldest_age=61.0), Status.WARNING, "traces: refused"),
        (received(state="holding", last_error="refused", oldest_age=3601.0), Status.CRITICAL, "traces: refused"),
        (received(dropped=2, expired=1), Status.WARNING, "3 requests were not forwarded"),
        (received(failures=1), Status.WARNING, "3 requests"),
    ],
)
def test_receive(stats: Any, status: Status, words: str):
    found = checks.receive(agent(receiving=SimpleNamespace(stats=lambda: stats)))
    assert (found.status, words in found.message) == (status, True)
    assert bool(found.todo) is (status is not Status.HEALTHY)
