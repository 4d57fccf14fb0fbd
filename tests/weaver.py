"""What OpenTelemetry's Weaver asks of a registry, as far as ours uses it: the types of the format, and its rules.

Weaver is in no package registry, so the tests can't run it. The format is that of `schemas/semconv.schema.v2.json` and
`schemas/definition-manifest.v2.json` in its repository; what those don't have is refused, as Weaver refuses it.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec
import opentelemetry.semconv._incubating.attributes as conventions
import opentelemetry.semconv._incubating.metrics as convention_metrics
import yaml

Stability = Literal["development", "alpha", "beta", "release_candidate", "stable"]
Name = re.compile(r"[a-z][a-z0-9]*([._][a-z0-9]+)*")
SCHEMA_URL = re.compile(r"https?://[^/]+/(\S+/)?\d+\.\d+\.\d+(-dev)?")
EXAMPLES = {"string": str, "int": int, "double": float, "boolean": bool}


NEWER_ATTRIBUTES = frozenset(
    {
        "gen_ai.request.reasoning.level",
        "gen_ai.token.modality",
        "gen_ai.usage.cache_write.input_tokens",
    }
)
"""Of the GenAI conventions' own repository, at the commit that the manifest names; in no package yet."""
THEIR_EVENTS = frozenset({"session.start", "session.end"})
"""Of OpenTelemetry's general registry (model/session/events.yaml); its package has no events."""
NEWER_METRICS = frozenset(
    {
        "gen_ai.client.inference.duration",
        "gen_ai.client.inference.operation.input_tokens",
        "gen_ai.client.inference.operation.output_tokens",
        "gen_ai.client.inference.usage.input_tokens",
        "gen_ai.client.inference.usage.output_tokens",
        "gen_ai.client.inference.usage.cache_read.input_tokens",
        "gen_ai.client.inference.usage.cache_write.input_tokens",
        "gen_ai.client.inference.usage.reasoning.output_tokens",
        "gen_ai.invoke_agent.duration",
        "gen_ai.invoke_agent.inference_calls",
        "gen_ai.invoke_agent.tool_calls",
        "gen_ai.execute_tool.duration",
    }
)


class Part(msgspec.Struct, forbid_unknown_fields=True):
    """Anything of a registry. A key that the format doesn't have is an error."""


class Dependency(Part):
    schema_url: str
    registry_path: str


class Manifest(Part):
    schema_url: str
    description: str = ""
    stability: Stability = "development"
    dependencies: list[Dependency] = []


class Member(Part):
    id: str
    value: str | int
    stability: Stability
    brief: str = ""


class Members(Part):
    members: list[Member]


class Attribute(Part):
    key: str
    type: Literal["string", "int", "double", "boolean", "string[]", "int[]", "double[]", "boolean[]"] | Members
    brief: str
    stability: Stability
    note: str = ""
    examples: list[Any] = []


class Conditional(Part):
    conditionally_required: str


class Reference(Part):
    """To an attribute, or to a group of them."""

    ref: str = ""
    ref_group: str = ""
    brief: str = ""
    note: str = ""
    examples: list[Any] = []
    requirement_level: Literal["", "required", "recommended", "opt_in"] | Conditional = ""

    def __post_init__(self) -> None:
        if bool(self.ref) == bool(self.ref_group):
            raise ValueError("a reference is to an attribute or to a group")
        if self.ref_group and (self.brief or self.note or self.examples or self.requirement_level):
            raise ValueError(f"{self.ref_group}: a reference to a group has nothing else")


class Group(Part):
    id: str
    visibility: Literal["public"]
    brief: str
    stability: Stability
    note: str = ""
    attributes: list[Reference] = []


class Metric(Part):
    name: str
    instrument: Literal["counter", "updowncounter", "gauge", "histogram"]
    unit: str
    brief: str
    stability: Stability
    note: str = ""
    attributes: list[Reference] = []


class Event(Part):
    name: str
    brief: str
    stability: Stability
    note: str = ""
    attributes: list[Reference] = []


class SpanName(Part):
    note: str


class Span(Part):
    type: str
    kind: Literal["internal", "client", "server", "producer", "consumer"]
    name: SpanName
    brief: str
    stability: Stability
    note: str = ""
    attributes: list[Reference] = []


class Imports(Part):
    metrics: list[str] = []
    events: list[str] = []


class Definition(Part):
    """A file of a registry, or all of them in one."""

    file_format: Literal["definition/2"] = "definition/2"
    imports: Imports = msgspec.field(default_factory=Imports)
    attributes: list[Attribute] = []
    attribute_groups: list[Group] = []
    metrics: list[Metric] = []
    events: list[Event] = []
    spans: list[Span] = []


