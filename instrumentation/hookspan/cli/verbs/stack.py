"""`hookspan stack`: the Collector, Jaeger, Prometheus and Grafana on this machine, by docker compose.

The files are the ones of the repository. `up` copies them to `<data>/stack` first, so that they outlive an upgrade of
hookspan while containers use them; what somebody has changed there is kept. `<state>/stack.json` remembers which
settings `up` changed, so that `down` can put them back.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from hookspan import atomic
from hookspan.cli.stack.compose import COPIED, Compose, copy, environment, read_json
from hookspan.errors import EXIT_USER, UserError
from hookspan.paths import Paths

READY_TIMEOUT: Final = 90.0  # seconds; seven here with images at hand, and a slow disk may need more
PROBE_TIMEOUT: Final = 2.0
FLUSH_WAIT: Final = 5.0  # seconds for what is due before the Collector goes
POLL: Final = 0.2

OTLP_HTTP: Final = 4318
OTLP_GRPC: Final = 4317
HEALTH: Final = 13133
METRICS: Final = 8888


@dataclass(frozen=True, slots=True)
class Service:
    """A service of docker-compose.yml: the port within the container and the path that tells that it is well."""

    name: str
    port: int
    ready: str
    page: bool = True  # somebody may want to open it
    optional: bool = False


SERVICES: Final = (
    Service("otel-collector", HEALTH, "/", page=False),
    Service("jaeger", 16686, "/api/services"),
    Service("prometheus", 9090, "/-/ready"),
    Service("grafana", 3000, "/api/health"),
    Service("alertmanager", 9093, "/-/ready", optional=True),
)
FOLDER = click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Your own copy of the files, from `stack eject`.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def stack() -> None:
    """Run Collector, Jaeger, Prometheus and Grafana.

    They run in containers, listen on this machine only, and keep their data when they are stopped.
    """


@stack.command()
@click.argument("services", nargs=-1)
@click.option("--alerts", is_flag=True, help="With Alertmanager.")
@click.option(
    "--discord-webhook",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    help="File with the URL of a Discord webhook that alerts go to.",
)
@click.option("--no-export", is_flag=True, help="Leave hookspan's settings alone.")
@FOLDER
@JSON
def up(
    services: tuple[str, ...],
    alerts: bool,
    discord_webhook: Path | None,
    no_export: bool,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Start the stack, or only SERVICES of it, and export to it.

    Sets `export.endpoint`, and `collector` and `links` where they are not set. `stack down` puts them back.
    """
    paths = Paths.from_environment()
    _check_names(services)
    compose = Compose.find(folder or paths.data / "stack", environment(discord_webhook), quiet=as_json)
    changed = folder is None and copy(compose.folder)
    flags = ["--force-recreate"] if changed and compose.running() else []
    profile = ["--profile", "alerts"] if alerts or discord_webhook or "alertmanager" in services else []
    if discord_webhook is not None:
        _check_readable(discord_webhook)
    compose.run(*profile, "up", "-d", "--remove-orphans", *flags, *services)
    ports = compose.ports()
    started = [s for s in SERVICES if s.name in services or not (services or (s.optional and not profile))]
    _await(started, ports)
    kept = () if no_export or OTLP_HTTP not in ports else export_to(paths, ports)
    if as_json:
        click.echo(json.dumps({"folder": str(compose.folder), "services": {s.name: _url(s, ports) for s in started}}))
        return
    for service in started:
        if service.page:
            click.echo(f"{service.name:<15} {_url(service, ports)}")
    if not no_export and OTLP_HTTP in ports:
        click.echo(f"{'OTLP':<15} http://127.0.0.1:{ports[OTLP_HTTP]}    (hookspan exports to it)")
    for warning in kept:
        click.echo(f"warning: {warning}", err=True)


