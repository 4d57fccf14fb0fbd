"""What users are promised of the stack: it is found again, it is complete, and an outage costs nothing."""

import json
import random
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence

import pytest
import requests
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AnyValue

from hookspan.export.resource import instance_id
from hookspan.paths import Paths
from tests.export.test_metrics import MetricExport
from tests.stack import programs
from tests.stack.stack import COLLECTOR_FILES, Program, Stack
from tests.waiting import PATIENCE

SECOND = 1_000_000_000


class Turn:
    """The spans of a turn as the exporter of hookspan makes them: finished, with ids of our own choice."""

    def __init__(self, service: str | None = None) -> None:
        self.trace_id = uuid.uuid4().hex
        self.session = str(uuid.uuid4())
        self.service = service or f"test-{self.session[:8]}"
        self.resource = Resource({"service.name": self.service, "service.instance.id": "test"})
        self.now = time.time_ns()

    def context(self, span_id: int) -> SpanContext:
        return SpanContext(int(self.trace_id, 16), span_id, is_remote=False, trace_flags=TraceFlags(1))

    def span(self, name: str, span_id: int, parent: int | None = None, scope: str = "hookspan", **more) -> ReadableSpan:
        return ReadableSpan(
            name,
            self.context(span_id),
            self.context(parent) if parent else None,
            self.resource,
            {"session.id": self.session, **more.pop("attributes", {})},
            start_time=self.now - 10 * SECOND,
            end_time=self.now - 8 * SECOND,
            instrumentation_scope=InstrumentationScope(scope, "1.0"),
            **more,
        )


def send(exporter: SpanExporter, spans: Sequence[ReadableSpan]) -> None:
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    exporter.shutdown()


def http_exporter(stack: Stack) -> OTLPSpanExporter:
    return OTLPSpanExporter(f"{stack.otlp_http}/v1/traces", timeout=PATIENCE)


def meters(stack: Stack, service: str, temporality: dict[type, AggregationTemporality] | None = None) -> MeterProvider:
    exporter = OTLPMetricExporter(f"{stack.otlp_http}/v1/metrics", preferred_temporality=temporality, timeout=PATIENCE)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=600_000)  # only when forced
    return MeterProvider([reader], Resource({"service.name": service, "service.instance.id": "test"}))


def total(stack: Stack, promql: str) -> float:
    return sum(sample.value for sample in stack.query(promql))


@pytest.mark.usefixtures("stack")  # for the programs
@pytest.mark.parametrize(
    ("command", "file"),
    [
        (["otelcol", "validate", "--config"], "otel-collector.yaml"),
        (["jaeger", "validate", "--config"], "jaeger.yaml"),
        (["promtool", "check", "config"], "prometheus.yml"),
    ],
)
def test_each_configuration_is_valid_as_shipped(command: list[str], file: str):
    program, *arguments = command
    argv = [str(programs.binary(program)), *arguments, str(programs.ROOT / "collector" / file)]
    process = subprocess.run(argv, env={}, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_trace_is_found_under_its_own_id_and_by_its_session(stack: Stack, protocol: str):
    turn = Turn()
    exporter = (
        http_exporter(stack)
        if protocol == "http"
        else GrpcSpanExporter(stack.otlp_grpc, insecure=True, timeout=PATIENCE)
    )
    earlier = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1))
    send(
        exporter,
        [
            turn.span("invoke_agent claude-code", 0xA1, links=[Link(earlier)]),
            turn.span("execute_tool Bash", 0xA2, 0xA1, status=Status(StatusCode.ERROR), attributes={"waited": 1.5}),
            turn.span("hook PreToolUse", 0xA3, 0xA1, scope="hookspan.hooks"),
        ],
    )
    stack.wait(lambda: len(stack.trace(turn.trace_id)) == 3)
    spans = {span.name: span for span in stack.trace(turn.trace_id)}
    root, tool, hook = (spans[name] for name in ("invoke_agent claude-code", "execute_tool Bash", "hook PreToolUse"))
    assert {span.trace_id for span in spans.values()} == {turn.trace_id}
    assert (root.span_id, root.parent_id, tool.parent_id) == (f"{0xA1:016x}", "", root.span_id)
    assert (tool.start, tool.end) == (turn.now - 10 * SECOND, turn.now - 8 * SECOND)
    assert tool.attributes == {"session.id": turn.session, "waited": 1.5}
    assert (tool.status, root.status, hook.scope) == ("error", "unset", "hookspan.hooks")
    assert [(link.trace_id, link.span_id) for link in root.links] == [(f"{7:032x}", f"{8:016x}")]
    assert tool.resource["service.name"] == turn.service
    assert stack.search(turn.service, {"session.id": turn.session}) == [turn.trace_id]
    assert stack.search(turn.service, {"session.id": "another"}) == []


