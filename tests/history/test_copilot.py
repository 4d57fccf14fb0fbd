"""Imported events of Copilot CLI: the fold makes of them what it makes of the same session when it is recorded."""

from __future__ import annotations

import json

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.clients.decode import decode
from hookspan.model.fold import fold
from hookspan.model.state import dump_session
from tests.history.test_codex import records
from tests.history.test_history import Imported
from tests.model.replay import KEY, SESSIONS, names, play

COPILOT = [name for name in names() if name.startswith("copilot_")]
OF_A_RUN = {sc.END_REASON, sc.END_INFERRED, sc.EXIT_REASON, sc.SOURCE, sc.OUTCOME}
STATE = ".copilot/session-state"


@pytest.mark.parametrize("name", COPILOT)
def test_spans_are_those_of_the_recorded_session(name, tmp_path):
    mine = Imported()
    mine.take(records(SESSIONS / name / STATE))
    live = [span for span in play(name, tmp_path).spans if not span.hook]
    shown = [
        sorted(
            (span.name, span.trace_id, span.span_id, span.start, span.end, str(sorted(span.attributes.items())))
            for span in spans
            if span.name != "session"
        )
        for spans in (mine.spans, live)
    ]
    if name == "copilot_killed":  # its end is told by nothing
        assert [one[:3] for one in shown[0]] == [one[:3] for one in shown[1]]
    else:
        assert shown[0] == shown[1]
    runs = [[span for span in spans if span.name == "session"] for spans in (mine.spans, live)]
    assert len(runs[0]) == len(runs[1])
    for imported, told in zip(*runs, strict=True):
        for key in told.attributes.keys() - OF_A_RUN:
            assert imported.attributes.get(key) == told.attributes[key], key
        if name != "copilot_killed":
            assert [imported.attributes[key] for key in (sc.SOURCE, sc.END_REASON)] == [
                told.attributes[key] for key in (sc.SOURCE, sc.END_REASON)
            ]
    assert all(span.local for span in mine.spans)
    assert all(session.written for session in mine.state.sessions.values())


@pytest.mark.parametrize("name", ["copilot_resumed", "copilot_subagent"])
def test_twice_is_once_and_what_was_recorded_is_not_imported(name, tmp_path):
    lines = records(SESSIONS / name / STATE)
    assert not any("digest" in key for line in lines for key in json.loads(line).get("event", {}))
    once, twice = Imported(), Imported()
    once.take(lines)
    twice.take(lines + lines)
    assert [span.span_id for span in once.spans] == [span.span_id for span in twice.spans]
    live = play(name, tmp_path)
    before = {key: dump_session(session) for key, session in live.state.sessions.items()}
    for number, line in enumerate(lines, 1_000_000):
        rows = fold(live.state, number, decode(line, KEY))
        assert (rows.spans, rows.increments, rows.events) == ([], [], [])
    assert {key: dump_session(session) for key, session in live.state.sessions.items()} == before
