"""What is shown of a span while it is open is what is written when it ends, over every recording of the real client."""

from pathlib import Path

import pytest

from hookspan.catalogue import spans
from hookspan.clients.decode import decode
from hookspan.model.fold import fold
from hookspan.model.open_spans import OpenSpan, open_spans
from hookspan.model.rows import Span
from hookspan.model.state import State
from hookspan.wire.reduced import Reduced
from tests.model import replay

LEARNED = {spans.TOOL.operation, spans.SUBAGENT.operation}
"""Kinds whose start may be learned while they are open: by the client's own duration, or a late event."""


def watched(name: str, home: Path) -> tuple[State, list[OpenSpan], dict[str, Span]]:
    """The state at a recording's end, all that was open after any of its records, and the spans that were written."""
    state, seen, written = State(), list[OpenSpan](), dict[str, Span]()
    for number, line in enumerate(replay.play(name, home).records, 1):
        rows = fold(state, number, decode(line, replay.KEY))
        written |= {span.span_id: span for span in rows.spans}
        for session in rows.touched & state.sessions.keys():
            opened = open_spans(state.sessions[session])
            assert [span.name for span in opened if span.span_id in written] == [], f"record {number}: open and written"
            seen += opened
    return state, seen, written


@pytest.mark.parametrize("name", replay.names())
def test_an_open_span_is_written_as_it_was_shown(name: str, tmp_path: Path) -> None:
    state, seen, written = watched(name, tmp_path)
    assert seen
    still = {span.span_id for session in state.sessions.values() for span in open_spans(session)}
    newest = {span.span_id: span for span in seen}
    for opened in seen:
        span = written.get(opened.span_id)
        if span is None:
            assert opened.span_id in still, opened
            continue
        assert (span.trace_id, span.name) == (opened.place.trace_id, opened.name)
        about = {key: value for key, value in opened.attributes.items() if value}
        assert about.items() <= span.attributes.items()
        if opened.name.partition(" ")[0] not in LEARNED:
            assert span.start == opened.start, opened
        if opened is newest[opened.span_id]:  # what a subagent stands below is learned while it is open
            assert span.parent_id == opened.place.span_id, opened


def test_what_a_server_asks_is_below_the_turn_in_which_it_asks() -> None:
    state = State()
    events = (
        Reduced(at=1, session="s", event="UserPromptSubmit", prompt="p"),
        Reduced(at=2, session="s", event="Elicitation", prompt="p", mcp_server="bank"),
        Reduced(at=3, session="s", event="ElicitationResult", prompt="p", mcp_server="bank", action="accept"),
    )
    for number, event in enumerate(events[:2], 1):
        fold(state, number, event)
    _, opened = open_spans(state.sessions["s"])
    rows = fold(state, 3, events[2])
    (span,) = (span for span in rows.spans if not span.hook)
    assert (span.span_id, span.parent_id) == (opened.span_id, opened.place.span_id)
    assert opened.place.prompt == "p"
