"""`hookspan flush`: for machines that are about to vanish, such as those of CI."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any, Final

import click

from hookspan.agent.client import Client, Unreachable
from hookspan.agent.status import journal
from hookspan.errors import EXIT_USER, UserError
from hookspan.paths import Paths
from hookspan.units import counted

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|)")
ENDPOINT: Final = "export.endpoint"
NOTHING: Final = {
    "drained": True,
    "unwritten": 0,
    "exported": True,
    "spans_left": 0,
    "seconds": 0.0,
    "export": "idle",
    "error": "",
    "metrics": "sending",
    "metrics_error": "",
}
"""The answer where nothing was recorded."""
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
    when none runs and something was recorded. Exits 1 if not all of it was exported in time, or if the endpoint of
    HOOKSPAN_EXPORT_ENDPOINT is not in force.
    """
    from hookspan.agent import effective

    paths = Paths.from_environment()
    found = _flushed(paths, wait)
    unheard = [] if found is NOTHING else effective.ignored(paths, os.environ)
    done = bool(found["drained"] and found["exported"] and not found["unwritten"])
    done &= not (found["export"] == found["metrics"] == "off" and any(one.key == ENDPOINT for one in unheard))
    for one in unheard:
        click.echo(f"warning: {one.message}; {one.todo}", err=True)
    if as_json:
        click.echo(json.dumps(found))
    else:
        click.echo(_said(found, wait))
    if not done:
        ctx.exit(EXIT_USER)


def _flushed(paths: Paths, wait: float) -> Mapping[str, Any]:
    """What the agent says of it, or what is so where nothing was recorded and none runs."""
    client = Client(paths)
    if isinstance(client.wait_for_start(), Unreachable):
        if not journal(paths)["bytes"]:
            return NOTHING
        if paths.down.exists():
            raise UserError("the agent is down, as you said; what was recorded waits", hint="`hookspan up` starts it")
        from hookspan.agent import launch

        launch.start(paths, os.environ)
    answer = client.request("flush", timeout=wait + MARGIN, wait=wait)
    return {key: answer.get(key) for key in NOTHING}


def sent(answer: Mapping[str, Any]) -> list[str]:
    """What the agent sends and the endpoint takes, by its answer to `flush`."""
    return [
        name for name, key in (("spans", "export"), ("metrics", "metrics")) if answer[key] not in {"off", "refused"}
    ]


def _said(found: Mapping[str, Any], wait: float) -> str:
    """What became of it, in a line; a second one on what the endpoint does not take."""
    if found is NOTHING:
        return "Nothing has been recorded: there is nothing to export."
    if not found["drained"]:
        return f"The journal was not read to its end within {wait:g} s."
    if found["unwritten"]:
        return f"After {wait:g} s {counted(found['unwritten'], 'turns')} that may be over still wait to be judged."
    if found["export"] == found["metrics"] == "off":
        return "All events are in the store. Nothing is exported: no endpoint is set."
    if found["exported"]:
        from hookspan.agent.health.checks import NO_METRICS

        said = f"All {' and '.join(sent(found))} are exported ({found['seconds']:.1f} s)."
        refused = f"\nMetrics are refused: {found['metrics_error']}; {NO_METRICS}."
        return said + (refused if found["metrics"] == "refused" else "")
    left = counted(found["spans_left"], "spans") if found["spans_left"] else "metrics"
    why = found["error" if found["spans_left"] else "metrics_error"]
    return f"Not exported after {wait:g} s, but kept: {left}" + (f" ({why})." if why else ".")
