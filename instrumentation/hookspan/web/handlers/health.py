"""The agent's health checks and its settings."""

from __future__ import annotations

import sqlite3
from typing import Any

from hookspan.config import is_locked, values
from hookspan.store import StoreDamaged
from hookspan.web import schemas, serializers
from hookspan.web.context import Context
from hookspan.web.parameters import Arguments


def health(context: Context, _arguments: Arguments) -> schemas.Health:
    """GET /health: the newest round of checks."""
    rounds = context.agent.health(1)
    newest: dict[str, Any] = dict(rounds[-1]) if rounds else {"checks": {}, "at": None, "took": 0.0}
    status = context.agent.status()
    return schemas.Health(
        now=serializers.now_ms(),
        status=context.health,
        at=None if newest["at"] is None else newest["at"] * 1e3,
        took=newest["took"] * 1e3,
        checks=[serializers.check(name, report) for name, report in newest["checks"].items()],
        agent=status["agent"],
        ingest=status["ingest"],
        export=status["export"],
        loops=status["loops"],
        drops=status["drops"],
        cache=context.cache.report(),
        stream=context.stream(),
    )


def history(context: Context, arguments: Arguments) -> schemas.History:
    """GET /health/history: rounds of checks, newest first."""
    rounds = [
        schemas.Round(
            at=each["at"] * 1e3,
            took=each["took"] * 1e3,
            status=each["status"],
            checks={name: report["status"] for name, report in each["checks"].items()},
            values={name: report["value"] for name, report in each["checks"].items()},
        )
        for each in reversed(context.agent.health(arguments["limit"]))
    ]
    return schemas.History(now=serializers.now_ms(), rounds=rounds)


def settings(context: Context, _arguments: Arguments) -> schemas.Settings:
    """GET /settings: the settings in force."""
    settings = context.agent.settings()
    items = [
        schemas.Setting(key=key, value=value, origin=settings.origin(key), locked=is_locked(key, settings.locked))
        for key, value in values(settings).items()
    ]
    return schemas.Settings(now=serializers.now_ms(), settings=items, warnings=list(settings.warnings))


def ready(context: Context) -> bool:
    """Whether the store can be read."""
    try:
        context.reader.counts()
    except (StoreDamaged, sqlite3.Error):
        return False
    return context.agent.paths.store.exists()
