"""docs/registry: the catalogue as a registry of semantic conventions, which OpenTelemetry's Weaver reads.

The format is Weaver's `definition/2`: https://github.com/open-telemetry/weaver/blob/main/schemas/semconv-syntax.v2.md.
Names of OpenTelemetry's are references into its own registry, ours are defined here.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

import yaml
from introspect import meanings, resource_keys, services_of_gauge

from hookspan import __version__
from hookspan.catalogue import attributes as sc
from hookspan.catalogue.attributes import ATTRIBUTES, Attribute
from hookspan.catalogue.logs import COMMON as LOG_COMMON
from hookspan.catalogue.logs import COMMON_REQUIRED as LOG_COMMON_REQUIRED
from hookspan.catalogue.logs import LOG_EVENTS, LogEvent
from hookspan.catalogue.metrics import READ_OF_AGENT, READ_OF_CLIENT, SUMS, Instrument
from hookspan.catalogue.scopes import AGENT_SERVICE_NAME, SERVICE_NAME
from hookspan.catalogue.spans import COMMON, COMMON_REQUIRED, SPANS, EventKind, SpanKind

MADE: Final = "# Made by `make generate` from instrumentation/hookspan/catalogue.\n"
SCHEMA_URL: Final = f"https://hookspan.example/schemas/{__version__}"
"""A placeholder in the form that Weaver wants; nothing is published there."""
CONVENTIONS: Final = "1.44.0"
"""Version of OpenTelemetry's registry that ours depends on."""
GENAI_COMMIT: Final = "024a4f944a1291fcb627c9c47da69e79868dd15e"
GENAI_SCHEMA_URL: Final = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"
"""Of the GenAI conventions, which have a registry of their own, without a release so far."""

COMMON_GROUP: Final = "hookspan.common"
LOG_COMMON_GROUP: Final = "hookspan.log.common"
Node = dict[str, Any]
"""A mapping of the YAML files."""


