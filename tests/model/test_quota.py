"""Quota: what status lines tell becomes windows, a forecast and shares of sessions; repeats change nothing."""

from __future__ import annotations

import json

import pytest

from hookspan.clients.decode import decode
from hookspan.model import quota
from hookspan.model.fold import fold
from hookspan.model.quota import HOUR, Quota
from hookspan.model.rows import Rows
from hookspan.model.state import State
from hookspan.observe.transcript_file import priced
from hookspan.wire import encode
from hookspan.wire.facts import ModelCall, StatusLine

MINUTE = HOUR // 60
SECOND = MINUTE // 60
BEGIN = 1_795_680_000 * SECOND
RESET = BEGIN + 5 * HOUR
CLOUDS = "BEDROCK", "VERTEX", "FOUNDRY"


def told(at: int, used: float | None, *, session: str = "a", resets: int = RESET, **fields: object) -> StatusLine:
    limits = {} if used is None else {"five_hour": {"used_percentage": used, "resets_at": resets // SECOND}}
    event = {"session_id": session, "cwd": "/home/u/shop", "rate_limits": limits, **fields}
    line = {"v": 1, "agent": "claude-code", "at": at, "kind": "status_line", "env": {}, "event": event}
    fact = decode(json.dumps(line).encode(), b"key")
    assert isinstance(fact, StatusLine)
    assert decode(encode(fact), b"key") == fact
    return fact


def started(*sessions: str) -> State:
    state = State()
    for number, session in enumerate(sessions, 1):
        event = {"hook_event_name": "SessionStart", "session_id": session, "source": "startup", "cwd": "/home/u/shop"}
        line = {"v": 1, "agent": "claude-code", "at": BEGIN, "host": "host", "env": {}, "event": event}
        fold(state, number, decode(json.dumps(line).encode(), b"key"))
    return state


def call(session: str, end: int, usd: float) -> ModelCall:
    key = f"{session}{end}"
    nano = round(usd * 1e9)
    return ModelCall(at=end, key=key, session=session, start=end - 1, end=end, message_id=key, cost_nano=nano)


def window(state: State) -> Quota:
    return state.world.quotas["five_hour"]


def test_what_says_nothing_new_touches_no_row() -> None:
    state = started("a")
    first = fold(state, 2, told(BEGIN + MINUTE, 10, context_window={"context_window_size": 1_000_000}))
    assert (first.touched, first.world) == ({"a"}, True)
    again = fold(state, 3, told(BEGIN + MINUTE + SECOND // 3, 10, cost={"total_duration_ms": 1}))
    assert again == Rows()
    assert state.sessions["a"].last == BEGIN, "a status line is no sign of life"


def test_an_idle_session_that_says_what_it_heard_last_changes_nothing() -> None:
    state = started("a", "b")
    fold(state, 3, told(BEGIN + MINUTE, 42))
    assert not fold(state, 4, told(BEGIN + 2 * MINUTE, 17, session="b")).world
    assert not fold(state, 5, told(BEGIN + 2 * MINUTE, 99, session="b", resets=RESET - 5 * HOUR)).world
    assert not fold(state, 6, told(BEGIN + 2 * MINUTE, 99, session="b", resets=BEGIN)).world
    assert window(state).used == 42


def test_a_window_that_begins_anew() -> None:
    state = started("a")
    fold(state, 2, told(BEGIN + MINUTE, 90))
    fold(state, 3, call("a", BEGIN + MINUTE, 3))
    later = RESET + MINUTE
    fold(state, 4, call("a", later, 2))
    assert quota.forecast("five_hour", window(state), later) is None
    fold(state, 5, told(later, 4, resets=later + 5 * HOUR - MINUTE))
    assert (window(state).used, window(state).spent) == (4, {"a": 2_000_000_000})


def test_calls_between_two_windows_that_were_told_of_are_of_neither() -> None:
    """Those of a client without a status line, and in a window of its own."""
    state = started("a")
    fold(state, 2, told(BEGIN + MINUTE, 90))
    later = RESET + 48 * HOUR
    for number, at in enumerate((RESET + HOUR, RESET + 24 * HOUR, later - HOUR, later - HOUR + MINUTE), 3):
        fold(state, number, call("a", at, number))
    fold(state, 7, told(later, 4, resets=later + 2 * HOUR))
    assert window(state).spent == {"a": (5 + 6) * 10**9}


def test_shares_are_of_the_calls_within_the_window() -> None:
    state = started("a", "b")
    fold(state, 3, told(BEGIN + MINUTE, 10))
    fold(state, 4, call("a", BEGIN - MINUTE, 5))
    fold(state, 5, call("a", BEGIN + MINUTE, 1))
    fold(state, 6, call("b", BEGIN + MINUTE, 3))
    assert window(state).spent == {"a": 1_000_000_000, "b": 3_000_000_000}
    quota.forget(state.world.quotas, ["b"])
    assert window(state).spent == {"a": 1_000_000_000}


@pytest.mark.parametrize(
    ("client", "env"),
    [("codex", {}), *(("claude-code", {f"CLAUDE_CODE_USE_{cloud}": "1"}) for cloud in CLOUDS)],
)
def test_who_is_served_by_others_has_no_share(client: str, env: dict[str, str]) -> None:
    state = started("a")
    fold(state, 2, told(BEGIN + MINUTE, 10))
    event = {"hook_event_name": "SessionStart", "session_id": "b", "source": "startup", "cwd": "/home/u/shop"}
    line = {"v": 1, "agent": client, "at": BEGIN, "host": "host", "env": env, "event": event}
    fold(state, 3, decode(json.dumps(line).encode(), b"key"))
    for number, session in enumerate("ab", 4):
        fold(state, number, *priced([call(session, BEGIN + MINUTE, 1)], state.sessions[session].served_by))
    assert window(state).spent == {"a": 1_000_000_000}


def test_the_forecast_is_at_the_pace_since_the_window_began_then_of_the_last_hour() -> None:
    state = started("a")
    fold(state, 2, told(BEGIN + 30 * MINUTE, 20))
    early = quota.forecast("five_hour", window(state), BEGIN + 30 * MINUTE)
    assert early
    assert (early.full_at, early.too_soon) == (BEGIN + 150 * MINUTE, True)
    fold(state, 3, told(BEGIN + 3 * HOUR, 30))
    late = quota.forecast("five_hour", window(state), BEGIN + 3 * HOUR)
    assert late
    assert (late.full_at, late.too_soon) == (BEGIN + 10 * HOUR, False)
    idle = quota.forecast("five_hour", window(state), BEGIN + 4 * HOUR + MINUTE)
    assert idle
    assert (idle.full_at, idle.too_soon) == (0, False)
    fold(state, 4, told(BEGIN + 4 * HOUR, 100))
    full = quota.forecast("five_hour", window(state), RESET - MINUTE)
    assert full
    assert full.full_at == BEGIN + 4 * HOUR


def test_what_has_just_begun_has_no_pace() -> None:
    """Also where the clock of the machine is behind, so that it has not begun at all."""
    for at in (BEGIN - HOUR, BEGIN, BEGIN + SECOND, BEGIN + 14 * MINUTE):
        state = started("a")
        fold(state, 2, told(at, 3))
        assert (forecast := quota.forecast("five_hour", window(state), at)) is not None
        assert (forecast.used, forecast.full_at, forecast.too_soon) == (3, 0, False)


def test_a_status_line_of_another_form_is_read_as_far_as_it_goes() -> None:
    fact = told(BEGIN, None, rate_limits={"five_hour": {"used_percentage": "42", "resets_at": None}, "seven_day": 7})
    assert fact.limits == []
    fact = told(
        BEGIN, None, prompt_cache={"misses": -1, "hit_ratio": "all", "miss_causes": [1]}, cost=7, pr={"number": 42}
    )
    assert (fact.cost_nano, fact.pull_request) == (-1, 42)
    assert fact.cache
    assert (fact.cache.misses, fact.cache.hit_ratio) == (0, -1)


def test_the_cache_of_a_session() -> None:
    state = started("a")
    cache = {"misses": 1, "expires_at": BEGIN // SECOND + 300, "last_miss_cause": {"causes": ["model_changed"]}}
    fold(state, 2, told(BEGIN + MINUTE, None, prompt_cache=cache, session_name="fix the cart"))
    session = state.sessions["a"]
    assert (session.cache_misses, session.cache_cause, session.title) == (1, "model_changed", "fix the cart")
    assert session.cache_expires == BEGIN + 300 * SECOND
