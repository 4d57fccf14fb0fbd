"""What waits for people, and what they decide."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as d
from panels import (
    COUNT,
    PAGE,
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
    TO_OVERVIEW,
    TO_TOOLS,
    TO_TURNS,
    TOOL,
    WAITING,
    WHO,
    both,
    buckets,
    hourly,
    increase,
    or_zero,
    quantile,
    share,
    tags_text,
    tool_choice,
    traced,
    whose,
)


def make() -> d.Dashboard:
    """What waits for people, and what they decide."""
    wait, decisions = "hookspan_permission_wait_seconds", "hookspan_permission_decisions_total"
    by_tool = "gen_ai_tool_name"
    return board(
        WAITING,
        "Waiting and permissions",
        "What waits for you, how long, and what you decide.",
        [tool_choice(), *whose(), traced(), tags_text()],
        [
            (
                "Now and in this time range",
                [
                    figure(
                        "Waiting for you",
                        "How many sessions can't go on without you?",
                        f'sum(hookspan_session_active{{{WHO}, hookspan_state=~"waiting.*"}})',
                        COUNT,
                        empty="no agent",
                        limits=[(1, "orange")],
                        links=[PAGE],
                    ),
                    figure(
                        "Longest wait",
                        "How long has the longest-waiting session waited?",
                        f"max(hookspan_wait_oldest_seconds{{{WHO}}})",
                        SECONDS,
                        empty="no agent",
                        limits=[(60, "orange"), (600, "red")],
                        links=[PAGE, Link.runbook("HumanAwaited")],
                    ),
                    figure(
                        "Asked",
                        "How often were you asked?",
                        or_zero(increase(decisions, TOOL, PROJECT)),
                        COUNT,
                        decimals=0,
                        links=[TO_TOOLS],
                    ),
                    figure(
                        "Approved",
                        "What share did you approve? What is always approved can be allowed.",
                        share(
                            or_zero(increase(decisions, TOOL, PROJECT, 'hookspan_decision="approved"')),
                            increase(decisions, TOOL, PROJECT),
                        ),
                        SHARE,
                        empty="never asked",
                        links=[Link("Rules to copy", "http://127.0.0.1:8420/friction")],
                    ),
                    figure(
                        "Median wait",
                        "How long does a question wait for an answer, whatever the tool?",
                        quantile(0.5, wait, PROJECT, over=RANGE),
                        SECONDS,
                        empty="never asked",
                        links=[TO_TURNS],
                    ),
                    figure(
                        "Time waited",
                        "How long did sessions wait for answers in total?",
                        or_zero(increase("hookspan_time_seconds_total", PROJECT, 'hookspan_time_kind="wait"')),
                        SECONDS,
                        links=[TO_OVERVIEW],
                    ),
                ],
            ),
            (
                "Over time",
                [
                    lines(
                        "How long does the oldest question wait?",
                        "When did nobody answer for long?",
                        [Query(f"max by (host_name) (hookspan_wait_oldest_seconds{{{WHO}}})", "{{host_name}}")],
                        SECONDS,
                        limit=600,
                        empty="No agent has reported in this time range",
                        links=[Link.runbook("HumanAwaited")],
                    ),
                    lines(
                        "How long until an answer?",
                        "How long do questions wait, whatever the tool? A point leads to the span of one.",
                        both(wait, PROJECT),
                        SECONDS,
                        empty="You were not asked in this time range",
                        links=[TO_TOOLS],
                    ),
                    lines(
                        "What do you decide?",
                        "How many questions an hour are approved, refused, given up, or denied by a rule?",
                        [
                            Query(
                                hourly(decisions, TOOL, PROJECT, by="hookspan_decision"),
                                "{{hookspan_decision}}",
                            )
                        ],
                        COUNT,
                        stacked=True,
                        empty="You were not asked in this time range",
                        links=[Link("Rules to copy", "http://127.0.0.1:8420/friction")],
                    ),
                    distribution(
                        "How long are you away?",
                        "How long is it from the end of a turn to your next prompt?",
                        buckets("hookspan_user_idle_seconds", PROJECT),
                        SECONDS,
                        links=[TO_TURNS],
                    ),
                ],
            ),
            (
                "By tool and mode",
                [
                    columns(
                        "What asks for permission?",
                        "Which tools ask, and how do you answer?",
                        {by_tool: "Tool", "hookspan_decision": "Decision"},
                        [
                            Column("Asked", increase(decisions, TOOL, PROJECT, by=f"{by_tool}, hookspan_decision")),
                        ],
                        empty="You were not asked in this time range",
                        data_links={
                            "Tool": Link.jaeger("Its questions in Jaeger", operation="permission ${__data.fields.Tool}")
                        },
                        links=[Link("Rules to copy", "http://127.0.0.1:8420/friction")],
                        size=(8, 9),
                    ),
                    bars(
                        "Turns by permission mode",
                        "How much runs without asking?",
                        Query(
                            increase("hookspan_turn_finished_total", PROJECT, by="hookspan_permission_mode"),
                            "{{hookspan_permission_mode}}",
                        ),
                        COUNT,
                        links=[Link.runbook("PermissionsBypassed")],
                        size=(8, 9),
                    ),
                    bars(
                        "Notifications",
                        "What did agents notify you of?",
                        Query(
                            increase("hookspan_notifications_total", PROJECT, by="hookspan_notification_type"),
                            "{{hookspan_notification_type}}",
                        ),
                        COUNT,
                        empty="No notification in this time range",
                        links=[PAGE],
                        size=(8, 9),
                    ),
                ],
            ),
            (
                "Traces",
                [
                    traces(
                        "What you approved",
                        "Which questions were approved? A trace id opens the turn.",
                        JaegerSearch(tags="hookspan.decision=approved $traces"),
                        empty="Nothing was approved in this time range",
                        links=[Link("Rules to copy", "http://127.0.0.1:8420/friction")],
                    ),
                    traces(
                        "Refused",
                        "What did you refuse?",
                        JaegerSearch(tags="hookspan.decision=refused $traces"),
                        empty="Nothing was refused in this time range",
                        links=[TO_TOOLS],
                    ),
                ],
            ),
        ],
    )
