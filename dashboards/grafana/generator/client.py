"""What Claude Code's own telemetry says of cost, work and time."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as d
from panels import COUNT, DOLLARS, SECONDS, SHARE, Column, Link, Query, bars, board, choice, columns, figure, lines
from queries import CLIENT, TO_COST, TO_OVERVIEW, TO_TOOLS, TO_TURNS, hourly, increase, or_zero, share

from hookspan.catalogue.scopes import SERVICE_NAME

EMPTY = "Claude Code's own telemetry is not sent here: hookspan install --native-telemetry"
MODEL = 'model=~"$model"'
OURS = f'service_name="{SERVICE_NAME}", gen_ai_response_model=~"$model"'


def make() -> d.Dashboard:
    """The client's own figures."""
    cost, tokens = "claude_code_cost_usage_USD_total", "claude_code_token_usage_tokens_total"
    lines_changed, decisions = "claude_code_lines_of_code_count_total", "claude_code_code_edit_tool_decision_total"
    active = "claude_code_active_time_seconds_total"
    return board(
        CLIENT,
        "Claude Code's own figures",
        "Cost, tokens, lines, commits and active time as Claude Code itself counts them. (from its native telemetry)",
        [choice("model", "Model", cost, "model")],
        [
            (
                "In this time range",
                [
                    figure(
                        "Cost",
                        "What does Claude Code say that it cost?",
                        increase(cost, MODEL),
                        DOLLARS,
                        empty="not sent here",
                        links=[TO_COST],
                    ),
                    figure(
                        "Told by hookspan, too",
                        "What share of that cost has hookspan from transcripts and the status line?",
                        share(increase("hookspan_cost_USD_total", OURS), increase(cost, MODEL)),
                        SHARE,
                        empty="not sent here",
                        links=[TO_COST],
                    ),
                    figure(
                        "Lines changed",
                        "How many lines of code were added and removed?",
                        increase(lines_changed),
                        COUNT,
                        empty="not sent here",
                        decimals=0,
                        links=[TO_TOOLS],
                    ),
                    figure(
                        "Commits",
                        "How many commits were made?",
                        or_zero(increase("claude_code_commit_count_total")),
                        COUNT,
                        decimals=0,
                        links=[TO_OVERVIEW],
                    ),
                    figure(
                        "Pull requests",
                        "How many pull requests were opened?",
                        or_zero(increase("claude_code_pull_request_count_total")),
                        COUNT,
                        decimals=0,
                        links=[TO_OVERVIEW],
                    ),
                    figure(
                        "Edits accepted",
                        "What share of the proposed edits was accepted?",
                        share(or_zero(increase(decisions, 'decision="accept"')), increase(decisions)),
                        SHARE,
                        empty="no edits",
                        links=[TO_TOOLS],
                    ),
                ],
            ),
            (
                "Over time",
                [
                    lines(
                        "What does an hour cost?",
                        "What does an hour cost, by model, as Claude Code counts it?",
                        [Query(hourly(cost, MODEL, by="model"), "{{model}}")],
                        DOLLARS,
                        stacked=True,
                        empty=EMPTY,
                        links=[TO_COST],
                    ),
                    lines(
                        "Who is active?",
                        "How many seconds of an hour do you type, and does Claude Code work?",
                        [Query(hourly(active, by="type"), "{{type}}")],
                        SECONDS,
                        stacked=True,
                        empty=EMPTY,
                        links=[TO_TURNS],
                    ),
                ],
            ),
            (
                "What for",
                [
                    bars(
                        "Tokens by type",
                        "Input, output, read from the cache or written to it?",
                        Query(increase(tokens, MODEL, by="type"), "{{type}}"),
                        COUNT,
                        empty=EMPTY,
                        links=[TO_COST],
                    ),
                    bars(
                        "Lines by type",
                        "How many lines were added, how many removed?",
                        Query(increase(lines_changed, by="type"), "{{type}}"),
                        COUNT,
                        empty=EMPTY,
                        links=[TO_TOOLS],
                    ),
                    bars(
                        "Active time by type",
                        "How long did you type, and how long did Claude Code work?",
                        Query(increase(active, by="type"), "{{type}}"),
                        SECONDS,
                        empty=EMPTY,
                        links=[TO_TURNS],
                    ),
                    columns(
                        "By model and what asked",
                        "Which model costs how much, for you, a subagent, or Claude Code itself?",
                        {"model": "Model", "query_source": "Asked by"},
                        [
                            Column("Cost", increase(cost, MODEL, by="model, query_source"), DOLLARS),
                            Column("Tokens", increase(tokens, MODEL, by="model, query_source")),
                        ],
                        empty=EMPTY,
                        links=[TO_COST, Link.runbook("CollectorLimitNear")],
                        size=(24, 8),
                    ),
                ],
            ),
        ],
    )
