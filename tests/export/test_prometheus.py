"""The numbers that a real Prometheus computes from our exports, over kills and outages."""

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from hookspan.paths import Paths
from tests.stack import programs
from tests.stack.stack import Stack
from tests.waiting import until

ROOT = Path(__file__).parents[2]
pytestmark = [] if programs.PROGRAMS["prometheus"].folder.is_dir() else [pytest.mark.need_go]

EACH = 100  # records of a turn at least, whatever else the machine does: all of them together are over 400
AGENT = """
    import sys, time
    from pathlib import Path
    from hookspan.export import Exporter, ExportSettings
    from hookspan.model.rows import Increment, Rows
    from hookspan.paths import Paths
    from hookspan.store import Commit, Store
    from tests.store import made

    state, endpoint, last = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    paths = Paths(state=state, config=state, data=state)
    store = Store.open(paths)
    exporter = Exporter(paths, ExportSettings(endpoint=endpoint, metric_interval=0.25))
    exporter.start()
    position = store.position()
    record = position.record if position else 1
    while record <= last:
        kind = (("hook.event", f"kind-{record % 7 if record > 400 else 0}"),)
        now = time.time_ns()
        store.commit(Commit(position=made.position(record + 1), rows=[Rows(increments=[
            Increment("hookspan.hook.events", kind, 1, now, made.TRACE, "00000000000000cd"),
            Increment("hookspan.tool.duration", (("gen_ai.tool.name", "Bash"),), 0.25, now),
        ])]))
        exporter.committed()
        record += 1
        time.sleep(0.004)
    assert exporter.metrics.drain(60)
    exporter.stop()
"""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    folder = tmp_path / "stack"
    folder.mkdir()
    stack = Stack(folder)
    try:
        yield stack
    finally:
        stack.close()


def ask(stack: Stack, promql: str, at: float) -> dict[str, float]:
    query = urllib.parse.urlencode({"query": promql, "time": f"{at:.3f}"})
    with urllib.request.urlopen(f"{stack.prometheus.url}/api/v1/query?{query}") as answer:
        result = json.load(answer)["data"]["result"]
    return {one["metric"].get("hook_event", ""): float(one["value"][1]) for one in result}


def agent(paths: Paths, stack: Stack, last: int) -> subprocess.Popen[bytes]:
    script = paths.state / "agent.py"
    script.write_text(textwrap.dedent(AGENT))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'instrumentation'}"}
    endpoint = f"{stack.prometheus.url}/api/v1/otlp"
    return subprocess.Popen([sys.executable, str(script), str(paths.state), endpoint, str(last)], env=environment)


def reached(paths: Paths) -> int:
    """The last record in the store; 0 before there is one."""
    if not paths.store.exists():
        return 0
    try:
        with contextlib.closing(sqlite3.connect(paths.store)) as db:
            row = db.execute("SELECT value FROM meta WHERE name = 'position'").fetchone()
    except sqlite3.OperationalError:  # it is just being made
        return 0
    return int(json.loads(row[0])["record"]) if row else 0


@pytest.mark.slow
def test_increase_tells_the_truth_from_the_first_event_over_kills_and_an_outage(paths: Paths, stack: Stack) -> None:
    paths.create()
    stack.prometheus.start()
    record = 0
    for turn in range(5):
        if turn == 2:
            stack.prometheus.stop()
        with agent(paths, stack, 100_000) as process:
            try:
                time.sleep(2.2 + 0.13 * turn)
                until(lambda before=record: reached(paths) > before + EACH, "the agent's records")
                record = reached(paths)
            finally:
                process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        if turn == 2:
            stack.prometheus.start()

    last = reached(paths) + 300
    with agent(paths, stack, last) as process:
        assert process.wait() == 0

    truth: dict[str, int] = {}
    for record in range(1, last + 1):
        kind = f"kind-{record % 7 if record > 400 else 0}"
        truth[kind] = truth.get(kind, 0) + 1
    assert len(truth) == 7
    samples = ask(stack, "timestamp(hookspan_hook_events_total)", time.time())
    assert samples.keys() == truth.keys()
    at = max(samples.values())
    # At the last sample and with the first, a zero, in range there is nothing to extrapolate.
    found = ask(stack, "increase(hookspan_hook_events_total[1h])", at)
    assert found == pytest.approx(truth, rel=1e-9)
    gained = "sum(increase(hookspan_tool_duration_seconds[1h]))"
    assert ask(stack, f"histogram_count({gained})", at) == pytest.approx({"": last})
    assert ask(stack, f"histogram_fraction(0.1, 0.25, {gained})", at) == pytest.approx({"": 1})
    resets = ask(stack, "resets(hookspan_hook_events_total[1h])", at)
    assert set(resets.values()) == {0}
    log = re.findall(r"level=(?:warn|error)\S* .*out.of.order.*", stack.prometheus.log.read_text())
    assert log == []
