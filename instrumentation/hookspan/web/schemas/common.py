"""What several answers are made of, and errors."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["working", "waiting", "waiting_or_running", "idle", "ended"]
HealthStatus = Literal["healthy", "warning", "critical", "unknown"]


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An error (RFC 9457): what is wrong, and in `hint` what to do."""

    type: str
    title: str
    status: int
    detail: str
    hint: str = ""


class Tokens(msgspec.Struct, kw_only=True):
    """Tokens as Anthropic counts them: `input` without cached ones."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0


class Links(msgspec.Struct, kw_only=True):
    """Where else to look; empty where no address is set."""

    jaeger: str = ""
    grafana: str = ""
