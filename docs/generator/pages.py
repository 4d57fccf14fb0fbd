"""The pages of docs/reference, from the catalogue and the code's own tables."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final

import licences
from introspect import SERVICES, meanings, resource_keys, services_of_gauge
from registry import CONVENTIONS, GENAI_COMMIT

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.attributes import ATTRIBUTES
from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.catalogue.clients import CLIENTS, service_of
from hookspan.catalogue.enums import Link, SessionPhase
from hookspan.catalogue.events import Client, HookEvent
from hookspan.catalogue.logs import COMMON as LOG_COMMON
from hookspan.catalogue.logs import LOG_EVENTS, SEALS
from hookspan.catalogue.metrics import READ_OF_AGENT, READ_OF_CLIENT, REPEATED, SUMS, Instrument
from hookspan.catalogue.scopes import AGENT_SERVICE_NAME, SCHEMA_URL, SERVICE_NAME
from hookspan.catalogue.spans import CHILD, COMMON, SPANS
from hookspan.config import OPTIONS, SECTIONS, Notify, Option, Project, options_of
from hookspan.record import Record
from hookspan.wire.facts import Observed

MADE: Final = "<!-- Made by `make generate`. -->"
SCHEMA: Final = SCHEMA_URL.rsplit("/", 1)[-1]


def pages() -> dict[str, str]:
    """Each page's text by its file name."""
    made = {
        "README.md": _index(),
        "spans.md": _spans(),
        "attributes.md": _attributes(),
        "metrics.md": _metrics(),
        "events.md": _events(),
        "logs.md": _logs(),
        "settings.md": _settings(),
        "licences.md": licences.page(),
    }
    return {name: "\n".join((MADE, "", *lines)).rstrip() + "\n" for name, lines in made.items()}


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _index() -> list[str]:
    return [
        "# Reference",
        "",
        "Every name that hookspan sends, and every setting. Made from the code; a test fails when they differ.",
        "",
        "- [Spans](spans.md), their [attributes](attributes.md) and closed lists of values",
        "- [Metrics](metrics.md)",
        "- [Log records](logs.md), with `export.logs`",
        "- [Events](events.md): what comes in, and what becomes of it",
        "- [Settings](settings.md)",
        "- [Licences](licences.md) of what comes with it",
        "",
        "## Conventions and stability",
        "",
        f"Names of OpenTelemetry's conventions are those of schema {SCHEMA}, `{SCHEMA_URL}`.",
        "The GenAI conventions (`gen_ai.*`) are in development, in a repository of their own,",
        "[semantic-conventions-genai](https://github.com/open-telemetry/semantic-conventions-genai), which has released no version",
        f"yet: hookspan's names are those of its commit `{GENAI_COMMIT[:10]}`. What changes there is followed with a new version of",
        "hookspan, and the changelog says so. [Which names, and what the conventions lack](../decisions/2026-11-26-genai-names.md).",
        "",
        *_table(
            ("stability", "means"),
            (
                ("stable", "Stable in OpenTelemetry's conventions."),
                ("development", "In OpenTelemetry's conventions, where it may still change."),
                (
                    "hookspan",
                    "Ours: `hookspan.*`, and `hook.event`. It may change until hookspan 1.0, and only with a line in the changelog.",
                ),
                ("claude-code", "As Claude Code's own telemetry names it, so that the two can be joined."),
            ),
        ),
        "## As a registry",
        "",
        "The same names are a registry of semantic conventions, [docs/registry](../registry/manifest.yaml), in the format",
        "`definition/2` of OpenTelemetry's [Weaver](https://github.com/open-telemetry/weaver). It defines hookspan's attributes,",
        f"metrics and spans, and refers to OpenTelemetry's registries for the rest: to version {CONVENTIONS} of the general one, and",
        "to that commit of the GenAI conventions. With Weaver installed, the first of these commands checks the registry, and the second one",
        "receives OTLP and reports what the registry doesn't have:",
        "",
        "    weaver registry check -r docs/registry",
        "    weaver registry live-check -r docs/registry",
        "",
        "The tests hold the registry to Weaver's format and to OpenTelemetry's names, without Weaver; these two commands have not",
        'been tried yet. The attributes of `[resource]` and the labels of `[projects."name"]` are your own: define them in a',
        "registry of yours that has this one among its `dependencies`. The `schema_url` is a placeholder, where nothing is",
        "published.",
    ]


