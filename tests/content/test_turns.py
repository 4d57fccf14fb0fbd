"""Whose turn it is when more sessions have something new than are taken in at once, and while events wait."""

import contextlib
import errno
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hookspan.agent.ingest import Committed
from hookspan.agent.keeping import AT_ONCE, BACKLOG_PAUSE, Keeping
from hookspan.agent.settings import AgentSettings
from hookspan.content import ContentDb, Intake, Kept
from hookspan.paths import Paths
from hookspan.store import Reader
from tests.agent.ingest import take_in
from tests.waiting import PATIENCE, until

LONG_AGO = 3600 * 10**9
SESSIONS = [f"0a1b2c3d-0000-4000-8000-{number:012d}" for number in range(2 * AT_ONCE + 3)]


def line(session: str) -> bytes:
    event = {"hook_event_name": "UserPromptSubmit", "session_id": session, "prompt_id": session, "prompt": "zebra"}
    at = time.time_ns() - LONG_AGO
    return json.dumps({"v": 1, "agent": "claude-code", "at": at, "pid": 1, "event": event}).encode()


@pytest.fixture
def reader(paths: Paths) -> Iterator[Reader]:
    take_in(paths, [line(session) for session in SESSIONS])
    with contextlib.closing(Reader(paths)) as reader:
        yield reader


def prompts(paths: Paths) -> int:
    with contextlib.closing(ContentDb.open(paths)) as content:
        (count,) = content.db.execute("SELECT count(*) FROM message WHERE kind = 'prompt'").fetchone()
    return int(count)


def test_all_sessions_have_their_turn_while_events_come_for_each(paths: Paths, reader: Reader):
    keeping = Keeping(paths, AgentSettings(paths, None), reader, behind=lambda: 3600.0)
    position = reader.position()
    assert position is not None
    news = Committed(position, events=[], spans=0, sessions=frozenset(SESSIONS), removed=frozenset())
    keeping._mode = (True, False)  # what was there before is not looked for
    keeping.loop.start()
    try:

        def found() -> bool:
            keeping.committed(news)
            return prompts(paths) == len(SESSIONS)

        until(found)
    finally:
        keeping.loop.stop(60.0)
    keeping.close()


def test_a_session_that_can_not_be_taken_in_holds_no_other_up(paths: Paths, monkeypatch: pytest.MonkeyPatch):
    *others, newest = SESSIONS[:4]
    take_in(paths, [line(session) for session in (*others, newest)])
    taken = Intake.take_events

    def take_events(intake: Intake, kept: Kept, *rest: Any) -> bool:
        if kept.id == newest and broken:
            raise OverflowError
        return taken(intake, kept, *rest)

    monkeypatch.setattr(Intake, "take_events", take_events)
    broken = True
    with contextlib.closing(Reader(paths)) as reader:
        keeping = Keeping(paths, AgentSettings(paths, None), reader)
        keeping.loop.start()
        try:
            until(lambda: prompts(paths) == len(others))
            assert keeping.loop.failures
            broken = False
            until(lambda: prompts(paths) == len(others) + 1)
        finally:
            keeping.loop.stop(60.0)
        keeping.close()


def test_a_session_that_failed_once_is_looked_at_again_though_nothing_comes(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
):
    session = SESSIONS[0]
    take_in(paths, [line(session)])
    taken = Intake.take_events
    broken, is_old = True, threading.Event()

    def take_events(*words: Any) -> bool:
        if broken:
            if not keeping._busy:  # it is no news any more
                is_old.set()
            raise OSError(errno.EMFILE, "too many open files")
        return taken(*words)

    monkeypatch.setattr(Intake, "take_events", take_events)
    with contextlib.closing(Reader(paths)) as reader:
        keeping = Keeping(paths, AgentSettings(paths, None), reader)
        keeping._mode = (True, False)  # what was there before is not looked for
        position = reader.position()
        assert position is not None
        keeping.committed(Committed(position, events=[], spans=0, sessions=frozenset([session]), removed=frozenset()))
        keeping.loop.start()
        try:
            assert is_old.wait(PATIENCE)
            broken = False
            until(lambda: prompts(paths) == 1)
        finally:
            keeping.loop.stop(60.0)
        keeping.close()


@pytest.mark.parametrize("behind", [0.0, 3600.0])
def test_it_stands_back_only_while_events_wait(
    paths: Paths, reader: Reader, behind: float, monkeypatch: pytest.MonkeyPatch
):
    keeping = Keeping(paths, AgentSettings(paths, None), reader, behind=lambda: behind)
    paused: list[float] = []
    monkeypatch.setattr(keeping.loop, "pause", paused.append)
    keeping.step()
    assert prompts(paths)
    assert bool({*paused} - {BACKLOG_PAUSE}) is bool(behind)
    keeping.close()


@pytest.mark.parametrize("is_vanishing", [True, False])
def test_what_is_gone_is_made_anew_unless_all_is_being_deleted(paths: Paths, reader: Reader, is_vanishing: bool):
    keeping = Keeping(paths, AgentSettings(paths, None), reader, is_vanishing=lambda: is_vanishing)
    keeping._content = ContentDb.open(paths)
    paths.content_db.unlink()
    keeping._open()
    assert paths.content_db.exists() is not is_vanishing
    keeping.close()
