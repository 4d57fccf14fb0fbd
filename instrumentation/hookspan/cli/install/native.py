"""Claude Code's own telemetry: the variables of its settings that send it where hookspan sends its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from hookspan.clients.claude_code.settings_text import SettingsText
from hookspan.config import SIGNALS, Settings
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.receive.port import kept_port, url_of
from hookspan.setup.receipts import Receipt

_ALL: Final = {
    "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
    "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",  # spans
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "otlp",
}
PROPAGATE: Final = "CLAUDE_CODE_PROPAGATE_TRACEPARENT"


def variables(paths: Paths, settings: Settings, on: bool | None) -> dict[str, str] | None:
    """What makes Claude Code send all of its own telemetry to the receiver, or else where hookspan sends its own.

    None: whatever is there.
    """
    if not on:
        return None if on is None else {}
    export = settings.export
    if settings.receive.enabled:
        if not (port := settings.receive.port or kept_port(paths.receive_port)):
            raise UserError(
                "the receiver has no port yet",
                hint="`hookspan up` starts it, or name one that is free: `hookspan config set receive.port NUMBER`",
            )
        return {
            **_ALL,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": url_of(port),
            **({PROPAGATE: "1"} if settings.receive.children else {}),
        }
    endpoints = {
        f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT": own
        for signal in SIGNALS
        if (own := export.endpoint_of(signal)) and own != export.endpoint
    }
    if export.endpoint is not None:
        endpoints["OTEL_EXPORTER_OTLP_ENDPOINT"] = export.endpoint
    if not endpoints:
        raise UserError(
            "no endpoint is set to which Claude Code could send its own telemetry",
            hint="`hookspan stack up`, or `hookspan config set export.endpoint URL`",
        )
    if any((export.headers, export.traces_headers, export.metrics_headers, export.logs_headers, export.token_file)):
        click.echo(
            "warning: headers and tokens are not written to Claude Code's settings, since they may be secret; "
            "if the endpoint needs them, set OTEL_EXPORTER_OTLP_HEADERS there",
            err=True,
        )
    return {
        **_ALL,
        "OTEL_LOGS_EXPORTER": "otlp" if export.endpoint is not None else "none",
        "OTEL_EXPORTER_OTLP_PROTOCOL": export.protocol,
        **endpoints,
    }


def say(variables: Mapping[str, str] | None) -> None:
    """What comes of them."""
    if not variables:
        return
    where = next((value for key, value in variables.items() if key.endswith("_ENDPOINT")), "")
    click.echo(f"Claude Code sends its own telemetry to {where} from its next session on.")
    if PROPAGATE in variables:
        click.echo("Its Bash commands get TRACEPARENT then; what a program does with it: docs/children.md")


def replaced(text: SettingsText, record: Receipt | None, variables: Mapping[str, str] | None) -> SettingsText:
    """The text with these variables in place of those that are ours; another value of the user's own is an error."""
    if variables is None:
        return text
    ours, keep = ({}, []) if record is None else (record.env, record.empty)
    clean = text.without_env(
        {key: value for key, value in ours.items() if variables.get(key) != value}, ["env"] if variables else keep
    )
    foreign = [key for key, value in variables.items() if clean.env.get(key, value) != value]
    if foreign:
        raise UserError(
            f"`env` in `{text.name}` has {', '.join(f'`{key}`' for key in foreign)} of your own; nothing was changed",
            hint="Claude Code sends its telemetry to one place: remove them, and let the Collector there forward it",
        )
    return clean.with_env(variables)


def own(record: Receipt | None, before: SettingsText, variables: Mapping[str, str] | None) -> dict[str, str]:
    """Which variables are ours once `variables` are written (None: none are): not those that the user has as well."""
    ours = {} if record is None else record.env
    if variables is None:
        return ours
    return {key: value for key, value in variables.items() if key in ours or key not in before.env}