def registry() -> dict[str, str]:
    """Each file's text by its name."""
    files: dict[str, Node] = {
        "manifest.yaml": _manifest(),
        "attributes.yaml": _file(attributes=[_attribute(one) for one in ATTRIBUTES.values() if _is_ours(one)]),
        "conventions.yaml": _conventions(),
        "metrics.yaml": _file(metrics=[*_metrics()]),
        "events.yaml": _file(
            events=[
                *(_event(event) for event in dict.fromkeys(event for span in SPANS for event in span.events)),
                *(_log_event(event) for event in LOG_EVENTS if _is_our_log(event)),
            ],
            attribute_groups=[_log_common()],
        ),
        "spans.yaml": _file(attribute_groups=[_common()], spans=[_span(span) for span in SPANS]),
    }
    return {name: MADE + _yaml(node) for name, node in files.items()}


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key and has lines as lines, as OpenTelemetry's registries do."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - as PyYAML calls it
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _yaml(node: Node) -> str:
    return yaml.dump(node, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _file(**parts: object) -> Node:
    return {"file_format": "definition/2", **parts}


def _manifest() -> Node:
    return {
        "schema_url": SCHEMA_URL,
        "description": "What hookspan reports about sessions of coding agents, from hooks and transcripts.",
        "stability": "development",
        "dependencies": [
            {
                "schema_url": f"https://opentelemetry.io/schemas/{CONVENTIONS}",
                "registry_path": f"https://github.com/open-telemetry/semantic-conventions@v{CONVENTIONS}[model]",
            },
            {
                "schema_url": GENAI_SCHEMA_URL,
                "registry_path": f"https://github.com/open-telemetry/semantic-conventions-genai@{GENAI_COMMIT}[model]",
            },
        ],
    }


def _is_ours(attribute: Attribute) -> bool:
    """Defined here: hookspan's, and the client's, which has no registry."""
    return attribute.stability in {"hookspan", "claude-code"}


def _attribute(attribute: Attribute) -> Node:
    node: Node = {"key": attribute.key, "type": attribute.type, "stability": "development", "brief": attribute.brief}
    if attribute.values:
        node["type"] = {"members": _members(attribute.values)}
    if attribute.examples:
        node["examples"] = list(attribute.examples)
    return node


def _members(values: type[StrEnum] | tuple[str, ...]) -> list[Node]:
    if isinstance(values, tuple):
        return [{"id": value, "value": value, "stability": "development"} for value in values]
    return [
        {"id": member.name.lower(), "value": member.value, "brief": meaning, "stability": "development"}
        for member, meaning in meanings(values).items()
    ]


def _conventions() -> Node:
    """What is used of OpenTelemetry's registry, and how."""
    theirs = [attribute for attribute in ATTRIBUTES.values() if not _is_ours(attribute)]
    return _file(
        imports={
            "metrics": [one.name for one in SUMS if not _is_our_metric(one)],
            "events": [one.name for one in LOG_EVENTS if not _is_our_log(one)],
        },
        attribute_groups=[
            _group("hookspan.conventions", "OpenTelemetry's attributes as hookspan uses them.", map(_refined, theirs)),
            _group(
                "hookspan.resource",
                f"On the resource, beside those of the settings: of `{SERVICE_NAME}`, and of `{AGENT_SERVICE_NAME}` for what the agent tells of itself.",
                [
                    *({"ref": key, "requirement_level": "required"} for key in resource_keys()),
                    *({"ref": key, "requirement_level": "opt_in"} for key in ("user.id", "user.name")),
                ],
            ),
        ],
    )


def _refined(attribute: Attribute) -> Node:
    node: Node = {"ref": attribute.key, "brief": attribute.brief}
    if attribute.values:
        node["examples"] = [str(value) for value in attribute.values]
    return node


def _group(name: str, brief: str, references: Iterable[Node]) -> Node:
    return {
        "id": name,
        "visibility": "public",
        "stability": "development",
        "brief": brief,
        "attributes": list(references),
    }


def _references(keys: Iterable[str], required: tuple[str, ...] = ()) -> Iterable[Node]:
    """References, with a requirement level where it is another than `recommended`."""
    for key in keys:
        attribute = ATTRIBUTES[key]
        if key in required:
            yield {"ref": key, "requirement_level": "required"}
        elif attribute.condition:
            yield {"ref": key, "requirement_level": {"conditionally_required": attribute.condition}}
        elif attribute.content:
            yield {"ref": key, "requirement_level": "opt_in"}
        else:
            yield {"ref": key}


def _common() -> Node:
    return _group(COMMON_GROUP, "On every span, where they are known.", _references(COMMON, COMMON_REQUIRED))


def _span(span: SpanKind) -> Node:
    """A kind of span. The format has no place for where it begins and stands, so its note says that."""
    told = {"Begins": span.begins, "Ends": span.ends, "Parent": span.parent, "Written": span.emitted}
    return {
        "type": f"hookspan.{span.type}",
        "kind": span.kind.lower(),
        "name": {"note": f"`{span.name}`"},
        "stability": "development",
        "brief": span.brief,
        "note": "".join(f"- {head}: {text}.\n" for head, text in {**told, "Scope": f"`{span.scope}`"}.items()),
        "attributes": [{"ref_group": COMMON_GROUP}, *_references(span.attributes, span.required)],
    }


def _event(event: EventKind) -> Node:
    return {
        "name": event.name,
        "stability": "development",
        "brief": event.brief,
        "attributes": [*_references(event.attributes, event.required)],
    }


def _is_our_log(event: LogEvent) -> bool:
    return event.name.startswith("hookspan.")


def _log_common() -> Node:
    references = [*_references((sc.LOG_RECORD_UID, *LOG_COMMON), (sc.LOG_RECORD_UID, *LOG_COMMON_REQUIRED))]
    return _group(LOG_COMMON_GROUP, "On every log record of a session, where they are known.", references)


def _log_event(event: LogEvent) -> Node:
    told = {"Severity": event.severity.name, "Span": event.place or "none", "Written": event.emitted}
    common = (
        [{"ref_group": LOG_COMMON_GROUP}] if event.place else [*_references((sc.LOG_RECORD_UID,), (sc.LOG_RECORD_UID,))]
    )
    return {
        "name": event.name,
        "stability": "development",
        "brief": event.brief,
        "note": "".join(f"- {head}: {text}.\n" for head, text in told.items()),
        "attributes": [*common, *_references(event.attributes, event.required)],
    }


def _is_our_metric(instrument: Instrument) -> bool:
    return instrument.name.startswith("hookspan.")


def _metrics() -> Iterable[Node]:
    for one in filter(_is_our_metric, (*SUMS, *READ_OF_CLIENT, *READ_OF_AGENT)):
        of = " and ".join(f"`{service}`" for service in services_of_gauge(one))
        node = {
            "name": one.name,
            "instrument": one.kind.value,
            "unit": one.unit,
            "stability": "development",
            "brief": one.description,
            "note": f"Counted when: {one.moves}." if one.moves else f"Of service {of}, read at each export.",
        }
        if one.attributes:
            node["attributes"] = [*_references(one.attributes)]
        yield node
