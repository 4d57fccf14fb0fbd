"""How turns end, how long they take, what they are made of."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.models import dashboard as d
from panels import (
    COUNT,
    PAGE,
    SECONDS,
    SHARE,
    TRACED,
    JaegerSearch,
    Link,
    Query,
    bars,
    board,
    distribution,
    figure,
    lines,
    traces,
)
from queries import (
    PROJECT,
    RANGE,
    TO_OVERVIEW,
    TO_TOOLS,
    TO_WAITING,
    TURNS,
    both,
    buckets,
    hourly,
    increase,
    or_zero,
    quantile,
    share,
    slower_text,
    tags_text,
    traced,
    whose,
)

from hookspan.catalogue.clients import CLIENTS

_CLIENTS: Final = "|".join(CLIENTS)
TURN: Final = f'gen_ai_agent_name=~"{_CLIENTS}"'
SUBAGENT: Final = f'gen_ai_agent_name!~"{_CLIENTS}"'


def make() -> d.Dashboard:
    """How turns end and how long they take."""
    finished, duration = "hookspan_turn_finished_total", "gen_ai_invoke_agent_duration_seconds"
    return board(
        TURNS,
        "Turns",
        "How turns end, how long they take, and what they are made of.",
        [*whose(), traced(), slower_text("2s"), tags_text()],
        [
            (
                "In this time range",
                [
                    figure(
                        "Turns",
                        "How many turns have ended?",
                        or_zero(increase(finished, PROJECT)),
                        COUNT,
                        decimals=0,
                        links=[TO_OVERVIEW],
                    ),
                    figure(
                        "Median turn",
                        "How long does a turn take?",
                        quantile(0.5, duration, PROJECT, TURN, over=RANGE),
                        SECONDS,
                        empty="no turns",
                        links=[TO_TOOLS],
                    ),
                    figure(
                        "Slowest 5 %",
                        "How long do the long ones take?",
                        quantile(0.95, duration, PROJECT, TURN, over=RANGE),
                        SECONDS,
                        empty="no turns",
                        links=[TO_TOOLS],
                    ),
                    figure(
                        "Failed",
                        "What share of the turns failed?",
                        share(
                            or_zero(increase(finished, PROJECT, 'hookspan_outcome="error"')),
                            increase(finished, PROJECT),
                        ),
                        SHARE,
                        empty="no turns",
                        limits=[(0.05, "orange"), (0.2, "red")],
                        links=[Link.runbook("RateLimited")],
                    ),
                    figure(
                        "Interrupted",
                        "What share did you stop?",
                        share(
                            or_zero(increase(finished, PROJECT, 'hookspan_outcome="interrupted"')),
                            increase(finished, PROJECT),
                        ),
                        SHARE,
                        empty="no turns",
                        links=[TO_WAITING],
                    ),
                    figure(
                        "Sessions",
                        "How many sessions were started?",
                        or_zero(increase("hookspan_session_started_total", PROJECT)),
                        COUNT,
                        decimals=0,
                        links=[PAGE],
                    ),
                ],
            ),
            (
                "Over time",
                [
                    lines(
                        "How long does a turn take?",
                        "Do turns get longer? A point leads to the trace of one.",
                        both(duration, PROJECT, TURN),
                        SECONDS,
                        links=[TO_TOOLS],
                    ),
                    lines(
                        "How do turns end?",
                        "How many an hour end by themselves, with an error, or because you stopped them?",
                        [Query(hourly(finished, PROJECT, by="hookspan_outcome"), "{{hookspan_outcome}}")],
                        COUNT,
                        stacked=True,
                        links=[TO_OVERVIEW],
                    ),
                    distribution(
                        "Are there two kinds of turns?",
                        "How are the durations of turns distributed?",
                        buckets(duration, PROJECT, TURN),
                        SECONDS,
                        links=[TO_TOOLS],
                    ),
                    lines(
                        "Why do turns fail?",
                        "How many an hour, because of rate limits, an overloaded API, or requests that are wrong?",
                        [
                            Query(
                                hourly(finished, PROJECT, 'hookspan_outcome="error"', by="error_type"),
                                "{{error_type}}",
                            )
                        ],
                        COUNT,
                        stacked=True,
                        empty="No turn has failed in this time range",
                        links=[Link.runbook("RateLimited")],
                    ),
                ],
            ),
            (
                "What they are made of",
                [
                    bars(
                        "Time by kind",
                        "Model, tools, waiting for you, or something else?",
                        Query(
                            increase("hookspan_time_seconds_total", PROJECT, by="hookspan_time_kind"),
                            "{{hookspan_time_kind}}",
                        ),
                        SECONDS,
                        links=[TO_OVERVIEW],
                    ),
                    bars(
                        "Subagents (slowest 5 %)",
                        "Which subagents take long?",
                        Query(
                            quantile(0.95, duration, PROJECT, SUBAGENT, by="gen_ai_agent_name", over=RANGE),
                            "{{gen_ai_agent_name}}",
                        ),
                        SECONDS,
                        empty="No subagent ran in this time range",
                        links=[TO_TOOLS],
                    ),
                    bars(
                        "How sessions begin",
                        "New, resumed, forked or cleared?",
                        Query(
                            increase("hookspan_session_started_total", PROJECT, by="hookspan_source"),
                            "{{hookspan_source}}",
                        ),
                        COUNT,
                        links=[PAGE],
                    ),
                ],
            ),
            (
                "Traces",
                [
                    traces(
                        "Slow turns",
                        "Which turns took longer than the variable says? A trace id opens one.",
                        JaegerSearch(f"invoke_agent {TRACED}", "$traces", slower="$slower"),
                        links=[TO_TOOLS],
                    ),
                    traces(
                        "Failed turns",
                        "Which turns failed?",
                        JaegerSearch(tags="hookspan.end_reason=stop_failure $traces"),
                        empty="No turn has failed in this time range",
                        links=[Link.runbook("RateLimited")],
                    ),
                    traces(
                        "Ended sessions",
                        "Which sessions have ended? A session's own page has all of its turns.",
                        JaegerSearch("session", "$traces"),
                        links=[PAGE],
                        size=(24, 9),
                    ),
                ],
            ),
        ],
    )
