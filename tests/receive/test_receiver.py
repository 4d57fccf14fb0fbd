"""What is sent to the receiver: its answers, what reaches the endpoint, and what a killed agent had answered."""

import contextlib
import errno
import gzip
import http.client
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from hookspan.agent import receiving as agent_receiving
from hookspan.agent.health import Status as Health
from hookspan.agent.settings import AgentSettings
from hookspan.cli.doctor.checks import received
from hookspan.cli.doctor.checks.claude import native
from hookspan.cli.doctor.checks.received import receive
from hookspan.cli.doctor.context import Context
from hookspan.paths import Paths
from hookspan.receive import forward, gate, otlp
from hookspan.receive.gate import Gate
from hookspan.receive.port import bind
from hookspan.receive.server import Server
from hookspan.receive.spool import Spool
from tests.agent.machine import Machine, small_session
from tests.export.test_grpc import Endpoint
from tests.otlp_sink import JSON, PROTOBUF, Sink
from tests.ports import Ports
from tests.receive import requests
from tests.receive.conftest import Receiving
from tests.receive.requests import Sender, ways
from tests.waiting import PATIENCE, until


def test_what_is_sent_reaches_the_endpoint_byte_by_byte(receiving: Receiving, sink: Sink):
    sender, sent = receiving.sender(), []
    for signal_, make in (("traces", requests.spans), ("metrics", requests.metrics), ("logs", requests.logs)):
        for body, headers in ways(make()):
            answer = sender.send(f"/v1/{signal_}", body, **headers)
            assert answer.status == HTTPStatus.OK
            kind = headers["content_type"].partition(";")[0]
            assert answer.headers["content-type"] == kind
            assert answer.body == (b"{}" if kind == JSON else b"")
            sent.append((signal_, kind, headers.get("content_encoding"), body))
    sink.wait(lambda: len(sink.requests) >= len(sent))
    came = [
        (one.signal, one.headers["content-type"], one.headers.get("content-encoding"), one.wire)
        for one in sink.requests
    ]
    assert sorted(came, key=repr) == sorted(sent, key=repr)
    until(lambda: not list(receiving.machine.paths.received.rglob("*.requests")), "something stayed on the disk")


BOMB = gzip.compress(b"\0" * (otlp.UNPACKED_MAX + 1), 1)
DEEP = b'{"resourceSpans":' + b"[" * 100_000
GOOD = requests.spans().SerializeToString()


BAD = {
    "no protobuf": ("/v1/traces", b"\xff\xff", {}, 400),
    "no JSON": ("/v1/traces", b"{", {"content_type": JSON}, 400),
    "no object": ("/v1/traces", b"[]", {"content_type": JSON}, 400),
    "deep": ("/v1/traces", DEEP, {"content_type": JSON}, 400),
    "no gzip": ("/v1/traces", GOOD, {"content_encoding": "gzip"}, 400),
    "half a gzip": ("/v1/traces", gzip.compress(GOOD)[:-9], {"content_encoding": "gzip"}, 400),
    "more than a gzip": ("/v1/traces", gzip.compress(GOOD) + b"x", {"content_encoding": "gzip"}, 400),
    "a bomb": ("/v1/traces", BOMB, {"content_encoding": "gzip"}, 413),
    "large": ("/v1/traces", b"\0" * (gate.BODY_MAX + 1), {}, 413),
    "text": ("/v1/traces", GOOD, {"content_type": "text/plain"}, 415),
    "brotli": ("/v1/traces", GOOD, {"content_encoding": "br"}, 415),
    "profiles": ("/v1/profiles", GOOD, {}, 404),
    "a page": ("/v1/traces", GOOD, {"origin": "http://127.0.0.1"}, 403),
    "another site's page": ("/v1/traces", GOOD, {"sec_fetch_site": "cross-site"}, 403),
    "another host": ("/v1/traces", GOOD, {"host": "evil.example:80"}, 421),
}


def test_what_is_no_request_is_told_so_and_changes_nothing(receiving: Receiving, sink: Sink):
    answers, port = {}, receiving.port
    for name, (path, body, headers, _) in BAD.items():
        try:
            answer = Sender(port).send(path, body, **headers)
        except (BrokenPipeError, ConnectionResetError):  # it was answered before all of it was sent
            assert len(body) > gate.BODY_MAX
            answers[name] = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            continue
        answers[name] = answer.status
        is_json = headers.get("content_type") == JSON
        assert json.loads(answer.body)["message"] if is_json else Status.FromString(answer.body).message, name
    assert answers == {name: status for name, (_, _, _, status) in BAD.items()}
    assert Sender(port).send("/v1/traces", GOOD).status == HTTPStatus.OK
    sink.wait(lambda: sink.requests)
    assert [request.wire for request in sink.requests] == [GOOD]
    until(lambda: sum(receiving.machine.status()["receive"]["refused"].values()) == len(BAD), "not all are counted")


