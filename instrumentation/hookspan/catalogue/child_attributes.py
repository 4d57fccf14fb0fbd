"""Which attributes of other programs' spans hold no content: those leave the machine whatever `content.export` says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, TypeVar

from .attributes import CHILD_CONTENT

Value = TypeVar("Value")

_PLAIN_TEXTS: Final = frozenset(
    {
        "code.function.name",
        "db.operation.name",
        "db.operation",
        "db.system.name",
        "db.system",
        "error.type",
        "exception.type",
        "faas.trigger",
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "gen_ai.request.model",
        "gen_ai.response.model",
        "graphql.operation.type",
        "http.method",
        "http.request.method",
        "http.route",
        "http.scheme",
        "messaging.operation.name",
        "messaging.operation.type",
        "messaging.operation",
        "messaging.system",
        "network.protocol.name",
        "network.protocol.version",
        "network.transport",
        "network.type",
        "rpc.method",
        "rpc.service",
        "rpc.system.name",
        "rpc.system",
        "test.case.result.status",
        "test.suite.run.status",
        "url.scheme",
    }
)
"""Texts that OpenTelemetry's conventions give a few values, or names in a program's code."""


def is_plain(key: str, value: object) -> bool:
    """Whether an attribute holds no content: numbers and flags don't, and texts under a few names."""
    return isinstance(value, bool | int | float) or key in _PLAIN_TEXTS


def content_of(attributes: Mapping[str, Any]) -> Collection[str]:
    """The names of a span's attributes that a program's content is in."""
    named: Collection[str] = attributes.get(CHILD_CONTENT, ())
    return named


def without_content(attributes: dict[str, Value]) -> dict[str, Value]:
    """A span's attributes without those; others than programs' spans have none."""
    named = content_of(attributes)
    return {key: value for key, value in attributes.items() if key not in named} if named else attributes