def _spans() -> list[str]:
    lines = [
        "# Spans",
        "",
        "Each turn is a trace, whose id is the prompt's id without dashes. What belongs to no turn is in the session's trace,",
        "whose id is the session's. Span ids are a hash of the fact that opened the span, so that the same records give the",
        "same ids. Status is ERROR for failures and unset for everything else, and never has a message.",
        "",
    ]
    for span in SPANS:
        lines += [
            f"## `{span.name}`",
            "",
            span.brief,
            "",
            *_table(
                ("", ""),
                (
                    ("kind", "the program's own" if span is CHILD else span.kind),
                    ("scope", f"`{span.scope}`"),
                    ("parent", span.parent),
                    ("begins", span.begins),
                    ("ends", span.ends),
                    ("emitted", span.emitted),
                    ("attributes", _code(span.attributes)),
                    *(
                        (f"event `{one.name}`", f"{one.brief} Attributes: {_code(one.attributes)}.")
                        for one in span.events
                    ),
                ),
            ),
        ]
    return [
        *lines,
        "## On every span",
        "",
        "Where they are known:",
        "",
        _code(COMMON) + ', and the labels of `[projects."name"]`.',
        "",
        "## Links",
        "",
        f"A turn has links, and so have an alarm and a tool call that collided, then with `{sc.SESSION_ID}` of the other.",
        f"Each has `{sc.LINK}`:",
        "",
        *_values(Link),
        "## The test span of `hookspan doctor`",
        "",
        "If an endpoint is set, `hookspan doctor` sends one span to see whether it arrives: `hookspan doctor`, of the service",
        f"`{AGENT_SERVICE_NAME}`, marked with `{sc.SYNTHETIC}`, in its own trace.",
        "",
        "## Resource",
        "",
        f"`service.name` is `{SERVICE_NAME}` for Claude Code, "
        + "".join(f"`{service_of(name)}` for {each.title}, " for name, each in CLIENTS.items() if service_of(name))
        + f"and `{AGENT_SERVICE_NAME}` for the agent's own metrics; a program's spans have the program's. All have",
        _code(key for key in resource_keys() if key != "service.name")
        + ", and the `[resource]` table of the settings. With `identity.user`, those of coding agents have `user.id`, "
        + "and with `name` `user.name`.",
    ]


def _logs() -> list[str]:
    lines = [
        "# Log records",
        "",
        "With `export.logs` what happened at one moment is also sent as an OTLP log record, by OpenTelemetry's conventions of",
        "events: it has an event name, a severity, attributes and no body. Trace and span id are those of the span that it",
        "belongs to. It is off by default; an administrator switches it on, and locks that, in `/etc/hookspan/config.toml`:",
        "",
        '    locked = ["export.logs"]',
        "",
        "    [export]",
        "    logs = true",
        "",
        "Records are written by the fold, in the transaction of the spans and sums of the same event, and sent in that order, at",
        "least once: what is sent twice, because the endpoint died before it answered, has the same `log.record.uid` both times,",
        "and so it has after `hookspan rebuild`. What the endpoint refuses (400, 413) is halved down to the records at fault,",
        "which are counted; of what it takes only a part of, `hookspan status` tells how many it rejected. Metric:",
        "`hookspan.agent.export.logs`.",
        "",
        "No record has content: a prompt is its size, a command the name of its program, a file its extension. Only with",
        f"`content.export` a record has the short label, `{sc.LABEL}`, that its span has. No record is sampled.",
        "",
        "Who decided on a tool call is what Claude Code's transcript says of it, in the client's own words. Where no transcript",
        "could be read, or it says nothing, the record has what hooks tell. Other coding agents say nothing of it.",
        "",
        "With `export.audit` they are sealed: [Proving what was sent](../audit.md).",
        "",
    ]
    for event in LOG_EVENTS:
        severity = f"{event.severity.name}{f'; {event.raised}' if event.raised else ''}"
        lines += [
            f"## `{event.name}`",
            "",
            event.brief,
            "",
            *_table(
                ("", ""),
                (
                    ("severity", severity),
                    ("span", event.place or "none: it is of the machine"),
                    ("written", event.emitted),
                    ("attributes", _code(event.attributes) or "none of its own"),
                ),
            ),
        ]
    return [
        *lines,
        "## On every record",
        "",
        f'`{sc.LOG_RECORD_UID}`; on those of a session {_code(LOG_COMMON)}, and the labels of `[projects."name"]`.',
        f"With `export.audit` also {_code(SEALS)}. [What each means](attributes.md).",
    ]


