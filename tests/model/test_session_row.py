"""What is shown of a session, from the fold's state."""

from typing import Any

import pytest

from hookspan.catalogue.session_fields import SessionRow
from hookspan.model import summary
from hookspan.model.state import SessionState, State


def test_every_field_of_the_catalogue_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(summary, "SessionRow", lambda **values: given.update(values))
    summary.session_row(State(), SessionState(id="s", first=1, opened=1, start=1, started=True))
    missing = [name for name in SessionRow.__struct_fields__ if name not in given]
    assert missing == [], "session_row in model/summary.py makes what is not in KeptFields"
