"""Adds and removes the demo data."""

from __future__ import annotations

from hookspan.web import schemas, serializers
from hookspan.web.context import Context
from hookspan.web.parameters import Arguments


def load(context: Context, _arguments: Arguments) -> schemas.Demo:
    """POST /demo: adds the demo data, unless it is there."""
    context.demo.load()
    return _now(context)


def remove(context: Context, _arguments: Arguments) -> schemas.Demo:
    """DELETE /demo: removes the demo data."""
    context.demo.remove()
    return _now(context)


def _now(context: Context) -> schemas.Demo:
    context.cache.clear()
    with context.reader.moment() as moment:
        return schemas.Demo(now=serializers.now_ms(), position=moment.position(), sessions=moment.demo_sessions())
