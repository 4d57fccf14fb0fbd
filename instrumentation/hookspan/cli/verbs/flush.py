"""`hookspan flush`: exports everything now, for machines that are about to disappear, such as those of CI."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, Final

import click

from hookspan.agent.client import Client, Unreachable
from hookspan.agent.status import journal
from hookspan.cli.lifecycle.agent import kinds_sent
from hookspan.cli.terminal.moments import Duration
from hookspan.cli.terminal.options import JSON
from hookspan.errors import EXIT_USER, UserError
from hookspan.paths import Paths
from hookspan.units import counted

ENDPOINTS: Final = frozenset({"export.endpoint", "export.traces_endpoint", "export.metrics_endpoint"})
NOTHING: Final = {
    "drained": True,
    "unwritten": 0,
    "exported": True,
    "spans_left": 0,
    "held": 0,
    "seconds": 0.0,
    "export": "idle",
    "off": "",
    "error": "",
    "metrics": "sending",
    "metrics_error": "",
    "logs": "off",
    "logs_left": 0,
    "logs_error": "",
}
"""The answer where nothing was recorded."""
MARGIN: Final = 3.0  # seconds that the answer may take beyond the wait itself


@click.command()
@click.option("--wait", type=Duration(), default="10s", show_default=True, help="The longest time to wait.")
@JSON
@click.pass_context
def flush(ctx: click.Context, wait: float, as_json: bool) -> None:
    """Read everything that hooks have recorded and export it now.

    Waits for the spans of turns and sessions that are over, which takes some seconds. Starts the agent as `up` does
    when none runs and something was recorded. Exits 1 if not all of it was exported in time, or if the endpoint of
    HOOKSPAN_EXPORT_ENDPOINT is not in force.
    """
    from hookspan.agent import effective

    paths = Paths.from_environment()
    answer = _flush(paths, wait)
    ignored = [] if answer is NOTHING else effective.ignored(paths, os.environ)
    done = bool(answer["drained"] and answer["exported"] and not answer["unwritten"])
    if {answer["export"], answer["metrics"], answer["logs"]} == {"off"} and any(
        variable.key in ENDPOINTS for variable in ignored
    ):
        done = False
    for variable in ignored:
        click.echo(f"warning: {variable.message}; {variable.todo}", err=True)
    if as_json:
        click.echo(json.dumps(answer))
    else:
        click.echo(_sentence(answer, wait))
    if not done:
        ctx.exit(EXIT_USER)


def _flush(paths: Paths, wait: float) -> Mapping[str, Any]:
    """What the agent says of it, or what is so where nothing was recorded and none runs."""
    client = Client(paths)
    if isinstance(client.wait_for_start(), Unreachable):
        if not journal(paths)["bytes"]:
            return NOTHING
        if paths.down.exists():
            raise UserError(
                "the agent was stopped with `hookspan down`; what was recorded waits", hint="`hookspan up` starts it"
            )
        from hookspan.agent import launch

        launch.start(paths, os.environ)
    answer = client.request("flush", timeout=wait + MARGIN, wait=wait)
    return {key: answer.get(key) for key in NOTHING}


def _sentence(answer: Mapping[str, Any], wait: float) -> str:
    """What became of it, in a line; a second one on what the endpoint does not take."""
    if answer is NOTHING:
        return "Nothing has been recorded: there is nothing to export."
    if not answer["drained"]:
        return f"The journal was not read to its end within {wait:g} s."
    if answer["unwritten"]:
        return (
            f"After {wait:g} s {counted(answer['unwritten'], 'spans')} of turns or sessions that may be over are not "
            "settled yet."
        )
    if {answer["export"], answer["metrics"], answer["logs"]} == {"off"}:
        return f"All events are in the store. Nothing is exported: {answer['off']}."
    if answer["exported"]:
        from hookspan.agent.health.checks import NO_METRICS

        text = f"All {' and '.join(kinds_sent(answer))} are exported ({answer['seconds']:.1f} s)."
        if answer["held"]:
            text += f"\n{counted(answer['held'], 'spans')} are held until their turns end (`traces.sample`)."
        refused = f"\nMetrics are refused: {answer['metrics_error']}; {NO_METRICS}."
        return text + (refused if answer["metrics"] == "refused" else "")
    left, why = "metrics", answer["metrics_error"]
    if answer["spans_left"]:
        left, why = counted(answer["spans_left"], "spans"), answer["error"]
    elif answer["logs_left"]:
        left, why = counted(answer["logs_left"], "log records"), answer["logs_error"]
    return f"Not exported after {wait:g} s, but kept: {left}" + (f" ({why})." if why else ".")
