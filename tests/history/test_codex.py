"""Imported rollouts: the fold makes of them what it makes of the same session's hooks, less what only hooks know."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from hookspan import wire
from hookspan.catalogue import attributes as sc
from hookspan.catalogue.spans import COMPACTION, is_turn
from hookspan.clients.decode import decode
from hookspan.history import Copies, history_of, library
from hookspan.model.fold import fold
from hookspan.model.rows import Span
from hookspan.model.state import dump_session
from tests.history.test_history import Imported
from tests.model.replay import KEY, SESSIONS, names, play

CODEX = [name for name in names() if name.startswith("codex_")]
KILLED = {"codex_killed"}
"""Whose client was killed: a rollout does not tell that."""
SILENT = "silent"


def records(*places: Path) -> list[bytes]:
    lines = []
    for one in library.find([str(place) for place in places])[0]:
        lines += [wire.encode(record) for record in history_of(one, Copies(), labels=True).records()]
    return lines


def imported(*places: Path) -> Imported:
    result = Imported()
    result.take(records(*places))
    return result


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """By a recording's name, the spans of its rollouts alone, and those of its hooks."""
    known: dict[str, tuple[Imported, list[Span]]] = {}

    def get(name: str) -> tuple[Imported, list[Span]]:
        if name not in known:
            live = play(name, tmp_path_factory.mktemp(name)).spans
            known[name] = (imported(SESSIONS / name / ".codex" / "sessions"), [span for span in live if not span.hook])
        return known[name]

    return get


def named(spans: list[Span], name: str) -> list[Span]:
    return sorted((span for span in spans if span.name.startswith(name)), key=lambda span: (span.start, span.span_id))


def usage(span: Span) -> tuple[object, ...]:
    keys = (sc.GEN_AI_USAGE_INPUT_TOKENS, sc.GEN_AI_USAGE_CACHE_READ, sc.GEN_AI_USAGE_OUTPUT_TOKENS)
    keys += (sc.GEN_AI_USAGE_REASONING, sc.COST_USD, sc.GEN_AI_RESPONSE_ID, sc.QUERY_SOURCE, sc.OUTCOME)
    return (span.name, *(span.attributes.get(key) for key in keys))


@pytest.mark.parametrize("name", CODEX)
def test_turns_are_those_that_hooks_told(both, name):
    mine, live = both(name)
    turns = {span.span_id: span for span in mine.spans if is_turn(span.name, span.attributes)}
    told = {span.span_id: span for span in live if is_turn(span.name, span.attributes)}
    assert turns.keys() == told.keys()
    for key, span in told.items():
        assert turns[key].trace_id == span.trace_id
        assert abs(turns[key].start - span.start) < 600_000_000
        if name not in KILLED:
            for attribute in (sc.END_REASON, sc.OUTCOME, sc.PROMPTS, sc.TOOLS, sc.SUBAGENTS):
                assert turns[key].attributes.get(attribute) == span.attributes.get(attribute), attribute


@pytest.mark.parametrize("name", CODEX)
def test_tools_are_those_that_hooks_told(both, name):
    keys = (sc.OUTCOME, sc.ERROR_TYPE, sc.EXIT_CODE, sc.COMMAND_PROGRAM, sc.FILE_EXTENSION, sc.INPUT_SIZE)
    mine, live = (
        {
            span.span_id: (span.name, *(span.attributes.get(key) for key in keys))
            for span in named(spans, "execute_tool")
        }
        for spans in (both(name)[0].spans, both(name)[1])
    )
    if name == "codex_killed":
        assert mine.keys() == live.keys()
        return
    for key, told in live.items():  # of a patch that code makes, a rollout has what it changed
        inner_patch = "apply_patch" in told[0] and name == "codex_code_mode"
        assert mine.pop(key)[: -1 if inner_patch else None] == told[: -1 if inner_patch else None]
    assert not mine


@pytest.mark.parametrize("name", CODEX)
def test_model_calls_have_the_same_tokens_and_prices(both, name):
    mine, live = (Counter(map(usage, named(spans, "chat"))) for spans in (both(name)[0].spans, both(name)[1]))
    if name in {"codex_retried", "codex_retried_later"}:
        live = Counter({key: count for key, count in live.items() if key[-1] != "error"})
    assert mine == live


