"""`hookspan doctor` finds what is wrong; the real back ends are in tests/stack/test_doctor.py."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.stage import Machine
from tests.otlp_sink import Sink


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "machine")
    assert machine.cli("install", "--yes").returncode == 0
    yield machine
    machine.close()


def critical(machine: Machine, *options: str, **env: str) -> dict[str, str]:
    report = json.loads(machine.cli("doctor", "--json", *options, env=env).stdout)
    found = {check["check"]: check["message"] for check in report["checks"] if check["status"] == "critical"}
    assert report["ok"] is not bool(found)
    return found


def settings_file(machine: Machine) -> Path:
    return machine.home / ".claude" / "settings.json"


def without_hooks(machine: Machine) -> None:
    settings_file(machine).write_text("{}")


def switched_off(machine: Machine) -> None:
    settings = json.loads(settings_file(machine).read_text())
    settings_file(machine).write_text(json.dumps(settings | {"disableAllHooks": True}))


def relay_gone(machine: Machine) -> None:
    machine.paths.relay.unlink()


def relay_chatty(machine: Machine) -> None:
    machine.paths.relay.write_text("#!/bin/sh\necho hello\n")


def lossy(machine: Machine) -> None:
    table = machine.paths.drops.read_bytes()
    machine.paths.drops.write_bytes(
        table.replace(b"%020d %020d" % (0, 0), b"%020d %020d" % (2, 1795577017939823145), 1)
    )


def bad_setting(machine: Machine) -> None:
    machine.paths.config.write_text("[export]\nendpoint = 5\n")


def unreachable(machine: Machine) -> None:
    with Sink() as sink:
        machine.paths.config.write_text(f'[export]\nendpoint = "{sink.url}"\n')


@pytest.mark.parametrize(
    ("fault", "wanted"),
    [
        (without_hooks, {"hooks", "relay"}),
        (switched_off, {"hooks"}),
        (relay_gone, {"hooks", "relay"}),
        (relay_chatty, {"relay"}),
        (lossy, {"lost"}),
        (bad_setting, {"settings", "export", "collector"}),
        (unreachable, {"export"}),
    ],
)
def test_each_fault_has_its_line(machine: Machine, fault: Callable[[Machine], Any], wanted: set[str]):
    assert critical(machine) == {}
    fault(machine)
    assert critical(machine).keys() == wanted


def test_end_to_end_without_an_endpoint_and_with_one(machine: Machine):
    report = json.loads(machine.cli("doctor", "--json", "--end-to-end").stdout)
    assert [(step["name"], step["found"]) for step in report["end_to_end"]] == [
        ("hook", True),
        ("store", True),
        ("export", True),
    ]
    with Sink() as sink:
        machine.paths.config.write_text(f'[export]\nendpoint = "{sink.url}"\n')
        machine.cli("restart")
        done = machine.cli("doctor", "--end-to-end")
        assert done.returncode == 0, done.stdout
        assert any(span.attributes.get("hookspan.synthetic") is True for span in sink.spans)


def test_it_offers_the_ambient_endpoint_and_does_not_obey_it(machine: Machine):
    said = machine.cli("doctor", env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}).stdout
    assert "hookspan config set export.endpoint http://127.0.0.1:4318" in said