def test_a_metric_reaches_prometheus_and_its_exemplar_leads_to_the_trace(stack: Stack):
    service = f"test-{uuid.uuid4()}"
    provider = meters(stack, service)
    meter = provider.get_meter("hookspan")
    with TracerProvider().get_tracer("hookspan").start_as_current_span("turn") as span:
        meter.create_histogram("hookspan.tool.duration", unit="s").record(0.7, {"gen_ai.tool.name": "Bash"})
    meter.create_counter("hookspan.hook.events", unit="{event}").add(41, {"hook.event": "PreToolUse"})
    provider.shutdown()
    events = f'hookspan_hook_events_total{{service_name="{service}"}}'
    (sample,) = stack.wait(lambda: stack.query(events))
    assert sample.value == 41
    assert sample.labels.items() >= {"hook_event": "PreToolUse", "job": service, "instance": "test"}.items()
    durations = f'hookspan_tool_duration_seconds{{service_name="{service}"}}'
    (exemplar,) = stack.wait(lambda: stack.exemplars(durations))
    assert exemplar.trace_id == f"{span.get_span_context().trace_id:032x}"
    assert exemplar.value == 0.7


def test_of_an_interval_the_slowest_is_the_exemplar(stack: Stack, paths: Paths):
    """Whoever clicks on a peak finds what was slow, not what came last."""
    to_stack = MetricExport(paths, stack.otlp_http)
    to_stack.start()
    for values in ((0.2,), (0.3, 7.0, 0.1), (), (0.4, 0.2)):
        for value in values:
            to_stack.count(1, "hookspan.tool.duration", (), value)
        to_stack.tick()
    to_stack.stop()
    to_stack.store.close()
    durations = f'hookspan_tool_duration_seconds{{instance="{instance_id(paths)}"}}'
    stack.wait(lambda: [one.value for one in stack.exemplars(durations)] == [7.0, 0.4])


def test_the_stack_watches_the_host_and_itself(stack: Stack):
    with urllib.request.urlopen(stack.health, timeout=PATIENCE) as answer:
        assert answer.status == 200
    (memory,) = stack.wait(lambda: stack.query('system_memory_utilization_ratio{state="used"}'))
    assert 0 < memory.value < 1
    assert memory.labels["job"] == "host"
    assert memory.labels["host_name"] == "test-host"
    stack.wait(lambda: stack.query("system_cpu_utilization_ratio"))
    stack.wait(lambda: len(stack.query("up == 1")) == 4)
    stack.wait(lambda: stack.query("otelcol_exporter_queue_capacity"))


@pytest.fixture
def counting(stack: Stack) -> Iterator[str]:
    """The endpoint of a Collector that makes span metrics."""
    collector = stack.another_collector(COLLECTOR_FILES / "span-metrics.yaml")
    collector.start()
    yield collector.url
    collector.kill()


def test_jaegers_monitor_shows_tools_and_no_hooks_where_it_is_switched_on(stack: Stack, counting: str):
    service = "test-monitor"
    turn = Turn(service)
    spans = [turn.span("execute_tool Bash", 0xB0 + number, 0xA1) for number in range(5)]
    hook = turn.span("hook PreToolUse", 0xC1, scope="hookspan.hooks")
    send(OTLPSpanExporter(f"{counting}/v1/traces", timeout=PATIENCE), [*spans, hook])
    calls = f'traces_span_metrics_calls_total{{service_name="{service}"}}'

    def counted() -> dict[str, float]:
        return {sample.labels["span_name"]: sample.value for sample in stack.query(calls)}

    stack.wait(lambda: counted() == {"execute_tool Bash": 5})  # a new series starts with a 0
    parameters = f"service={service}&spanKind=internal&groupByOperation=true&lookback=3600000&step=1000&ratePer=600000"

    def monitored() -> list[str]:
        with urllib.request.urlopen(f"{stack.jaeger.url}/api/metrics/calls?{parameters}", timeout=PATIENCE) as answer:
            metrics = json.load(answer)["metrics"]
        return [label["value"] for metric in metrics for label in metric["labels"] if label["name"] == "operation"]

    assert stack.wait(monitored) == ["execute_tool Bash"]


