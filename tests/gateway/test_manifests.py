"""The gateway's files against each other and against the single machine's: what is said twice is said alike."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gateway import load_page
from tests.gateway.fleet import COMPONENTS, FILES, PARTITIONS, RETRY_ON_429, SPAN_METRICS, TOPICS
from tests.stack import programs
from tests.stack.docker import IMAGES

BASE = FILES / "base"
KUBERNETES = (
    "1.27",
    "1.37",
)  # the first that minds persistentVolumeClaimRetentionPolicy, and the newest in the package


APPLIED = 262_144  # bytes of annotations that an object may have; `kubectl apply` writes all of it into one


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def build(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """What kustomize makes of a folder, by kind and name (without the hash of its content)."""
    done = subprocess.run(
        [str(programs.binary("kustomize")), "build", str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = {}
    for one in yaml.safe_load_all(done.stdout):
        found[one["kind"], re.sub(r"-[a-z0-9]{10}$", "", one["metadata"]["name"])] = one
    return found


def with_components(folder: Path, *names: str) -> dict[tuple[str, str], dict[str, Any]]:
    components = [os.path.relpath(COMPONENTS / name, folder) for name in names]
    lines = {"resources": [os.path.relpath(BASE, folder)], "components": components}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(lines))
    return build(folder)


def container(
    found: dict[tuple[str, str], dict[str, Any]], name: str, kind: str = "StatefulSet"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pod and the one container of a StatefulSet or another kind."""
    pod = found[kind, name]["spec"]["template"]["spec"]
    (only,) = pod["containers"]
    return pod, only


