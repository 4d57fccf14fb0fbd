"""What the `OTEL_*` variables of a shell say, as settings: by OpenTelemetry's specification of its variables.

The agent reads none of them. It outlives the shell that it was started from, and they are often meant for the program
that somebody works on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hookspan.config.files import RESOURCE, checked
from hookspan.config.options import OPTIONS
from hookspan.config.sections import Signal
from hookspan.errors import UserError
from hookspan.values import origin

_OTLP: Final = "OTEL_EXPORTER_OTLP_"
_SHARED: Final = {
    "PROTOCOL": "export.protocol",
    "COMPRESSION": "export.compression",
    "TIMEOUT": "export.timeout",
    "CERTIFICATE": "export.certificate",
    "CLIENT_CERTIFICATE": "export.client_certificate",
    "CLIENT_KEY": "export.client_key",
}
"""What OpenTelemetry has for each signal, and hookspan once."""
_PATHS: Final = frozenset({"CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"})

_OTHERS: Final = re.compile(r"service\.(name|version|instance\.id)|(telemetry|process)\..+")
"""Resource attributes that describe the program whose variables these are."""
_NONE: Final = (
    (re.compile(r"OTEL_SERVICE_NAME"), "searches and dashboards find hookspan's data by its own `service.name`"),
    (re.compile(r"OTEL_(LOGS_EXPORTER|BLRP_.*|LOGRECORD_.*)|OTEL_EXPORTER_OTLP_LOGS_.*"), "hookspan sends no logs"),
    (
        re.compile(r"OTEL_EXPORTER_OTLP_(TRACES_|METRICS_)?INSECURE"),
        "whether an endpoint has TLS is said by its `http` or `https`",
    ),
    (re.compile(r"OTEL_BSP_.*"), "spans wait in the store, as long as `export.max_days` says"),
    (re.compile(r"OTEL_METRIC_EXPORT_TIMEOUT"), "`export.timeout` is of every request"),
    (
        re.compile(r"OTEL_TRACES_SAMPLER(_ARG)?"),
        "hookspan sends every span: sample in the Collector, which sees whole traces",
    ),
    (
        re.compile(r"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"),
        "the buckets of hookspan's histograms are its own",
    ),
    (re.compile(r"OTEL_PROPAGATORS"), "a turn's parent comes from TRACEPARENT: `traces.parent`"),
    (re.compile(r"OTEL_(EXPERIMENTAL_)?CONFIG_FILE"), "its format is for SDKs"),
    (
        re.compile(r"OTEL_LOG_(USER_PROMPTS|ASSISTANT_.*|TOOL_.*|RAW_.*)"),
        "it is a switch of Claude Code's own telemetry",
    ),
)
"""Variables without a counterpart, and why; of any other there is nothing to say."""
SIGNALS: Final[tuple[Signal, ...]] = ("traces", "metrics")
"""Those that are taken over. A variable for logs is meant for the program's own; hookspan's are asked for by name."""
_ANY: Final = "hookspan has nothing like it"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that a variable gives: its value as text, as `config set` takes it."""

    variable: str
    text: str
    value: Any


@dataclass(slots=True)
class Found:
    """What the variables say: settings by key, and those variables that have no counterpart, each with why."""

    settings: dict[str, Setting] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)


def read(env: Mapping[str, str]) -> Found:
    """All that the `OTEL_*` variables say; UserError for a value that is none. An empty one counts as unset."""
    given = {name: value.strip() for name, value in env.items() if name.startswith("OTEL_") and value.strip()}
    return _Reading(given).all()


