"""The catalogue says what the code does: no noun is missing, none is made up, and the pages made of it are fresh."""

import importlib
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import opentelemetry.semconv._incubating.attributes as conventions
import pytest

from hookspan.catalogue import appearance
from hookspan.catalogue import attributes as sc
from hookspan.catalogue.attributes import ATTRIBUTES
from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.catalogue.clients import CLIENTS, EVENTS
from hookspan.catalogue.enums import EndReason, Link, Outcome, PromptKind, SessionPhase, TimeKind
from hookspan.catalogue.kept_fields import KeptFields
from hookspan.catalogue.logs import COMMON as LOG_COMMON
from hookspan.catalogue.logs import COMMON_REQUIRED as LOG_COMMON_REQUIRED
from hookspan.catalogue.logs import LOG_EVENTS
from hookspan.catalogue.metrics import READ_OF_AGENT, READ_OF_CLIENT, SUMS
from hookspan.catalogue.spans import CHILD, COMMON, COMMON_REQUIRED, SPANS, TURN, is_turn
from hookspan.clients.claude_code import reduce
from hookspan.clients.decode import decode
from hookspan.model import fold
from hookspan.model.state import SessionState
from hookspan.web.schemas import Session
from hookspan.wire.facts import Policy
from hookspan.wire.reduced import Reduced

from . import weaver
from .model.replay import KEY, SESSIONS, names, play

ROOT = Path(__file__).parents[1]
WEB = ROOT / "dashboards" / "web"
PACKAGE = ROOT / "instrumentation" / "hookspan"
ROOM = "instrumentation/hookspan/catalogue"
MADE_UP = {"PermissionDenied", "Elicitation", "ElicitationResult"}
"""Events whose tests make them up: no recording has them."""


UNRECORDED = {"action", "cut", "history", "interrupted", "local", "remote", "sandbox_refused"}
UNRECORDED |= {"synthetic", "traceparent"}
"""Of a `Reduced`: what no recording has. Other tests make it up, or see it live."""
RECEIVED = {CHILD.name}
"""Kinds of spans that are received, not recorded: tests/model makes them up, tests/stack sees them live."""
RESOURCE = {sc.SERVICE_NAME}
"""Kept with rows of other agents than Claude Code, and exported with the resource."""
FOR_PROGRAMS = {"basis", "end_reason", "entrypoint", "messages"}
"""Fields of a session that the API has and the page doesn't show."""


def same(declared, there, advice, where):
    """Two sets of names are one; what to do with a name that only one of them has. `where`: a file of the catalogue."""
    missing, made_up = sorted(declared - there), sorted(there - declared)
    assert not missing, f"{missing}: {advice}"
    assert not made_up, f"{made_up}: declare it in {ROOM}/{where}, or take it out. {advice}"


def test_the_pages_are_what_the_generator_makes():
    done = subprocess.run(
        [sys.executable, "docs/generator", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stderr}run `make generate`"


def test_every_key_that_is_used_is_declared():
    for used in (*SUMS, *READ_OF_CLIENT, *READ_OF_AGENT, *SPANS, *LOG_EVENTS):
        undeclared = set(used.attributes) - ATTRIBUTES.keys()
        assert not undeclared, f"{used.name} has {sorted(undeclared)}: declare it in {ROOM}/attributes.py"
    assert set(COMMON) <= ATTRIBUTES.keys()


def test_an_event_that_has_an_effect_is_in_a_recording():
    lines = (line for path in SESSIONS.glob("*/journal.jsonl") for line in path.read_bytes().splitlines())
    recorded = {json.loads(line)["event"].get("hook_event_name") for line in lines}
    missing = {event.name for event in EVENTS.values() if event.effect} - recorded - MADE_UP
    assert not missing, f"{sorted(missing)}: record one in tests/sessions (its README says how)"


def test_an_event_that_has_an_effect_has_a_handler():
    declared = {event.name for event in EVENTS.values() if event.effect}
    same(
        declared,
        fold.HANDLERS.keys(),
        "`HANDLERS` in instrumentation/hookspan/model/fold.py has an entry for each effect",
        "clients.py",
    )


def test_a_field_that_is_kept_has_its_attribute():
    kept = [field for client in CLIENTS.values() for of in (client, *client.events) for field in of.kept]
    same(
        {field.attribute or field.field for field in kept},
        set(KeptFields.__struct_fields__),
        f"`KeptFields` in {ROOM}/kept_fields.py has an attribute for each `Kept` of an event",
        "events.py",
    )


def test_what_is_made_of_a_payload_is_in_a_recording():
    recorded = set()
    for journal in SESSIONS.glob("*/journal.jsonl"):
        for line in journal.read_bytes().splitlines():
            if isinstance(event := decode(line, KEY), Reduced):
                recorded |= msgspec.to_builtins(event).keys()
    empty = set(Reduced.__struct_fields__) - recorded - UNRECORDED
    assert not empty, (
        f"{sorted(empty)}: a client's `reduce` in instrumentation/hookspan/clients fills it (or `kept` of its event in "
        f"{ROOM}, if it is copied), and a recording in tests/sessions has it"
    )


def test_a_field_of_a_session_is_declared():
    """That a handler in the model uses, or the head of a session's page."""
    model = "\n".join(path.read_text() for path in (PACKAGE / "model").glob("*.py"))
    unknown = {name for name in re.findall(r"\bsession\.(\w+)", model) if not hasattr(SessionState, name)}
    head = (WEB / "components" / "session-header.js").read_text()
    unknown |= set(re.findall(r"\bsession\.(\w+)", head)) - set(Session.__struct_fields__)
    assert not unknown, (
        f"{sorted(unknown)}: declare it in {ROOM}/session_fields.py; what nobody is shown, in "
        "instrumentation/hookspan/model/state.py"
    )


def test_a_field_of_a_session_is_on_the_page():
    code = "\n".join(path.read_text() for name in ("lib", "components") for path in (WEB / name).glob("*.js"))
    unread = {name for name in Session.__struct_fields__ if not re.search(rf"\.{name}\b", code)}
    same(
        unread,
        FOR_PROGRAMS,
        "show it, say in dashboards/web/components/session-header.js, or name it in FOR_PROGRAMS of this test",
        "session_fields.py",
    )


def test_a_reducer_is_of_an_event_of_the_client():
    unknown = reduce.REDUCERS.keys() - {event.name for event in CLAUDE_CODE.events}
    assert not unknown, f"{sorted(unknown)}: declare it in {ROOM}/claude_code.py"


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (SessionPhase, appearance.STATES),
        (TimeKind, appearance.TIME_KINDS),
        (Outcome, appearance.OUTCOMES),
        (EndReason, appearance.END_REASONS),
        (PromptKind, appearance.PROMPT_KINDS),
        (Link, appearance.LINKS.keys() - {"other"}),
    ],
)
def test_the_page_has_a_look_for_each_value(values, shown):
    same({*map(str, values)}, {*map(str, shown)}, f"give it a row in {ROOM}/appearance.py", "enums.py")


