"""What `hookspan forget` leaves of a session: no byte of what it alone brought, and all that others brought, too."""

import contextlib
import fcntl
import gzip
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hookspan.catalogue.session_fields import SessionRow
from hookspan.cli.verbs import forget
from hookspan.content import ContentDb, Kept
from hookspan.errors import EXIT_USER, UserError
from hookspan.export.db import ExportDb
from hookspan.journal import Journal
from hookspan.journal import rewrite as rewriting
from hookspan.paths import Paths
from hookspan.store import Reader, Store
from hookspan.wire import encode
from hookspan.wire.facts import HeadMoved, ModelCall, Moved
from tests.agent.ingest import drain
from tests.agent.machine import Machine, append, event, small_session
from tests.otlp_sink import Sink
from tests.waiting import until

MARK = "acmezebra"  # in every name that the forgotten session brings


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


@pytest.fixture
def machine(tmp_path: Path, sink: Sink) -> Iterator[Machine]:
    machine = Machine(
        tmp_path / "machine",
        settings=f'[dashboard]\nport = 0\n[export]\nendpoint = "{sink.url}"\nmetric_interval = 1\n',
    ).install()
    yield machine
    machine.close()


def repository(folder: Path, name: str) -> Path:
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text(f"ref: refs/heads/{name}-branch\n")
    (folder / ".git" / "config").write_text(f'[remote "origin"]\n\turl = https://host/{name}-remote.git\n')
    return folder


def worked(machine: Machine, folder: Path) -> str:
    """A session in a folder, from its start to its end, with its repository seen."""
    session, prompt = str(uuid.uuid4()), str(uuid.uuid4())
    about: dict[str, Any] = {"cwd": str(folder), "prompt_id": prompt}
    call = {"tool_name": "Bash", "tool_use_id": f"toolu_{session}", "tool_input": {"command": f"ls {folder}"}}
    machine.hooks(event("SessionStart", session, source="startup", cwd=str(folder)))
    until(lambda: any(row.id == session and row.repository for row in sessions(machine)))
    machine.hooks(
        event("UserPromptSubmit", session, prompt=f"look at {folder}", **about),
        event("PreToolUse", session, **about, **call),
        event("PostToolUse", session, tool_response={"stdout": ""}, duration_ms=1, **about, **call),
        event("Stop", session, **about),
        event("SessionEnd", session, reason="other", cwd=str(folder)),
    )
    assert machine.json("flush", "--wait", "60s")["exported"]
    return session


def sessions(machine: Machine) -> list[SessionRow]:
    """A reader that stays open would lose its locks when `files_with` closes the same file."""
    reader = Reader(machine.paths)
    try:
        return reader.sessions()
    finally:
        reader.close()