class _Reading:
    def __init__(self, given: dict[str, str]) -> None:
        self._given = given
        self._found = Found()
        self._said: set[str] = set()  # variables that have been dealt with

    def all(self) -> Found:
        self._switches()
        for suffix, key in _SHARED.items():
            self._shared(suffix, key)
        self._endpoints()
        self._headers()
        self._metrics()
        self._resource()
        for name in sorted(self._given.keys() - self._said):
            self._leave(name, next((why for pattern, why in _NONE if pattern.fullmatch(name)), _ANY))
        return self._found

    def _take(self, key: str, variable: str, text: str) -> None:
        """The setting of a variable; UserError names the variable."""
        self._said.add(variable)
        option = OPTIONS[key]
        value = checked(text, option.kind, key, variable, secret=option.secret, as_text=True)
        self._found.settings[key] = Setting(variable, text, value)

    def _leave(self, variable: str, why: str) -> None:
        self._said.add(variable)
        self._found.left[variable] = why

    def _switches(self) -> None:
        if (text := self._given.get(name := "OTEL_SDK_DISABLED")) is not None:
            # By the specification any other word counts as false.
            self._take("export.enabled", name, "false" if text.lower() == "true" else "true")
        for signal in SIGNALS:
            if (text := self._given.get(name := f"OTEL_{signal.upper()}_EXPORTER")) is None:
                continue
            exporters = {word.strip() for word in text.split(",")}
            if exporters & {"otlp", "none"}:
                self._take(f"export.{signal}", name, str("otlp" in exporters).lower())
            else:
                self._leave(name, "hookspan exports OTLP and nothing else")

    def _shared(self, suffix: str, key: str) -> None:
        """A setting for both signals: what spans have, else what metrics have."""
        general = _OTLP + suffix
        own = [name for signal in SIGNALS if (name := f"{_OTLP}{signal.upper()}_{suffix}") in self._given]
        names = own if len(own) == len(SIGNALS) or general not in self._given else [*own, general]
        for name in names[:1]:
            self._one(suffix, key, name)
        for name in names[1:]:
            if self._given[name] == self._given[names[0]]:
                self._said.add(name)
            else:
                self._leave(name, f"there is one `{key}` for spans and metrics, here from {names[0]}")
        if general in self._given and general not in names:
            self._leave(general, "here it is for logs alone, and hookspan sends its own only with `export.logs`")

    def _one(self, suffix: str, key: str, name: str) -> None:
        text = self._given[name]
        if suffix == "TIMEOUT":
            self._milliseconds(key, name)
        elif text == "http/json":
            self._leave(name, "hookspan sends protobuf, which an endpoint that takes JSON takes as well")
        else:
            self._take(key, name, str(Path(text).absolute()) if suffix in _PATHS else text)

    def _milliseconds(self, key: str, name: str) -> None:
        text = self._given[name]
        try:
            self._take(key, name, f"{float(text) / 1000:g}")
        except (ValueError, UserError) as error:
            allowed = f"`{key}` can be {OPTIONS[key].kind.allowed}"
            raise UserError(f"`{name}` can't be `{text}`", hint=f"it is in milliseconds; {allowed}") from error

    def _endpoints(self) -> None:
        protocol = self._found.settings.get("export.protocol")
        for signal in (None, *SIGNALS):
            prefix = _prefix(signal)
            text = self._given.get(prefix + "ENDPOINT")
            if text is None:
                continue
            if "://" not in text and protocol is not None and protocol.value == "grpc":
                said = prefix + "INSECURE" if prefix + "INSECURE" in self._given else _OTLP + "INSECURE"
                self._said.add(said)
                text = f"{'http' if self._given.get(said, '').lower() == 'true' else 'https'}://{text}"
            self._take(_key(signal, "endpoint"), prefix + "ENDPOINT", text)

    def _headers(self) -> None:
        """Headers go where the variables send them, and to nobody else: hookspan's own rule is for its own settings."""
        general = _OTLP + "HEADERS"
        endpoints = {signal: self._found.settings.get(_key(signal, "endpoint")) for signal in (None, *SIGNALS)}
        if general in self._given and (endpoints[None] or not any(endpoints.values())):
            self._take("export.headers", general, self._given[general])
        for signal in SIGNALS:
            own, base = endpoints[signal], endpoints[None]
            elsewhere = own and not (base and origin(own.value) == origin(base.value))
            name = _prefix(signal) + "HEADERS"
            if name not in self._given and elsewhere:
                name = general
            if name in self._given:
                self._take(_key(signal, "headers"), name, self._given[name])

    def _metrics(self) -> None:
        if (name := "OTEL_METRIC_EXPORT_INTERVAL") in self._given:
            self._milliseconds("export.metric_interval", name)
        if (text := self._given.get(name := _OTLP + "METRICS_TEMPORALITY_PREFERENCE")) is not None:
            if text.lower() == "lowmemory":
                self._leave(name, "`export.temporality` is the same for counters and histograms")
            else:
                self._take("export.temporality", name, text.lower())

    def _resource(self) -> None:
        name = "OTEL_RESOURCE_ATTRIBUTES"
        if name not in self._given:
            return
        self._said.add(name)
        for attribute, text in checked(self._given[name], RESOURCE, "resource", name, as_text=True).items():
            if _OTHERS.fullmatch(attribute):
                self._leave(f"{name}: {attribute}", "it describes the program that runs, and hookspan has its own")
            else:
                self._found.settings[f"resource.{attribute}"] = Setting(name, text, text)


def _prefix(signal: Signal | None) -> str:
    return f"{_OTLP}{signal.upper()}_" if signal else _OTLP


def _key(signal: Signal | None, name: str) -> str:
    return f"export.{signal}_{name}" if signal else f"export.{name}"
