"""Options that many verbs have."""

from __future__ import annotations

from typing import Final

import click

from hookspan.catalogue.clients import CLIENTS

JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
AGENT: Final = click.option(
    "--agent", type=click.Choice(list(CLIENTS)), default=None, help="Only of this coding agent."
)
YES: Final = click.option("--yes", is_flag=True, help="Don't ask.")
