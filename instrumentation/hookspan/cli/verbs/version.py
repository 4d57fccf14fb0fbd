"""`hookspan version`: prints the versions of hookspan, Python and the relay."""

from __future__ import annotations

import json
import platform
import sys

import click

from hookspan import __version__
from hookspan.cli.terminal.options import JSON
from hookspan.paths import Paths


@click.command()
@JSON
def version(as_json: bool) -> None:
    """Print versions."""
    paths = Paths.from_environment()
    versions = {
        "hookspan": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "relay": next((str(file) for file in (paths.relay, paths.relay_script) if file.exists()), None),
    }
    if as_json:
        click.echo(json.dumps(versions))
    else:
        for name, value in versions.items():
            click.echo(f"{name:<11}{value if value is not None else 'not installed'}")
