"""What is remembered of conversations that are taken in stays bounded, however many there are."""

import contextlib
import gc
import json
import time

from hookspan.content import ContentDb
from hookspan.content.database import Kept
from hookspan.content.hook_events import HookEvents
from hookspan.content.intake import REMEMBERED, Intake
from hookspan.paths import Paths
from hookspan.store import Reader
from tests.agent.ingest import take_in

SESSIONS = [f"0a1b2c3d-0000-4000-8000-{number:012d}" for number in range(REMEMBERED + 3)]


def line(session: str) -> bytes:
    event = {"hook_event_name": "UserPromptSubmit", "session_id": session, "prompt_id": session, "prompt": "zebra"}
    return json.dumps({"v": 1, "agent": "claude-code", "at": time.time_ns(), "pid": 1, "event": event}).encode()


def readings() -> int:
    """Those of other tests of this process included."""
    gc.collect()
    return sum(type(one).__name__ == "_Reading" for one in gc.get_objects())


def test_of_sessions_without_transcripts_the_newest_are_remembered(paths: Paths):
    take_in(paths, [line(session) for session in SESSIONS])
    reader, others = Reader(paths), readings()
    with contextlib.closing(ContentDb.open(paths)) as content:
        intake, events = Intake(content), HookEvents(paths, reader)
        for session in SESSIONS:
            assert not intake.take_events(Kept(id=session), events, since=0)
        assert content.db.execute("SELECT count(*) FROM message WHERE kind = 'prompt'").fetchone() == (len(SESSIONS),)
        assert readings() - others == REMEMBERED
    reader.close()
