"""Saves settings in the user's file, and has them take effect."""

from __future__ import annotations

import os
from collections.abc import Mapping

import click

from hookspan.cli.lifecycle.agent import reload_settings
from hookspan.config import load
from hookspan.config.edit import change_all
from hookspan.paths import Paths
from hookspan.setup import relay


def save(paths: Paths, values: Mapping[str, str | None]) -> None:
    """Change keys of the user's file, as `change_all`; the relay and a running agent get to know. Prints what is so."""
    change_all(paths, values)
    settings = load(paths, os.environ)
    for variable in dict.fromkeys(settings.origin(key) for key in values):
        if variable.startswith("HOOKSPAN_"):
            click.echo(f"warning: `{variable}` in the environment overrides the file", err=True)
    if paths.relay_conf.exists():
        relay.write_conf(paths, load(paths))
    reloaded = reload_settings(paths)
    click.echo(f"Saved in `{paths.config}`{'; the running agent applies it' if reloaded else ''}.")
