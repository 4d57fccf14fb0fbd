"""Claude Code's own metrics, which are deltas: nothing of them is lost, and no session is a series of its own."""

from __future__ import annotations

import time
import uuid

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from tests.stack.stack import Stack
from tests.stack.test_stack import total
from tests.waiting import PATIENCE

COST = "claude_code_cost_usage_USD_total"


class Client:
    """Sends metrics as Claude Code does: deltas, in the resource that all of its sessions have in common."""

    def __init__(self, stack: Stack, user: str) -> None:
        exporter = OTLPMetricExporter(
            f"{stack.otlp_http}/v1/metrics",
            preferred_temporality={Counter: AggregationTemporality.DELTA},
            timeout=PATIENCE,
        )
        resource = Resource({"service.name": "claude-code", "os.type": "linux"})
        self.provider = MeterProvider([PeriodicExportingMetricReader(exporter, 600_000)], resource)
        self.cost = self.provider.get_meter("com.anthropic.claude_code").create_counter(
            "claude_code.cost.usage", unit="USD"
        )
        self.attributes = {"user.id": user, "session.id": str(uuid.uuid4()), "model": "claude-opus-5-5"}

    def spend(self, dollars: float) -> None:
        self.cost.add(dollars, self.attributes)
        assert self.provider.force_flush(PATIENCE * 1000)


def test_what_sessions_cost_is_counted_from_their_first_report_on(stack: Stack):
    """Each session may report once only, two may do so at once, and still the sum over an hour is what they cost."""
    user = uuid.uuid4().hex
    clients = [Client(stack, user) for _ in range(4)]
    for client in clients:
        client.spend(0.25)
        time.sleep(0.3)
    clients[0].spend(1.0)
    for client in clients:
        client.provider.shutdown()
    series = f'{COST}{{user_id="{user}"}}'
    stack.wait(lambda: total(stack, series) == pytest.approx(2.0))
    later = time.time() + 60
    (cost,) = stack.query(f"sum(increase({series}[1h]))", later)
    (samples,) = stack.query(f"count_over_time({series}[1h])", later)
    # Prometheus extrapolates by half the distance of two samples, and not below 0: at the end alone.
    assert cost.value / (1 + 0.5 / (samples.value - 1)) == pytest.approx(2.0, rel=0.01)
    (only,) = stack.query(series)
    assert "session_id" not in only.labels


@pytest.mark.usefixtures("played_day")
def test_the_collector_says_how_near_its_limits_are(stack: Stack):
    def near() -> dict[str, float]:
        return {sample.labels["limit"]: sample.value for sample in stack.query("hookspan:collector_limit:ratio")}

    found = stack.wait(near)
    assert all(0 < value < 0.7 for value in found.values()), found
