"""What is shown of a session, from the fold's state."""

from typing import Any

import pytest

from hookspan.catalogue.session_fields import KeptFields, SessionRow
from hookspan.model import summary
from hookspan.model.state import SessionState, State

from .replay import names, play

ELSEWHERE = {"local", "title", "basis", "unhooked", "kind", "job", "remote"}
"""What no recording has: imported and made-up sessions, remote ones, the title, and what the client's registry tells
(`test_registry.py`)."""


def test_every_field_of_the_catalogue_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(summary, "SessionRow", lambda **values: given.update(values))
    summary.session_row(State(), SessionState(id="s", first=1, opened=1, start=1, started=True))
    missing = [name for name in SessionRow.__struct_fields__ if name not in given]
    assert missing == [], "session_row in model/summary.py makes what is not in KeptFields"


def test_the_fold_fills_every_field_that_it_keeps(tmp_path_factory: pytest.TempPathFactory) -> None:
    """In a recording: there is one for each."""
    sessions = [
        session for name in names() for session in play(name, tmp_path_factory.mktemp(name)).state.sessions.values()
    ]
    empty = SessionState(id="", first=0, opened=0, start=0)
    fields = set(KeptFields.__struct_fields__) - ELSEWHERE
    unset = {name for name in fields if all(getattr(session, name) == getattr(empty, name) for session in sessions)}
    assert not unset, (
        f"{sorted(unset)}: model/sessions.py sets it (what any event tells), model/turns.py (what a turn does) or an "
        "event's handler, and a recording in tests/sessions has it"
    )
