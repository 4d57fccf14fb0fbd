"""What `[resource]` and a project's labels say is on every metric, in the stack and in the gateway."""

from __future__ import annotations

import time
import uuid

import pytest
import yaml
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.resources import Resource

from hookspan.catalogue import attributes as sc
from hookspan.cli.stack import labels, owners
from hookspan.config import load
from hookspan.errors import UserError
from hookspan.export.convert import Point, Reading, resource_metrics
from hookspan.model.rows import Increment
from hookspan.model.sums import Sums
from hookspan.paths import Paths
from tests.stack import programs
from tests.stack.stack import RESOURCE_LABEL, Stack
from tests.waiting import PATIENCE

COLLECTOR = programs.ROOT / "collector"


def test_the_lists_are_written_from_the_settings(paths: Paths):
    paths.create()
    paths.config.parent.mkdir(parents=True, exist_ok=True)
    paths.config.write_text(f'[resource]\nteam = "cart"\n"{RESOURCE_LABEL}" = "4711"\n')
    wanted = labels.of(load(paths, {}))
    assert wanted == [*labels.ALWAYS, RESOURCE_LABEL]
    shipped = (COLLECTOR / "prometheus.yml").read_text()
    assert yaml.safe_load(shipped)["otlp"]["promote_resource_attributes"] == [*labels.ALWAYS]
    assert labels.for_prometheus(shipped, labels.ALWAYS) == shipped
    written = yaml.safe_load(labels.for_prometheus(shipped, wanted))
    assert written["otlp"]["promote_resource_attributes"] == wanted
    assert (COLLECTOR / "gateway/base/labels.yaml").read_text() == labels.for_gateway(labels.ALWAYS)
    assert labels.for_gateway(wanted).count(f'"{RESOURCE_LABEL}"') == 3


def test_every_metric_has_them_and_a_projects_own_come_first(stack: Stack):
    """A counter, a histogram and a gauge; a project that another team owns says so itself."""
    instance = uuid.uuid4().hex
    said = {"service.name": "claude-code-hooks", "service.instance.id": instance, "team": "cart", RESOURCE_LABEL: "47"}
    sums = Sums()
    for instrument in ("hookspan.turn.finished", "gen_ai.invoke_agent.duration"):
        for project, own in (("shop", ()), ("bank", (("team", "payments"),))):
            increment = Increment(instrument, ((sc.PROJECT, project), *own), 1, 1)
            sums.find(increment, 1).add([increment])
    readings = [Reading("hookspan.wait.oldest", 1.0)]
    now = time.time_ns()
    data = MetricsData([resource_metrics([Point(one, now - 1) for one in sums], readings, Resource(said), now)])
    exporter = OTLPMetricExporter(f"{stack.otlp_http}/v1/metrics", timeout=PATIENCE)
    assert exporter.export(data) is MetricExportResult.SUCCESS
    exporter.shutdown()

    def labelled(name: str) -> set[tuple[str, str, str]]:
        found = [sample.labels for sample in stack.query(name.replace("INSTANCE", f'{{instance="{instance}"}}'))]
        return {(one.get("hookspan_project", ""), one.get("team", ""), one.get("cost_centre", "")) for one in found}

    both = {("shop", "cart", "47"), ("bank", "payments", "47")}
    stack.wait(lambda: labelled("hookspan_turn_finished_totalINSTANCE") == both)
    stack.wait(lambda: labelled("histogram_count(gen_ai_invoke_agent_duration_secondsINSTANCE)") == both)
    stack.wait(lambda: labelled("hookspan_wait_oldest_secondsINSTANCE") == {("", "cart", "47")})


def test_owners_are_read_from_the_file_of_tokens():
    shipped = (COLLECTOR / "gateway/base/owners.yaml").read_text()
    assert owners.for_gateway(owners.read("token of nobody in particular\n\n")) == shipped
    read = owners.read("one team=it's%20us since=May\ntwo team=$them\n")
    assert read == {"one": {"team": "it's us", "since": "May"}, "two": {"team": "$them"}}
    written = owners.for_gateway(read)
    assert "one" not in written.split()
    statements = yaml.safe_load(written)["processors"]["transform/owners"]["trace_statements"][0]["statements"]
    assert statements[3].startswith("""set(resource.attributes["team"], "it's us") where """)
    assert '"$$them"' in statements[5]  # the Collector makes one $ of two
    for line in ("t te am=x\nt team=y", "t a b=\n", "t te/am=x"):
        with pytest.raises(UserError, match="line "):
            owners.read(line)