def files_with(paths: Paths, text: str) -> list[str]:
    found = []
    for path in sorted(paths.state.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # an agent may take it away
            data = path.read_bytes() if path.is_file() else b""
            if text.encode() in (gzip.decompress(data) if path.suffix == ".gz" else data).lower():
                found.append(str(path.relative_to(paths.state)))
    return found


def test_no_byte_stays_of_what_a_session_alone_brought(machine: Machine, tmp_path: Path):
    machine.up()
    gone = worked(machine, repository(tmp_path / f"{MARK}-folder", MARK))
    kept = worked(machine, repository(tmp_path / "shop", "shop"))
    held = {name.removesuffix("-wal") for name in files_with(machine.paths, MARK)}
    assert held >= {"store.db", "export.db", "journal/current.jsonl"}

    told = machine.json("forget", gone, "--yes")
    assert (told["folders"], told["projects"], told["shared"]) == (1, [f"{MARK}-folder"], [])
    assert machine.cli("down").returncode == 0
    assert files_with(machine.paths, MARK) == []
    machine.up()
    until(lambda: machine.counts().sessions == 1)
    worked(machine, tmp_path / "shop")
    assert machine.cli("down").returncode == 0
    assert files_with(machine.paths, MARK) == []
    assert machine.cli("rebuild").returncode == 0
    assert files_with(machine.paths, MARK) == []
    assert {row.repository for row in sessions(machine) if row.id == kept} == {"shop-remote"}


def test_what_another_session_brought_too_stays(machine: Machine, tmp_path: Path):
    machine.up()
    folder = repository(tmp_path / "shop", "shop")
    gone, kept = worked(machine, folder), worked(machine, folder)
    done = machine.cli("forget", gone, "--yes")
    assert "project     shop stays: other sessions have it, and its sums count these, too" in done.stdout
    lines = machine.cli("tail", "--no-follow", "--facts", "-n", "100").stdout.splitlines()
    placeholder = next(line for line in lines if "forgotten" in line)
    assert placeholder.split() == ["forgotten"], "nobody knows of when it was"
    assert machine.cli("down").returncode == 0
    assert files_with(machine.paths, gone) == []
    assert calls(machine, "shop") == 2
    assert machine.cli("rebuild").returncode == 0
    (row,) = sessions(machine)
    assert (row.id, row.project, row.repository, row.branch) == (kept, "shop", "shop-remote", "shop-branch")


def half_read(machine: Machine, folder: Path) -> str:
    """A session of whose events the agent has read the first; the next waits in the journal, the last in a stray."""
    session = str(uuid.uuid4())
    append(machine, event("SessionStart", session, source="startup", cwd=str(folder)))
    drain(machine.paths)
    append(machine, event("UserPromptSubmit", session, prompt_id=str(uuid.uuid4()), prompt=MARK, cwd=str(folder)))
    with machine.paths.current.open("rb") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        append(machine, event("SessionEnd", session, reason="other", cwd=str(folder)))
    assert list(machine.paths.journal.glob("stray-*"))
    return session


def test_what_no_agent_has_read_is_forgotten_too(machine: Machine, tmp_path: Path):
    gone = half_read(machine, repository(tmp_path / f"{MARK}-folder", MARK))
    assert machine.json("forget", gone, "--yes")["events"] == 3
    assert files_with(machine.paths, MARK) == files_with(machine.paths, gone) == []
    assert machine.cli("rebuild").returncode == 0
    assert files_with(machine.paths, MARK) == files_with(machine.paths, gone) == sessions(machine) == []


def test_what_a_kill_left_of_a_segment_is_forgotten_too(machine: Machine, tmp_path: Path):
    gone = half_read(machine, tmp_path)
    journal = Journal(machine.paths)
    assert journal.rotate()
    (segment,) = journal.raw_older_than(-1)
    raw = segment.path.read_bytes()
    journal.compact(segment, bytes)
    for name in (segment.path, segment.path.with_suffix(".tmp"), machine.paths.quarantine / "2026-01-01.tmp"):
        name.write_bytes(raw)
    assert machine.cli("forget", gone, "--yes").returncode == 0
    assert files_with(machine.paths, MARK) == files_with(machine.paths, gone) == []


STEPS: list[tuple[Any, str]] = [
    (ExportDb, "forget"),
    (rewriting, "forget_quarantined"),
    (ContentDb, "forget"),
    (Store, "commit"),
    (rewriting, "rewrite"),  # the newest segment
    (Store, "forget_commits"),
    (Store, "forget"),
    (Store, "scrub"),
]


@pytest.mark.slow
@pytest.mark.parametrize("rebuild", [False, True], ids=["", "then rebuild"])
@pytest.mark.parametrize("step", STEPS, ids=[f"{owner.__name__.rpartition('.')[2]}.{name}" for owner, name in STEPS])
def test_what_was_broken_off_leaves_nothing_when_it_is_repeated(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: tuple[Any, str], rebuild: bool
):
    """As by a full disk or a kill, which is the same but for the message, after any step."""
    folder = repository(tmp_path / f"{MARK}-folder", MARK)
    gone = half_read(machine, folder)
    tree = str(folder)
    call = ModelCall(at=2, key="m", session=gone, start=1, end=2, message_id="m", tree=tree, skill=MARK, cost_nano=1)
    append(machine, encode(call))
    moved = HeadMoved(at=1, key="h", tree=tree, repository=tree, project=MARK, new="1" * 40, moved=Moved.COMMIT)
    append(machine, encode(moved))
    drain(machine.paths)
    Journal(machine.paths).rotate()
    append(machine, event("UserPromptSubmit", gone, prompt_id=str(uuid.uuid4()), prompt=MARK, cwd=str(folder)))
    drain(machine.paths)
    with contextlib.closing(ContentDb.open(machine.paths)) as content, content.transaction():
        content.session(Kept(id=gone, title=MARK, started=1))
    ExportDb.open(machine.paths).close()
    owner, name = step
    original = getattr(owner, name)

    def broken(*given: Any) -> None:
        original(*given)
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch, pytest.raises(UserError, match="is full") as error:
        patch.setattr(owner, name, broken)
        forget.run(machine.paths, [gone])
    assert "run this once more" in error.value.hint
    if rebuild:
        assert machine.cli("rebuild", "--yes").returncode == 0
    repeated = machine.cli("forget", gone[:8], "--yes")
    is_done = step in (STEPS[-3:] if rebuild else STEPS[-1:])
    assert ("no session has the id" in repeated.stderr) == is_done, repeated.stderr
    assert files_with(machine.paths, MARK) == files_with(machine.paths, gone) == []


def test_a_session_that_only_the_archive_has_is_forgotten(machine: Machine):
    """Its events are older than `journal.days`, and the store was built anew."""
    machine.paths.create()
    first, second = "okapi0197-first", "okapi0197-second"
    with contextlib.closing(ContentDb.open(machine.paths)) as content, content.transaction():
        for session in (first, second):
            content.session(Kept(id=session, title=MARK, started=1))
    assert f"could be {first}, {second}" in machine.cli("forget", "okapi0197", "--yes").stderr
    assert machine.json("forget", first, "okapi0197-s", "--yes")["content"]["messages"] == 2
    assert files_with(machine.paths, MARK) == files_with(machine.paths, "okapi0197") == []


def test_whom_it_met_knows_nothing_of_it(machine: Machine, tmp_path: Path):
    """Two sessions in a work tree: one has written the file that the other writes, which goes on."""
    folder = repository(tmp_path / f"{MARK}-folder", MARK)
    gone, done, works = (str(uuid.uuid4()) for _ in range(3))
    prompts = {session: str(uuid.uuid4()) for session in (gone, done, works)}
    file = {"tool_name": "Write", "tool_input": {"file_path": f"{folder}/x.py", "content": "total = 2"}}
    for session in (gone, done, works):
        cwd = {"cwd": str(folder), "prompt_id": prompts[session]}
        append(machine, event("SessionStart", session, source="startup", **cwd))
        append(machine, event("UserPromptSubmit", session, prompt="go", **cwd))
        append(machine, event("PreToolUse", session, tool_use_id=session, **cwd, **file))
        if session == done:
            append(machine, event("PostToolUse", session, tool_use_id=session, tool_response={}, **cwd, **file))
    drain(machine.paths)
    with contextlib.closing(Reader(machine.paths)) as reader:
        (written,) = [span for span in reader.spans_of_session(done) if span.name == "execute_tool Write"]
        assert len(written.links) == 1
    machine.paths.lines.mkdir()
    (machine.paths.lines / gone).write_text("1\n$1\n")
    assert machine.json("forget", gone, "--yes")["shared"] == [f"{MARK}-folder"]
    assert not list(machine.paths.lines.iterdir())
    for name in (gone, prompts[gone], prompts[gone].replace("-", "")):
        assert files_with(machine.paths, name) == []
    with contextlib.closing(Reader(machine.paths)) as reader:
        assert {row.id: row.collision_with for row in reader.sessions()} == {done: works, works: done}


def test_nothing_is_forgotten_while_the_journal_is_locked(machine: Machine, tmp_path: Path):
    gone = half_read(machine, tmp_path)
    with machine.paths.current.open("rb") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        refused = machine.cli("forget", gone, "--yes")
        assert (refused.returncode, refused.stdout) == (EXIT_USER, "")
        assert "keeps the journal locked" in refused.stderr
        assert [row.id for row in sessions(machine)] == [gone]
    assert machine.cli("forget", gone, "--yes").returncode == 0
    assert files_with(machine.paths, MARK) == files_with(machine.paths, gone) == []


def test_an_empty_id_is_none_though_every_id_begins_with_it(machine: Machine):
    """`hookspan forget "$ID"` where the variable is not set."""
    append(machine, *small_session(), b"no JSON")
    drain(machine.paths)
    for command in (("forget", "--yes"), ("share", "--output", "-"), ("trace",)):
        for blank in ("", " "):
            told = machine.cli(*command, blank)
            assert (told.returncode, told.stdout) == (EXIT_USER, ""), command
            assert "the id is empty" in told.stderr
    assert len(sessions(machine)) == 1


def calls(machine: Machine, project: str) -> float:
    """A project's tool calls, as the store's sums have them."""
    reader = Reader(machine.paths)
    snapshot = reader.series()
    reader.close()
    assert snapshot is not None
    of_calls = [one for one in snapshot.series if one.instrument == "hookspan.tool.calls"]
    return sum(one.value for one in of_calls if dict(one.attributes)["hookspan.project"] == project)
