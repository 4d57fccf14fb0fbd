"""`hookspan stack`: the Collector, Jaeger, Prometheus, VictoriaLogs and Grafana on this machine, by docker compose.

The files are the ones of the repository. `up` copies them to `<data>/stack` first, so that they outlive an upgrade of
hookspan while containers use them; what somebody has changed there is kept. `<state>/stack.json` remembers which
settings `up` changed, so that `down` can put them back.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any, Final

import click

from hookspan.agent.client import Client
from hookspan.cli.stack import labels, owners
from hookspan.cli.stack.compose import COPIED, Compose, copy, environment
from hookspan.cli.stack.services import COLLECTOR, SERVICES, answers, await_ready, check_names, url
from hookspan.cli.stack.settings import endpoints, export_back, export_to, forget, otlp_port, remember
from hookspan.cli.terminal.options import JSON, YES
from hookspan.config import load, read_text
from hookspan.errors import EXIT_USER, UserError
from hookspan.paths import Paths

FLUSH_WAIT: Final = 5.0  # seconds for what is due before the Collector goes
MARGIN: Final = 0.2  # that the answer may take beyond it


FOLDER = click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Your own copy of the files, from `stack eject`.",
)


@click.group()
def stack() -> None:
    """Run Collector, Jaeger, Prometheus, VictoriaLogs and Grafana.

    They run in containers, listen only on this machine, and keep their data when they are stopped.
    """


@stack.command()
@click.argument("services", nargs=-1)
@click.option("--alerts", is_flag=True, help="Also run Alertmanager.")
@click.option(
    "--discord-webhook",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    help="File with the URL of a Discord webhook for the alerts.",
)
@click.option("--no-export", is_flag=True, help="Don't change hookspan's settings.")
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
    """Start the stack, or only SERVICES of it, and export to it, if its Collector runs.

    Sets `export.endpoint`, and `collector` and `links` where they are not set. `stack down` puts them back.
    """
    paths = Paths.from_environment()
    check_names(services)
    compose = Compose.find(folder or paths.data / "stack", environment(discord_webhook), quiet=as_json)
    changed = folder is None and copy(compose.folder, labels.of(load(paths, os.environ)))
    flags = ["--force-recreate"] if changed and compose.running() else []
    profile = ["--profile", "alerts"] if alerts or discord_webhook or "alertmanager" in services else []
    if discord_webhook is not None:
        _check_readable(discord_webhook)
    if flags:  # what still runs as another user would make files that its successor can't read
        compose.run(*profile, "stop")
    compose.run(*profile, "up", "-d", "--remove-orphans", *flags, *services)
    if folder is None:
        remember(paths)
    ports, otlp = compose.ports(), otlp_port(load(paths, os.environ))
    asked = [s for s in SERVICES if s.name in services or not (services or (s.optional and not profile))]
    started = [service for service in asked if service.port in ports]  # a copy of your own may not publish all of them
    await_ready(started, ports)
    exports = not no_export and otlp in ports and (COLLECTOR in asked or answers(COLLECTOR, ports))
    kept = export_to(paths, ports) if exports else ()
    if as_json:
        click.echo(json.dumps({"folder": str(compose.folder), "services": {s.name: url(s, ports) for s in started}}))
        return
    for service in started:
        if service.page:
            click.echo(f"{service.name:<15} {url(service, ports)}")
    if exports:
        click.echo(f"{'OTLP':<15} http://127.0.0.1:{ports[otlp]}    (hookspan exports to it)")
    for warning in kept:
        click.echo(f"warning: {warning}", err=True)


@stack.command()
@click.option("--volumes", is_flag=True, help="Also delete all traces, metrics and log records.")
@YES
@FOLDER
def down(volumes: bool, yes: bool, folder: Path | None) -> None:
    """Stop the stack. Its data stays, and hookspan exports to the endpoint that it had before."""
    paths = Paths.from_environment()
    where = folder or paths.data / "stack"
    if not (where / "docker-compose.yml").exists():
        raise UserError(f"there is no stack in `{where}`", hint="`hookspan stack up` starts one")
    compose = Compose.find(where, environment(None))
    if (
        volumes
        and not yes
        and not click.confirm("Delete all traces, metrics, log records and dashboards in the stack?")
    ):
        raise UserError("nothing was changed")
    _flush(paths)
    for line in export_back(paths):
        click.echo(line)
    compose.run("--profile", "alerts", "down", "--remove-orphans", *(["--volumes"] if volumes else []))
    forget(paths)


@stack.command()
@FOLDER
@JSON
@click.pass_context
def status(ctx: click.Context, folder: Path | None, as_json: bool) -> None:
    """Say which services run and answer. Exits 1 if one doesn't."""
    paths = Paths.from_environment()
    where = folder or paths.data / "stack"
    rows: list[dict[str, Any]] = []
    ports: dict[int, int] = {}
    if (where / "docker-compose.yml").exists():
        compose = Compose.find(where, environment(None))
        ports, states = compose.ports(), compose.states()
        for service in SERVICES:
            state = states.get(service.name)
            if service.port in ports and (state is not None or not service.optional):
                answering = state == "running" and answers(service, ports)
                rows.append(
                    {"name": service.name, "state": state or "down", "answers": answering, "url": url(service, ports)}
                )
    endpoint = load(paths, os.environ).export.endpoint
    exporting = endpoint in endpoints(ports)
    well = bool(rows) and all(row["answers"] for row in rows)
    if as_json:
        click.echo(json.dumps({"ok": well, "services": rows, "endpoint": endpoint, "exporting": exporting}))
    elif not rows:
        click.echo("There is no stack. To start one: hookspan stack up")
    else:
        for row in rows:
            note = "answers" if row["answers"] else "does not answer" if row["state"] == "running" else ""
            click.echo(f"{row['name']:<15} {row['state']:<11} {note:<16} {row['url']}".rstrip())
        click.echo(f"hookspan exports to {endpoint or 'nowhere'}" + ("" if exporting else ", not to this stack"))
    if not well:
        ctx.exit(EXIT_USER)


