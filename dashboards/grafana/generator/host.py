"""The Collector's machine."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as d
from panels import BYTES, COUNT, SHARE, Link, Query, board, figure, lines
from queries import HOST, HOST_BOARD, TO_FLEET, TO_OVERVIEW, TO_PIPELINE, TO_TOOLS, host_choice, rate


def make() -> d.Dashboard:
    """The machine of the Collector."""
    cpu = "system_cpu_utilization_ratio"
    return board(
        HOST_BOARD,
        "Host",
        "The machine that the Collector runs on: is it the machine that is slow?",
        [host_choice("system_cpu_load_average_1m")],
        [
            (
                "Now",
                [
                    figure(
                        "CPU",
                        "What share of the cores is busy?",
                        f'1 - avg({cpu}{{{HOST}, state="idle"}})',
                        SHARE,
                        empty="no data",
                        limits=[(0.8, "orange"), (0.95, "red")],
                        links=[TO_TOOLS],
                    ),
                    figure(
                        "Load by core",
                        "How many processes run or wait for a core, for each core?",
                        f"sum(system_cpu_load_average_1m{{{HOST}}}) / sum(system_cpu_logical_count{{{HOST}}})",
                        COUNT,
                        empty="no data",
                        limits=[(1, "orange"), (2, "red")],
                        links=[TO_TOOLS],
                    ),
                    figure(
                        "Memory",
                        "What share of the memory is used?",
                        f'max(system_memory_utilization_ratio{{{HOST}, state="used"}})',
                        SHARE,
                        empty="no data",
                        limits=[(0.8, "orange"), (0.95, "red")],
                        links=[TO_FLEET],
                    ),
                    figure(
                        "Fullest disk",
                        "How full is the fullest file system that can be written?",
                        f'max(system_filesystem_utilization_ratio{{{HOST}, mode="rw"}})',
                        SHARE,
                        empty="no data",
                        limits=[(0.8, "orange"), (0.9, "red")],
                        links=[Link.runbook("DiskFilling")],
                    ),
                    figure(
                        "Processes started",
                        "How many processes are started a second?",
                        rate("system_processes_created_total", HOST),
                        "cps",
                        empty="no data",
                        links=[TO_FLEET],
                    ),
                    figure(
                        "Sessions at work",
                        "How many sessions are not idle?",
                        'sum(hookspan_session_active{hookspan_state!="idle"})',
                        COUNT,
                        empty="no agent",
                        links=[TO_OVERVIEW],
                    ),
                ],
            ),
            (
                "Over time",
                [
                    lines(
                        "What uses the CPU?",
                        "User, system, or waiting for the disk?",
                        [Query(f'sum by (state) (avg by (cpu, state) ({cpu}{{{HOST}, state!="idle"}}))', "{{state}}")],
                        COUNT,
                        stacked=True,
                        links=[TO_TOOLS],
                    ),
                    lines(
                        "What uses the memory?",
                        "Used, cached, or free?",
                        [Query(f"sum by (state) (system_memory_usage_bytes{{{HOST}}})", "{{state}}")],
                        BYTES,
                        stacked=True,
                        links=[TO_FLEET],
                    ),
                    lines(
                        "How full are the disks?",
                        "When will a disk be full?",
                        [
                            Query(
                                f'max by (mountpoint) (system_filesystem_utilization_ratio{{{HOST}, mode="rw"}})',
                                "{{mountpoint}}",
                            )
                        ],
                        SHARE,
                        limit=0.9,
                        links=[Link.runbook("DiskFilling")],
                    ),
                    lines(
                        "How busy are the disks?",
                        "How much is read and written?",
                        [Query(rate("system_disk_io_bytes_total", HOST, by="direction"), "{{direction}}")],
                        "Bps",
                        links=[Link.runbook("HookSlow")],
                    ),
                    lines(
                        "How busy is the network?",
                        "How much is sent and received? (In a container: the Collector's own.)",
                        [Query(rate("system_network_io_bytes_total", HOST, by="direction"), "{{direction}}")],
                        "Bps",
                        links=[TO_PIPELINE],
                    ),
                    lines(
                        "Load",
                        "How many processes run or wait for a core?",
                        [
                            Query(f"sum(system_cpu_load_average_1m{{{HOST}}})", "1 minute"),
                            Query(f"sum(system_cpu_load_average_15m{{{HOST}}})", "15 minutes"),
                            Query(f"sum(system_cpu_logical_count{{{HOST}}})", "cores"),
                        ],
                        COUNT,
                        links=[TO_TOOLS],
                    ),
                ],
            ),
        ],
    )