@pytest.mark.parametrize("name", CODEX)
def test_subagents_and_compactions_are_those_that_hooks_told(both, name):
    mine, live = both(name)
    agents = [
        {s.span_id: (s.name, s.attributes[sc.OUTCOME]) for s in spans if sc.AGENT_ID in s.attributes}
        for spans in (mine.spans, live)
    ]
    assert agents[0] == agents[1]
    triggers = [[s.attributes[sc.TRIGGER] for s in spans if s.name == COMPACTION.name] for spans in (mine.spans, live)]
    assert triggers[0] == triggers[1]
    for span in mine.spans:
        if sc.AGENT_ID in span.attributes:
            (parent,) = [other for other in mine.spans if other.span_id == span.parent_id]
            assert "spawn_agent" in parent.name


@pytest.mark.parametrize("name", CODEX)
def test_all_is_local_closed_and_has_a_place(both, name):
    result = both(name)[0]
    assert all(span.local and span.attributes[sc.SERVICE_NAME] == "codex-hooks" for span in result.spans)
    spans = Counter((span.trace_id, span.span_id) for span in result.spans)
    assert max(spans.values()) == 1
    assert [s.name for s in result.spans if s.parent_id and (s.trace_id, s.parent_id) not in spans] == []
    for session in result.state.sessions.values():
        assert session.written
        assert not any((session.turns, session.calls, session.agents, session.asked, session.compactions))
    runs = named(result.spans, "session")
    assert len(runs) == len(result.state.sessions)
    assert {(run.attributes[sc.CLIENT_VERSION], run.attributes[sc.END_REASON]) for run in runs} == {("0.171.0", SILENT)}
    sources = [run.attributes[sc.SOURCE] for run in runs]
    assert sources == (["startup", "fork"] if name == "codex_forked" else ["startup"])


@pytest.mark.parametrize("name", ["codex_subagent", "codex_dialogs", "codex_failed_at_once"])
def test_twice_is_once_and_what_hooks_told_is_not_imported(name, tmp_path):
    lines = records(SESSIONS / name / ".codex" / "sessions")
    once, twice, broken_off = Imported(), Imported(), Imported()
    once.take(lines)
    twice.take(lines + lines)
    broken_off.take(lines[: len(lines) // 2] + lines)
    shown = [[(s.span_id, s.start, s.end, s.attributes) for s in one.spans] for one in (once, twice, broken_off)]
    assert shown[0] == shown[1] == shown[2]
    live = play(name, tmp_path)
    before = {key: dump_session(session) for key, session in live.state.sessions.items()}
    for number, line in enumerate(lines, 1_000_000):
        rows = fold(live.state, number, decode(line, KEY))
        assert (rows.spans, rows.increments, rows.events) == ([], [], [])
    assert {key: dump_session(session) for key, session in live.state.sessions.items()} == before


def test_of_a_rollout_that_is_there_twice_the_larger_is_read(tmp_path):
    places = [tmp_path / "restored", tmp_path / "sessions"]
    for place in places:
        shutil.copytree(SESSIONS / "codex_subagent" / ".codex" / "sessions", place)
    for path in places[0].rglob("rollout-*.jsonl"):
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    assert records(*places) == records(places[1])


def test_no_digest_is_kept(tmp_path):
    for name in ("codex_plain", "codex_code_mode"):
        for line in records(SESSIONS / name / ".codex" / "sessions"):
            assert not json.loads(line).keys() & {"input_digest", "output_digest", "writes", "rewrites", "edit"}


def test_files_and_folders_of_several_agents(tmp_path):
    shutil.copytree(SESSIONS / "codex_subagent" / ".codex", tmp_path / "home" / ".codex")
    shutil.copytree(SESSIONS / "print" / "projects", tmp_path / "home" / "projects")
    (path,) = [p for p in (tmp_path / "home").rglob("rollout-*.jsonl") if b'"parent_thread_id"' not in p.read_bytes()]
    for place in (tmp_path / "home" / ".codex" / "sessions", path.parent):
        (session,) = library.find([str(place)])[0]
        assert (session.path, len(session.agents), session.agent) == (str(path), 1, "codex")
    found = library.find([str(tmp_path / "home" / ".codex" / "sessions"), str(tmp_path / "home" / "projects")])[0]
    assert {one.agent for one in found} == {"codex", "claude-code"}


def test_a_rollout_of_an_older_version_has_its_tokens_in_the_counts(tmp_path):
    """Without a record for each response, as versions before have written them."""
    (path,) = (SESSIONS / "codex_plain" / ".codex").rglob("*.jsonl")
    lines = [line for line in path.read_text().splitlines(keepends=True) if '"token_usage_record"' not in line]
    (tmp_path / path.name).write_text("".join(lines))
    whole, older = imported(path), imported(tmp_path / path.name)
    sums = [Counter(usage(span)[:5] for span in named(one.spans, "chat") if usage(span)[1]) for one in (whole, older)]
    assert sums[0] == sums[1]
    assert sums[0].total() == 4
