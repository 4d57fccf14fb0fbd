"""Log records of a real agent: switched on by a policy, with what nobody heard, and the same after a rebuild."""

import hashlib
import time
from collections.abc import Callable
from typing import Any

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.paths import Paths
from hookspan.store import Reader, SpanKey
from tests.otlp_decode import Log
from tests.otlp_sink import Sink
from tests.waiting import until

from .machine import Machine, small_session
from .test_policy import Governed

POLICY = 'locked = ["export.logs"]\n[export]\nlogs = true\n'
OWN = '[export]\nendpoint = "{url}"\nlogs = {logs}\n'


def by_uid(logs: list[Any]) -> dict[str, Any]:
    return {log.attributes[sc.LOG_RECORD_UID]: log for log in logs}


def of(sink: Sink, event: str) -> list[Log]:
    return [log for log in sink.logs if log.event_name == event]


def gaps(sink: Sink, kind: str) -> list[Log]:
    return [log for log in of(sink, "hookspan.gap") if log.attributes[sc.GAP_KIND] == kind]


def logs_of(machine: Machine) -> dict[str, Any]:
    """How their export stands; nothing where the store is not open yet."""
    return machine.status()["export"].get("logs") or {}


def stored(paths: Paths) -> list[Any]:
    reader = Reader(paths)
    try:
        return reader.logs_after(SpanKey(0, 0), 10_000)[0]
    finally:
        reader.close()


def test_a_kill_loses_and_repeats_nothing_and_tells_of_the_time_without_an_agent(
    make_machine: Callable[..., Machine], sink: Sink
) -> None:
    machine = make_machine(settings=OWN.format(url=sink.url, logs="true"))
    machine.up()
    sink.wait(lambda: bool(of(sink, "hookspan.policy")))
    machine.hooks(*small_session(tools=3))
    sink.fault(status=503, signal="logs")
    machine.hooks(*small_session(tools=2))

    def hold() -> bool:
        return (logs := logs_of(machine)).get("queue", 0) > 3 and logs["state"] == "holding"

    until(hold, "records wait, and what was sent before has been answered")
    beat = machine.paths.heartbeat.stat().st_mtime_ns
    machine.kill()
    machine.hooks(*small_session(tools=1))
    machine.up()
    until(hold, "what the killed agent sent has been answered")
    sink.heal()
    answer = machine.json("flush", "--wait", "60s")
    assert (answer["exported"], answer["logs"] in {"idle", "sending"}, answer["logs_left"]) == (True, True, 0)
    gap = until(lambda: next(iter(gaps(sink, "killed")), None))
    assert beat <= gap.attributes[sc.GAP_START] <= gap.time <= time.time_ns()
    decisions = by_uid(of(sink, "hookspan.tool.decision"))
    assert len(decisions) == 6
    until(lambda: by_uid(sink.logs).keys() == by_uid(stored(machine.paths)).keys())
    came = list(sink.logs)
    assert len(came) == len(by_uid(came)), "nothing came twice"
    out = f"{len(came)} log records out, 0 waiting"
    until(lambda: out in machine.cli("status").stdout, out)

    before = stored(machine.paths)
    machine.cli("rebuild", "--yes")
    # The agent is back, and may have told already for how long it was away.
    assert [log for log in stored(machine.paths) if log.record <= before[-1].record] == before
    machine.up()
    assert machine.json("flush", "--wait", "60s")["exported"]
    until(lambda: any(one.time > gap.time for one in gaps(sink, "stopped")))
    assert len(of(sink, "hookspan.tool.decision")) == 6


@pytest.mark.need_root
def test_an_administrator_switches_them_on(make_machine: Callable[..., Machine], sink: Sink) -> None:
    governed = Governed(make_machine(settings=OWN.format(url=sink.url, logs="false")))
    governed.up()
    governed.session()
    governed.run("flush", "--wait", "60s")
    assert (sink.logs, stored(governed.machine.paths)) == ([], [])
    governed.policy.write_text(POLICY)
    sink.wait(lambda: bool(of(sink, "hookspan.policy")))
    (policy,) = of(sink, "hookspan.policy")
    assert policy.attributes[sc.POLICY_HASH] == hashlib.sha256(POLICY.encode()).hexdigest()
    governed.session()
    governed.run("flush", "--wait", "60s")
    (start,) = of(sink, "session.start")
    assert start.attributes[sc.POLICY_HASH] == policy.attributes[sc.POLICY_HASH]


def test_hooks_that_are_switched_off_and_on_again_are_told(make_machine: Callable[..., Machine], sink: Sink) -> None:
    machine = make_machine(settings=OWN.format(url=sink.url, logs="true"))
    assert machine.cli("install", "--yes").returncode == 0
    settings = machine.home / ".claude" / "settings.json"
    whole = settings.read_bytes()
    machine.up()
    settings.write_text('{"disableAllHooks": true}')
    machine.cli("restart")
    sink.wait(lambda: bool(of(sink, "hookspan.hooks.off")))
    (off,) = of(sink, "hookspan.hooks.off")
    assert (off.severity, off.attributes[sc.HOOKS_TROUBLES] != []) == ("WARN", True)
    settings.write_bytes(whole)
    machine.cli("restart")
    sink.wait(lambda: bool(of(sink, "hookspan.hooks.on")))