def test_names_of_the_conventions_are_really_theirs():
    theirs = set(weaver.NEWER_ATTRIBUTES)
    for module in pkgutil.iter_modules(conventions.__path__):
        members = vars(importlib.import_module(f"{conventions.__name__}.{module.name}"))
        theirs |= {value for name, value in members.items() if name.isupper() and isinstance(value, str)}
    ours = {one.key for one in ATTRIBUTES.values() if one.stability in {"stable", "development"}}
    assert ours <= theirs


def kind_of(name: str, attributes: dict[str, object]) -> str:
    """The catalogue's name of a span; a turn has another for each coding agent."""
    if is_turn(name, attributes):
        return TURN.name
    if name in {span.name for span in SPANS}:
        return name
    named = [span.name for span in SPANS if "{" in span.name and span.operation == name.partition(" ")[0]]
    assert named, f"a span is named {name!r}, which is of no kind: declare it in {ROOM}/spans.py"
    return named[0]


def operation_of(name: str) -> str:
    """The first word of a span's name."""
    return name.partition(" ")[0]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    policy = Policy(at=0, key="", logs=True)
    return [play(name, tmp_path_factory.mktemp(name), policy=policy) for name in names()]


def test_spans_have_only_what_the_page_says_and_every_kind_is_there(played):
    also = {span.name: {*COMMON, *span.attributes} for span in SPANS}
    required = {span.name: {*COMMON_REQUIRED, *span.required} for span in SPANS}
    assert all(required[name] <= also[name] for name in also)
    seen = set()
    for span in (span for one in played for span in one.spans):
        kind = kind_of(span.name, span.attributes)
        seen.add(kind)
        undeclared = span.attributes.keys() - also[kind] - RESOURCE
        assert not undeclared, f"{span.name} has {sorted(undeclared)}: name them at its kind in {ROOM}/spans.py"
        assert span.attributes.keys() >= required[kind], span.name
        if sc.OUTCOME in span.attributes and sc.ERROR_TYPE in also[kind]:
            assert (sc.ERROR_TYPE in span.attributes) == (span.attributes[sc.OUTCOME] == Outcome.ERROR), span.name
        for key, value in ((key, value) for key, value in span.attributes.items() if key not in RESOURCE):
            assert key in ATTRIBUTES, f"{span.name} has {key!r}: declare it in {ROOM}/attributes.py"
            attribute = ATTRIBUTES[key]
            assert isinstance(value, TYPES[attribute.type]), (span.name, key, value)
            if attribute.values:
                allowed = [str(one) for one in attribute.values]
                assert value in allowed, (span.name, key, value)
        for link in span.links:
            assert {sc.LINK} <= link.attributes.keys() <= {sc.LINK, sc.SESSION_ID}
    same(
        also.keys() - RECEIVED,
        seen,
        "no recording has such a span: record one in tests/sessions (its README says how)",
        "spans.py",
    )


