"""Options that many verbs have."""

from __future__ import annotations

from typing import Final

import click

JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
YES: Final = click.option("--yes", is_flag=True, help="Don't ask.")