def _values(closed: type[StrEnum]) -> Iterator[str]:
    rows = ((f"`{member.value}`", meaning) for member, meaning in meanings(closed).items())
    yield from _table(("value", "meaning"), rows)


def _stability(metric: str) -> str:
    return "hookspan" if metric.startswith("hookspan.") else "development"


def _attributes() -> list[str]:
    rows, lists = [], []
    for key in sorted(ATTRIBUTES):
        attribute = ATTRIBUTES[key]
        closed = attribute.values
        brief = attribute.brief
        if isinstance(closed, tuple):
            brief += f" One of {_code(closed)}."
        elif closed:
            brief += f" [Values](#{closed.__name__.lower()})."
            lists += [f"### {closed.__name__}", "", f"`{key}`. {inspect.getdoc(closed)}", "", *_values(closed)]
        rows.append((f"`{key}`", attribute.type, brief, attribute.stability))
    return ["# Attributes", "", *_table(("attribute", "type", "meaning", "stability"), rows), "## Values", "", *lists]


def _metrics() -> list[str]:
    return [
        "# Metrics",
        "",
        "Sums are kept in the store and survive kill -9 without losing or doubling an increment. They are exported as",
        "cumulative sums and explicit-bucket histograms, each new series as 0 one interval before its first value. No session,",
        "prompt or path is an attribute. There are at most 2,000 series; anything beyond that is counted under",
        "`otel.metric.overflow`. Exemplars link to the span that was counted, if there is one: at each export to that of the",
        f"largest value since the export before. Series with `{sc.PROJECT}` also have the labels of",
        '`[projects."name"]`. Prometheus turns dots into `_` and adds the unit and `_total`; the one of the stack keeps a',
        "histogram as one native series (`convert_histograms_to_nhcb`), others as one for each bucket, `_sum` and `_count`.",
        f"{', '.join(f'`{one.name}`' for one in SUMS if one.name in REPEATED)} repeat others in the conventions' words and",
        "are sent with `export.genai_metrics` only.",
        "",
        f"## What coding agents did ({_code(SERVICES)})",
        "",
        *_table(
            ("metric", "type", "unit", "meaning", "counted when", "attributes", "stability"),
            (_instrument(one) for one in sorted(SUMS, key=lambda one: one.name)),
        ),
        "## Current state",
        "",
        "Read at each export.",
        "",
        *_table(
            ("metric", "type", "unit", "meaning", "attributes", "resource", "stability"),
            (
                (
                    f"`{one.name}`",
                    one.kind.value,
                    f"`{one.unit}`",
                    one.description,
                    _code(one.attributes),
                    _code(services_of_gauge(one)),
                    _stability(one.name),
                )
                for one in (*READ_OF_CLIENT, *READ_OF_AGENT)
            ),
        ),
        f"`{sc.STATE}` of `hookspan.session.active` is one of {_code(one.value for one in SessionPhase if one is not SessionPhase.ENDED)}.",
        "",
        "## Buckets",
        "",
        *_table(
            ("metric", "upper bounds"),
            ((f"`{one.name}`", ", ".join(f"{bound:.10g}" for bound in one.bounds)) for one in SUMS if one.bounds),
        ),
    ]


