"""Tokens, cache and list price."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.models import dashboard as d
from panels import (
    COUNT,
    DOLLARS,
    PAGE,
    SECONDS,
    SHARE,
    Column,
    Link,
    Query,
    board,
    choice,
    columns,
    figure,
    lines,
)
from queries import (
    COST,
    MODEL,
    PROJECT,
    TEAM,
    TO_OVERVIEW,
    TO_TURNS,
    both,
    hourly,
    increase,
    or_zero,
    quantile,
    rate,
    share,
    traced,
    whose,
)

FOR: Final = {
    "hookspan_skill_name": "Skill",
    "hookspan_mcp_server": "MCP server",
    "gen_ai_agent_name": "Subagent",
    "hookspan_workflow_name": "Workflow",
}
CAUSE: Final = "hookspan_cache_cause"
DONE: Final = 'error_type=""'
"""Model calls that came to their end."""
BY_CAUSE: Final = "{{hookspan_cache_cause}}"
WHOSE: Final = "hookspan_mcp_server, hookspan_plugin_name"


def make() -> d.Dashboard:
    """Tokens, cache, list price."""
    money, tokens = "hookspan_cost_USD_total", "hookspan_tokens_total"
    finished = "hookspan_turn_finished_total"
    cached = 'hookspan_token_type="cache_read"'
    read = 'hookspan_token_type!="output"'
    return board(
        COST,
        "Tokens and cost",
        "List prices of model calls, not a bill: subscriptions and discounts are not known here.",
        [
            *whose(),
            traced(),
            choice("model", "Model", "hookspan_tokens_total", "gen_ai_response_model"),
        ],
        [
            (
                "In this time range",
                [
                    figure(
                        "Cost",
                        "What would it have cost at list price?",
                        or_zero(increase(money, PROJECT, MODEL)),
                        DOLLARS,
                        links=[TO_OVERVIEW],
                    ),
                    figure(
                        "Cost of a turn",
                        "What does a turn cost on average?",
                        share(increase(money, PROJECT, MODEL), increase(finished, PROJECT)),
                        DOLLARS,
                        empty="no turns",
                        links=[TO_TURNS],
                    ),
                    figure(
                        "From cache",
                        "What share of the input came from the prompt cache? Below half, contexts are being rebuilt.",
                        share(
                            or_zero(increase(tokens, PROJECT, MODEL, cached)), increase(tokens, PROJECT, MODEL, read)
                        ),
                        SHARE,
                        empty="no calls",
                        links=[Link.runbook("ProjectCostHigh")],
                    ),
                    figure(
                        "Tokens",
                        "How many tokens, cached ones included?",
                        or_zero(increase(tokens, PROJECT, MODEL)),
                        COUNT,
                        links=[TO_TURNS],
                    ),
                    figure(
                        "Without a price",
                        "How many calls have no known price, and so are not in the cost?",
                        or_zero(increase("hookspan_cost_unpriced_total", PROJECT, MODEL)),
                        COUNT,
                        decimals=0,
                        limits=[(1, "orange")],
                        links=[PAGE],
                    ),
                    figure(
                        "Last 24 hours",
                        "What has it cost since this time yesterday?",
                        or_zero(f"sum(hookspan:cost_usd:increase1d{{{TEAM}}})"),
                        DOLLARS,
                        links=[TO_OVERVIEW],
                    ),
                ],
            ),
            (
                "Quota of the account",
                [
                    lines(
                        "How much of the quota is used?",
                        "How fast does each window of the account's quota fill? (`hookspan install --status-line`)",
                        [
                            Query(
                                "max by (hookspan_quota_window) (hookspan_quota_used_ratio)",
                                "{{hookspan_quota_window}}",
                            )
                        ],
                        SHARE,
                        limit=1,
                        empty="No status line has told of a quota in this time range",
                        links=[PAGE, Link.runbook("QuotaFull")],
                    ),
                    lines(
                        "How long until it is full, and until it begins anew?",
                        "Where the pace's line is below the other, the quota is full before it begins anew.",
                        [
                            Query(
                                "max by (hookspan_quota_window) (hookspan_quota_full_time_seconds) - time()",
                                "{{hookspan_quota_window}}, full at this pace",
                            ),
                            Query(
                                "max by (hookspan_quota_window) (hookspan_quota_reset_time_seconds) - time()",
                                "{{hookspan_quota_window}}, begins anew",
                            ),
                        ],
                        SECONDS,
                        empty="No status line has told of a quota in this time range",
                        links=[PAGE, Link.runbook("QuotaFull")],
                    ),
                ],
            ),
            (
                "Cost",
                [
                    lines(
                        "Is a project over its budget?",
                        "What did each project cost in the hour before? The budget is in collector/rules/budget.yml.",
                        [
                            Query(
                                f"sum by (hookspan_project) (hookspan:cost_usd:increase1h{{{TEAM}}})",
                                "{{hookspan_project}}",
                            ),
                            Query("hookspan:cost_budget:usd_per_hour", "budget {{hookspan_project}}"),
                        ],
                        DOLLARS,
                        links=[Link.runbook("ProjectCostHigh")],
                    ),
                    lines(
                        "Is a team over its budget?",
                        "What did each team (`[resource]` or a project's labels say it) cost in the 24 hours before?",
                        [
                            Query('hookspan:team_cost_usd:increase1d{team=~"$team"}', "{{team}}"),
                            Query("hookspan:cost_budget:usd_per_day", "budget {{team}}"),
                        ],
                        DOLLARS,
                        empty="No team has been at work in this time range",
                        links=[Link.runbook("TeamCostDay")],
                    ),
                    lines(
                        "And in a month?",
                        "What did each team cost in the 30 days before?",
                        [
                            Query('hookspan:team_cost_usd:increase30d{team=~"$team"}', "{{team}}"),
                            Query("hookspan:cost_budget:usd_per_month", "budget {{team}}"),
                        ],
                        DOLLARS,
                        empty="No team has been at work in this time range",
                        links=[Link.runbook("TeamCostMonth")],
                    ),
                    lines(
                        "Which model costs?",
                        "What does an hour cost, by model?",
                        [
                            Query(
                                hourly(money, PROJECT, MODEL, by="gen_ai_response_model"),
                                "{{gen_ai_response_model}}",
                            )
                        ],
                        DOLLARS,
                        stacked=True,
                        links=[TO_TURNS],
                    ),
                    columns(
                        "By project and model",
                        "Which project, with which model, costs how much?",
                        {"hookspan_project": "Project", "gen_ai_response_model": "Model"},
                        [
                            Column(
                                "Cost",
                                increase(money, PROJECT, MODEL, by="hookspan_project, gen_ai_response_model"),
                                DOLLARS,
                            ),
                            Column(
                                "Tokens", increase(tokens, PROJECT, MODEL, by="hookspan_project, gen_ai_response_model")
                            ),
                        ],
                        data_links={
                            "Project": Link(
                                "Only this project",
                                f"/d/{COST}?${{__url_time_range}}&var-project=${{__data.fields.Project}}",
                            ),
                            "Model": Link.jaeger(
                                "Its calls in Jaeger",
                                tags="%7B%22gen_ai.response.model%22%3A%22${__data.fields.Model}%22%7D",
                            ),
                        },
                        links=[TO_OVERVIEW],
                        size=(24, 8),
                    ),
                ],
            ),
            (
                "What it was for",
                [
                    columns(
                        "By skill, MCP server, subagent and workflow",
                        "What were the calls for? A skill's are those of the rest of its turn.",
                        FOR,
                        [Column("Cost", increase(money, PROJECT, MODEL, by=", ".join(FOR)), DOLLARS)],
                        links=[TO_TURNS],
                        size=(24, 8),
                    ),
                    lines(
                        "Why is the cache missed?",
                        "How many tokens an hour were written to the prompt cache again, and why?",
                        [
                            Query(
                                hourly("hookspan_cache_recached_total", PROJECT, by=CAUSE),
                                BY_CAUSE,
                            )
                        ],
                        COUNT,
                        stacked=True,
                        empty="The cache was not missed in this time range",
                        links=[TO_TURNS],
                    ),
                    lines(
                        "What does missing it cost?",
                        "What did writing those tokens cost more than reading them, an hour?",
                        [
                            Query(
                                hourly("hookspan_cache_recached_cost_USD_total", PROJECT, by=CAUSE),
                                BY_CAUSE,
                            )
                        ],
                        DOLLARS,
                        stacked=True,
                        empty="The cache was not missed in this time range",
                        links=[TO_TURNS],
                    ),
                    columns(
                        "What definitions take",
                        "How many tokens, by estimate, did definitions of MCP servers and plugins take, used or not?",
                        {"hookspan_mcp_server": "MCP server", "hookspan_plugin_name": "Plugin"},
                        [
                            Column(
                                "Tokens",
                                increase(
                                    "hookspan_definitions_total",
                                    PROJECT,
                                    by=WHOSE,
                                ),
                            )
                        ],
                        links=[PAGE],
                    ),
                    columns(
                        "MCP servers that are not available",
                        "Which servers failed, or want somebody to log in, in how many sessions?",
                        {"hookspan_mcp_server": "MCP server", "hookspan_mcp_trouble": "Why"},
                        [
                            Column(
                                "Sessions",
                                increase(
                                    "hookspan_mcp_unavailable_total",
                                    PROJECT,
                                    by="hookspan_mcp_server, hookspan_mcp_trouble",
                                ),
                            )
                        ],
                        links=[PAGE],
                    ),
                ],
            ),
            (
                "Tokens",
                [
                    lines(
                        "What are the tokens?",
                        "How many an hour are input, output, read from the cache or written to it?",
                        [
                            Query(
                                hourly(tokens, PROJECT, MODEL, by="hookspan_token_type"),
                                "{{hookspan_token_type}}",
                            )
                        ],
                        COUNT,
                        stacked=True,
                        links=[TO_TURNS],
                    ),
                    lines(
                        "Does the cache work?",
                        "What share of the input comes from the cache?",
                        [
                            Query(
                                share(rate(tokens, PROJECT, MODEL, cached), rate(tokens, PROJECT, MODEL, read)),
                                "from the cache",
                            )
                        ],
                        SHARE,
                        links=[Link.runbook("ProjectCostHigh")],
                    ),
                    lines(
                        "How full do contexts get?",
                        "How many tokens does a call of the main agent read?",
                        both("hookspan_context_tokens", PROJECT, MODEL, than="smaller"),
                        COUNT,
                        links=[Link.runbook("CompactionsInARow")],
                    ),
                    lines(
                        "Are contexts compacted?",
                        "How often an hour, automatically or by you, and did it succeed?",
                        [
                            Query(
                                hourly("hookspan_compactions_total", PROJECT, by="hookspan_trigger, hookspan_outcome"),
                                "{{hookspan_trigger}}, {{hookspan_outcome}}",
                            )
                        ],
                        COUNT,
                        stacked=True,
                        empty="Nothing was compacted in this time range",
                        links=[Link.runbook("CompactionsInARow")],
                    ),
                ],
            ),
            (
                "Model calls",
                [
                    lines(
                        "How fast is the model?",
                        "How long does a call take, by model? A point leads to the span of one.",
                        [
                            Query(
                                quantile(
                                    0.95,
                                    "gen_ai_client_inference_duration_seconds",
                                    PROJECT,
                                    MODEL,
                                    by="gen_ai_response_model",
                                ),
                                "{{gen_ai_response_model}}, slowest 5 %",
                                exemplars=True,
                            ),
                            Query(
                                quantile(
                                    0.5,
                                    "gen_ai_client_inference_duration_seconds",
                                    PROJECT,
                                    MODEL,
                                    by="gen_ai_response_model",
                                ),
                                "{{gen_ai_response_model}}, half",
                            ),
                        ],
                        SECONDS,
                        links=[TO_TURNS],
                    ),
                    lines(
                        "How much does a call read and write?",
                        "How many tokens does a call have, by type (median)?",
                        [
                            Query(
                                quantile(0.5, f"gen_ai_client_inference_operation_{kind}_tokens", PROJECT, MODEL, DONE),
                                kind,
                            )
                            for kind in ("input", "output")
                        ],
                        COUNT,
                        links=[TO_TURNS],
                    ),
                ],
            ),
        ],
    )