TYPES = {"string": str, "boolean": bool, "int": int, "double": float, "string[]": list}


def test_log_records_have_only_what_the_page_says(played):
    kinds = {event.name: event for event in LOG_EVENTS}
    for log in (log for one in played for log in one.logs):
        assert log.event in kinds, f"{log.event!r} is written: declare it in {ROOM}/logs.py"
        kind = kinds[log.event]
        assert bool(kind.place) == bool(log.session) == bool(log.trace_id and log.span_id), log.event
        common, needed = (LOG_COMMON, LOG_COMMON_REQUIRED) if kind.place else ((), ())
        also = {sc.LOG_RECORD_UID, sc.SERVICE_NAME, *common, *kind.attributes}
        undeclared = log.attributes.keys() - also
        assert not undeclared, f"{log.event} has {sorted(undeclared)}: name them at its kind in {ROOM}/logs.py"
        assert log.attributes.keys() >= {sc.LOG_RECORD_UID, *needed, *kind.required}, log.event
        for key in log.attributes.keys() - {sc.SERVICE_NAME}:  # which becomes the resource's
            attribute, value = ATTRIBUTES[key], log.attributes[key]
            assert isinstance(value, TYPES[attribute.type]), (log.event, key, value)
            if attribute.values:
                assert value in [str(one) for one in attribute.values], (log.event, key, value)


def test_what_a_backend_adds_up_is_on_the_spans_of_one_kind(played):
    """Usage and cost are of model calls, tools of their execution, and an operation is what its span is named for."""
    own = {"gen_ai.usage.": "chat", sc.COST_USD: "chat", "gen_ai.tool.": "execute_tool"}
    found = set()
    for span in (span for one in played for span in one.spans):
        operation = operation_of(span.name)
        for mark, kind in own.items():
            if marked := [key for key in span.attributes if key.startswith(mark)]:
                assert operation == kind, f"{span.name} has {marked}, which a reader of spans takes for a `{kind}`"
                found.add(mark)
        if sc.GEN_AI_OPERATION_NAME in span.attributes:
            assert span.attributes[sc.GEN_AI_OPERATION_NAME] == operation
    assert found == own.keys()


def test_series_have_only_what_the_page_says(played):
    attributes = {one.name: set(one.attributes) for one in SUMS}
    seen = set()
    for increment in (increment for one in played for increment in one.increments):
        name = increment.instrument
        seen.add(name)
        assert name in attributes, f"{name!r} is counted: declare it in {ROOM}/metrics.py"
        undeclared = {key for key, _ in increment.attributes} - attributes[name] - RESOURCE
        assert not undeclared, f"{name} has {sorted(undeclared)}: name them there in {ROOM}/metrics.py"
        for key, value in increment.attributes:
            if key not in RESOURCE and (closed := ATTRIBUTES[key].values):
                assert value in [str(one) for one in closed], (increment.instrument, key, value)
    elsewhere = {"hookspan.dropped"}
    same(
        attributes.keys() - elsewhere,
        seen,
        "no `step.count` or `step.add` counts it where instrumentation/hookspan/model/ handles what is counted "
        "(turns.py prompts and turns, tools.py calls, calls.py model calls), or no recording in tests/sessions has it",
        "metrics.py",
    )


def test_an_exemplar_leads_to_the_span_that_was_counted(played):
    """The span is of the metric's own kind, or a turn, and its length is the value where the value is a length.

    A hook's span is longer by what its process waited for its first instruction, where the journal tells that.
    """
    kinds = {span.type: span.name for span in SPANS}
    wanted = {one.name: kinds[one.exemplar] for one in SUMS if one.exemplar}
    lengths = {name for name in wanted if name.endswith(("duration", "wait"))}
    seen = set()
    for one in played:
        spans = {(span.trace_id, span.span_id): span for span in one.spans}
        for increment in one.increments:
            if not increment.trace_id:
                continue
            assert increment.instrument in wanted, f"{increment.instrument}: its `exemplar` in {ROOM}/metrics.py"
            seen.add(increment.instrument)
            span = spans[increment.trace_id, increment.span_id]
            assert operation_of(span.name) == operation_of(wanted[increment.instrument]), "agents have one metric"
            length = (span.end - span.start) / 1e9
            if increment.instrument == "hookspan.hook.duration":
                assert 0 < increment.value <= length + 1e-9
            elif increment.instrument in lengths:
                assert increment.value == pytest.approx(length, abs=1e-9), increment.instrument
            if sc.GEN_AI_TOOL_NAME in (given := dict(increment.attributes)):
                key = sc.TOOL_NAME if span.name.startswith("permission ") else sc.GEN_AI_TOOL_NAME
                assert span.attributes[key] == given[sc.GEN_AI_TOOL_NAME]
    same(wanted.keys(), seen, "no recording counts it with `place=`, which makes the exemplar", "metrics.py")
