"""What was decided, by whom, and whether the records of it are whole."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as d
from logs import MACHINE, PLACE, counted, entries, event, events, number, ranks, rows, trend
from panels import PAGE, Link, board
from queries import AUDIT, TO_PIPELINE, TO_SECURITY, TO_WAITING, whose

DECISION = "hookspan.tool.decision"
SEALED = f'"hookspan.audit.chain":* {MACHINE}'


def make() -> d.Dashboard:
    """Decisions, failures, sessions, evidence."""
    decided = event(DECISION)
    gaps, starts = (event(f"hookspan.audit.{name}", of=MACHINE) for name in ("gap", "start"))
    broken = f'({gaps}) or ({starts} "hookspan.audit.reason":in(key, lost))'
    return board(
        AUDIT,
        "Audit",
        "What was decided, by whom, and whether the records of it are whole. From log records (export.logs).",
        whose(),
        [
            (
                "In this time range",
                [
                    number(
                        "Sessions", "How many runs of sessions began?", counted(event("session.start")), links=[PAGE]
                    ),
                    number(
                        "Prompts", "How many prompts were submitted?", counted(event("hookspan.prompt")), links=[PAGE]
                    ),
                    number("Decisions", "On how many tool calls was decided?", counted(decided), links=[TO_WAITING]),
                    number(
                        "Denied",
                        "How many calls were denied or given up?",
                        counted(event(DECISION, '!"hookspan.verdict":="allowed"')),
                        links=[TO_SECURITY],
                    ),
                    number(
                        "Failed",
                        "How many calls failed?",
                        counted(event("hookspan.tool.failed")),
                        links=[TO_SECURITY],
                    ),
                    number(
                        "Breaks of chains",
                        "How often do chains say that records are missing, or that another key signs?",
                        counted(broken),
                        links=[Link.runbook("AuditChainBroken")],
                        limit=1,
                    ),
                ],
            ),
            (
                "Decisions",
                [
                    trend(
                        "What was decided?",
                        "How many calls were allowed, denied or given up, over time?",
                        counted(decided, {"hookspan.verdict": "verdict"}),
                        "{{verdict}}",
                        links=[TO_SECURITY],
                    ),
                    ranks(
                        "Who decided?",
                        "How many calls did people, rules, hooks, the mode and the client itself decide on?",
                        counted(decided, {"hookspan.decided_by": "by"}),
                        "{{by}}",
                        links=[TO_WAITING],
                        size=(12, 8),
                    ),
                    rows(
                        "From which source?",
                        "Where did decisions come from, in the client's own word?",
                        counted(
                            f'{decided} "hookspan.decision.source":*',
                            {
                                "hookspan.decision.source": "source",
                                "hookspan.decided_by": "by",
                                "hookspan.verdict": "verdict",
                            },
                        ),
                        {"source": "Source", "by": "Decided by", "verdict": "Verdict"},
                        links=[TO_WAITING],
                    ),
                    rows(
                        "Which tools failed?",
                        "What failed, and with which error?",
                        counted(event("hookspan.tool.failed"), {"hookspan.tool.name": "tool", "error.type": "error"}),
                        {"tool": "Tool", "error": "Error"},
                        links=[TO_SECURITY],
                    ),
                ],
            ),
            (
                "Records",
                [
                    entries(
                        "Decisions, one by one",
                        "Which calls were decided on, by whom? Open a record for its trace.",
                        decided,
                        "<hookspan.verdict> by <hookspan.decided_by>: <hookspan.tool.name> <hookspan.command.program>"
                        f" {PLACE}",
                        links=[TO_WAITING],
                    ),
                    entries(
                        "What a session consists of",
                        "When did sessions begin and end, and what was asked of them?",
                        events("session.start", "session.end", "hookspan.prompt"),
                        f"<event_name> <hookspan.prompt.kind> <hookspan.end_reason> {PLACE}",
                        links=[PAGE],
                    ),
                ],
            ),
            (
                "Evidence",
                [
                    rows(
                        "Which chains are there?",
                        "How many sealed records of each chain are there? `audit verify` proves more.",
                        counted(
                            SEALED,
                            {"hookspan.audit.chain": "chain", "host.name": "host"},
                            unique="hookspan.audit.sequence",
                        ),
                        {"chain": "Chain", "host": "Machine"},
                        empty="No record is sealed (export.audit)",
                        links=[Link.runbook("AuditChainBroken")],
                    ),
                    rows(
                        "Which policy is in force where?",
                        "Which administrator's settings did machines name, by their SHA-256?",
                        counted(
                            event("hookspan.policy", of=MACHINE), {"hookspan.policy.hash": "hash", "host.name": "host"}
                        ),
                        {"hash": "Policy", "host": "Machine"},
                        links=[TO_SECURITY],
                    ),
                    entries(
                        "What chains tell of themselves",
                        "Why did chains begin, and which records are missing?",
                        f'event_name:in("hookspan.audit.start", "hookspan.audit.gap") {MACHINE}',
                        "<event_name>: <hookspan.audit.reason> on <host.name>",
                        empty="Nothing: no chain began, and nothing is missing",
                        links=[Link.runbook("AuditChainBroken"), TO_PIPELINE],
                    ),
                ],
            ),
        ],
    )