def load(folder: Path) -> tuple[Manifest, Definition]:
    """The registry of a folder. msgspec.ValidationError where a file is not of the format."""
    whole = Definition()
    for path in sorted(folder.glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if path.name == "manifest.yaml":
            manifest = msgspec.convert(content, Manifest)
            continue
        if "file_format" not in content:
            raise msgspec.ValidationError(f"{path.name} has no file_format")
        part = msgspec.convert(content, Definition)
        whole.imports.metrics += part.imports.metrics
        whole.imports.events += part.imports.events
        whole.attributes += part.attributes
        whole.attribute_groups += part.attribute_groups
        whole.metrics += part.metrics
        whole.events += part.events
        whole.spans += part.spans
    return manifest, whole


def problems(folder: Path) -> list[str]:
    """What Weaver would refuse or warn of, and names that OpenTelemetry's registry doesn't have."""
    try:
        manifest, whole = load(folder)
    except msgspec.ValidationError as error:
        return [str(error)]
    return [
        *(f"{url} has no version" for url in _urls(manifest) if not SCHEMA_URL.fullmatch(url)),
        *_names(whole),
        *(problem for attribute in whole.attributes for problem in _attribute(attribute)),
        *_references(whole),
        *(f"{name}: not OpenTelemetry's" for name in whole.imports.metrics if name not in their_metrics()),
        *(f"{name}: not OpenTelemetry's" for name in whole.imports.events if name not in THEIR_EVENTS),
    ]


def _urls(manifest: Manifest) -> list[str]:
    return [manifest.schema_url, *(dependency.schema_url for dependency in manifest.dependencies)]


def _twice(names: Iterable[str], where: str) -> Iterator[str]:
    return (f"{name} stands twice in {where}" for name, count in Counter(names).items() if count > 1)


def _names(whole: Definition) -> Iterator[str]:
    kinds = {
        "attributes": [attribute.key for attribute in whole.attributes],
        "groups": [group.id for group in whole.attribute_groups],
        "metrics": [*(metric.name for metric in whole.metrics), *whole.imports.metrics],
        "events": [*(event.name for event in whole.events), *whole.imports.events],
        "spans": [span.type for span in whole.spans],
    }
    for kind, names in kinds.items():
        yield from _twice(names, kind)
        yield from (f"{name} is no name" for name in names if not Name.fullmatch(name))
    yield from (f"{key} is OpenTelemetry's: refer to it" for key in kinds["attributes"] if key in their_attributes())


def _attribute(attribute: Attribute) -> Iterator[str]:
    if isinstance(attribute.type, Members):
        yield from _twice((member.id for member in attribute.type.members), attribute.key)
        yield from _twice((str(member.value) for member in attribute.type.members), attribute.key)
        yield from (f"{one.id} is no name" for one in attribute.type.members if not Name.fullmatch(one.id))
        return
    if attribute.type == "string" and not attribute.examples:
        yield f"{attribute.key} has no example: give `examples` in catalogue/attributes.py"
    for example in attribute.examples:
        if not isinstance(example, EXAMPLES[attribute.type]):
            yield f"{attribute.key}: {example!r} is no {attribute.type}"


def _references(whole: Definition) -> Iterator[str]:
    """A reference leads to something, and none of a signal is double: groups that it refers to count."""
    keys = {attribute.key for attribute in whole.attributes} | their_attributes()
    groups = {group.id: group.attributes for group in whole.attribute_groups}
    signals = {
        **groups,
        **{metric.name: metric.attributes for metric in whole.metrics},
        **{event.name: event.attributes for event in whole.events},
        **{span.type: span.attributes for span in whole.spans},
    }
    for name, references in signals.items():
        flat: list[str] = []
        for reference in references:
            if reference.ref_group and reference.ref_group not in groups:
                yield f"{name}: no group {reference.ref_group}"
            flat += [one.ref for one in groups.get(reference.ref_group, [reference])]
        yield from _twice(flat, name)
        yield from (f"{name}: no attribute {key}" for key in flat if key and key not in keys)


@cache
def their_attributes() -> set[str]:
    """Keys of OpenTelemetry's registry, without those that it has deprecated for another reason than a move."""
    found = set()
    for module in _modules(conventions):
        for key, text in re.findall(
            r'^[A-Z_0-9]+: Final = \(?\s*"(\S+)"\s*\)?\n"""\n(.*)', inspect.getsource(module), re.MULTILINE
        ):
            if not text.startswith("Deprecated: ") or text.startswith("Deprecated: Moved to "):
                found.add(key)
    return found | NEWER_ATTRIBUTES


@cache
def their_metrics() -> set[str]:
    """Names of the metrics of OpenTelemetry's registry."""
    return NEWER_METRICS | {
        value
        for module in _modules(convention_metrics)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str)
    }


def their_values() -> dict[str, set[str]]:
    """The values that OpenTelemetry's registry has for a key, where it lists any."""
    found = {}
    for module in _modules(conventions):
        members = vars(module)
        lists = {name.removesuffix("Values").lower(): one for name, one in members.items() if _is_list(one)}
        for name, key in members.items():
            if name.isupper() and isinstance(key, str) and (listed := lists.get(name.replace("_", "").lower())):
                found[key] = {member.value for member in listed}
    return found


def _is_list(member: object) -> bool:
    return inspect.isclass(member) and issubclass(member, Enum) and member is not Enum


def _modules(package: Any) -> Iterator[Any]:
    for module in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{package.__name__}.{module.name}")
