"""A prompt cache as the API has one: what a request has in common with an earlier one from its beginning on is read.

A request is its tools, its system prompt, and the blocks of its messages, in that order. Another model has a cache of
its own, and another effort one for the messages.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

CHARACTERS_PER_TOKEN = 4


class PromptCache:
    """What the requests so far have left."""

    def __init__(self, ttl: float = 300.0) -> None:
        self._ttl = ttl
        self._used: dict[str, float] = {}

    def pass_time(self, seconds: float) -> None:
        """As if so much later."""
        self._used = {key: used - seconds for key, used in self._used.items()}

    def take(self, request: Mapping[str, Any]) -> tuple[int, int]:
        """Tokens of a request that are read, and those that are written; it leaves all of itself."""
        now, key, whole, read = time.monotonic(), str(request.get("model")), 0, 0
        for part in _parts(request):
            text = json.dumps(part, sort_keys=True)
            key = hashlib.sha256((key + text).encode()).hexdigest()
            whole += len(text) // CHARACTERS_PER_TOKEN
            if now - self._used.get(key, -self._ttl) < self._ttl:
                read = whole
            self._used[key] = now
        return read, whole - read


def _parts(request: Mapping[str, Any]) -> Iterator[Any]:
    for tool in request.get("tools", ()):
        yield _bare(tool)
    system = request.get("system", "")
    yield from [system] if isinstance(system, str) else map(_bare, system)
    yield [request.get("output_config"), request.get("thinking")]
    for message in request.get("messages", ()):
        content = message["content"]
        for block in [{"text": content}] if isinstance(content, str) else content:
            yield [message["role"], block.get("type", "text"), _bare(block)]


def _bare(part: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key not in {"cache_control", "type"}}
