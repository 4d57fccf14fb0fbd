"""`hookspan stack` from an installed wheel, with the real compose and daemon."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.agent.machine import Machine
from tests.command import call
from tests.ports import Ports
from tests.stack import programs
from tests.stack.compose import PORTS, RUNNABLE
from tests.stack.docker import Docker
from tests.stack.stack import get, text
from tests.waiting import PATIENCE, until

BEFORE = """
[export]
endpoint = "http://127.0.0.1:9999"  # mine
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a wheel's content, as it lies in site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=programs.ROOT,
        capture_output=True,
        check=True,
    )
    (built,) = folder.glob("*.whl")
    zipfile.ZipFile(built).extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def machine(wheel: Path, docker: Docker, tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "machine", settings=BEFORE)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "docker-compose").symlink_to(programs.binary("docker-compose"))
    ports = Ports()
    machine.env |= {name: str(ports[name]) for name in PORTS}
    machine.env |= {
        "PATH": f"{tools}:{machine.env['PATH']}",
        "DOCKER_HOST": docker.host,
        "PYTHONPATH": str(wheel),
        # Nothing of what CI or a developer has.
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
    }
    yield machine
    stack(machine, "down", "--volumes", "--yes")
    machine.close()


def stack(machine: Machine, *words: str, env: Mapping[str, str] | None = None) -> "CompletedProcess[str]":
    """The verb, which waits for containers longer than others for what they wait for."""
    return call("stack", *words, env={**machine.env, **(env or {})}, timeout=10 * PATIENCE)


def up(machine: Machine, *words: str) -> "CompletedProcess[str]":
    """What `stack up` says once all are there: it gives up sooner than a busy machine starts them."""

    def asked() -> "CompletedProcess[str]":
        done = stack(machine, "up", *words)
        assert done.returncode == 0, done.stderr
        return done

    return until(asked, "the stack is not up", timeout=5 * PATIENCE)


def setting(machine: Machine, key: str) -> object:
    return json.loads(machine.cli("config", "show", key, "--json").stdout)[key]["value"]


def test_up_exports_to_the_stack_and_down_puts_everything_back(machine: Machine):
    otlp = f"http://127.0.0.1:{machine.env['OTLP_HTTP_PORT']}"
    machine.install().up()
    done = up(machine, *RUNNABLE, "--json")
    folder = Path(json.loads(done.stdout)["folder"])
    assert folder == machine.paths.data / "stack"
    services = json.loads(done.stdout)["services"]
    assert set(services) == set(RUNNABLE)
    assert get(f"{services['prometheus']}/api/v1/status/runtimeinfo")["status"] == "success"
    assert setting(machine, "export.endpoint") == otlp
    assert setting(machine, "links.jaeger") == services["jaeger"]
    until(lambda: "otelcol_exporter_queue_size" in text(str(setting(machine, "collector.metrics"))))
    until(
        lambda: machine.status()["settings"]["export.endpoint"]["value"] == otlp,
        "the running agent has not heard of it",
    )

    again = up(machine, *RUNNABLE)
    assert f"exported to `{'http://127.0.0.1:9999'}` before" not in again.stderr

    def are_told() -> bool:
        told = stack(machine, "status", "--json")
        report = json.loads(told.stdout)
        assert {row["name"]: (row["state"], row["answers"]) for row in report["services"]} == {
            **dict.fromkeys(RUNNABLE, ("running", True)),
            "grafana": ("down", False),
        }
        return (told.returncode, report["ok"], report["exporting"]) == (1, False, True)

    until(are_told)

    stopped = stack(machine, "down")
    assert stopped.returncode == 0, stopped.stderr
    assert "hookspan exports to http://127.0.0.1:9999 now." in stopped.stdout
    assert machine.paths.config.read_text().startswith(BEFORE)
    assert [setting(machine, f"collector.{key}") for key in ("health", "metrics")] == [None, None]
    assert "hookspan_prometheus" in docker_volumes(machine)


def docker_volumes(machine: Machine) -> str:
    command = ["/usr/bin/docker", "volume", "ls", "--format", "{{.Name}}"]
    return subprocess.run(command, env=machine.env, capture_output=True, text=True, check=True).stdout


def test_what_somebody_changed_in_the_folder_stays_and_the_rest_is_brought_up_to_date(machine: Machine):
    up(machine, "prometheus", "--no-export")
    assert setting(machine, "export.endpoint") == "http://127.0.0.1:9999"
    folder = machine.paths.data / "stack"
    budget, board = folder / "collector/rules/budget.yml", folder / "dashboards/grafana/dashboards/overview.json"
    mine = budget.read_text().replace("vector(20)", "vector(77)")
    budget.write_text(mine)
    # As if an older hookspan had copied this one.
    known = json.loads((folder / ".hookspan.json").read_text())
    new = board.read_bytes()
    board.write_bytes(b"{}")
    import hashlib  # noqa: PLC0415

    known["dashboards/grafana/dashboards/overview.json"] = hashlib.sha256(b"{}").hexdigest()
    (folder / ".hookspan.json").write_text(json.dumps(known))
    second = up(machine, "prometheus", "--no-export")
    assert "budget.yml` stays as you changed it" in second.stderr
    assert budget.read_text() == mine
    assert board.read_bytes() == new
    url = f"http://127.0.0.1:{machine.env['PROMETHEUS_PORT']}"

    def rules() -> list[str]:
        groups = get(f"{url}/api/v1/rules")["data"]["groups"]
        return [rule["query"] for group in groups for rule in group["rules"]]

    until(lambda: "vector(77)" in rules(), "the container has the old file")


def test_ejected_files_run_by_themselves(machine: Machine, tmp_path: Path):
    folder = tmp_path / "my stack"
    done = stack(machine, "eject", str(folder))
    assert done.returncode == 0, done.stderr
    assert f"cd '{folder}' && HOST_NAME=$(hostname) docker compose up -d" in done.stdout
    config = [str(programs.binary("docker-compose")), "config", "-q"]
    assert subprocess.run(config, cwd=folder, env=machine.env, check=False).returncode == 0
    assert stack(machine, "eject", str(folder)).returncode == 1


def test_what_is_missing_is_said_in_one_sentence(machine: Machine):
    without = {"PATH": "/nowhere"}
    done = stack(machine, "up", env=without)
    assert done.returncode == 1
    assert "Docker Compose is not installed" in done.stderr
    done = stack(machine, "up", "prometheus", "--json", env={"DOCKER_HOST": "unix:///nowhere.sock"})
    assert done.returncode == 1
    assert "`docker info`" in done.stderr
    done = stack(machine, "up", "jeager")
    assert (done.returncode, "there is no service `jeager`" in done.stderr) == (1, True)
    assert setting(machine, "export.endpoint") == "http://127.0.0.1:9999"
