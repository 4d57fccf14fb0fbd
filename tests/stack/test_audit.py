"""A chain of sealed log records as the real Collector writes it in JSON, of an agent that is killed again and again."""

from collections.abc import Callable
from pathlib import Path

from hookspan.catalogue import attributes as sc
from tests.agent.conftest import make_machine
from tests.agent.machine import Machine, small_session
from tests.otlp_sink import Sink
from tests.stack.test_logs import collector
from tests.waiting import until

__all__ = ["make_machine"]
KILLS = 3


def decided(sink: Sink) -> set[str]:
    """The uids of the decisions that arrived."""
    return {log.attributes[sc.LOG_RECORD_UID] for log in sink.logs if log.event_name == "hookspan.tool.decision"}


def test_what_the_collector_wrote_is_whole_whenever_the_agent_was_killed(
    make_machine: Callable[..., Machine], tmp_path: Path
) -> None:
    """Its JSON over HTTP is, to the byte, what its file exporter writes as a line."""
    with Sink() as sink:
        program, ports = collector(tmp_path, sink, encoding="json")
        machine = make_machine(
            settings=f'[export]\nendpoint = "http://127.0.0.1:{ports["http"]}"\nlogs = true\naudit = true\n'
        )
        program.start()
        machine.up()
        try:
            for kill in range(KILLS):
                until(lambda wanted=kill + 1: len(sink.logs) >= wanted, "no record came")
                machine.hooks(*small_session(tools=2))
                machine.kill()
                machine.up()
            until(lambda: len(decided(sink)) == 2 * KILLS, "a decision was lost")
            assert machine.json("flush", "--wait", "60s")["exported"]
            file = tmp_path / "logs.jsonl"
            file.write_bytes(b"\n".join(request.text for request in sink.requests if request.signal == "logs"))
            key = machine.cli("audit", "key").stdout.strip()
            done = machine.cli("audit", "verify", str(file), "--key", key)
            assert (done.returncode, "Nothing was changed, dropped or added." in done.stdout) == (0, True), done
            sealed = {log.attributes[sc.AUDIT_SEQUENCE] for log in sink.logs}
            assert sealed == set(range(1, len(sealed) + 1)), "one place, one record"
            file.write_bytes(file.read_bytes().replace(b'"Bash"', b'"Read"', 1))
            done = machine.cli("audit", "verify", str(file), "--key", key)
            assert (done.returncode, "changed: " in done.stdout) == (1, True), done
        finally:
            machine.cli("down")
            program.stop()
