"""Rules and alerts: each fires when it should and not else, has a page that says what to do, and reaches Discord."""

import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator
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
from tests.stack.receiver import Receiver, receiving
from tests.stack.stack import RUNBOOKS, Stack, text
from tests.waiting import PATIENCE

COLLECTOR = programs.ROOT / "collector"
BOARDS = programs.ROOT / "dashboards" / "grafana" / "dashboards"
ALERTMANAGER = COLLECTOR / "alertmanager"
CASES = Path(__file__).parent / "rules"


def rules() -> list[dict[str, Any]]:
    files = sorted((COLLECTOR / "rules").glob("*.yml"))
    return [rule for file in files for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def log_alerts() -> dict[str, dict[str, Any]]:
    """Those about log records, which tests/stack/test_log_rules.py tries."""
    files = (yaml.safe_load(file.read_text()) for file in (COLLECTOR / "log-rules").glob("[!k]*.yml"))
    return {rule["alert"]: rule for file in files for group in file["groups"] for rule in group["rules"]}


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
        [str(programs.binary("promtool")), "test", "rules", *files],
        env=os.environ | {"GOGC": "400"},  # else it looks for garbage for a quarter of the time
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_where_it_fires_and_one_where_it_does_not():
    looked = cases()
    assert {name for name, fires in looked if fires} == set(alerts())
    # That of HookSlow is in the same moment, on other machines.
    assert {name for name, fires in looked if not fires} == set(alerts()) - {"HookSlow"}


def test_every_alert_says_what_is_wrong_and_leads_to_a_page_and_a_dashboard():
    boards = {json.loads(file.read_text())["uid"] for file in BOARDS.parent.glob("*/*.json")}
    for name, rule in (alerts() | log_alerts()).items():
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
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {*alerts(), *log_alerts()}


def test_a_recorded_series_is_used():
    used = " ".join(rule["expr"] for rule in rules())
    used += " ".join(path.read_text() for path in BOARDS.parent.glob("*/*.json"))
    for rule in rules():
        if "record" in rule:
            assert used.count(rule["record"]) > (rule["record"] in rule["expr"]), rule["record"]


def test_alertmanager_tells_nobody_unless_there_is_a_webhook():
    silent, discord = (
        yaml.safe_load((ALERTMANAGER / name).read_text()) for name in ("alertmanager.yml", "alertmanager-discord.yml")
    )
    assert silent["receivers"] == [{"name": "nobody"}]
    assert silent["inhibit_rules"] == discord["inhibit_rules"]
    assert silent["route"] | {"receiver": "discord"} == discord["route"]
    teams = yaml.safe_load((ALERTMANAGER / "teams.yml").read_text())["inhibit_rules"]
    assert silent["inhibit_rules"] == teams[:2]
    for rule in teams:
        for matcher in [*rule["source_matchers"], *rule["target_matchers"]]:
            assert set(re.findall(r"[A-Z]\w+", matcher)) <= set(alerts())


@pytest.mark.usefixtures("stack")
def test_every_configuration_of_alertmanager_is_valid_as_shipped():
    files = sorted(map(str, ALERTMANAGER.glob("*.yml")))
    assert len(files) == 3
    done = subprocess.run(
        [str(programs.binary("amtool")), "check-config", *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def test_an_alert_goes_from_a_metric_to_a_message_in_discord(stack: Stack, receiver: Receiver, tmp_path: Path):
    (tmp_path / "webhook").write_text(f"{receiver.url}/api/webhooks/1/secret\n")
    stack.start_alertmanager("alertmanager-discord.yml", {"/run/secrets/discord_webhook": str(tmp_path / "webhook")})
    host = "waiting-machine"
    resource = Resource({"service.name": "claude-code-hooks", "service.instance.id": host, "host.name": host})
    exporter = OTLPMetricExporter(f"{stack.otlp_http}/v1/metrics", timeout=PATIENCE)
    provider = MeterProvider([PeriodicExportingMetricReader(exporter, 600_000)], resource)
    provider.get_meter("hookspan").create_observable_gauge(
        "hookspan.wait.oldest", [lambda _: [Observation(725.0)]], unit="s"
    )
    provider.shutdown()
    (message, *_) = stack.wait(lambda: receiver.at("/api/webhooks/1/secret", host))
    (embed,) = message["embeds"]
    assert embed["title"] == "info: HumanAwaited"
    assert f"A session on {host} has waited for you for 12m 5s." in embed["description"]
    (runbook,) = set(re.findall(r"\[runbook\]\((\S+)\)", embed["description"]))
    assert runbook == "http://127.0.0.1:9090/user/HumanAwaited.md"
    # And that page is served where it says, by Prometheus.
    assert text(f"{stack.prometheus.url}/user/HumanAwaited.md") == (RUNBOOKS / "HumanAwaited.md").read_text()


def test_each_team_hears_of_its_own_budget_and_operators_of_the_rest(stack: Stack, receiver: Receiver, tmp_path: Path):
    """The example, with files of keys as it wants them: what comes to Slack, PagerDuty and a webhook."""
    keys = receiver.keys(tmp_path, "slack-operators", "slack-payments", "slack-shop")
    keys |= {"group_wait: 30s": "group_wait: 1s"}
    alertmanager = stack.start_alertmanager("teams.yml", keys, "alertmanager_alone")
    notes = {key: f"{key} of it" for key in ("summary", "description", "runbook_url", "dashboard_url")}

    def fire(*alerts: tuple[str, str, dict[str, str]]) -> None:
        fired = [
            {"labels": {"alertname": name, "severity": severity, **labels}, "annotations": notes}
            for name, severity, labels in alerts
        ]
        request = urllib.request.Request(
            f"{alertmanager.url}/api/v2/alerts", json.dumps(fired).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=PATIENCE).close()

    def heard() -> dict[str, set[tuple[str, str]]]:
        """By recipient: alert and team of each message, with what is said of it as its service shows it."""
        found = {path: set() for path in ("payments", "shop", "operators", "on-call", "accounts")}
        for path in ("payments", "shop", "operators"):
            for said in receiver.at(f"/slack-{path}"):
                (attachment,) = said["attachments"]
                assert "summary of it" in attachment["text"]
                assert "<runbook_url of it|runbook>" in attachment["text"]
                found[path].add(attachment["title"])
        for said in receiver.at("/pagerduty"):
            assert said["routing_key"] == "an-integration-key"
            assert said["payload"]["severity"] == "critical"
            found["on-call"].add(said["payload"]["custom_details"]["what"])
        for said in receiver.at("/webhook"):
            found["accounts"] |= {f"{one['labels']['alertname']} {one['labels']['team']}" for one in said["alerts"]}
        return found

    expected = {
        "payments": {"warning: TeamCostDay"},
        "shop": {"warning: TeamCostMonth"},
        "operators": {"warning: HookSlow"},
        "on-call": {"description of it"},
        "accounts": {"TeamCostDay payments", "TeamCostDay search", "TeamCostMonth shop"},
    }
    fire(("TeamCostMonth", "warning", {"team": "shop"}))  # and so the day's is not said
    stack.wait(lambda: heard()["shop"] == expected["shop"])  # by now it inhibits
    fire(
        ("TeamCostDay", "warning", {"team": "shop"}),
        ("TeamCostDay", "warning", {"team": "payments"}),
        ("TeamCostDay", "warning", {"team": "search"}),  # which has no channel
        ("EventsDropped", "critical", {"host_name": "desk"}),
        ("HookSlow", "warning", {"host_name": "desk"}),
        ("HumanAwaited", "info", {"host_name": "desk"}),
    )
    stack.wait(lambda: heard() == expected)
