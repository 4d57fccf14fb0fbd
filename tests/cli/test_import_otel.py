"""`hookspan config import-otel`: the shell's OTEL_* variables in, a settings file and an export by it out."""

from pathlib import Path
from typing import Any

import pytest

from hookspan.cli.settings.import_otel import import_otel
from hookspan.config import load, otel
from hookspan.errors import UserError
from hookspan.paths import Paths
from tests.agent.machine import Machine, small_session
from tests.otlp_sink import Sink
from tests.waiting import until

TOKEN = "Bearer hunter2"
OTLP = "OTEL_EXPORTER_OTLP_"


@pytest.mark.parametrize(
    ("variables", "settings"),
    [
        ({"OTEL_SDK_DISABLED": "TRUE"}, {"export.enabled": False}),
        ({"OTEL_SDK_DISABLED": "1"}, {"export.enabled": True}),
        ({"OTEL_TRACES_EXPORTER": "none"}, {"export.traces": False}),
        ({"OTEL_METRICS_EXPORTER": "console, otlp"}, {"export.metrics": True}),
        ({f"{OTLP}TRACES_PROTOCOL": "grpc", f"{OTLP}PROTOCOL": "grpc"}, {"export.protocol": "grpc"}),
        ({f"{OTLP}METRICS_TIMEOUT": "2500"}, {"export.timeout": 2.5}),
        ({f"{OTLP}CERTIFICATE": "/ca.crt"}, {"export.certificate": "/ca.crt"}),
        ({f"{OTLP}CLIENT_KEY": "own.key"}, {"export.client_key": str(Path.cwd() / "own.key")}),
        ({f"{OTLP}COMPRESSION": "none"}, {"export.compression": "none"}),
        ({f"{OTLP}METRICS_TEMPORALITY_PREFERENCE": "Delta"}, {"export.temporality": "delta"}),
        ({"OTEL_METRIC_EXPORT_INTERVAL": "15000"}, {"export.metric_interval": 15}),
        (
            {f"{OTLP}ENDPOINT": "collector:4317", f"{OTLP}PROTOCOL": "grpc", f"{OTLP}INSECURE": "true"},
            {"export.endpoint": "http://collector:4317", "export.protocol": "grpc"},
        ),
        (
            {f"{OTLP}TRACES_ENDPOINT": "collector:4317", f"{OTLP}PROTOCOL": "grpc"},
            {"export.traces_endpoint": "https://collector:4317", "export.protocol": "grpc"},
        ),
        (
            {"OTEL_RESOURCE_ATTRIBUTES": "team=pay%2Croll,deployment.environment.name=dev,service.name=shop"},
            {"resource.team": "pay,roll", "resource.deployment.environment.name": "dev"},
        ),
        # A key goes where the variables send it, and nowhere else.
        ({f"{OTLP}HEADERS": "k=v"}, {"export.headers": {"k": "v"}}),
        (
            {f"{OTLP}HEADERS": "k=v%20w", f"{OTLP}TRACES_ENDPOINT": "http://a:1"},
            {"export.traces_endpoint": "http://a:1", "export.traces_headers": {"k": "v w"}},
        ),
        (
            {
                f"{OTLP}HEADERS": "k=v",
                f"{OTLP}ENDPOINT": "http://b",
                f"{OTLP}TRACES_ENDPOINT": "http://a",
                f"{OTLP}METRICS_ENDPOINT": "http://b:80/in",
            },
            {
                "export.endpoint": "http://b",
                "export.headers": {"k": "v"},
                "export.traces_endpoint": "http://a",
                "export.traces_headers": {"k": "v"},
                "export.metrics_endpoint": "http://b:80/in",
            },
        ),
        ({f"{OTLP}ENDPOINT": " ", "OTEL_SDK_DISABLED": ""}, {}),
    ],
    ids=str,
)
def test_each_variable_means_what_it_means_to_others(variables: dict[str, str], settings: dict[str, Any]):
    found = otel.read({**variables, "PATH": "/bin"})
    assert {key: setting.value for key, setting in found.settings.items()} == settings
    assert found.left.keys() <= {"OTEL_RESOURCE_ATTRIBUTES: service.name"}


