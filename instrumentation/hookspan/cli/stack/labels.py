"""Which resource attributes become labels of every metric: Prometheus and the gateway's ingesters have lists of them.

The lists are written from the settings, so that what `[resource]` says of somebody's work is on each metric.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from hookspan.config import Settings

PROMETHEUS: Final = "collector/prometheus.yml"
ALWAYS: Final = (
    "service.name",
    "service.namespace",
    "service.instance.id",
    "deployment.environment.name",
    "host.name",
    "os.type",
    "team",
)
"""What the files have anyway. Dashboards and budgets ask for `team`."""
MARK: Final = "    # Here `hookspan stack up` adds what `[resource]` of the settings has.\n"

_HEAD: Final = """\
# The resource attributes that become labels of every metric; all others are one join away, in target_info. What a
# project's labels say goes before what the resource says. `hookspan stack labels` prints this file with what
# `[resource]` of the settings has.

processors:
  transform/labels:
    error_mode: ignore
    metric_statements:
      - context: datapoint
        statements:
"""


def of(settings: Settings) -> list[str]:
    """The attributes that become labels."""
    who = {"user.id"} if settings.identity.user != "off" else set()
    return [*ALWAYS, *sorted((settings.resource.keys() | who) - set(ALWAYS))]


def for_prometheus(text: str, labels: Iterable[str]) -> str:
    """`collector/prometheus.yml` with them in its list."""
    return text.replace(MARK, "".join(f"    - {json.dumps(key)}\n" for key in labels if key not in ALWAYS) or MARK)


def for_gateway(labels: Iterable[str]) -> str:
    """What is merged over the configuration of the ingesters."""
    lines = []
    for key in labels:
        quoted = json.dumps(key)
        statement = (
            f"set(datapoint.attributes[{quoted}], resource.attributes[{quoted}])"
            f" where datapoint.attributes[{quoted}] == nil"
        )
        lines.append(f"          - {statement}\n")
    return _HEAD + "".join(lines)
