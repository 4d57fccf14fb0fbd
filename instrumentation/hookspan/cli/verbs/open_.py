"""`hookspan open`: opens the page in a browser, signed in by an address that is valid once."""

from __future__ import annotations

import os
import webbrowser

import click

from hookspan.agent.client import Client
from hookspan.errors import UserError
from hookspan.paths import Paths


@click.command("open")
@click.option("--print", "only_print", is_flag=True, help="Print the address instead of opening it.")
def open_(only_print: bool) -> None:
    """Open the page in a browser, and start the agent if none runs.

    The address signs one browser in, once, within two minutes.
    """
    from hookspan.agent import launch

    paths = Paths.from_environment()
    launch.ensure(paths, os.environ)
    answer = Client(paths).request("open")
    address = answer.get("login")
    if not address:
        raise UserError(f"the page is not served: {answer.get('reason', 'no reason given')}")
    if only_print:
        click.echo(address)
    elif not webbrowser.open(address):
        click.echo("No browser could be opened. Open this address within two minutes:", err=True)
        click.echo(address)
