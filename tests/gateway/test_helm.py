"""The Helm chart: what it makes is what kustomize makes of the same files, and Kubernetes and the Collector take it."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hookspan.cli.stack import labels, owners
from tests.gateway.fleet import COMPONENTS, FILES
from tests.gateway.test_manifests import BASE, KUBERNETES, container, with_components
from tests.stack import programs

pytestmark = pytest.mark.need_go

CHART = FILES
EVERYTHING: dict[str, Any] = {
    "image": {"digest": "sha256:" + "0" * 64},
    "components": dict.fromkeys(("alerts", "logAlerts", "mtls", "kafkaSasl", "siem", "spanMetrics"), True),
    "gateway": {
        "owners": owners.for_gateway(owners.read("a-token team=cart user.id=4f2a\n")),
        "replicas": 3,
        "clientsSecret": "our-clients",
        "tlsSecret": "our-certificate",
        "storage": "20Gi",
        "storageClass": "fast",
        "service": {"type": "ClusterIP"},
        "serviceAnnotations": {"external-dns.alpha.kubernetes.io/hostname": "telemetry.example.internal"},
        "env": {"MEMORY_MIB": 1000},
        "pod": {"nodeSelector": {"disk": "ssd"}},
    },
    "ingester": {
        "labels": labels.for_gateway([*labels.ALWAYS, "user.id"]),
        "autoscaling": {"enabled": True, "maxReplicas": 6},
    },
    "alerts": {"budget": "groups: []\n", "image": {"digest": "sha256:" + "1" * 64}},
}
OWN = {
    "owners.yaml": EVERYTHING["gateway"]["owners"],
    "labels.yaml": EVERYTHING["ingester"]["labels"],
    "budget.yml": EVERYTHING["alerts"]["budget"],
}
Rendered = dict[tuple[str, str], dict[str, Any]]


def helm(*arguments: str | Path) -> str:
    done = subprocess.run(
        [str(programs.binary("helm")), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rendered, Rendered]:
    """The packed chart with its own values but for alerts, and with every value given."""
    folder = tmp_path_factory.mktemp("chart")
    values = folder / "values.yaml"
    values.write_text(yaml.safe_dump(EVERYTHING))
    helm("package", CHART, "--destination", folder)
    (package,) = folder.glob("*.tgz")
    made = [
        yaml.safe_load_all(
            helm("template", "ours", package, "--namespace", "telemetry", "--kube-version", KUBERNETES[0], *more)
        )
        for more in (("--set", "components.alerts=true,components.logAlerts=true"), ("--values", values))
    ]
    default, everything = ({(one["kind"], one["metadata"]["name"]): one for one in found if one} for found in made)
    return default, everything


@pytest.mark.xdist_group("kubernetes")  # its schemas' reader takes 2 s to import
def test_every_field_is_one_that_kubernetes_has(rendered: tuple[Rendered, Rendered]):
    import kubernetes_validate  # noqa: PLC0415 - it takes seconds, and every run of any test collects this file

    helm("lint", "--strict", CHART)
    for found in rendered:
        for one in found.values():
            for version in KUBERNETES:
                assert kubernetes_validate.validate(one, version, strict=True) == version


def test_with_its_own_values_it_is_what_kustomize_builds(rendered: tuple[Rendered, Rendered], tmp_path: Path):
    default, _ = rendered
    built = with_components(tmp_path, "alerts", "log-alerts")
    assert default.keys() == built.keys()
    for key, one in default.items():
        theirs = built[key]
        if key[0] in {"StatefulSet", "Deployment"}:
            assert len(one["spec"]["template"]["metadata"]["annotations"].pop("checksum/configuration")) == 64
            pod, only = container(built, key[1], key[0])
            for volume in pod["volumes"]:
                if volume["name"] == "config":
                    volume["configMap"]["name"] = volume["configMap"]["name"].rpartition("-")[0]  # a hash
            for environment in only["envFrom"]:
                environment["configMapRef"]["name"] = "hookspan-backends"
        assert {name: value for name, value in one.items() if name != "metadata"} == {
            name: value for name, value in theirs.items() if name != "metadata"
        }, key
        assert one["metadata"]["labels"].items() >= theirs["metadata"]["labels"].items()


def test_the_collector_takes_what_the_pods_are_given(rendered: tuple[Rendered, Rendered], tmp_path: Path):
    """Each file is the gateway's own, and the arguments name them so that the real Collector can merge them."""
    tokens = tmp_path / "tokens"
    tokens.write_text("x")
    for number, found in enumerate(rendered):
        for role in ("gateway", "ingester"):
            folder = tmp_path / f"{role}-{number}"
            folder.mkdir()
            held = found["ConfigMap", f"hookspan-{role}"]["data"]
            for name, text in held.items():
                (origin,) = [*BASE.glob(name), *COMPONENTS.glob(f"*/{name}")]
                assert text == (OWN.get(name, origin.read_text()) if number else origin.read_text())
                (folder / name).write_text(text)
            _, collector = container(found, f"hookspan-{role}")
            assert {one.rpartition("/")[2] for one in collector["args"] if one.startswith("--config=")} == held.keys()
            given = {one["name"]: one["value"] for one in collector["env"] if "value" in one}
            done = subprocess.run(
                [
                    str(programs.binary("otelcol")),
                    "validate",
                    *(one.replace("/etc/otelcol", str(folder)) for one in collector["args"]),
                ],
                env=given
                | {"INSTANCE": "i-0", "QUEUE_DIR": str(tmp_path), "TOKENS_FILE": str(tokens)}
                | {"KAFKA_USER": "u", "KAFKA_PASSWORD": "p", "SIEM_ENDPOINT": "http://siem"}
                | found["ConfigMap", "hookspan-backends"]["data"],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr


def test_every_value_is_in_what_is_made(rendered: tuple[Rendered, Rendered]):
    _, found = rendered
    pod, gateway = container(found, "hookspan-gateway")
    assert gateway["image"].endswith(":0.159.0@" + EVERYTHING["image"]["digest"])
    _, vmalert = container(found, "hookspan-alerts", "Deployment")
    assert vmalert["image"].endswith("@" + EVERYTHING["alerts"]["image"]["digest"])
    assert found["ConfigMap", "hookspan-rules"]["data"]["budget.yml"] == OWN["budget.yml"]
    assert {"name": "MEMORY_MIB", "value": "1000"} in gateway["env"]
    assert pod["nodeSelector"] == {"disk": "ssd"}
    secrets = {one["name"]: one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one}
    assert secrets == {"clients": "our-clients", "tls": "our-certificate"}
    assert {one["name"]: one["mountPath"] for one in gateway["volumeMounts"]}["clients"] == "/etc/hookspan/clients"
    (claim,) = found["StatefulSet", "hookspan-gateway"]["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"]["requests"]["storage"] == "20Gi"
    service = found["Service", "hookspan-gateway"]
    assert service["spec"]["type"] == "ClusterIP"
    assert "externalTrafficPolicy" not in service["spec"], "such a Service can't have it"
    assert service["metadata"]["annotations"]
    assert found["StatefulSet", "hookspan-gateway"]["spec"]["replicas"] == 3
    scaler = found["HorizontalPodAutoscaler", "hookspan-ingester"]["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 6)
    assert "replicas" not in found["StatefulSet", "hookspan-ingester"]["spec"]
    for name in ("gateway", "ingester"):
        assert {"secretRef": {"name": "hookspan-kafka"}} in container(found, f"hookspan-{name}")[1]["envFrom"]


def test_none_is_a_number_of_pods_and_a_variable_has_one_value():
    values = "ingester.replicas=0,gateway.env.GOMEMLIMIT=1600MiB"
    made = helm("template", "ours", CHART, "--kube-version", KUBERNETES[0], "--set", values)
    pods = {
        one["metadata"]["name"]: one["spec"]
        for one in yaml.safe_load_all(made)
        if one and "replicas" in one.get("spec", {})
    }
    assert pods["hookspan-ingester"]["replicas"] == 0
    env = pods["hookspan-gateway"]["template"]["spec"]["containers"][0]["env"]
    assert [one["value"] for one in env if one["name"] == "GOMEMLIMIT"] == ["1600MiB"]
