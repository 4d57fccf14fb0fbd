"""Agents, their versions and their checks."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as d
from panels import BYTES, COUNT, PAGE, SECONDS, SHARE, Column, Link, Query, board, columns, figure, lines, states
from queries import FLEET, HOST, HOST_BOARD, TO_HOST, TO_OVERVIEW, TO_PIPELINE, host_choice, hourly, rate

KNOWN = 'hookspan_client_version!="unknown"'
"""A session of which no hook and no transcript has told the version yet counts as none."""


def make() -> d.Dashboard:
    """Agents, versions, checks."""
    machine = {
        "Machine": Link("This machine", f"/d/{HOST_BOARD}?${{__url_time_range}}&var-host=${{__data.fields.Machine}}")
    }
    return board(
        FLEET,
        "Fleet",
        "Which agents run, in which versions, and are they healthy?",
        [host_choice("hookspan_agent_ingest_lag_seconds")],
        [
            (
                "Now",
                [
                    figure(
                        "Agents",
                        "How many agents report?",
                        f"count(hookspan_agent_ingest_lag_seconds{{{HOST}}})",
                        COUNT,
                        empty="0",
                        links=[Link.runbook("AgentSilent")],
                    ),
                    figure(
                        "Checks that fail",
                        "How many health checks warn or are critical?",
                        f"sum(hookspan_health_status_ratio{{{HOST}}} >= bool 2)",
                        COUNT,
                        empty="no agent",
                        limits=[(1, "orange")],
                        links=[Link.runbook("AgentCheckCritical")],
                    ),
                    figure(
                        "Versions of the client",
                        "How many versions of the client are in use?",
                        f"count(count by (hookspan_client_version) (hookspan_client_info_ratio{{{HOST}, {KNOWN}}}))",
                        COUNT,
                        empty="no session",
                        links=[PAGE],
                    ),
                    figure(
                        "Sessions at work",
                        "How many sessions are not idle?",
                        f'sum(hookspan_session_active{{{HOST}, hookspan_state!="idle"}})',
                        COUNT,
                        empty="no agent",
                        links=[TO_OVERVIEW],
                    ),
                    figure(
                        "Since the last export",
                        "How long ago did the agent that is furthest behind export spans?",
                        f"max(time() - (hookspan_agent_export_last_success_seconds{{{HOST}}} > 0))",
                        SECONDS,
                        empty="never",
                        links=[Link.runbook("ExportBehind")],
                    ),
                    figure(
                        "Open pages",
                        "How many browsers have the page open?",
                        f"sum(hookspan_agent_sse_clients{{{HOST}}})",
                        COUNT,
                        empty="no agent",
                        links=[PAGE],
                    ),
                ],
            ),
            (
                "Agents",
                [
                    columns(
                        "Which agents, in which versions?",
                        "Which versions of client, agent and relay run where?",
                        {
                            "host_name": "Machine",
                            "os_type": "System",
                            "hookspan_client_version": "Client",
                            "hookspan_agent_version": "hookspan",
                            "hookspan_relay": "Relay",
                        },
                        [
                            Column(
                                "Agents",
                                "count by (host_name, os_type, hookspan_client_version, hookspan_agent_version,"
                                f" hookspan_relay) (hookspan_client_info_ratio{{{HOST}}})",
                            )
                        ],
                        empty="No agent reports an open session",
                        data_links=machine,
                        links=[TO_HOST],
                    ),
                    columns(
                        "Which agents had active sessions and are silent now?",
                        "Which agents had sessions at work within two hours?",
                        {"host_name": "Machine", "service_instance_id": "Instance"},
                        [Column("Sessions", f"hookspan:sessions_at_work:last2h{{{HOST}}}")],
                        empty="No agent has reported a session at work",
                        data_links=machine,
                        links=[Link.runbook("AgentSilent")],
                    ),
                    states(
                        "Are the agents healthy?",
                        "Which health check of which agent fails, and since when?",
                        Query(
                            f"max by (host_name, hookspan_health_check) (hookspan_health_status_ratio{{{HOST}}})",
                            "{{host_name}}: {{hookspan_health_check}}",
                        ),
                        empty="No agent has reported in this time range",
                        links=[Link.runbook("AgentCheckCritical")],
                    ),
                ],
            ),
            (
                "Resources of agents",
                [
                    lines(
                        "Memory",
                        "How much memory does an agent use?",
                        [Query(f"hookspan_agent_memory_usage_bytes{{{HOST}}}", "{{host_name}}")],
                        BYTES,
                        empty="No agent has reported in this time range",
                        links=[TO_HOST],
                        size=(8, 8),
                    ),
                    lines(
                        "CPU",
                        "What share of a core does an agent use?",
                        [Query(rate("hookspan_agent_cpu_time_seconds_total", HOST, by="host_name"), "{{host_name}}")],
                        SHARE,
                        empty="No agent has reported in this time range",
                        links=[TO_HOST],
                        size=(8, 8),
                    ),
                    lines(
                        "Disk",
                        "How large are journal and store?",
                        [
                            Query(f"hookspan_agent_journal_size_bytes{{{HOST}}}", "journal, {{host_name}}"),
                            Query(f"hookspan_agent_store_size_bytes{{{HOST}}}", "store, {{host_name}}"),
                        ],
                        BYTES,
                        empty="No agent has reported in this time range",
                        links=[Link.runbook("DiskFilling")],
                        size=(8, 8),
                    ),
                    lines(
                        "Which errors did the agents' loops catch?",
                        "On which machine did something fail, and how often an hour? The agent's log says what.",
                        [
                            Query(
                                hourly("hookspan_agent_failures_total", HOST, by="host_name"),
                                "{{host_name}}",
                            )
                        ],
                        COUNT,
                        empty="No agent has reported in this time range",
                        links=[Link.runbook("AgentCheckCritical")],
                    ),
                    lines(
                        "Metric series",
                        "How many series does each agent keep? The limit is 2,000; anything beyond goes to one series.",
                        [Query(f"hookspan_agent_series{{{HOST}}}", "{{host_name}}")],
                        COUNT,
                        limit=2000,
                        empty="No agent has reported in this time range",
                        links=[TO_PIPELINE],
                    ),
                ],
            ),
        ],
    )
