"""What is remembered of conversations that are taken in stays bounded, and is never taken for another one's."""

import contextlib
import errno
import gc
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from hookspan.content import ContentDb, Limits, archived_lines
from hookspan.content.database import BATCH, DAY, Kept
from hookspan.content.hook_events import HookEvents
from hookspan.content.intake import CHUNK, REMEMBERED, Intake
from hookspan.observe.transcript_paths import Source
from hookspan.paths import Paths
from hookspan.store import Reader
from hookspan.store.schema import INTEGER_MAX
from tests.agent.ingest import take_in
from tests.content.said import iso

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


@pytest.fixture
def content(paths: Paths) -> Iterator[ContentDb]:
    paths.create()
    with contextlib.closing(ContentDb.open(paths)) as opened:
        yield opened


def transcript(path: Path, at: float, texts: list[str]) -> list[Source]:
    """A conversation of Claude Code's, or of Codex's by its name."""
    with path.open("a") as file:
        for number, text in enumerate(texts):
            line = {"timestamp": iso(at + number / 1000)}
            if path.name.startswith("rollout"):
                item = {"type": "AgentMessage", "content": [{"type": "Text", "text": text}]}
                line |= {"type": "event_msg", "payload": {"type": "item_completed", "item": item}}
            else:
                said = {"id": "msg_1", "role": "assistant", "content": [{"type": "text", "text": text}]}
                line |= {"type": "assistant", "uuid": f"{path.stem}-{number}", "message": said}
            file.write(json.dumps(line) + "\n")
    return [Source(str(path), "")]


def found(content: ContentDb) -> int:
    """How many messages are found; what is found of sessions themselves is none."""
    return int(content.db.execute("SELECT count(*) FROM message WHERE kind != 'session'").fetchone()[0])


def prune(content: ContentDb, before: float) -> None:
    """Delete all of before that time."""
    before_ns = int(before * 1e9)
    while not content.prune(Limits(content=before_ns, archive=0, titles=before_ns, bytes=INTEGER_MAX)).done:
        pass


def test_another_file_with_the_key_of_one_that_was_deleted_is_read_as_what_it_is(
    content: ContentDb, tmp_path: Path
) -> None:
    intake, now = Intake(content), time.time()
    old = transcript(tmp_path / f"rollout-2026-01-01T00-00-00-{SESSIONS[0]}.jsonl", now - 3 * DAY / 1e9, ["zebra"])
    intake.take(Kept(id=SESSIONS[0]), old, archive=False, since=0)
    assert found(content) == 1
    prune(content, now - DAY / 1e9)
    assert found(content) == content.db.execute("SELECT count(*) FROM file").fetchone()[0] == 0
    new = transcript(tmp_path / f"{SESSIONS[1]}.jsonl", now, ["zebra", "gnu"])
    intake.take(Kept(id=SESSIONS[1], last=int(now * 1e9)), new, archive=False, since=0)
    assert found(content) == 2


def test_a_long_conversation_that_is_past_its_time_goes_whole(content: ContentDb, tmp_path: Path) -> None:
    intake, now = Intake(content), time.time()
    old = transcript(tmp_path / f"{SESSIONS[0]}.jsonl", now - 3 * DAY / 1e9, ["zebra"] * (BATCH + 1))
    intake.take(Kept(id=SESSIONS[0]), old, archive=False, since=0)
    assert found(content) == BATCH + 1
    prune(content, now - DAY / 1e9)
    assert [content.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("message", "file")] == [
        0,
        0,
    ]


def test_a_transcript_that_can_not_be_read_on_goes_on_later_and_is_mixed_with_no_other(
    content: ContentDb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake, now, read = Intake(content), time.time(), os.pread

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        if offset:
            raise OSError(errno.EIO, "Input/output error")
        return read(descriptor, size, offset)

    long = transcript(tmp_path / f"{SESSIONS[0]}.jsonl", now, [f"{number} {'x' * 3000}" for number in range(600)])
    short = transcript(tmp_path / f"{SESSIONS[1]}.jsonl", now, ["gnu"])
    assert Path(long[0].path).stat().st_size > CHUNK
    with monkeypatch.context() as broken:
        broken.setattr(os, "pread", pread)
        assert not intake.take(Kept(id=SESSIONS[0]), long, archive=True, since=0)
    assert 100 < found(content) < 600, "what could be read is found"
    for session, sources in ((SESSIONS[1], short), (SESSIONS[0], long)):
        intake.take(Kept(id=session), sources, archive=True, since=0)
        (file,) = content.db.execute("SELECT file FROM file WHERE path = ?", (sources[0].path,)).fetchone()
        assert b"".join(archived_lines(content.db, session, file)) == Path(sources[0].path).read_bytes()
    assert found(content) == 601


@pytest.mark.parametrize("inode", [1, (1 << 64) - 1])
@pytest.mark.parametrize("name", [f"rollout-2026-01-01T00-00-00-{SESSIONS[0]}.jsonl", f"{SESSIONS[0]}.jsonl"])
def test_a_file_is_the_same_after_a_reboot_gave_its_disk_another_number(
    content: ContentDb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, inode: int
) -> None:
    now, device, fstat = time.time(), 0, os.fstat

    def other(descriptor: int) -> SimpleNamespace:
        status = fstat(descriptor)
        known = {field: getattr(status, field) for field in dir(status) if field.startswith("st_")}
        return SimpleNamespace(**known | {"st_dev": device, "st_ino": inode})

    sources = transcript(tmp_path / name, now, ["zebra", "gnu"])
    monkeypatch.setattr(os, "fstat", other)
    for device in (1, 2):  # noqa: B007 - which `other` gives
        Intake(content).take(Kept(id=SESSIONS[0]), sources, archive=True, since=0)
    assert found(content) == 2
    assert content.db.execute("SELECT count(*), sum(lines) FROM file").fetchone() == (1, 2)


def test_a_time_that_is_too_far_away_for_nanoseconds_is_none(content: ContentDb, tmp_path: Path) -> None:
    sources = transcript(tmp_path / f"{SESSIONS[0]}.jsonl", time.time(), ["zebra", "gnu"])
    path = Path(sources[0].path)
    path.write_text(re.sub('"timestamp": "[0-9]{4}', '"timestamp": "9999', path.read_text(), count=1))
    Intake(content).take(Kept(id=SESSIONS[0]), sources, archive=True, since=0)
    assert found(content) == 2
