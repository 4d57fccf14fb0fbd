"""Rules and alerts: each fires when it should and not else, has a page that says what to do, and reaches Discord."""

import json
import queue
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from tests.stack import programs
from tests.stack.stack import RUNBOOKS, Stack, text

COLLECTOR = programs.ROOT / "collector"
BOARDS = programs.ROOT / "dashboards" / "grafana" / "dashboards"
CASES = Path(__file__).parent / "rules"


def rules() -> list[dict[str, Any]]:
    files = sorted((COLLECTOR / "rules").glob("*.yml"))
    return [rule for file in files for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def cases() -> list[tuple[str, bool]]:
    """The name of each alert that a case looks at, and whether it is to fire there."""
    found = []
    for file in CASES.glob("*.test.yml"):
        for test in yaml.safe_load(file.read_text())["tests"]:
            for look in test.get("promql_expr_test", ()):
                matched = re.match(r'ALERTS\{alertname=~?"([\w|]+)"', look["expr"])
                fires = [re.search(r'alertname="(\w+)"', sample["labels"]) for sample in look["exp_samples"]]
                names = [name[1] for name in fires if name] or (matched[1].split("|") if matched else [])
                found += [(name, bool(fires)) for name in names]
    return found


@pytest.mark.usefixtures("stack")  # for the programs
def test_every_case_of_every_rule_holds():
    files = [str(file) for file in sorted(CASES.glob("*.test.yml"))]
    done = subprocess.run(
        [str(programs.binary("promtool")), "test", "rules", *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_where_it_fires_and_one_where_it_does_not():
    looked = cases()
    assert {name for name, fires in looked if fires} == set(alerts())
    # That of HookSlow is in the same moment, on other machines.
    assert {name for name, fires in looked if not fires} == set(alerts()) - {"HookSlow"}


def test_every_alert_says_what_is_wrong_and_leads_to_a_page_and_a_dashboard():
    boards = {
        json.loads(file.read_text())["uid"] for file in (programs.ROOT / "dashboards/grafana/dashboards").iterdir()
    }
    for name, rule in alerts().items():
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        annotations = rule["annotations"]
        assert annotations.keys() == {"summary", "description", "runbook_url", "dashboard_url"}
        assert annotations["runbook_url"] == f"{{{{ $externalURL }}}}/user/{name}.md"
        page = (RUNBOOKS / f"{name}.md").read_text()
        assert re.findall(r"^#+ .*", page, re.MULTILINE) == [
            f"# {name}",
            "## Look",
            "## Do",
            "## When it is a false alarm",
        ]
        assert annotations["dashboard_url"].removeprefix("http://127.0.0.1:3000/d/").partition("?")[0] in boards
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(alerts())


def test_a_recorded_series_is_used():
    used = " ".join(rule["expr"] for rule in rules())
    used += " ".join(path.read_text() for path in BOARDS.iterdir())
    for rule in rules():
        if "record" in rule:
            assert used.count(rule["record"]) > (rule["record"] in rule["expr"]), rule["record"]


def test_alertmanager_tells_nobody_unless_there_is_a_webhook():
    silent, discord = (
        yaml.safe_load((COLLECTOR / name).read_text()) for name in ("alertmanager.yml", "alertmanager-discord.yml")
    )
    assert silent["receivers"] == [{"name": "nobody"}]
    assert silent["inhibit_rules"] == discord["inhibit_rules"]
    assert silent["route"] | {"receiver": "discord"} == discord["route"]
    for rule in silent["inhibit_rules"]:
        for matcher in [*rule["source_matchers"], *rule["target_matchers"]]:
            assert set(re.findall(r"[A-Z]\w+", matcher)) <= set(alerts())


@pytest.mark.usefixtures("stack")
def test_both_configurations_of_alertmanager_are_valid_as_shipped():
    files = [str(COLLECTOR / name) for name in ("alertmanager.yml", "alertmanager-discord.yml")]
    done = subprocess.run(
        [str(programs.binary("amtool")), "check-config", *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def discord() -> Iterator[tuple[str, "queue.Queue[dict[str, Any]]"]]:
    """A local stand-in for Discord's end of the webhook: its address, and the messages that it was sent."""
    messages: queue.Queue[dict[str, Any]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Stay silent."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/api/webhooks/1/secret", messages
    server.shutdown()
    server.server_close()


def test_an_alert_goes_from_a_metric_to_a_message_in_discord(stack: Stack, discord: tuple[str, Any], tmp_path: Path):
    url, messages = discord
    (tmp_path / "webhook").write_text(f"{url}\n")
    stack.start_alertmanager(tmp_path / "webhook")
    host = "waiting-machine"
    resource = Resource({"service.name": "claude-code-hooks", "service.instance.id": host, "host.name": host})
    exporter = OTLPMetricExporter(f"{stack.otlp_http}/v1/metrics")
    provider = MeterProvider([PeriodicExportingMetricReader(exporter, 600_000)], resource)
    provider.get_meter("hookspan").create_observable_gauge(
        "hookspan.wait.oldest", [lambda _: [Observation(725.0)]], unit="s"
    )
    provider.shutdown()
    heard = []

    def told() -> dict[str, Any] | None:
        while not messages.empty():
            heard.append(messages.get())
        found = [message for message in heard if host in json.dumps(message)]
        return found[0] if found else None

    message = stack.wait(told, 60)
    (embed,) = message["embeds"]
    assert embed["title"] == "info: HumanAwaited"
    assert f"A session on {host} has waited for you for 12m 5s." in embed["description"]
    (runbook,) = set(re.findall(r"\[runbook\]\((\S+)\)", embed["description"]))
    assert runbook == "http://127.0.0.1:9090/user/HumanAwaited.md"
    # And that page is served where it says, by Prometheus.
    assert text(f"{stack.prometheus.url}/user/HumanAwaited.md") == (RUNBOOKS / "HumanAwaited.md").read_text()
