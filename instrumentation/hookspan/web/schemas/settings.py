"""Settings in force."""

from __future__ import annotations

from typing import Any

import msgspec


class Setting(msgspec.Struct, kw_only=True):
    """A setting in force; `origin`: `default`, a file's path or a variable's name. Secrets are hidden."""

    key: str
    value: Any
    origin: str
    locked: bool


class Settings(msgspec.Struct, kw_only=True):
    """All settings in force, and what is odd about them."""

    now: float
    settings: list[Setting]
    warnings: list[str]