def test_who_sends_too_fast_or_meets_a_full_disk_is_told_when_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    spool = Spool(tmp_path, ("facts",), 1 << 20)
    with bind(0) as listener:
        server = Server(Gate({"traces": spool}), [listener])
        thread = threading.Thread(target=server.run)
        thread.start()
        sender = Sender(listener.getsockname()[1])
        try:
            answers = [sender.send("/v1/traces", GOOD)]
            monkeypatch.setattr(spool, "append", full_disk)
            answers.append(sender.send("/v1/traces", GOOD))
            monkeypatch.setattr(gate, "BURST", 1)
            answers.append(sender.send("/v1/traces", GOOD))
        finally:
            server.end()
            thread.join()
    assert [answer.status for answer in answers] == [200, 503, 429]
    assert [answer.headers.get("retry-after") for answer in answers] == [None, str(gate.DISK_PAUSE), "1"]
    assert all(Status.FromString(answer.body).message for answer in answers[1:])


def full_disk(_request: object) -> None:
    raise OSError(errno.ENOSPC, "full")


def test_metrics_and_logs_of_others_are_dropped_and_that_is_told(receiving: Receiving, sink: Sink):
    sender = receiving.sender()
    answer = sender.send("/v1/logs", requests.logs(scope=requests.OTHERS).SerializeToString())
    assert answer.status == HTTPStatus.OK
    assert ExportLogsServiceResponse.FromString(answer.body).partial_success.rejected_log_records == 1
    assert sender.send("/v1/traces", requests.spans(scope=requests.OTHERS).SerializeToString()).status == HTTPStatus.OK
    assert sender.send("/v1/logs", requests.logs().SerializeToString()).status == HTTPStatus.OK
    sink.wait(lambda: sink.requests)
    assert [request.signal for request in sink.requests] == ["logs"]
    assert receiving.machine.status()["receive"]["foreign"] == {"traces": 1, "metrics": 0, "logs": 1}


def test_a_killed_agent_and_an_endpoint_that_is_away_lose_nothing_that_was_answered(receiving: Receiving, sink: Sink):
    """The endpoint refuses, then is gone, while agents are killed in the middle of what they receive."""
    sink.fault(status=503)
    answered: set[str] = set()
    stop = threading.Event()

    def send(port: int) -> None:
        while not stop.is_set():
            request = requests.spans(5)
            try:
                answer = Sender(port).send("/v1/traces", request.SerializeToString())
            except (OSError, http.client.HTTPException):  # in the middle of an answer, too
                continue
            if answer.status == HTTPStatus.OK:
                answered.update(span.span_id.hex() for span in request.resource_spans[0].scope_spans[0].spans)

    senders = [threading.Thread(target=send, args=(receiving.port,)) for _ in range(3)]
    for sender in senders:
        sender.start()
    try:
        for round_ in range(4):
            wanted = len(answered) + 500
            until(lambda wanted=wanted: len(answered) >= wanted, "nothing is answered")
            receiving.machine.kill()
            if round_ == 1:
                sink.stop()
            receiving.machine.up()
    finally:
        stop.set()
        for sender in senders:
            sender.join()
    sink.heal()
    sink.start()
    all_of_them = f"all {len(answered)} that were answered"  # four hundred requests, one after the other
    until(lambda: answered <= {span.hex() for span in list(sink.ids)}, all_of_them, 5 * PATIENCE)


def test_an_endpoint_to_which_only_what_is_received_goes_is_not_said_to_be_missing(
    make_machine: Callable[[str], Receiving], sink: Sink
):
    machine = make_machine(
        f'[receive]\nenabled = true\n[export]\nendpoint = "{sink.url}"\ntraces = false\nmetrics = false\n'
    ).machine
    until(lambda: machine.json("status")["health"], "the agent did not look after itself")
    said = [machine.cli(verb).stdout for verb in ("status", "flush")]
    said.append(machine.json("status")["health"]["checks"]["export"]["message"])
    assert ["`export.traces` and `export.metrics` are false" in each for each in said] == [True] * 3


def test_a_refusal_is_halved_down_to_what_is_at_fault(receiving: Receiving, sink: Sink):
    sender = receiving.sender()
    request = requests.spans(9)
    bad = request.resource_spans[0].scope_spans[0].spans[4].span_id.hex()
    sink.fault(status=400, when=lambda received: bad in received.span_ids)
    for one in (requests.spans(), request, requests.spans()):
        assert sender.send("/v1/traces", one.SerializeToString()).status == HTTPStatus.OK
    sink.wait(lambda: sink.distinct_spans == 10)
    queue = until(lambda: (now := receiving.machine.status()["receive"]["forwarding"]["traces"])["refused"] and now)
    assert queue["refused"] == 1
    assert set(sink.ids.values()) == {1}


