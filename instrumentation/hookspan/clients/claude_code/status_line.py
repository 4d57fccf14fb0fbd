"""What Claude Code tells its status line, as a fact: an allow list of fields, read tolerantly.

Its fields: Claude Code 2.1.332, and https://code.claude.com/docs/en/statusline. `rate_limits` is there for accounts
with a quota (not with an API key), `prompt_cache` after the first answer.
"""

from __future__ import annotations

from typing import Any, Final

from hookspan.catalogue.enums import QuotaWindow
from hookspan.wire.facts import PromptCache, RateLimit, StatusLine
from hookspan.wire.fields import as_array, as_name, as_number, as_object, as_path, as_word
from hookspan.wire.scrub import label

SECOND: Final = 1_000_000_000
_CAUSES: Final = 32
"""More than the client has words for why its cache missed."""
_MOST: Final = 1 << 53
"""A greater number is no count."""
_MOST_SECONDS: Final = 9e9
"""A greater one is neither a time that fits (Unix nanoseconds in 63 bits) nor an amount of USD."""


def status_line(fields: dict[str, Any], at: int, *, labels: bool) -> StatusLine:
    """The fact that a status line's input makes; `at` in Unix nanoseconds."""
    get = fields.get
    session, name = as_name(get("session_id")), get("session_name")
    window, pull_request = as_object(get("context_window")), as_object(get("pr"))
    return StatusLine(
        at=at,
        key=f"status_line/{at}",
        session=session,
        folder=as_path(as_object(get("workspace")).get("project_dir")) or as_path(get("cwd")),
        limits=_limits(as_object(get("rate_limits"))),
        context_window=_count(window.get("context_window_size")),
        context_tokens=_count(window.get("total_input_tokens")),
        cache=_cache(as_object(get("prompt_cache"))),
        cost_nano=_scaled(as_object(get("cost")).get("total_cost_usd"), -1),
        effort=as_word(as_object(get("effort")).get("level")),
        label=label(name) if labels and type(name) is str else "",
        pull_request=_count(pull_request.get("number")),
        review=as_word(pull_request.get("review_state")),
    )


def _limits(given: dict[str, Any]) -> list[RateLimit]:
    limits = []
    for window in QuotaWindow:
        limit = as_object(given.get(window.value))
        used, resets_at = as_number(limit.get("used_percentage")), _scaled(limit.get("resets_at"))
        if used >= 0 and resets_at:
            limits.append(RateLimit(window.value, min(used, 100.0), resets_at))
    return limits


def _cache(given: dict[str, Any]) -> PromptCache | None:
    if not given:
        return None
    get = given.get
    causes = list(as_object(get("miss_causes")).items())[:_CAUSES]
    return PromptCache(
        warm=get("warm") is True,
        ttl=as_word(get("ttl")),
        expires_at=_scaled(get("expires_at")),
        requests=_count(get("requests")),
        misses=_count(get("misses")),
        expected_rebuilds=_count(get("expected_rebuilds")),
        hit_ratio=min(as_number(get("hit_ratio")), 1.0),
        written_tokens=_count(get("cache_write_tokens")),
        missed_tokens=_count(get("miss_recache_tokens")),
        cold_tokens=_count(get("recache_tokens_if_cold")),
        last_miss_at=_scaled(get("last_miss_at")),
        last_causes=[as_word(cause) for cause in as_array(as_object(get("last_miss_cause")).get("causes"))[:_CAUSES]],
        causes={as_word(cause): _count(times) for cause, times in causes},
    )


def _count(value: object) -> int:
    number = as_number(value)
    return int(number) if 0 < number < _MOST else 0


def _scaled(value: object, without: int = 0) -> int:
    """Nanoseconds of seconds, nano-USD of USD; `without` where there is no such number."""
    number = as_number(value)
    return round(number * SECOND) if 0 <= number < _MOST_SECONDS else without
