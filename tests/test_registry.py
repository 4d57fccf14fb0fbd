"""docs/registry is what Weaver reads, and has all that the catalogue has."""

import shutil
from pathlib import Path

import pytest

from hookspan.catalogue.attributes import ATTRIBUTES
from hookspan.catalogue.logs import LOG_EVENTS
from hookspan.catalogue.metrics import BY_NAME
from hookspan.catalogue.spans import SPANS

from . import weaver

REGISTRY = Path(__file__).parents[1] / "docs" / "registry"
STALE = "run `make generate`"


def test_the_registry_is_valid():
    assert weaver.problems(REGISTRY) == []


def test_the_registry_is_whole():
    _, whole = weaver.load(REGISTRY)
    groups = {group.id: [reference.ref for reference in group.attributes] for group in whole.attribute_groups}
    assert {one.key for one in whole.attributes}.isdisjoint(groups["hookspan.conventions"])
    assert {one.key for one in whole.attributes} | set(groups["hookspan.conventions"]) == ATTRIBUTES.keys(), STALE
    assert {metric.name for metric in whole.metrics} | set(whole.imports.metrics) == BY_NAME.keys(), STALE
    logged = {event.name for event in LOG_EVENTS}
    assert logged <= {event.name for event in whole.events} | set(whole.imports.events), STALE
    assert {span.type for span in whole.spans} == {f"hookspan.{span.type}" for span in SPANS}, STALE


@pytest.mark.parametrize(
    ("file", "sound", "broken", "says"),
    [
        ("manifest.yaml", "/0.1.0\n", "/latest\n", "has no version"),
        ("manifest.yaml", "schema_url: https://hookspan", "schema: https://hookspan", "unknown field `schema`"),
        ("attributes.yaml", "file_format: definition/2\n", "", "no file_format"),
        ("attributes.yaml", "type: boolean", "type: bool", "Invalid enum value 'bool'"),
        ("attributes.yaml", "key: hookspan.late", "key: hookspan.project", "hookspan.project stands twice"),
        ("attributes.yaml", "key: hookspan.late", "key: Hookspan-late", "Hookspan-late is no name"),
        ("attributes.yaml", "key: hookspan.late", "key: session.id", "session.id is OpenTelemetry's"),
        ("attributes.yaml", "id: interrupted", "id: error", "error stands twice in hookspan.outcome"),
        ("attributes.yaml", "- shop\n", "- 1\n", "1 is no string"),
        ("attributes.yaml", "    examples:\n      - shop\n", "", "hookspan.project has no example"),
        ("conventions.yaml", "- ref: session.id", "- ref: session.key", "no attribute session.key"),
        (
            "conventions.yaml",
            "- gen_ai.invoke_agent.duration",
            "- gen_ai.agents.duration",
            "gen_ai.agents.duration: not",
        ),
        ("conventions.yaml", "- session.end", "- session.over", "session.over: not"),
        ("metrics.yaml", "unit: s", "units: s", "unknown field `units`"),
        ("metrics.yaml", "instrument: counter", "instrument: sum", "Invalid enum value 'sum'"),
        ("spans.yaml", "- ref_group: hookspan.common", "- ref_group: hookspan.all", "no group hookspan.all"),
        ("spans.yaml", "- ref: hookspan.outcome", "- ref: session.id", "session.id stands twice in hookspan.turn"),
        ("spans.yaml", "requirement_level: required", "requirement_level: always", "Invalid enum value 'always'"),
        ("spans.yaml", "kind: client", "kind: outgoing", "Invalid enum value 'outgoing'"),
    ],
)
def test_an_invalid_registry_is_found(tmp_path: Path, file: str, sound: str, broken: str, says: str):
    folder = tmp_path / "registry"
    shutil.copytree(REGISTRY, folder)
    text = (folder / file).read_text()
    assert sound in text
    (folder / file).write_text(text.replace(sound, broken, 1))
    assert any(says in problem for problem in weaver.problems(folder)), weaver.problems(folder)


def test_values_of_the_conventions_are_really_theirs():
    """`error.type` is open: whoever records it may have values of his own."""
    theirs = weaver.their_values()
    checked = set()
    for attribute in ATTRIBUTES.values():
        if attribute.stability == "development" and attribute.values and attribute.key in theirs:
            checked.add(attribute.key)
            assert {str(value) for value in attribute.values} <= theirs[attribute.key], attribute.key
    assert checked == {"gen_ai.operation.name", "gen_ai.provider.name"}
