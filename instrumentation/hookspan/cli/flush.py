"""`hookspan flush`: for machines that are about to vanish, such as those of CI."""

from __future__ import annotations

import json
import os
import re
from typing import Final

import click

from hookspan.agent.client import Client, Unreachable
from hookspan.errors import EXIT_USER
from hookspan.paths import Paths
from hookspan.units import counted

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|)")
MARGIN: Final = 3.0  # seconds that the answer may take beyond the wait itself


class Duration(click.ParamType[float]):
    """Seconds: `10`, `10s`, `500ms`, `2m`."""

    name = "duration"
    _units: Final = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0}

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds of a text."""
        if isinstance(value, float):
            return value
        match = _DURATION.fullmatch(str(value))
        if match is None:
            self.fail(f"`{value}` is no duration; allowed are such as `10s`, `500ms`, `2m`", param, ctx)
        return float(match[1]) * self._units[match[2]]


@click.command()
@click.option("--wait", type=Duration(), default="10s", show_default=True, help="How long it may take.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def flush(ctx: click.Context, wait: float, as_json: bool) -> None:
    """Read all that hooks have recorded and export it now.

    Waits for the spans of turns and sessions that are over, which takes some seconds. Starts the agent as `up` does
    when none runs. Exits 1 if not all of it was exported in time.
    """
    paths = Paths.from_environment()
    client = Client(paths)
    if isinstance(client.wait_for_start(), Unreachable) and paths.current.exists() and not paths.down.exists():
        from hookspan.agent import launch

        launch.start(paths, os.environ)
    answer = client.request("flush", timeout=wait + MARGIN, wait=wait)
    found = {key: answer.get(key) for key in ("drained", "unwritten", "exported", "spans_left", "export", "seconds")}
    done = bool(found["drained"] and found["exported"] and not found["unwritten"])
    if as_json:
        click.echo(json.dumps(found))
    elif not found["drained"]:
        click.echo(f"The journal was not read to its end within {wait:g} s.")
    elif found["unwritten"]:
        click.echo(f"After {wait:g} s {counted(found['unwritten'], 'turns')} that may be over still wait to be judged.")
    elif found["export"] == "off":
        click.echo("All events are in the store. Nothing is exported: no endpoint is set.")
    elif done:
        click.echo(f"All spans and metrics are exported ({found['seconds']:.1f} s).")
    else:
        click.echo(f"Not exported after {wait:g} s, but kept: {counted(found['spans_left'] or 0, 'spans')}.")
    if not done:
        ctx.exit(EXIT_USER)