def test_an_endpoint_that_speaks_grpc_gets_the_same_messages(make_machine: Callable[[str], Receiving]):
    endpoint = Endpoint()
    try:
        receiving = make_machine(
            f'[receive]\nenabled = true\n[export]\nendpoint = "http://127.0.0.1:{endpoint.port}"\nprotocol = "grpc"\n'
            "metrics = false\ntraces = false\n"
        )
        sender, wanted = receiving.sender(), []
        for number in range(4):
            request = requests.spans(3)
            wanted += [span.span_id.hex() for span in request.resource_spans[0].scope_spans[0].spans]
            body, headers = ways(request)[number]
            assert sender.send("/v1/traces", body, **headers).status == HTTPStatus.OK
        until(lambda: sorted(endpoint.span_ids) == sorted(wanted), f"{endpoint.span_ids}, wanted {wanted}")
    finally:
        endpoint.server.stop(0)


def test_what_leads_to_the_receiver_itself_waits_and_is_not_received_again(
    receiving: Receiving, make_machine: Callable[[str], Receiving], sink: Sink
):
    machine, itself = receiving.machine, f"http://127.0.0.1:{receiving.port}"
    assert machine.cli("config", "set", "export.endpoint", itself).returncode == 0
    assert receiving.sender().send("/v1/traces", GOOD).status == HTTPStatus.OK
    machine.hooks(*small_session())

    def held() -> bool:
        status = machine.status()
        forwarding, export = status["receive"]["forwarding"]["traces"], status["export"]
        said = [forwarding["last_error"], export["last_error"]]
        assert said == [f"the endpoint answered 508 {otlp.OURSELVES}"] * 2
        return status["receive"]["taken"]["traces"] == 1 and forwarding["forwarded"] == export["exported"] == 0

    until(held, "what leads to itself is not held")
    assert machine.cli("config", "set", "export.endpoint", sink.url).returncode == 0
    assert machine.json("flush", "--wait", "60s")["exported"]
    sink.wait(lambda: GOOD in [request.wire for request in sink.requests])
    assert {span.name for span in sink.spans} >= {"claude_code.tool", "execute_tool Bash"}


def test_where_an_endpoint_names_a_default_port_both_are_left_to_it(
    tmp_path: Path, paths: Paths, monkeypatch: pytest.MonkeyPatch
):
    """A Collector there opens both, and may start later than the agent."""
    ports = Ports()
    for module in (agent_receiving, received):
        monkeypatch.setattr(module, "HTTP_PORT", ports["http"])
        monkeypatch.setattr(module, "GRPC_PORT", ports["grpc"])
    monkeypatch.setattr(received, "status_of", lambda _: {"answered": True, "receive": receiving.stats()})
    paths.create()
    settings = AgentSettings(paths, {})
    receiving = agent_receiving.Receiving(paths, settings, wake=lambda: None)

    def bound(endpoint: str) -> set[int]:
        """The default ports that it has with this endpoint."""
        paths.config.write_text(
            f'[receive]\nenabled = true\nchildren = true\n[export]\nmetrics_endpoint = "{endpoint}"\n'
        )
        assert settings.reload()
        receiving.settings_changed()
        stats = receiving.stats()
        return {*stats["ports"], stats["grpc_port"]} & set(ports.values())

    try:
        assert bound(f"http://localhost:{ports['http']}/v1/metrics") == set()
        _, *left = receive(Context(paths, {}, tmp_path))
        assert [(one.status, one.message.split(" that ")[0]) for one in left] == [
            (Health.WARNING, f"port {port} is left to the Collector") for port in ports.values()
        ]
        assert bound("http://localhost:9") == set(ports.values())
        assert bound(f"http://127.0.0.1:{ports['grpc']}") == set()
        assert bound(f"http://host.docker.internal:{ports['grpc']}") == set(ports.values())
    finally:
        receiving.stop()


@pytest.mark.parametrize(("receive", "export"), [("true", "false"), ("true\nlogs = false", "true"), ("false", "true")])
def test_what_the_settings_forbid_stays_though_nobody_has_stopped_the_receiver_yet(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, sink: Sink, receive: str, export: str
):
    monkeypatch.setattr(forward, "ASK_PAUSE", 0.01)
    text = f'[receive]\nenabled = {{}}\n[export]\nendpoint = "{sink.url}"\nenabled = {{}}\n'
    paths.create()
    paths.config.write_text(text.format("true", "true"))
    forbidden = threading.Event()
    settings = AgentSettings(paths, {}, forbidden.set)
    receiving = agent_receiving.Receiving(paths, settings, wake=lambda: None)
    receiving.start()
    try:
        paths.config.write_text(text.format(receive, export))
        assert not settings.look()
        port = receiving._receiver.port
        assert Sender(port).send("/v1/logs", requests.logs().SerializeToString()).status == HTTPStatus.OK
        assert forbidden.wait(PATIENCE), "what forwards does not ask"
        asked: list[bool] = []
        look = settings.look
        monkeypatch.setattr(settings, "look", lambda: asked.append(True) or look())
        until(lambda: sink.requests or len(asked) > 10)
        assert not sink.requests
    finally:
        receiving.stop()