def _instrument(one: Instrument) -> tuple[str, ...]:
    return (
        f"`{one.name}`",
        one.kind.value,
        f"`{one.unit}`",
        one.description,
        one.moves,
        _code(one.attributes),
        _stability(one.name),
    )


def _registered(event: HookEvent) -> str:
    return "no" if event.unregistered else f"from {event.since} on" if event.since else "yes"


def _events() -> list[str]:
    facts = sorted(Observed.__subclasses__(), key=lambda one: one.__name__)
    return [
        "# Events",
        "",
        "An event becomes a `hook {event}` span, a count, and whatever it begins or ends; some also become a",
        "[log record](logs.md), where these are wanted.",
        "Events whose hooks change what Claude Code does are not registered: such a hook would replace git's work trees,",
        "delay drawing, set the list of watched files, or be able to block a switch of models.",
        "An event that a later version of Claude Code brought is registered where every Claude Code on the machine is that new:",
        "an older one opens a dialog at each start in a terminal for an event that it doesn't know. The plugin has it for all.",
        "",
        *_table(
            ("event", "registered by `install`", "besides its hook span"),
            ((f"`{event.name}`", _registered(event), event.effect) for event in CLAUDE_CODE.events),
        ),
        *(line for client in CLIENTS.values() if client is not CLAUDE_CODE for line in _events_of(client)),
        "## Facts",
        "",
        "What no hook reports, the agent finds out itself and appends to the journal, as lines of the kind `fact`.",
        "",
        *_table(
            ("type", "what it says"),
            (
                (f"`{one.__struct_config__.tag}`", (inspect.getdoc(one) or "").split("\n\n")[0].replace("\n", " "))
                for one in facts
            ),
        ),
    ]


def _events_of(client: Client) -> list[str]:
    return [
        f"## {client.title}",
        "",
        *_table(
            ("event", "besides its hook span"),
            ((f"`{event.name}`", event.effect) for event in client.events),
        ),
    ]


def _settings() -> list[str]:
    lines = [
        "# Settings",
        "",
        "`/etc/hookspan/config.toml`, then the user's file (`hookspan config path`), then `HOOKSPAN_*`: the last",
        "one wins. Variables are those of the command line and of `hookspan up`; an agent that a hook started reads the",
        "files only. What the administrator's file lists under `locked` can't be changed. `resource` and `projects` are merged",
        "from both files, key by key, and a lock may name one key: `resource.team`. `hookspan config show --origin` tells",
        "where each value comes from.",
        "",
    ]
    for section, owner in SECTIONS.items():
        lines += [f"## `[{section}]`", "", inspect.getdoc(owner) or "", ""]
        lines += _table(
            ("setting", "variable", "default", "allowed", "meaning"),
            (
                (f"`{one.key}`", f"`{one.variable}`", _default(one), one.kind.allowed, one.help)
                for one in OPTIONS.values()
                if one.section == section
            ),
        )
    for title, owner in (('[projects."name"]', Project), ("[[notify]]", Notify)):
        lines += [f"## `{title}`", "", inspect.getdoc(owner) or "", ""]
        lines += _table(
            ("setting", "default", "allowed", "meaning"),
            ((f"`{one.name}`", _default(one), one.kind.allowed, one.help) for one in options_of("", owner)),
        )
    return [
        *lines,
        "## `[resource]`",
        "",
        "Names with texts: attributes of both resources, beside those that hookspan sets.",
    ]


def _default(option: Option) -> str:
    value = option.default
    if isinstance(value, Record) or value in (None, "", {}, ()):
        return "none"
    return f"`{json.dumps(value)}`"
