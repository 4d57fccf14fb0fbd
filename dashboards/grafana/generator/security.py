"""What a security team looks at: bypass mode, denials, MCP servers, settings, and when nothing could be heard."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as d
from logs import MACHINE, PLACE, counted, entries, event, events, number, rows, trend
from panels import PAGE, Link, board
from queries import SECURITY, TO_AUDIT, TO_FLEET, TO_PIPELINE, TO_WAITING, whose

DECISION = "hookspan.tool.decision"
WHERE = {"hookspan.project": "project", "host.name": "host"}
PLACES = {"project": "Project", "host": "Machine"}


def make() -> d.Dashboard:
    """Bypass, denials, servers, settings, silence."""
    bypassed = event(DECISION, '"hookspan.decided_by":="bypass"')
    denied = event(DECISION, '"hookspan.verdict":="denied"')
    connected = event("hookspan.mcp.connected")
    silent = events("hookspan.hooks.off", "hookspan.hooks.on", of=MACHINE)
    unheard = events("hookspan.gap", "hookspan.events.lost", of=MACHINE)
    settings = events("hookspan.config.changed", "hookspan.permission_mode.changed")
    return board(
        SECURITY,
        "Security",
        "Bypass mode, denials, MCP servers, changed settings, and when nothing could be heard. From log records"
        " (export.logs).",
        whose(),
        [
            (
                "In this time range",
                [
                    number(
                        "Bypassed calls",
                        "How many calls did nobody decide on?",
                        counted(bypassed),
                        links=[Link.runbook("PermissionsBypassed")],
                        limit=1,
                    ),
                    number(
                        "Denied calls",
                        "How many calls were denied?",
                        counted(denied),
                        links=[Link.runbook("CallsDenied")],
                    ),
                    number(
                        "MCP servers",
                        "How many MCP servers were connected?",
                        counted(connected, unique="hookspan.mcp.server"),
                        links=[Link.runbook("McpServerNew")],
                    ),
                    number(
                        "Changed settings",
                        "How often did settings or the permission mode change within a session?",
                        counted(settings),
                        links=[TO_AUDIT],
                    ),
                    number(
                        "Hooks switched off",
                        "How often did a machine's hooks fall silent?",
                        counted(event("hookspan.hooks.off", of=MACHINE)),
                        links=[Link.runbook("HooksOff")],
                        limit=1,
                    ),
                    number(
                        "Times unheard",
                        "How often could something not be heard, for a reason that is none of order?",
                        counted(f'{unheard} severity_text:="WARN"'),
                        links=[Link.runbook("AgentGap")],
                        limit=1,
                    ),
                ],
            ),
            (
                "Bypass mode",
                [
                    trend(
                        "Which calls did nobody decide on?",
                        "When did calls run because permissions were bypassed, and of which project?",
                        counted(bypassed, {"hookspan.project": "project"}),
                        "{{project}}",
                        links=[Link.runbook("PermissionsBypassed")],
                    ),
                    rows(
                        "Where are permissions bypassed?",
                        "Which projects on which machines, and what ran there?",
                        counted(bypassed, {**WHERE, "hookspan.tool.name": "tool"}),
                        {**PLACES, "tool": "Tool"},
                        value="Calls",
                        links=[Link.runbook("PermissionsBypassed")],
                        size=(12, 8),
                    ),
                ],
            ),
            (
                "Denials",
                [
                    rows(
                        "Who denies, and from which source?",
                        "Do people, rules or other hooks deny, and where did that come from?",
                        counted(
                            denied,
                            {
                                "hookspan.decided_by": "by",
                                "hookspan.decision.source": "source",
                                "hookspan.decision.reason": "reason",
                            },
                        ),
                        {"by": "Denied by", "source": "Source", "reason": "Reason"},
                        value="Calls",
                        links=[Link.runbook("CallsDenied"), TO_WAITING],
                    ),
                    rows(
                        "What is denied, and where?",
                        "Which tools and programs do agents try without being allowed?",
                        counted(denied, {**WHERE, "hookspan.tool.name": "tool", "hookspan.command.program": "program"}),
                        {"tool": "Tool", "program": "Program", **PLACES},
                        value="Calls",
                        links=[Link.runbook("CallsDenied")],
                    ),
                    entries(
                        "Denied calls, one by one",
                        "Which calls were denied? Open a record for its trace.",
                        denied,
                        "<hookspan.tool.name> <hookspan.command.program>: by <hookspan.decided_by>"
                        f" (<hookspan.decision.source>) {PLACE}",
                        links=[Link.runbook("CallsDenied")],
                    ),
                ],
            ),
            (
                "What agents can reach",
                [
                    rows(
                        "Which MCP servers, and where?",
                        "In how many sessions was which server there?",
                        counted(connected, {**WHERE, "hookspan.mcp.server": "server"}, unique="session.id"),
                        {"server": "Server", **PLACES},
                        value="Sessions",
                        links=[Link.runbook("McpServerNew")],
                    ),
                    rows(
                        "Which servers could not be used?",
                        "Which MCP servers failed, and why?",
                        counted(
                            event("hookspan.mcp.unavailable"),
                            {"hookspan.mcp.server": "server", "hookspan.mcp.trouble": "trouble"},
                        ),
                        {"server": "Server", "trouble": "Why"},
                        links=[Link.runbook("McpServerNew")],
                    ),
                    entries(
                        "Plugins and skills",
                        "Which plugins and skills were loaded?",
                        events("hookspan.plugin.loaded", "hookspan.skill.loaded"),
                        f"<event_name>: <hookspan.plugin.name> <hookspan.skill.name> {PLACE}",
                        links=[PAGE],
                    ),
                ],
            ),
            (
                "Settings",
                [
                    entries(
                        "What was changed?",
                        "Which settings files and permission modes changed while a session ran?",
                        settings,
                        "<event_name> <hookspan.config.source>"
                        f" <hookspan.permission_mode.before> <hookspan.permission_mode> {PLACE}",
                        links=[TO_AUDIT],
                    ),
                ],
            ),
            (
                "Silence",
                [
                    entries(
                        "Hooks off and on",
                        "Where and when did hooks fall silent, and why?",
                        silent,
                        "<event_name> on <host.name> <hookspan.hooks.troubles>",
                        empty="Hooks ran all the time",
                        links=[Link.runbook("HooksOff"), TO_FLEET],
                        size=(12, 9),
                    ),
                    entries(
                        "What could not be heard",
                        "From when to when was no agent there, and which events were lost?",
                        unheard,
                        "<event_name> <hookspan.gap.kind> <hookspan.gap.duration> <hookspan.dropped.where>"
                        " <hookspan.dropped.reason> <hookspan.dropped.count> on <host.name>",
                        empty="Everything was heard",
                        links=[Link.runbook("AgentGap"), Link.runbook("EventsDropped"), TO_PIPELINE],
                        size=(12, 9),
                    ),
                ],
            ),
        ],
    )
