"""Who works, who waits, where the time goes."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as d
from panels import (
    COUNT,
    DOLLARS,
    PAGE,
    SECONDS,
    SHARE,
    TRACED,
    Column,
    JaegerSearch,
    Link,
    Query,
    bars,
    board,
    columns,
    figure,
    lines,
    traces,
)
from queries import (
    OVERVIEW,
    PROJECT,
    TO_COST,
    TO_FLEET,
    TO_TOOLS,
    TO_TURNS,
    TO_WAITING,
    WHO,
    increase,
    or_zero,
    rate,
    share,
    tags_text,
    traced,
    whose,
)


def make() -> d.Dashboard:
    """Who works, who waits, where the time goes."""
    now = [
        figure(
            "At work",
            "How many sessions are working now?",
            f'sum(hookspan_session_active{{{WHO}, hookspan_state="working"}})',
            COUNT,
            empty="no agent",
            links=[PAGE, TO_TURNS],
        ),
        figure(
            "Waiting for you",
            "How many sessions can't go on without you?",
            f'sum(hookspan_session_active{{{WHO}, hookspan_state=~"waiting.*"}})',
            COUNT,
            empty="no agent",
            limits=[(1, "orange")],
            links=[PAGE, TO_WAITING],
        ),
        figure(
            "Longest wait",
            "How long has the longest-waiting session waited?",
            f"max(hookspan_wait_oldest_seconds{{{WHO}}})",
            SECONDS,
            empty="no agent",
            limits=[(60, "orange"), (600, "red")],
            links=[TO_WAITING, Link.runbook("HumanAwaited")],
        ),
        figure(
            "Turns",
            "How many turns have ended?",
            or_zero(increase("hookspan_turn_finished_total", PROJECT)),
            COUNT,
            decimals=0,
            links=[TO_TURNS],
        ),
        figure(
            "Cost",
            "What would it have cost at list price? (It is not a bill.)",
            or_zero(increase("hookspan_cost_USD_total", PROJECT)),
            DOLLARS,
            links=[TO_COST],
        ),
        figure(
            "Tool errors",
            "What share of the tool calls failed?",
            share(
                or_zero(increase("hookspan_tool_calls_total", PROJECT, 'hookspan_outcome="error"')),
                increase("hookspan_tool_calls_total", PROJECT),
            ),
            SHARE,
            empty="no calls",
            limits=[(0.1, "orange"), (0.3, "red")],
            links=[TO_TOOLS, Link.runbook("ToolErrorsUnusual")],
        ),
    ]
    who = [
        lines(
            "Who works, who waits?",
            "What are the sessions doing, over time?",
            [Query(f"sum by (hookspan_state) (hookspan_session_active{{{WHO}}})", "{{hookspan_state}}")],
            COUNT,
            stacked=True,
            empty="No agent has reported in this time range",
            links=[PAGE, TO_WAITING],
        ),
        lines(
            "Where does the time go?",
            "How many sessions at a time are with the model, run a tool, wait for you, or are idle between turns?",
            [Query(rate("hookspan_time_seconds_total", PROJECT, by="hookspan_time_kind"), "{{hookspan_time_kind}}")],
            COUNT,
            stacked=True,
            empty="No turn has ended in this time range",
            links=[TO_TURNS],
        ),
    ]
    where = [
        bars(
            "Time by kind",
            "Where did the time of the whole range go?",
            Query(increase("hookspan_time_seconds_total", PROJECT, by="hookspan_time_kind"), "{{hookspan_time_kind}}"),
            SECONDS,
            links=[TO_TURNS],
        ),
        bars(
            "Time by project",
            "Which projects did agents work on?",
            Query(
                "topk(10, "
                + increase("hookspan_time_seconds_total", PROJECT, 'hookspan_time_kind!="user"', by="hookspan_project")
                + ")",
                "{{hookspan_project}}",
            ),
            SECONDS,
            links=[TO_TURNS],
        ),
        bars(
            "Cost by project",
            "Which projects cost most?",
            Query(
                f"topk(10, {increase('hookspan_cost_USD_total', PROJECT, by='hookspan_project')})",
                "{{hookspan_project}}",
            ),
            DOLLARS,
            links=[TO_COST],
        ),
    ]
    what = [
        columns(
            "Alerts",
            "Which alerts fire?",
            {"alertname": "Alert", "severity": "Severity"},
            [Column("Series", 'count by (alertname, severity) (ALERTS{alertstate="firing"})')],
            empty="No alert fires",
            data_links={"Alert": Link("Runbook", "http://127.0.0.1:9090/user/${__data.fields.Alert}.md")},
            links=[TO_FLEET],
            size=(8, 9),
        ),
        traces(
            "Newest turns",
            "What has been done last? A trace id opens the whole turn.",
            JaegerSearch(f"invoke_agent {TRACED}", "$traces", limit=20),
            links=[TO_TURNS],
            size=(16, 9),
        ),
    ]
    return board(
        OVERVIEW,
        "Overview",
        "Who works, who waits, where the time goes.",
        [*whose(), traced(), tags_text()],
        [("Now", now), ("Time", who), ("By project", where), ("Needs attention", what)],
    )