def test_what_has_no_counterpart_is_told():
    found = otel.read(
        {
            f"{OTLP}PROTOCOL": "http/json",
            f"{OTLP}TRACES_TIMEOUT": "1000",
            f"{OTLP}METRICS_TIMEOUT": "2000",
            f"{OTLP}TIMEOUT": "3000",
            f"{OTLP}INSECURE": "true",
            f"{OTLP}LOGS_ENDPOINT": "http://a",
            f"{OTLP}METRICS_TEMPORALITY_PREFERENCE": "lowmemory",
            "OTEL_TRACES_EXPORTER": "zipkin",
            "OTEL_SERVICE_NAME": "shop",
            "OTEL_TRACES_SAMPLER": "always_off",
            "OTEL_FROM_TOMORROW": "1",
        }
    )
    assert {key: setting.variable for key, setting in found.settings.items()} == {
        "export.timeout": f"{OTLP}TRACES_TIMEOUT"
    }
    assert len(found.left) == 10
    assert all(found.left.values())


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        (f"{OTLP}ENDPOINT", "collector:4318", "a URL such as"),
        (f"{OTLP}ENDPOINT", "http://u:hunter2@collector", "without user and password"),
        (f"{OTLP}TIMEOUT", "10", "milliseconds"),
        (f"{OTLP}TIMEOUT", "ten", "milliseconds"),
        (f"{OTLP}HEADERS", "hunter2", "name=value"),
        (f"{OTLP}COMPRESSION", "zstd", "gzip"),
        (f"{OTLP}PROTOCOL", "thrift", "grpc"),
        (f"{OTLP}METRICS_TEMPORALITY_PREFERENCE", "both", "delta"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team", "names and texts"),
    ],
)
def test_a_value_that_is_none_names_its_variable(name: str, value: str, says: str):
    with pytest.raises(UserError) as caught:
        otel.read({name: value})
    assert name in caught.value.message
    assert says in (caught.value.hint or "")
    assert "hunter2" not in str(caught.value)


def test_an_export_goes_where_the_shell_s_variables_say(machine: Machine):
    machine.install()
    file = machine.paths.config
    file.write_text('# mine\n[export]\nmetric_interval = 30\n[resource]\nteam = "old"\n')
    with Sink() as sink:
        shell = {
            f"{OTLP}ENDPOINT": sink.url,
            f"{OTLP}HEADERS": f"authorization={TOKEN.replace(' ', '%20')}",
            f"{OTLP}COMPRESSION": "gzip",
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
            f"{OTLP}METRICS_TEMPORALITY_PREFERENCE": "delta",
            "OTEL_RESOURCE_ATTRIBUTES": "team=pay",
            "OTEL_SERVICE_NAME": "shop",
        }
        before = file.read_text()
        shown = machine.cli("config", "import-otel", "--dry-run", env=shell).stdout
        assert [line.split()[:2] for line in shown.splitlines() if line.startswith(("+ ", "- "))][-3:] == [
            ["+", "export.temporality"],
            ["-", "resource.team"],
            ["+", "resource.team"],
        ]
        assert "OTEL_SERVICE_NAME: " in shown
        asked = machine.cli("config", "import-otel", env=shell)
        assert (asked.returncode, file.read_text()) == (1, before)
        assert "no terminal" in asked.stderr
        bad = machine.cli("config", "import-otel", "--yes", env={**shell, f"{OTLP}TIMEOUT": "x"})
        assert (bad.returncode, file.read_text()) == (1, before)

        done = machine.cli("config", "import-otel", "--yes", env=shell)
        assert done.returncode == 0, done.stderr
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.read_text().startswith("# mine\n")
        for text in (shown, asked.stderr, bad.stderr, done.stdout, done.stderr):
            assert "hunter2" not in text
        assert "Nothing to change." in machine.cli("config", "import-otel", "--yes", env=shell).stdout

        machine.up()
        machine.hooks(*small_session())
        until(lambda: sink.spans and sink.points)
        sent = sink.requests[-1]
        assert sent.headers["authorization"] == TOKEN
        assert sent.headers["content-encoding"] == "gzip"
        assert sink.spans[0].resource["team"] == "pay"
        assert load(machine.paths).export.interval == 1


def test_what_is_locked_or_stays_is_told(paths: Paths, capsys: pytest.CaptureFixture[str]):
    paths.system_config.parent.mkdir()
    paths.system_config.write_text('locked = ["resource.team"]\n[resource]\nteam = "theirs"\n')
    paths.config.write_text(
        '[export]\nenabled = false\nendpoint = "http://old"\nheaders = {k = "hunter2"}\ntraces_endpoint = "http://t"\n'
    )
    variables = {f"{OTLP}ENDPOINT": "http://new:4317", "OTEL_RESOURCE_ATTRIBUTES": "team=mine"}
    import_otel(paths, variables, yes=True, dry_run=False)
    said = capsys.readouterr()
    assert f"OTEL_RESOURCE_ATTRIBUTES: `{paths.system_config}` locks `resource.team`" in said.out
    assert load(paths).export.endpoint == "http://new:4317"
    warnings = (
        "config set export.protocol grpc",
        "`export.traces_endpoint` stays",
        "`export.headers` stays",
        "enabled",
    )
    assert all(text in said.err for text in warnings), said.err
    assert "hunter2" not in said.out + said.err
