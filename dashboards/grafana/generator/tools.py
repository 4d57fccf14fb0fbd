"""Which tools fail, which are slow, which take the time."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as d
from panels import (
    COUNT,
    SECONDS,
    SHARE,
    Column,
    JaegerSearch,
    Link,
    Query,
    bars,
    board,
    columns,
    distribution,
    figure,
    lines,
    traces,
)
from queries import (
    PROJECT,
    RANGE,
    TO_HOST,
    TO_OVERVIEW,
    TO_TURNS,
    TO_WAITING,
    TOOL,
    TOOLS,
    buckets,
    hourly,
    increase,
    or_zero,
    quantile,
    share,
    spent,
    tags_text,
    tool_choice,
    traced,
    whose,
)

RAN = 'hookspan_tool_never_ran=""'


def make() -> d.Dashboard:
    """Which tools fail, which are slow."""
    calls, duration = "hookspan_tool_calls_total", "hookspan_tool_duration_seconds"
    by_tool = "gen_ai_tool_name"
    return board(
        TOOLS,
        "Tools",
        "Which tools fail, which are slow, which take the time. Waiting for permission is not in their time.",
        [tool_choice(), *whose(), traced(), tags_text()],
        [
            (
                "In this time range",
                [
                    figure(
                        "Calls",
                        "How many tools were called?",
                        or_zero(increase(calls, TOOL, PROJECT)),
                        COUNT,
                        decimals=0,
                        links=[TO_OVERVIEW],
                    ),
                    figure(
                        "Failed",
                        "What share of the calls failed?",
                        share(
                            or_zero(increase(calls, TOOL, PROJECT, 'hookspan_outcome="error"')),
                            increase(calls, TOOL, PROJECT),
                        ),
                        SHARE,
                        empty="no calls",
                        limits=[(0.1, "orange"), (0.3, "red")],
                        links=[Link.runbook("ToolErrorsUnusual")],
                    ),
                    figure(
                        "Denied",
                        "What share of the calls was not allowed to run?",
                        share(
                            or_zero(increase(calls, TOOL, PROJECT, 'hookspan_outcome="denied"')),
                            increase(calls, TOOL, PROJECT),
                        ),
                        SHARE,
                        empty="no calls",
                        links=[TO_WAITING],
                    ),
                    figure(
                        "Slowest 5 %",
                        "How long do slow calls take?",
                        quantile(0.95, duration, TOOL, PROJECT, over=RANGE),
                        SECONDS,
                        empty="no calls",
                        links=[TO_TURNS],
                    ),
                    figure(
                        "Time in tools",
                        "How long did tools run in total?",
                        or_zero(spent(duration, calls, TOOL, PROJECT, also=RAN)),
                        SECONDS,
                        links=[TO_TURNS],
                    ),
                    figure(
                        "Lines changed",
                        "How many lines did edits add and remove?",
                        or_zero(increase("hookspan_lines_total", PROJECT)),
                        COUNT,
                        decimals=0,
                        links=[TO_OVERVIEW],
                    ),
                ],
            ),
            (
                "By tool",
                [
                    columns(
                        "Which tool?",
                        "How often, how slow, and how much time in total, by tool?",
                        {by_tool: "Tool"},
                        [
                            Column("Time", spent(duration, calls, TOOL, PROJECT, also=RAN, by=by_tool), SECONDS),
                            Column("Calls", increase(calls, TOOL, PROJECT, RAN, by=by_tool)),
                            Column("Median", quantile(0.5, duration, TOOL, PROJECT, by=by_tool, over=RANGE), SECONDS),
                            Column(
                                "Slowest 5 %", quantile(0.95, duration, TOOL, PROJECT, by=by_tool, over=RANGE), SECONDS
                            ),
                        ],
                        data_links={
                            "Tool": Link(
                                "Only this tool",
                                f"/d/{TOOLS}?${{__url_time_range}}&var-tool=${{__data.fields.Tool}}",
                            ),
                            "Calls": Link.jaeger("Its calls in Jaeger", operation="execute_tool ${__data.fields.Tool}"),
                        },
                        links=[TO_TURNS],
                        size=(24, 9),
                    ),
                    lines(
                        "Which tools fail more than usual?",
                        "How many calls failed in the last half hour, and in the last 7 days?",
                        [
                            Query(f"hookspan:tool_error_ratio:30m{{{TOOL}}}", "{{gen_ai_tool_name}}"),
                            Query(f"hookspan:tool_error_ratio:7d{{{TOOL}}}", "{{gen_ai_tool_name}}, 7 days"),
                        ],
                        SHARE,
                        links=[Link.runbook("ToolErrorsUnusual")],
                    ),
                    lines(
                        "Do tools get slower?",
                        "How long do the slowest 5 % of each tool take? A point leads to the span of one.",
                        [
                            Query(
                                quantile(0.95, duration, TOOL, PROJECT, by=by_tool),
                                "{{gen_ai_tool_name}}",
                                exemplars=True,
                            )
                        ],
                        SECONDS,
                        links=[TO_HOST],
                    ),
                    lines(
                        "How do calls end?",
                        "How many calls an hour succeed, fail, are denied or interrupted?",
                        [
                            Query(
                                hourly(calls, TOOL, PROJECT, by="hookspan_outcome"),
                                "{{hookspan_outcome}}",
                            )
                        ],
                        COUNT,
                        stacked=True,
                        links=[TO_WAITING],
                    ),
                    distribution(
                        "How long do calls take?",
                        "How are the durations of calls distributed?",
                        buckets(duration, TOOL, PROJECT),
                        SECONDS,
                        links=[TO_TURNS],
                    ),
                ],
            ),
            (
                "Errors and servers",
                [
                    bars(
                        "Errors by type",
                        "Did the command fail, or the tool?",
                        Query(
                            increase(calls, TOOL, PROJECT, RAN, 'error_type!=""', by="error_type"),
                            "{{error_type}}",
                        ),
                        COUNT,
                        empty="No call has failed in this time range",
                        links=[Link.runbook("ToolErrorsUnusual")],
                    ),
                    bars(
                        "MCP servers (slowest 5 %)",
                        "Which MCP servers are slow?",
                        Query(
                            quantile(
                                0.95,
                                duration,
                                TOOL,
                                PROJECT,
                                'hookspan_mcp_server!=""',
                                by="hookspan_mcp_server",
                                over=RANGE,
                            ),
                            "{{hookspan_mcp_server}}",
                        ),
                        SECONDS,
                        empty="No MCP server was called in this time range",
                        links=[TO_TURNS],
                    ),
                    bars(
                        "Agents that got nowhere",
                        "What did the watchdog notice, and where?",
                        Query(
                            increase("hookspan_alarms_total", PROJECT, by="hookspan_project, hookspan_alarm_kind"),
                            "{{hookspan_project}} {{hookspan_alarm_kind}}",
                        ),
                        COUNT,
                        empty="Nothing was noticed in this time range",
                        links=[Link.runbook("AgentLoops")],
                    ),
                    bars(
                        "Lines by project",
                        "Where was code changed?",
                        Query(
                            increase("hookspan_lines_total", PROJECT, by="hookspan_project, hookspan_lines_type"),
                            "{{hookspan_project}} {{hookspan_lines_type}}",
                        ),
                        COUNT,
                        empty="No line was changed in this time range",
                        links=[TO_OVERVIEW],
                    ),
                    bars(
                        "Collisions",
                        "Who wrote what another wrote at the same time?",
                        Query(
                            increase("hookspan_collisions_total", PROJECT, by="hookspan_project, hookspan_collision"),
                            "{{hookspan_project}} {{hookspan_collision}}",
                        ),
                        COUNT,
                        empty="No two wrote the same in this time range",
                        links=[TO_TURNS],
                        size=(16, 8),
                    ),
                ],
            ),
            (
                "Traces",
                [
                    traces(
                        "Failed calls",
                        "Which calls failed?",
                        JaegerSearch(tags="gen_ai.operation.name=execute_tool hookspan.outcome=error $traces"),
                        empty="No call has failed in this time range",
                        links=[Link.runbook("ToolErrorsUnusual")],
                        size=(24, 9),
                    ),
                ],
            ),
        ],
    )