@stack.command()
@click.option("--volumes", is_flag=True, help="Delete all traces and metrics, too.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@FOLDER
def down(volumes: bool, yes: bool, folder: Path | None) -> None:
    """Stop the stack. Its data stays, and hookspan exports to where it did before."""
    paths = Paths.from_environment()
    where = folder or paths.data / "stack"
    if not (where / "docker-compose.yml").exists():
        raise UserError(f"there is no stack in `{where}`", hint="`hookspan stack up` starts one")
    compose = Compose.find(where, environment(None))
    if volumes and not yes and not click.confirm("Delete all traces, metrics and dashboards in the stack?"):
        raise UserError("nothing was changed")
    _flush(paths)
    for line in export_back(paths):
        click.echo(line)
    compose.run("--profile", "alerts", "down", "--remove-orphans", *(["--volumes"] if volumes else []))


@stack.command()
@FOLDER
@JSON
@click.pass_context
def status(ctx: click.Context, folder: Path | None, as_json: bool) -> None:
    """Say what runs and what answers. Exits 1 if something is missing."""
    from hookspan.config import load

    paths = Paths.from_environment()
    where = folder or paths.data / "stack"
    rows: list[dict[str, Any]] = []
    ports: dict[int, int] = {}
    if (where / "docker-compose.yml").exists():
        compose = Compose.find(where, environment(None))
        ports, states = compose.ports(), compose.states()
        for service in SERVICES:
            state = states.get(service.name)
            if state is not None or not service.optional:
                answers = state == "running" and _answers(service, ports)
                rows.append(
                    {"name": service.name, "state": state or "down", "answers": answers, "url": _url(service, ports)}
                )
    endpoint = load(paths, os.environ).export.endpoint
    exporting = endpoint is not None and endpoint in _endpoints(ports)
    well = bool(rows) and all(row["answers"] for row in rows)
    if as_json:
        click.echo(json.dumps({"ok": well, "services": rows, "endpoint": endpoint, "exporting": exporting}))
    elif not rows:
        click.echo("There is no stack. To start one: hookspan stack up")
    else:
        for row in rows:
            said = "answers" if row["answers"] else "does not answer" if row["state"] == "running" else ""
            click.echo(f"{row['name']:<15} {row['state']:<11} {said:<16} {row['url']}".rstrip())
        click.echo(f"hookspan exports to {endpoint or 'nowhere'}" + ("" if exporting else ", not to this stack"))
    if not well:
        ctx.exit(EXIT_USER)


@stack.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("hookspan-stack"))
def eject(folder: Path) -> None:
    """Copy the files to FOLDER, to make them your own."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"`{folder}` is not empty", hint="name another folder: `hookspan stack eject FOLDER`")
    copy(folder)
    (folder / COPIED).unlink()  # they are not ours any more
    click.echo(f"The files are in {folder}. To run them:\n")
    click.echo(f"cd {folder} && docker compose up -d      (or: hookspan stack up --folder {folder})")


# --- Services


def _check_names(services: Sequence[str]) -> None:
    known = [service.name for service in SERVICES]
    for name in services:
        if name not in known:
            raise UserError(f"there is no service `{name}`", hint=f"there are {', '.join(known)}")


def _check_readable(file: Path) -> None:
    if not file.stat().st_mode & 0o004:
        raise UserError(
            f"Alertmanager could not read `{file}`: it runs as another user",
            hint=f"`chmod 644 {file}`, in a folder that only you may enter (`chmod 700 {file.parent}`)",
        )


def _url(service: Service, ports: Mapping[int, int]) -> str:
    return f"http://127.0.0.1:{ports[service.port]}"


def _await(services: Sequence[Service], ports: Mapping[int, int]) -> None:
    deadline = time.monotonic() + READY_TIMEOUT
    for service in services:
        while not _answers(service, ports):
            if time.monotonic() > deadline:
                raise UserError(
                    f"{service.name} does not answer at {_url(service, ports)}",
                    hint=f"`docker compose logs {service.name}` in the stack's folder says why",
                )
            time.sleep(POLL)


def _answers(service: Service, ports: Mapping[int, int]) -> bool:
    import urllib.request

    # No proxy: it is this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(_url(service, ports) + service.ready, timeout=PROBE_TIMEOUT) as answer:
            return int(answer.status) < 400  # noqa: PLR2004 - HTTP's errors begin there
    except (OSError, ValueError):
        return False


# --- Settings


def export_to(paths: Paths, ports: Mapping[int, int]) -> tuple[str, ...]:
    """Point the settings at the stack, remember what they were, and tell a running agent. What to warn of."""
    from hookspan.cli.verbs.config import agent_reads_again, change
    from hookspan.config import load, read_file

    settings, own = load(paths, os.environ), read_file(paths.config)[0]
    grpc = settings.export.protocol == "grpc"
    wanted = {
        "export.endpoint": f"http://127.0.0.1:{ports[OTLP_GRPC if grpc else OTLP_HTTP]}",
        "collector.health": f"http://127.0.0.1:{ports[HEALTH]}",
        "links.jaeger": f"http://127.0.0.1:{ports[16686]}",
        "links.grafana": f"http://127.0.0.1:{ports[3000]}",
    }
    if METRICS in ports:  # a copy of your own may not publish it
        wanted["collector.metrics"] = f"http://127.0.0.1:{ports[METRICS]}/metrics"
    before = read_json(_memory(paths))
    warnings = []
    for key, url in wanted.items():
        if settings.value(key) == url or (key != "export.endpoint" and own.get(key) not in {None, _set(before, key)}):
            continue
        try:
            change(paths, key, url)
        except UserError as error:
            warnings.append(error.message)
            continue
        old = before.get(key, {}).get("before") if own.get(key) == _set(before, key) else own.get(key)
        before[key] = {"set": url, "before": old}
        if key == "export.endpoint" and old is not None:
            warnings.append(f"hookspan exported to `{old}` before; `hookspan stack down` puts that back")
    paths.create()
    atomic.write(_memory(paths), json.dumps(before, indent=2).encode() + b"\n", mode=0o600)
    origin = load(paths, os.environ).origin("export.endpoint")
    if origin.startswith("HOOKSPAN_"):
        warnings.append(f"`{origin}` in the environment wins over the file")
    agent_reads_again(paths)
    return tuple(warnings)


def export_back(paths: Paths) -> list[str]:
    """Put back what `export_to` changed, unless somebody has changed it since. What to say."""
    from hookspan.cli.verbs.config import agent_reads_again, change
    from hookspan.config import read_file

    remembered, own = read_json(_memory(paths)), read_file(paths.config)[0]
    said = []
    for key, entry in remembered.items():
        if own.get(key) != entry["set"]:
            continue
        change(paths, key, entry["before"])
        if key == "export.endpoint":
            said.append(f"hookspan exports to {entry['before'] or 'nowhere'} now.")
    _memory(paths).unlink(missing_ok=True)
    if remembered:
        agent_reads_again(paths)
    return said


def _memory(paths: Paths) -> Path:
    return paths.state / "stack.json"


def _set(remembered: Mapping[str, Any], key: str) -> str | None:
    found = remembered.get(key, {}).get("set")
    return None if found is None else str(found)


def _endpoints(ports: Mapping[int, int]) -> set[str]:
    return {
        f"http://{host}:{ports[port]}"
        for host in ("127.0.0.1", "localhost")
        for port in ports
        if port in {OTLP_HTTP, OTLP_GRPC}
    }


def _flush(paths: Paths) -> None:
    from hookspan.agent.client import Client

    with contextlib.suppress(UserError):
        Client(paths).request("flush", timeout=FLUSH_WAIT + POLL, wait=FLUSH_WAIT)