def test_what_claude_code_sends_itself_lands_beside_ours(stack: Stack):
    """Its metrics are deltas, and it logs what each hook cost: both must add up, in several exports."""
    service = f"claude-code-{uuid.uuid4()}"
    provider = meters(stack, service, {Counter: AggregationTemporality.DELTA})
    tokens = provider.get_meter("com.anthropic.claude_code").create_counter("claude_code.token.usage", unit="tokens")
    logs = LoggerProvider(Resource({"service.name": service}))
    logs.add_log_record_processor(
        BatchLogRecordProcessor(OTLPLogExporter(f"{stack.otlp_http}/v1/logs", timeout=PATIENCE))
    )
    logger = logs.get_logger("com.anthropic.claude_code.events")
    for milliseconds in (4, 30):
        tokens.add(100, {"type": "input"})
        assert provider.force_flush(PATIENCE * 1000)
        for event, cost in (("hook_execution_complete", milliseconds), ("tool_result", 9)):
            attributes: dict[str, AnyValue] = {
                "event.name": event,
                "hook_event": "Stop",
                "hook_name": "Stop",
                "total_duration_ms": cost,
            }
            logger.emit(LogRecord(timestamp=time.time_ns(), body=f"claude_code.{event}", attributes=attributes))
        assert logs.force_flush()
    provider.shutdown()
    logs.shutdown()
    label = f'{{service_name="{service}"}}'
    stack.wait(lambda: total(stack, f"claude_code_token_usage_tokens_total{label}") == 200)
    stack.wait(lambda: total(stack, f"claude_code_hook_runs_total{label}") == 2)
    stack.wait(lambda: total(stack, f"claude_code_hook_time_seconds_total{label}") == pytest.approx(0.034))
    quick = f"histogram_fraction(0.002, 0.005, claude_code_hook_duration_seconds{label})"
    stack.wait(lambda: [(one.value, one.labels["hook_event"]) for one in stack.query(quick)] == [(0.5, "Stop")])


def test_a_secret_that_slips_through_is_masked(stack: Stack):
    turn = Turn()
    attributes = {
        "hookspan.command": "curl -H 'x-api-key: sk-ant-api03-abcdefghijklmnopqrstuvwx' https://u:pw@example.org/",
        "db.password": "hunter2",
        "gen_ai.usage.input_tokens": 12,
        "vcs.ref.head.name": "task-force-with-a-long-branch-name",
    }
    send(http_exporter(stack), [turn.span("execute_tool Bash", 0xA1, attributes=attributes)])
    (span,) = stack.wait(lambda: stack.trace(turn.trace_id))
    assert "sk-ant" not in str(span.attributes)
    assert "u:pw" not in str(span.attributes)
    assert "hunter2" not in str(span.attributes)
    assert span.attributes["hookspan.command"].startswith("curl -H 'x-api-key: ****")
    assert span.attributes["gen_ai.usage.input_tokens"] == 12
    assert span.attributes["vcs.ref.head.name"] == attributes["vcs.ref.head.name"]
    assert span.attributes["redaction.masked.count"] == 2


@pytest.mark.parametrize("end", [Program.kill, Program.stop])
def test_nothing_is_lost_when_the_collector_ends_while_the_backends_are_down(
    stack: Stack, end: Callable[[Program], None]
):
    turn = Turn()
    provider = meters(stack, turn.service)
    stack.jaeger.kill()
    stack.prometheus.kill()
    sent = 0
    for _ in range(3):
        for _ in range(4):
            send(http_exporter(stack), [turn.span("execute_tool Read", 0x1000 + sent + n) for n in range(250)])
            sent += 250
        provider.get_meter("hookspan").create_counter("kills").add(1)
        assert provider.force_flush(PATIENCE * 1000)
        time.sleep(random.uniform(0, 0.5))  # in the middle of a write, a batch, a retry
        end(stack.collector)
        stack.collector.start()
    stack.prometheus.start()
    stack.jaeger.start()
    stack.wait(lambda: len({span.span_id for span in stack.trace(turn.trace_id)}) == sent)
    stack.wait(lambda: total(stack, f'kills_total{{service_name="{turn.service}"}}') == 3)
    provider.shutdown()
    # And what Jaeger has acknowledged is its own: it survives being killed too.
    stack.jaeger.kill()
    stack.jaeger.start()
    assert len({span.span_id for span in stack.trace(turn.trace_id)}) == sent


def test_a_full_queue_sends_the_sender_away_and_loses_nothing_it_accepted(stack: Stack):
    turn = Turn()
    stack.jaeger.kill()
    stack.collector.stop()
    stack.collector.start({"QUEUE_BYTES": "60000"})
    statuses: list[int] = []
    session = requests.Session()
    session.trust_env = False
    accepted: set[str] = set()
    refused = 0
    for number in range(40):
        spans = [turn.span("execute_tool Read", 0x1000 + 50 * number + n) for n in range(50)]
        body = encode_spans(spans).SerializeToString()
        answer = session.post(
            f"{stack.otlp_http}/v1/traces", body, headers={"Content-Type": "application/x-protobuf"}, timeout=PATIENCE
        )
        statuses.append(answer.status_code)
        if answer.status_code == 200:
            accepted |= {f"{span.context.span_id:016x}" for span in spans}
        elif (refused := refused + 1) == 2:
            break
    session.close()
    assert refused == 2
    assert set(statuses) == {200, 503}  # 503 is one that exporters hold and send again
    stack.jaeger.start()
    stack.wait(lambda: accepted <= {span.span_id for span in stack.trace(turn.trace_id)})
    stack.collector.stop()


def test_jaeger_answers_nothing_for_a_trace_it_never_saw(stack: Stack):
    assert stack.trace(uuid.uuid4().hex) == []
    with pytest.raises(TimeoutError, match="not within"):
        stack.wait(lambda: stack.trace(uuid.uuid4().hex), 0.3)
