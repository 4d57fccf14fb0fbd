"""What the code says where no table has it: the meaning of an enum's values, the keys of the resources, who sends what."""

from __future__ import annotations

import ast
import inspect
import itertools
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Final, cast

from hookspan.catalogue.clients import CLIENTS, service_of
from hookspan.catalogue.metrics import OF_EACH_CLIENT, READ_OF_AGENT, Instrument
from hookspan.catalogue.scopes import AGENT_SERVICE_NAME, SERVICE_NAME
from hookspan.export.resource import resources
from hookspan.paths import Paths

SERVICES: Final = (SERVICE_NAME, *filter(None, map(service_of, CLIENTS)))
"""Of coding agents."""


def meanings(closed: type[StrEnum]) -> dict[StrEnum, str]:
    """Each member with the text that stands below it; those without one are left out."""
    (body,) = ast.parse(inspect.getsource(closed)).body
    found = {}
    for member, text in itertools.pairwise(cast("ast.ClassDef", body).body):
        match member, text:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(meaning))):
                found[closed[name]] = meaning
    return found


def resource_keys() -> list[str]:
    """The keys of both resources, in alphabetical order."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(state=Path(folder), config=Path(folder) / "c", data=Path(folder))
        return sorted({str(key) for resource in resources(paths, {}) for key in resource.attributes})


def services_of_gauge(gauge: Instrument) -> tuple[str, ...]:
    """Whose resource it is sent with."""
    if gauge.name in OF_EACH_CLIENT:
        return SERVICES
    return (AGENT_SERVICE_NAME,) if gauge in READ_OF_AGENT else (SERVICE_NAME,)