@pytest.mark.need_go
@pytest.mark.parametrize(
    "files",
    [
        ("base/gateway.yaml", "base/owners.yaml"),
        ("base/ingester.yaml", "base/labels.yaml"),
        ("base/gateway.yaml", "base/owners.yaml", "components/mtls/mtls.yaml"),
        ("base/gateway.yaml", "base/owners.yaml", "components/kafka-sasl/kafka-sasl.yaml"),
        ("base/ingester.yaml", "base/labels.yaml", "components/kafka-sasl/kafka-sasl.yaml"),
        ("base/ingester.yaml", "base/labels.yaml", "components/span-metrics/span-metrics.yaml"),
        ("base/ingester.yaml", "base/labels.yaml", "components/siem/siem.yaml"),
    ],
    ids=lambda files: "+".join(Path(file).stem for file in files),
)
def test_each_configuration_is_valid_as_shipped(files: tuple[str, ...], tmp_path: Path):
    (tmp_path / "tokens").write_text("x")
    done = subprocess.run(
        [str(programs.binary("otelcol")), "validate", *(f"--config={FILES / file}" for file in files)],
        env={
            "INSTANCE": "i-0",
            "QUEUE_DIR": str(tmp_path),
            "TOKENS_FILE": str(tmp_path / "tokens"),
            "KAFKA_USER": "u",
            "KAFKA_PASSWORD": "p",
            "SIEM_ENDPOINT": "http://siem",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.need_go
def test_kubernetes_runs_the_configurations_as_they_are():
    found = build(BASE)
    for name in ("gateway", "ingester"):
        held = found["ConfigMap", f"hookspan-{name}"]["data"]
        files = [f"{name}.yaml", {"gateway": "owners.yaml", "ingester": "labels.yaml"}[name]]
        assert held == {file: (BASE / file).read_text() for file in files}
        pod, collector = container(found, f"hookspan-{name}")
        config = next(one["configMap"]["name"] for one in pod["volumes"] if one["name"] == "config")
        assert config == found["ConfigMap", f"hookspan-{name}"]["metadata"]["name"]
        assert collector["image"] == IMAGES[0].name
        assert collector["args"][:2] == [f"--config=/etc/otelcol/{file}" for file in files]
        assert pod["securityContext"]["runAsNonRoot"]
        assert collector["securityContext"]["readOnlyRootFilesystem"]
        assert collector["resources"]["limits"]["memory"] == "1200Mi"
        assert found["PodDisruptionBudget", f"hookspan-{name}"]
        ports = {one["name"] for one in collector["ports"]}
        probed = {collector[f"{kind}Probe"]["httpGet"]["port"] for kind in ("startup", "readiness", "liveness")}
        assert probed == {"health"} <= ports
        for service in (one for (kind, _), one in found.items() if kind == "Service"):
            if (
                service["spec"]["selector"]
                == found["StatefulSet", f"hookspan-{name}"]["spec"]["selector"]["matchLabels"]
            ):
                assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    assert RETRY_ON_429 in container(found, "hookspan-ingester")[1]["args"]


@pytest.mark.need_go
def test_a_teams_own_folder_builds_and_holds_no_secret():
    found = build(FILES / "example")
    assert {kind for kind, _ in found}.isdisjoint({"Secret"})
    assert {one["metadata"]["namespace"] for one in found.values()} == {"telemetry"}
    assert "kafka-2.example.internal:9093" in found["ConfigMap", "hookspan-backends"]["data"]["KAFKA_BROKERS"]
    for name in ("gateway", "ingester"):
        assert found["StatefulSet", f"hookspan-{name}"]["spec"]["replicas"] == 3
        _, collector = container(found, f"hookspan-{name}")
        assert collector["args"][-1] == "--config=/etc/otelcol/kafka-sasl.yaml"
        assert {"secretRef": {"name": "hookspan-kafka"}} in collector["envFrom"]


@pytest.mark.xdist_group("kubernetes")  # its schemas' reader takes 2 s to import
@pytest.mark.need_go
@pytest.mark.parametrize("version", KUBERNETES)
def test_every_field_is_one_that_kubernetes_has(version: str, tmp_path: Path):
    """Its own schemas, strictly: no field that it doesn't know, none missing that it requires, no wrong type."""
    import kubernetes_validate  # noqa: PLC0415 - it takes seconds, and every run of any test collects this file

    folders = [tmp_path / name for name in ("nothing", "everything")]
    for folder in folders:
        folder.mkdir()
    everything = with_components(folders[1], *(path.name for path in COMPONENTS.iterdir()))
    for found in (build(FILES / "example"), with_components(folders[0]), everything):
        for one in found.values():
            assert kubernetes_validate.validate(one, version, strict=True) == version
    pod, _ = container(everything, "hookspan-gateway")
    pod["securityContext"]["runAsNonroot"] = pod["securityContext"].pop("runAsNonRoot")
    with pytest.raises(kubernetes_validate.ValidationError, match="runAsNonroot"):
        kubernetes_validate.validate(everything["StatefulSet", "hookspan-gateway"], version, strict=True)


@pytest.mark.need_go
def test_rules_and_dashboards_of_the_developers_stack_are_the_teams_too(tmp_path: Path):
    """All of them, as they are, and vmalert is given what it is given by compose, with other addresses."""
    found = with_components(tmp_path, "alerts", "log-alerts")
    backends = found["ConfigMap", "hookspan-backends"]
    for folder, service in (("rules", "vmalert"), ("log-rules", "vmalert-logs")):
        files = (programs.ROOT / "collector" / folder).glob("*.yml")
        rules = {path.name: path.read_text() for path in files}
        assert found["ConfigMap", f"hookspan-{folder}"]["data"] == rules
        pod, vmalert = container(found, f"hookspan-{folder.replace('rules', 'alerts')}", "Deployment")
        assert pod["volumes"][0]["configMap"]["name"] == found["ConfigMap", f"hookspan-{folder}"]["metadata"]["name"]
        assert vmalert["envFrom"] == [{"configMapRef": {"name": backends["metadata"]["name"]}}]
        given = re.sub(r"\$\((\w+)\)", lambda name: backends["data"][name[1]], "\n".join(vmalert["args"])).splitlines()
        compose = load(FILES / "docker-compose.yml")["services"][service]
        assert vmalert["image"] == compose["image"]
        by_compose = [flag.replace("${PROMETHEUS_PORT:-9090}", "9090") for flag in compose["command"]]
        assert set(by_compose) - set(given) == {
            "--configCheckInterval=1m",  # a changed config map starts another pod
            "--remoteWrite.url=http://victoria-metrics:8428",
        }
        assert set(given) - set(by_compose) == {
            "--remoteWrite.disablePathAppend",
            "--remoteWrite.url=http://victoria-metrics:8428/api/v1/write",
        }

    grafana = programs.ROOT / "dashboards" / "grafana"
    maps = [one for (kind, _), one in build(grafana).items() if kind == "ConfigMap"]
    assert all(len(str(one["data"])) < APPLIED for one in maps)
    held = {
        label: {name: text for one in maps if label in one["metadata"]["labels"] for name, text in one["data"].items()}
        for label in ("grafana_dashboard", "grafana_datasource")
    }
    assert held == {
        "grafana_dashboard": {path.name: path.read_text() for path in (grafana / "dashboards").iterdir()},
        "grafana_datasource": {
            path.name: path.read_text() for path in (grafana / "provisioning" / "datasources").iterdir()
        },
    }


@pytest.mark.need_go
def test_client_certificates_take_the_place_of_tokens(tmp_path: Path):
    pod, collector = container(with_components(tmp_path, "mtls"), "hookspan-gateway")
    assert collector["args"] == [f"--config=/etc/otelcol/{name}.yaml" for name in ("gateway", "owners", "mtls")]
    mounted = {one["name"]: one["mountPath"] for one in collector["volumeMounts"]}
    assert mounted["clients"] == "/etc/hookspan/clients"
    assert {"token"}.isdisjoint({*mounted, *(one["name"] for one in pod["volumes"])})


def composed(**variables: str) -> dict[str, Any]:
    """The services of the compose file, as compose reads them."""
    done = subprocess.run(
        [str(programs.binary("docker-compose")), "--profile", "alerts", "config", "--format", "json"],
        cwd=FILES,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    services: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    return services


@pytest.mark.need_go
def test_compose_reads_the_file_and_everything_in_it_is_pinned_and_bounded():
    services = composed()
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        ends = name in {"chown", "topics"}
        assert ("healthcheck" in service) != (ends or service["image"].startswith(IMAGES[0].name)), name
        assert (service.get("user") == "0:0", service.get("network_mode") == "none") == (name == "chown",) * 2, name
        assert service["mem_limit"], name
        assert re.search(r":v?\d+\.\d+\.\d+", service["image"]), name
        for port in service.get("ports", ()):
            assert port["host_ip"] == "127.0.0.1", name
        for volume in service.get("volumes", ()):
            source = Path(volume["source"])
            if volume["type"] == "bind" and "secrets" not in source.parts:
                assert source.exists(), volume
                assert volume["read_only"], volume
    versions = {service["image"].partition(":")[2] for service in services.values()}
    pinned = {image.name.partition(":")[2] for image in (*IMAGES[:2], IMAGES[3])}
    kafka, metrics = programs.PROGRAMS["kafka"].version, programs.PROGRAMS["victoria-metrics"].version
    assert {*pinned, kafka, f"v{metrics}"} <= versions, "compose runs the versions that the tests run"
    assert RETRY_ON_429 in services["ingester-0"]["command"]
    counting = composed(COLLECTOR_ADD="span-metrics")["ingester-1"]
    for adding, name in ((counting, "span-metrics"), (composed(SIEM_ADD="siem")["ingester-1"], "siem")):
        (added,) = set(adding["command"]) - set(services["ingester-1"]["command"])
        assert added == f"--config=/etc/otelcol/{name}.yaml"
        assert added.removeprefix("--config=") in {volume["target"] for volume in adding["volumes"]}
    asked = {value for name, value in services["grafana"]["environment"].items() if re.fullmatch("[A-Z]+_URL", name)}
    assert (
        {re.split("[:/]+", url)[1] for url in asked}
        == {
            "prometheus",
            "jaeger",
            "victoria-logs",
            "alertmanager",
        }
        <= services.keys()
    )
    made = " ".join(services["topics"]["command"])
    assert f"for topic in {' '.join(TOPICS)}" in made
    assert f"--partitions {PARTITIONS}" in made


def test_what_the_single_collector_does_too_is_done_alike():
    single = load(programs.ROOT / "collector" / "otel-collector.yaml")
    gateway, ingester = load(BASE / "gateway.yaml"), load(BASE / "ingester.yaml")
    assert gateway["processors"]["redaction"] == single["processors"]["redaction"]
    assert gateway["connectors"]["signal_to_metrics"] == single["connectors"]["signal_to_metrics"]
    assert "connectors" not in ingester, "span metrics are to be asked for"
    counting, added = load(SPAN_METRICS), load(programs.ROOT / "collector" / "span-metrics.yaml")
    spans = counting["connectors"]["span_metrics"]
    assert spans.pop("exclude_dimensions") == ["collector.instance.id"]
    assert spans == added["connectors"]["span_metrics"]
    hooks = "filter/without_hook_spans"
    assert counting["processors"][hooks] == added["processors"][hooks]
    prometheus = load(programs.ROOT / "collector" / "prometheus.yml")
    (copied,) = load(BASE / "labels.yaml")["processors"]["transform/labels"]["metric_statements"]
    names = [set(re.findall(r'"([a-z.]+)"', statement)) for statement in copied["statements"]]
    assert names == [{name} for name in prometheus["otlp"]["promote_resource_attributes"]]
    (native,) = single["processors"]["transform/native"]["metric_statements"]
    assert native in gateway["processors"]["transform/deltas"]["metric_statements"]


def test_every_variable_of_a_configuration_is_explained_at_its_top():
    for path in [*BASE.glob("*er.yaml"), *BASE.glob("gateway.yaml"), *COMPONENTS.glob("*/*.yaml")]:
        text = path.read_text()
        comment = "\n".join(line for line in text.splitlines() if line.startswith("#"))
        for variable in re.findall(r"\$\{env:([A-Z_]+)", text):
            assert re.search(rf"\b{variable}\b", comment), (path, variable)


def test_the_page_has_a_place_for_every_section_that_the_load_test_writes():
    page = (programs.ROOT / "docs" / "gateway.md").read_text()
    written = load_page.filled(page, dict.fromkeys(load_page.SECTIONS, "new"))
    assert written.count("-->\nnew\n<!--") == len(load_page.SECTIONS)
    assert load_page.filled(written, {}) == written
