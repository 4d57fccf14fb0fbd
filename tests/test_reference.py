"""The reference pages say what the code does: no name is missing, none is made up."""

import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import opentelemetry.semconv._incubating.attributes as conventions
import pytest

from hookspan.model import semconv as sc
from hookspan.model.instruments import ALL

from .model.replay import names, play

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs" / "generator"))

from catalogue import ATTRIBUTES, COMMON, METRICS, SPANS  # noqa: E402 - where its own script finds it

KEYS = {
    value
    for name, value in vars(sc).items()
    if name.isupper() and isinstance(value, str) and re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", value)
} - {sc.HOOK_SCOPE}


def test_the_pages_are_what_the_generator_makes():
    done = subprocess.run(
        [sys.executable, "docs/generator", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_attribute_and_metric_of_the_code_is_described():
    assert ATTRIBUTES.keys() == KEYS
    assert METRICS.keys() == {one.name for one in ALL}
    assert {key for one in ALL for key in one.attributes} <= KEYS
    assert {key for span in SPANS for key in (*COMMON, *span.also)} <= KEYS


def test_names_of_the_conventions_are_really_theirs():
    theirs = set()
    for module in pkgutil.iter_modules(conventions.__path__):
        members = vars(importlib.import_module(f"{conventions.__name__}.{module.name}"))
        theirs |= {value for name, value in members.items() if name.isupper() and isinstance(value, str)}
    ours = {key for key in KEYS if not key.startswith("hookspan.")} - {sc.HOOK_EVENT, sc.PROMPT_ID}
    assert ours <= theirs


def kind_of(name: str) -> str:
    """The catalogue's name of a span."""
    if name in {span.name for span in SPANS}:
        return name
    return next(span.name for span in SPANS if "{" in span.name and span.name.split()[0] == name.split(maxsplit=1)[0])


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return [play(name, tmp_path_factory.mktemp(name)) for name in names()]


def test_spans_have_only_what_the_page_says_and_every_kind_is_there(played):
    also = {span.name: {*COMMON, *span.also} for span in SPANS}
    types = {"string": str, "boolean": bool, "int": int, "double": float, "string[]": list}
    seen = set()
    for span in (span for one in played for span in one.spans):
        kind = kind_of(span.name)
        seen.add(kind)
        assert span.attributes.keys() <= also[kind], span.name
        for key, value in span.attributes.items():
            attribute = ATTRIBUTES[key]
            assert isinstance(value, types[attribute.type]), (span.name, key, value)
            if attribute.values:
                allowed = [str(one) for one in attribute.values]
                assert value in allowed, (span.name, key, value)
        for link in span.links:
            assert link.attributes.keys() == {sc.LINK}
    assert seen == also.keys()


def test_series_have_only_what_the_page_says(played):
    attributes = {one.name: set(one.attributes) for one in ALL}
    seen = set()
    for increment in (increment for one in played for increment in one.increments):
        seen.add(increment.instrument)
        given = {key for key, _ in increment.attributes}
        assert given <= attributes[increment.instrument], increment.instrument
        for key, value in increment.attributes:
            if closed := ATTRIBUTES[key].values:
                assert value in [str(one) for one in closed], (increment.instrument, key, value)
    assert attributes.keys() - seen == {"hookspan.dropped", "hookspan.cost.unpriced"}


def test_an_exemplar_leads_to_the_span_that_was_counted(played):
    """The span is of the metric's own kind, or a turn, and its length is the value where the value is a length."""
    wanted = {
        "hookspan.hook.events": "hook {event}",
        "hookspan.hook.duration": "hook {event}",
        "hookspan.session.started": "session",
        "hookspan.turn.finished": "invoke_agent claude-code",
        "hookspan.turn.duration": "invoke_agent claude-code",
        "hookspan.time": "invoke_agent claude-code",
        "hookspan.user.idle": "invoke_agent claude-code",
        "hookspan.tool.duration": "execute_tool {tool}",
        "hookspan.tool.calls": "execute_tool {tool}",
        "hookspan.lines": "execute_tool {tool}",
        "hookspan.permission.wait": "permission {tool}",
        "hookspan.subagent.duration": "invoke_agent {agent_type}",
        "gen_ai.client.operation.duration": "chat {model}",
        "gen_ai.client.token.usage": "chat {model}",
        "hookspan.tokens": "chat {model}",
        "hookspan.cost": "chat {model}",
        "hookspan.context.tokens": "chat {model}",
        "hookspan.compactions": "compact",
    }
    lengths = {name for name in wanted if name.endswith(("duration", "wait"))}
    seen = set()
    for one in played:
        spans = {(span.trace_id, span.span_id): span for span in one.spans}
        for increment in one.increments:
            if not increment.trace_id:
                continue
            seen.add(increment.instrument)
            span = spans[increment.trace_id, increment.span_id]
            assert kind_of(span.name) == wanted[increment.instrument]
            if increment.instrument in lengths:
                assert increment.value == pytest.approx((span.end - span.start) / 1e9, abs=1e-9), increment.instrument
            if sc.GEN_AI_TOOL_NAME in (given := dict(increment.attributes)):
                assert span.attributes[sc.GEN_AI_TOOL_NAME] == given[sc.GEN_AI_TOOL_NAME]
    assert seen == wanted.keys()
