"""Points hookspan's settings at the stack while it runs, and restores them afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hookspan import atomic
from hookspan.cli.lifecycle.agent import reload_settings
from hookspan.cli.stack.compose import read_json
from hookspan.cli.stack.services import GRAFANA, HEALTH, JAEGER, METRICS, OTLP_GRPC, OTLP_HTTP
from hookspan.config import SIGNALS, Settings, load, read_file
from hookspan.config.edit import change
from hookspan.errors import UserError
from hookspan.paths import Paths


def otlp_port(settings: Settings) -> int:
    """The port in the Collector's container that hookspan's protocol needs."""
    return OTLP_GRPC if settings.export.protocol == "grpc" else OTLP_HTTP


def remember(paths: Paths) -> None:
    """There is a stack from now on, whether hookspan exports to it or not."""
    paths.create()
    if not _memory(paths).exists():
        atomic.write(_memory(paths), b"{}\n", mode=0o600)


def forget(paths: Paths) -> None:
    """There is none any more."""
    _memory(paths).unlink(missing_ok=True)


def export_to(paths: Paths, ports: Mapping[int, int]) -> tuple[str, ...]:
    """Point the settings at the stack, remember what they were, and tell a running agent. What to warn of."""
    settings, own = load(paths, os.environ), read_file(paths.config)[0]
    of_it = (
        ("export.endpoint", otlp_port(settings), ""),
        ("collector.health", HEALTH, ""),
        ("links.jaeger", JAEGER, ""),
        ("links.grafana", GRAFANA, ""),
        ("collector.metrics", METRICS, "/metrics"),
    )
    # A copy of your own may not publish all of them.
    wanted = {key: f"http://127.0.0.1:{ports[port]}{path}" for key, port, path in of_it if port in ports}
    before = read_json(_memory(paths))
    warnings = []
    for key, url in wanted.items():
        if settings.value(key) == url or (key != "export.endpoint" and own.get(key) not in {None, _set(before, key)}):
            continue
        try:
            change(paths, key, url)
        except UserError as error:
            warnings.append(error.message)
            continue
        old = before.get(key, {}).get("before") if own.get(key) == _set(before, key) else own.get(key)
        before[key] = {"set": url, "before": old}
        if key == "export.endpoint" and old is not None:
            warnings.append(f"hookspan exported to `{old}` before; `hookspan stack down` restores that")
    paths.create()
    atomic.write(_memory(paths), json.dumps(before, indent=2).encode() + b"\n", mode=0o600)
    settings = load(paths, os.environ)
    origin = settings.origin("export.endpoint")
    if origin.startswith("HOOKSPAN_"):
        warnings.append(f"`{origin}` in the environment overrides the file")
    warnings += [
        f"`export.{signal}_endpoint` is set, so {signal} don't come to this stack"
        for signal in SIGNALS
        if settings.export.endpoint_of(signal) != settings.export.endpoint
    ]
    reload_settings(paths)
    return tuple(warnings)


def export_back(paths: Paths) -> list[str]:
    """Put back what `export_to` changed, unless somebody has changed it since. What to say."""
    remembered, own = read_json(_memory(paths)), read_file(paths.config)[0]
    messages = []
    for key, entry in remembered.items():
        if own.get(key) != entry["set"]:
            continue
        change(paths, key, entry["before"])
        if key == "export.endpoint":
            messages.append(f"hookspan exports to {entry['before'] or 'nowhere'} now.")
    if remembered:
        atomic.write(_memory(paths), b"{}\n", mode=0o600)
        reload_settings(paths)
    return messages


def _memory(paths: Paths) -> Path:
    return paths.state / "stack.json"


def _set(remembered: Mapping[str, Any], key: str) -> str | None:
    value = remembered.get(key, {}).get("set")
    return None if value is None else str(value)


def endpoints(ports: Mapping[int, int]) -> set[str]:
    """What `export.endpoint` may be for spans to arrive in the stack."""
    return {
        f"http://{host}:{ports[port]}"
        for host in ("127.0.0.1", "localhost")
        for port in ports
        if port in {OTLP_HTTP, OTLP_GRPC}
    }