def test_a_receiver_keeps_its_port_and_one_that_is_wished_for_is_taken_or_told(
    make_machine: Callable[[str], Receiving], receiving: Receiving
):
    machine, port = receiving.machine, receiving.port
    machine.cli("restart")
    assert receiving.port == port
    other = make_machine(f"[receive]\nenabled = true\nport = {port}\n")
    until(lambda: str(port) in (other.machine.status()["receive"] or {})["problem"], "it tells of no trouble")
    until(lambda: (other.machine.status()["health"] or {})["checks"]["receive"]["status"] == "critical")
    assert machine.cli("down").returncode == 0
    until(lambda: other.port == port, "it takes what has become free")


def test_a_receiver_is_switched_on_and_off_while_the_agent_runs(make_machine: Callable[[str], Receiving]):
    receiving = make_machine("")
    machine = receiving.machine
    assert machine.status()["receive"] is None
    assert machine.cli("config", "set", "receive.enabled", "true").returncode == 0
    until(lambda: machine.status()["receive"])
    port = receiving.port
    assert receiving.sender().send("/v1/logs", requests.logs().SerializeToString()).status == HTTPStatus.OK
    assert machine.cli("config", "set", "receive.enabled", "false").returncode == 0
    until(lambda: machine.status()["receive"] is None)
    until(lambda: is_refused(port), "somebody still listens")


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_sender_that_stops_in_the_middle_holds_nobody_up(receiving: Receiving):
    with socket.create_connection(("127.0.0.1", receiving.port)) as stuck:
        stuck.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + PROTOBUF.encode())
        stuck.sendall(b"\r\nContent-Length: 100\r\n\r\nabc")
        assert receiving.sender().send("/v1/traces", GOOD).status == HTTPStatus.OK
        assert b"408" in stuck.recv(100)


def test_an_agent_that_is_stopped_takes_what_waited(receiving: Receiving, sink: Sink):
    """SIGSTOP: the system holds the connection; what is sent meanwhile is answered when the agent goes on."""
    port, pid = receiving.port, receiving.machine.pid
    os.kill(pid, signal.SIGSTOP)
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(Sender(port).send("/v1/traces", GOOD).status))
    thread.start()
    os.kill(pid, signal.SIGCONT)
    thread.join()
    assert answers == [HTTPStatus.OK]
    sink.wait(lambda: sink.requests)


def test_install_leads_to_the_receiver_and_doctor_says_what_is_in_the_way(receiving: Receiving):
    machine, url = receiving.machine, f"http://127.0.0.1:{receiving.port}"
    assert machine.cli("install", "--yes", "--native-telemetry").returncode == 0
    settings = machine.home / ".claude" / "settings.json"
    env = json.loads(settings.read_text())["env"]
    assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == url
    assert env["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/protobuf"
    assert url in machine.cli("status").stdout
    context = Context(machine.paths, machine.env, machine.home)
    until(lambda: [one.status for one in (*native(context), *receive(context))] == [Health.HEALTHY] * 2)

    settings.write_text(json.dumps({**json.loads(settings.read_text()), "env": {**env, OTLP: "http://127.0.0.1:9"}}))
    machine.paths.installed.unlink()  # else it says that somebody changed what we wrote
    (elsewhere,) = native(context)
    assert (elsewhere.status, url in elsewhere.message) == (Health.WARNING, True)
    machine.cli("down")
    (gone,) = receive(context)
    assert (gone.status, gone.todo) == (Health.WARNING, "`hookspan up`")
    assert machine.cli("config", "set", "receive.enabled", "false").returncode == 0
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "env": env}))
    (off,) = native(Context(machine.paths, machine.env, machine.home))
    assert (off.status, "which is off" in off.message) == (Health.WARNING, True)
    with bind(receiving_port(machine)) as listener, answering(listener):
        (stranger,) = receive(context)
    assert (stranger.status, "is not the receiver" in stranger.message) == (Health.CRITICAL, True)


OTLP = "OTEL_EXPORTER_OTLP_ENDPOINT"


def receiving_port(machine: Machine) -> int:
    return int(machine.paths.receive_port.read_text())


@contextlib.contextmanager
def answering(listener: socket.socket) -> Iterator[None]:
    """Another program that speaks HTTP."""

    def answer() -> None:
        with listener.accept()[0] as connection:
            connection.recv(1 << 16)
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=answer)
    thread.start()
    yield
    thread.join()
