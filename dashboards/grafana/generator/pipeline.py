"""What hooks cost, and whether everything arrives."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as d
from panels import (
    COUNT,
    SECONDS,
    SHARE,
    Column,
    Link,
    Query,
    bars,
    board,
    columns,
    distribution,
    figure,
    lines,
)
from queries import (
    HOST,
    PIPELINE,
    RANGE,
    TO_FLEET,
    TO_HOST,
    TO_OVERVIEW,
    TO_TURNS,
    buckets,
    host_choice,
    hourly,
    increase,
    or_zero,
    quantile,
    rate,
)

from hookspan.catalogue.scopes import SERVICE_NAME
from hookspan.hooktime import PROMISE

TAKING = 'job=~"otel-collector|.*hookspan-gateway"'  # what agents send to


def make() -> d.Dashboard:
    """What hooks cost, and whether everything arrives."""
    ours, native = "hookspan_hook_duration_seconds", "claude_code_hook_duration_seconds"
    time, each = "claude_code_hook_time_seconds_total", "hook_name, hook_event, num_hooks"
    in_jaeger = Link.jaeger(
        "hookspan's spans of it in Jaeger", operation="hook ${__data.fields.Event}", service=SERVICE_NAME
    )
    kinds = "spans|metric_points|log_records"
    return board(
        PIPELINE,
        "Hooks and pipeline",
        "What hooks cost, hookspan's and others, and whether everything arrives.",
        [host_choice("hookspan_hook_events_total")],
        [
            (
                "Now",
                [
                    figure(
                        "hookspan's hook, slowest 1 %",
                        "How long do hookspan's own hooks take? hookspan promises 5 ms.",
                        quantile(0.99, ours, HOST, over=RANGE),
                        SECONDS,
                        empty="no events",
                        limits=[(PROMISE, "red")],
                        links=[Link.runbook("HookSlow")],
                    ),
                    figure(
                        "All hooks, in total",
                        "How long did Claude Code wait for all hooks, not only hookspan's? (from its native telemetry)",
                        increase(time),
                        SECONDS,
                        empty="not sent here",
                        links=[TO_TURNS],
                    ),
                    figure(
                        "Events",
                        "How many events were recorded?",
                        or_zero(increase("hookspan_hook_events_total", HOST)),
                        COUNT,
                        decimals=0,
                        links=[TO_OVERVIEW],
                    ),
                    figure(
                        "Dropped",
                        "How many events were lost or set aside?",
                        or_zero(increase("hookspan_dropped_total", HOST)),
                        COUNT,
                        decimals=0,
                        limits=[(1, "red")],
                        links=[Link.runbook("EventsDropped")],
                    ),
                    figure(
                        "Behind",
                        "How far is the slowest agent behind its journal?",
                        f"max(hookspan_agent_ingest_lag_seconds{{{HOST}}})",
                        SECONDS,
                        empty="no agent",
                        limits=[(5, "orange"), (60, "red")],
                        links=[Link.runbook("JournalLag")],
                    ),
                    figure(
                        "Oldest span to export",
                        "How long has the oldest span waited to be exported?",
                        f"max(hookspan_agent_export_age_seconds{{{HOST}}})",
                        SECONDS,
                        empty="no agent",
                        limits=[(60, "orange"), (300, "red")],
                        links=[Link.runbook("ExportBehind")],
                    ),
                ],
            ),
            (
                "What every hook costs",
                [
                    lines(
                        "Ours",
                        "How long does the relay take until the event is safe? A point leads to the span of one.",
                        [
                            Query(f"hookspan:hook_duration_seconds:p99_5m{{{HOST}}}", "slowest 1 % on {{host_name}}"),
                            Query(quantile(0.5, ours, HOST), "half are faster than", exemplars=True),
                        ],
                        SECONDS,
                        limit=PROMISE,
                        links=[Link.runbook("HookSlow")],
                    ),
                    lines(
                        "All of them, as Claude Code measured",
                        "How long does Claude Code wait for all hooks of an event? (from its native telemetry)",
                        [Query(quantile(0.95, native, by="hook_event, hook_name"), "{{hook_name}}, slowest 5 %")],
                        SECONDS,
                        empty="Claude Code's own telemetry is not sent here: hookspan install --native-telemetry",
                        links=[TO_TURNS],
                    ),
                    columns(
                        "By event",
                        "How often does each event come, and how long does Claude Code wait for its hooks?",
                        {"hook_event": "Event"},
                        [
                            Column("Events", increase("hookspan_hook_events_total", HOST, by="hook_event")),
                            Column("All hooks, time", increase(time, by="hook_event"), SECONDS),
                            Column(
                                "In transcripts, time",
                                increase("hookspan_client_hook_time_seconds_total", HOST, by="hook_event"),
                                SECONDS,
                            ),
                        ],
                        data_links={"Event": in_jaeger},
                        links=[TO_TURNS],
                        size=(24, 9),
                    ),
                    columns(
                        "What does each hook cost?",
                        "How long does Claude Code wait, by event and matcher? It measures all hooks of an event "
                        "together, the start of their processes included; if one ran, it is hookspan's.",
                        {"hook_name": "Hook", "hook_event": "Event", "num_hooks": "Hooks run"},
                        [
                            Column("Time", increase(time, by=each), SECONDS),
                            Column("Runs", increase("claude_code_hook_runs_total", by=each)),
                            Column("Median", quantile(0.5, native, by=each, over=RANGE), SECONDS),
                            Column("Slowest 5 %", quantile(0.95, native, by=each, over=RANGE), SECONDS),
                        ],
                        empty="Claude Code's own telemetry is not sent here: hookspan install --native-telemetry",
                        data_links={"Event": in_jaeger},
                        links=[TO_TURNS],
                        size=(24, 9),
                    ),
                    distribution(
                        "How long do hookspan's hooks take?",
                        "How are the times of hookspan's hooks distributed?",
                        buckets(ours, HOST),
                        SECONDS,
                        links=[Link.runbook("HookSlow")],
                        size=(24, 8),
                    ),
                ],
            ),
            (
                "Agent",
                [
                    lines(
                        "From event to store",
                        "How long until an event is committed, and how long does a commit take?",
                        [
                            Query(
                                f"max by (host_name) (hookspan_agent_ingest_delay_seconds{{{HOST}}})",
                                "event, {{host_name}}",
                            ),
                            Query(
                                f"max by (host_name) (hookspan_agent_commit_duration_seconds{{{HOST}}})",
                                "commit, {{host_name}}",
                            ),
                            Query(
                                f"max by (host_name) (hookspan_agent_ingest_lag_seconds{{{HOST}}})",
                                "behind, {{host_name}}",
                            ),
                        ],
                        SECONDS,
                        empty="No agent has reported in this time range",
                        links=[Link.runbook("JournalLag")],
                        size=(8, 8),
                    ),
                    lines(
                        "To be exported",
                        "How many spans wait for the Collector?",
                        [Query(f"sum by (host_name) (hookspan_agent_export_queue{{{HOST}}})", "{{host_name}}")],
                        COUNT,
                        empty="No agent has reported in this time range",
                        links=[Link.runbook("ExportBehind")],
                        size=(8, 8),
                    ),
                    lines(
                        "Records a second",
                        "How much does the agent read?",
                        [
                            Query(rate("hookspan_agent_ingest_records_total", HOST, by="host_name"), "{{host_name}}"),
                        ],
                        COUNT,
                        empty="No agent has reported in this time range",
                        links=[TO_FLEET],
                        size=(8, 8),
                    ),
                    lines(
                        "What became of spans and log records",
                        "How many of them an hour were exported, sampled out, refused or given up?",
                        [
                            Query(
                                hourly("hookspan_agent_export_spans_total", HOST, by="hookspan_export_outcome"),
                                "{{hookspan_export_outcome}}",
                            ),
                            Query(
                                hourly("hookspan_agent_export_logs_total", HOST, by="hookspan_export_outcome"),
                                "log records: {{hookspan_export_outcome}}",
                            ),
                        ],
                        COUNT,
                        empty="No agent has exported in this time range",
                        links=[Link.runbook("ExportBehind")],
                        size=(24, 8),
                    ),
                ],
            ),
            (
                "Losses",
                [
                    bars(
                        "Dropped, by reason",
                        "Where were events lost or set aside, and why?",
                        Query(
                            increase(
                                "hookspan_dropped_total", HOST, by="hookspan_dropped_where, hookspan_dropped_reason"
                            ),
                            "{{hookspan_dropped_where}}: {{hookspan_dropped_reason}}",
                        ),
                        COUNT,
                        empty="Nothing was dropped in this time range",
                        links=[Link.runbook("EventsDropped")],
                    ),
                    lines(
                        "Refused by the Collector",
                        "Does the Collector accept everything that is sent to it? (items an hour)",
                        [
                            Query(hourly(f"otelcol_receiver_refused_{kind}", by="receiver"), kind)
                            for kind in kinds.split("|")
                        ],
                        COUNT,
                        empty="The Collector is not scraped",
                        links=[Link.runbook("CollectorRefusing")],
                        size=(16, 8),
                    ),
                ],
            ),
            (
                "Collector, Jaeger, Prometheus",
                [
                    lines(
                        "How full is the Collector?",
                        "Does a backend refuse its data, or is a limit near beyond which it drops series?",
                        [
                            Query("hookspan:collector_queue:ratio", "{{exporter}}"),
                            Query("hookspan:collector_limit:ratio", "limit of {{limit}}, {{instance}}"),
                        ],
                        SHARE,
                        limit=0.5,
                        empty="The Collector is not scraped",
                        links=[Link.runbook("CollectorQueueFilling"), Link.runbook("CollectorLimitNear")],
                        size=(8, 8),
                    ),
                    lines(
                        "What arrives?",
                        "How many spans and metric points a second does the Collector take, or all gateways?",
                        [
                            Query(rate("otelcol_receiver_accepted_spans", TAKING), "spans"),
                            Query(rate("otelcol_receiver_accepted_metric_points", TAKING), "points"),
                        ],
                        COUNT,
                        empty="The Collector is not scraped",
                        links=[TO_HOST],
                        size=(8, 8),
                    ),
                    columns(
                        "Who answers?",
                        "Which programs of the stack answer Prometheus? (1: yes)",
                        {"job": "Program"},
                        [Column("Answers", "min by (job) (up)")],
                        empty="Prometheus scrapes nothing",
                        links=[
                            Link.runbook("CollectorDown"),
                            Link.runbook("JaegerDown"),
                            Link.runbook("LogStoreDown"),
                            Link.runbook("GatewayDown"),
                        ],
                        size=(8, 8),
                    ),
                ],
            ),
        ],
    )
