from pathlib import Path
from typing import Any

from hookspan.content import ContentDb, HookEvents, Intake, Kept
from hookspan.model.rows import EventRow
from hookspan.paths import Paths
from hookspan.store import Reader
from tests.agent.ingest import drain
from tests.web.player import Player

CALLS = 1000


class Counted(Reader):
    """Says how many events it gave."""

    given = 0

    def events(self, **asked: Any) -> list[EventRow]:
        rows = super().events(**asked)
        self.given += len(rows)
        return rows


def test_a_long_session_is_looked_through_once_however_many_parts_it_is_taken_in(paths: Paths, tmp_path: Path) -> None:
    paths.create()
    session = Player(paths, tmp_path, {}).calls(CALLS)
    drain(paths)
    reader, content = Counted(paths), ContentDb.open(paths)
    row = reader.session(session)
    assert row is not None
    kept = Kept(id=row.id, project="", branch="", model="", title="", started=row.started, last=row.last)
    intake, events, parts = Intake(content), HookEvents(paths, reader), 1
    while intake.take_events(kept, events, 0):
        parts += 1
    (messages,) = content.db.execute("SELECT count(*) FROM message").fetchone()
    assert messages >= CALLS
    assert parts > 2 * CALLS // 500
    assert reader.given < 3 * CALLS
    content.close()
    reader.close()
