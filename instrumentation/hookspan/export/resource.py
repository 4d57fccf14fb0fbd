"""The resources that telemetry is exported under."""

from __future__ import annotations

import platform
import socket
from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.version import __version__ as sdk_version

from hookspan import __version__
from hookspan.catalogue.scopes import AGENT_SERVICE_NAME, SCHEMA_URL, SERVICE_NAME
from hookspan.config import Identity
from hookspan.paths import Paths

from .identity import of

NOBODY: Final = Identity()
_MACHINE_IDS: Final = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


Resources = Callable[[Mapping[str, str], Identity], tuple[Resource, Resource]]
"""`resources` of one user's files."""


def instance_id(paths: Paths) -> str:
    """A UUID that stays the same for this machine and state folder, and tells neither."""
    machine = next((text for path in _MACHINE_IDS if (text := _read(path))), socket.gethostname())
    text = blake2b(f"{machine}\0{paths.state.resolve()}".encode(), digest_size=16, person=b"hookspan").hexdigest()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def resources(paths: Paths, extra: Mapping[str, str], identity: Identity = NOBODY) -> tuple[Resource, Resource]:
    """The resource of what coding agents did, with the user's `[resource]` table, and that of the agent itself.

    Who it was is said of what they did alone; what `[resource]` says of that goes before it.

    Built without the SDK's detectors: they read OTEL_RESOURCE_ATTRIBUTES, which is often meant for another program.
    """
    common = {
        "service.instance.id": instance_id(paths),
        "host.name": socket.gethostname(),
        "os.type": platform.system().lower(),
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": sdk_version,
        **extra,
        "service.version": __version__,
    }
    return (
        Resource(of(paths, identity) | common | {"service.name": SERVICE_NAME}, SCHEMA_URL),
        Resource(common | {"service.name": AGENT_SERVICE_NAME}, SCHEMA_URL),
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
