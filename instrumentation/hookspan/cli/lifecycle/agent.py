"""What several verbs ask the agent, and say about it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import click

from hookspan.agent.client import Client, Ready
from hookspan.errors import UserError
from hookspan.paths import Paths


def check_settings(paths: Paths) -> None:
    """A mistake in the settings is told to who is at the terminal, not to a log."""
    from hookspan.config import load

    for warning in load(paths, os.environ).warnings:
        click.echo(f"warning: {warning}", err=True)


def show(agent: Ready, *, as_json: bool) -> None:
    """Print which agent has been started, and where its page is."""
    about: dict[str, Any] = {"pid": agent.pid, "version": agent.version, "url": agent.about.get("url")}
    if as_json:
        click.echo(json.dumps(about))
        return
    click.echo(f"The agent is ready (pid {agent.pid}).")
    if about["url"]:
        click.echo(f"{about['url']}    (hookspan open signs you in)")


def reload_settings(paths: Paths) -> bool:
    """Have a running agent read its settings again; False if none did: the next one reads the files anyhow."""
    try:
        return bool(Client(paths).request("reload")["reloaded"])
    except UserError:
        return False


def kinds_sent(answer: Mapping[str, Any]) -> list[str]:
    """What the agent sends and the endpoint takes, by its answer to `flush`."""
    kinds = (("spans", "export"), ("log records", "logs"), ("metrics", "metrics"))
    return [name for name, key in kinds if answer[key] not in {"off", "refused"}]