@stack.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("hookspan-stack"))
def eject(folder: Path) -> None:
    """Copy the stack's files to FOLDER, so that you can change them."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"`{folder}` is not empty", hint="name another folder: `hookspan stack eject FOLDER`")
    copy(folder, labels.of(load(Paths.from_environment(), os.environ)))
    (folder / COPIED).unlink()  # they are not ours any more
    click.echo(f"The files are in {folder}. To run them:\n")
    place = shlex.quote(str(folder))
    click.echo(
        f"cd {place} && HOST_NAME=$(hostname) docker compose up -d      (or: hookspan stack up --folder {place})"
    )


@stack.command(name="labels")
def print_labels() -> None:
    """Print the gateway's `labels.yaml`.

    It lists the resource attributes that become labels of every metric, those of `[resource]` in the settings included.
    In your own stack `stack up` writes them into Prometheus' configuration.
    """
    click.echo(labels.for_gateway(labels.of(load(Paths.from_environment(), os.environ))), nl=False)


@stack.command(name="owners")
@click.argument("tokens", type=click.Path(allow_dash=True))
def print_owners(tokens: str) -> None:
    """Print the gateway's `owners.yaml`: what it says of a sender by its token, such as the team.

    TOKENS is the gateway's file of tokens, `-` standard input. A line has a token, and behind it whose it is:
    `team=cart user.id=4f2a`. Tokens are not printed, only their SHA-256.
    """
    text = sys.stdin.read() if tokens == "-" else read_text(Path(tokens))
    if text is None:
        raise UserError(f"there is no file `{tokens}`")
    click.echo(owners.for_gateway(owners.read(text)), nl=False)


def _check_readable(file: Path) -> None:
    if not file.stat().st_mode & 0o004:
        raise UserError(
            f"Alertmanager could not read `{file}`: it runs as another user",
            hint=f"`chmod 644 {shlex.quote(str(file))}`, in a folder that only you may enter "
            f"(`chmod 700 {shlex.quote(str(file.parent))}`)",
        )


def _flush(paths: Paths) -> None:
    with contextlib.suppress(UserError):
        Client(paths).request("flush", timeout=FLUSH_WAIT + MARGIN, wait=FLUSH_WAIT)
