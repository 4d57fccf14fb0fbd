"""What is said in a session is found within moments, as long as it is kept, and no byte of it stays afterwards."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from hookspan.agent import keeping
from hookspan.cli.verbs.search import search as command
from hookspan.config import load
from hookspan.content import ContentDb, Kept, Search, archived_files, archived_lines
from hookspan.content import search as searching
from hookspan.model import ids
from hookspan.record import replace
from hookspan.store import Reader, Retention, Store
from tests.agent.machine import Machine
from tests.cli.test_forget import files_with
from tests.waiting import PATIENCE, until

from .said import Said

ARCHIVE = "[archive]\nenabled = true\n"
QUIET = "[dashboard]\nenabled = false\n"
DAY = 86_400


def search(machine: Machine, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = machine.json("search", *words)
    return found


def worked(machine: Machine, mark: str) -> Said:
    """A session that says `mark` in every way."""
    said = Said(machine, time.time())
    said.hooks("SessionStart", source="startup")
    said.prompt(f"please fix {mark}Prompt in the cart")
    said.answer(f"I look at {mark}Answer")
    said.tool("Bash", {"command": f"grep -r {mark}Command src"}, f"src/{mark}Result.py:1")
    said.tool("Read", {"file_path": f"/home/u/{mark}Path.py"}, f"{mark}Error: no such file", failed=True)
    said.answer(f"{mark}修正しました")
    said.hooks("Stop")
    return said


def test_what_is_said_is_found_at_its_place(make_machine: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch):
    machine = make_machine(settings=QUIET)
    machine.up()
    said = worked(machine, "zebra")
    until(lambda: search(machine, "zebra修正"))
    for word, kind in (
        ("zebraPrompt", "prompt"),
        ("zebraAnswer", "answer"),
        ("zebraCommand", "call"),
        ("zebraResult", "result"),
        ("zebraPath.py", "call"),
        ("修正", "answer"),
    ):
        (hit,) = search(machine, word)
        assert (hit["kind"], hit["session"], hit["trace"]) == (kind, said.session, ids.trace_id(said.prompt_id)), word
        assert any(is_hit for _, is_hit in hit["snippet"])
    assert [hit["tool"] for hit in search(machine, "zebra", "--outcome", "error")] == ["Read"]
    assert {hit["kind"] for hit in search(machine, "--tool", "Bash")} == {"call", "result"}
    assert len(search(machine, "zebra", "--project", "shop")) == 7
    assert len(search(machine, "--since", "1h", "-n", "100")) >= 7, "whatever was said then"
    assert search(machine, "--longer", "1h") == [] != search(machine, "--longer", "1ms")
    assert search(machine, "zebra", "--project", "other") == []
    for where in (["--project", "shop"], ["--since", "1h"]):
        others = json.loads(machine.cli("search", "--json", *where, "--", "-zebraCommand").stdout)
        assert len(others) == len(search(machine, *where)) - 1
    with monkeypatch.context() as patch:  # a page may come to its end before it has found anything
        patch.setattr(searching, "LOOKED_MAX", 1)
        done = CliRunner(env=machine.env).invoke(command, ["zebraResult", "--longer", "1ms", "--json"])
        assert [hit["kind"] for hit in json.loads(done.output)] == ["result"]
        done = CliRunner(env=machine.env).invoke(command, ["--tool", "Bash", "--longer", "1ms", "--json"])
        assert [hit["kind"] for hit in json.loads(done.output)] == ["result", "call"]
    assert machine.cli("flush", "--wait", "60s").returncode == 0
    (denied,) = machine.json("search", "--spans", "--tool", "Read", "--outcome", "error")
    assert denied["span"] == search(machine, "zebraError")[0]["span"]
    assert machine.json("search", "--spans", "zebracommand")[0]["name"] == "execute_tool Bash"
    assert machine.json("search", "--spans", "--tool", "Bash", "--longer", "1h") == []
    machine.paths.config.write_text(f'{QUIET}[projects."shop"]\nrecord = false\n')
    assert search(machine, "zebra") == []
    machine.paths.config.write_text(f"{QUIET}[content]\nlocal = false\n")
    assert "content.local" in machine.cli("search", "zebra").stderr
    assert {found["label"] for found in machine.json("search", "--spans", "--tool", "Bash")} == {""}


def test_the_archive_has_every_byte_and_forget_leaves_none(make_machine: Callable[..., Machine]):
    machine = make_machine(settings=QUIET + ARCHIVE)
    machine.up()
    gone, kept = worked(machine, "zebra"), worked(machine, "okapi")
    # A fork begins with its parent's lines, in which the ids of the session and of the prompt are others.
    for number in range(300):  # blocks of lines
        gone.answer(f"step {number}")
    gone.hooks("Stop")
    until(lambda: search(machine, '"step 299"'))  # the parent's are the parent's where they are there first
    fork = Said(machine, time.time())
    copied = gone.path.read_text().replace(gone.session, fork.session).replace(gone.prompt_id, fork.prompt_id)
    fork.path.write_text(copied)
    fork.hooks("SessionStart", source="fork")
    fork.prompt("go on with the okapi")
    agent = kept.path.with_suffix("") / "subagents" / "agent-a1.jsonl"
    agent.parent.mkdir(parents=True)
    kept.line("assistant", [{"type": "text", "text": "okapi of a subagent"}], path=agent)
    kept.hooks("Stop")
    files = {session.session: session.path.read_bytes() for session in (gone, kept, fork)}
    searching = Search(machine.paths, Reader(machine.paths))

    def archived(session: str) -> list[bytes]:
        with searching.reading() as db:
            if db is None:
                return []
            return [b"".join(archived_lines(db, session, file.key)) for file in archived_files(db, session)]

    until(lambda: all(archived(session)[:1] == [data] for session, data in files.items()))
    until(lambda: archived(kept.session)[1:] == [agent.read_bytes()])
    with searching.reading() as db:
        assert db is not None
        blocks, parts = (db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("line", "part"))
    assert parts > blocks, "what was copied is kept once"
    searching.close()
    gone.path.unlink()
    assert len(search(machine, "zebra")) == 7, "found once, though the fork has it, too, and with no file of the client"

    assert machine.json("forget", gone.session, "--yes")["content"]["messages"] == 308
    assert archived(fork.session) == [files[fork.session]], "what the fork has is the fork's"
    assert search(machine, "zebra") == []
    machine.json("forget", fork.session, "--yes")
    assert machine.cli("down").returncode == 0
    assert files_with(machine.paths, "zebra") == []
    assert archived(kept.session)[0] == files[kept.session]
    searching.close()


def test_what_takes_many_transactions_is_taken_in_whole(make_machine: Callable[..., Machine]):
    machine = make_machine(settings=QUIET)
    machine.up()
    said, other = Said(machine, time.time()), Said(machine, time.time())
    for number in range(40):
        said.answer(f"{number} " + "word " * 200_000)
    said.answer("the zebraLast")
    for one in (said, other):
        one.hooks("SessionStart", source="startup")
    other.prompt("the okapiPrompt")
    until(lambda: search(machine, "zebraLast") and search(machine, "okapiPrompt"), timeout=3 * PATIENCE)


def test_without_the_archive_nothing_outlives_raw_content(make_machine: Callable[..., Machine]):
    machine = make_machine(settings=QUIET)
    machine.up()
    worked(machine, "zebra")
    until(lambda: search(machine, "zebra修正"))
    machine.cli("down")
    settings = load(machine.paths, {})
    now = time.time_ns()
    with contextlib.closing(ContentDb.open(machine.paths)) as content:
        keeping.prune(content, settings, now + (settings.journal.raw_hours - 1) * keeping.HOUR)
        assert content.db.execute("SELECT count(*) FROM message").fetchone() == (8,)
        keeping.prune(content, settings, now + (settings.journal.raw_hours + 1) * keeping.HOUR)
    assert b"zebra" not in machine.paths.content_db.read_bytes().lower()


def test_without_a_transcript_hook_events_are_found_and_give_way_to_one(make_machine: Callable[..., Machine]):
    machine = make_machine(settings=QUIET)
    machine.paths.down.touch()  # none looks at the transcript before it is gone
    said = worked(machine, "zebra")
    text = said.path.read_text()
    said.path.unlink()
    machine.up()
    said.hooks("Stop", last_assistant_message="zebraLast")
    said.hooks("SubagentStop", agent_id="a1", last_assistant_message="zebraAgent")
    said.hooks("SessionEnd", reason="other")
    until(lambda: search(machine, "zebraAgent"))
    found = search(machine, "zebra")
    kinds = {hit["kind"]: hit["trace"] for hit in found}
    assert kinds == dict.fromkeys(("prompt", "call", "result", "answer"), ids.trace_id(said.prompt_id))
    assert [hit["subagent"] for hit in found if hit["kind"] == "answer"] == ["a1", ""]
    assert [hit["tool"] for hit in search(machine, "zebraError", "--outcome", "error")] == ["Read"]
    shared = machine.cli("share", said.session, "--format", "markdown", "--output", "-").stdout
    assert all(f"zebra{what}" in shared for what in ("Prompt", "Command", "Result", "Error", "Last", "Agent"))
    said.path.write_text(text)
    said.hooks("SessionEnd", reason="other")
    until(lambda: search(machine, "zebraAnswer"))
    assert len(search(machine, "zebra")) == 7, "those of the transcript, and each once"


def test_an_archived_conversation_opens_though_the_store_has_lost_its_session(
    make_machine: Callable[..., Machine],
):
    machine = make_machine(settings=QUIET + ARCHIVE)
    machine.up()
    said = worked(machine, "zebra")
    said.hooks("SessionEnd", reason="other")
    until(lambda: search(machine, "zebra修正"))
    until(lambda: machine.json("flush", "--wait", "60s")["drained"])
    machine.cli("down")
    said.path.unlink()
    with contextlib.closing(Store.open(machine.paths)) as store:
        while not store.prune(Retention(days=1, bytes=1 << 40), time.time_ns() + 2 * keeping.DAY).done:
            pass
    assert machine.json("sessions") == []
    assert len(search(machine, "zebra")) == 7
    shared = machine.cli("share", said.session[:8], "--format", "markdown", "--output", "-").stdout
    assert all(f"zebra{what}" in shared for what in ("Prompt", "Answer", "Command", "Result", "Error"))


def archived(machine: Machine) -> bool:
    """Whether the archive has lines, in blocks or not: what hook events tell is found before the transcript is read."""
    with (
        contextlib.closing(Reader(machine.paths)) as reader,
        contextlib.closing(Search(machine.paths, reader)) as searching,
        searching.reading() as db,
    ):
        return db is not None and bool(db.execute("SELECT file FROM tail UNION SELECT file FROM part").fetchall())


def test_the_archive_goes_by_age_and_by_size(make_machine: Callable[..., Machine]):
    machine = make_machine(settings=QUIET + ARCHIVE)
    machine.up()
    worked(machine, "zebra")
    until(lambda: archived(machine))
    machine.cli("down")
    settings = load(machine.paths, {})
    small = replace(settings, archive=replace(settings.archive, bytes=1))
    now = time.time_ns()
    with contextlib.closing(ContentDb.open(machine.paths)) as content:
        keeping.prune(content, settings, now + 100 * keeping.DAY)
        assert archived(machine)
        keeping.prune(content, small, now)
        assert not archived(machine)
    assert b"zebra" not in machine.paths.content_db.read_bytes().lower()


@pytest.mark.parametrize(
    "settings", ["[content]\nlocal = false\n", '[projects."shop"]\nrecord = false\n'], ids=["not local", "opted out"]
)
def test_what_is_not_to_be_kept_is_not(make_machine: Callable[..., Machine], settings: str):
    machine = make_machine(settings=QUIET + ARCHIVE + settings)
    machine.up()
    worked(machine, "zebra")
    assert machine.json("flush", "--wait", "60s")["drained"]  # seconds after the last event
    machine.cli("down")
    assert [name for name in files_with(machine.paths, "zebra") if name.startswith("content")] == []


def test_what_leaves_the_store_leaves_the_archive(make_machine: Callable[..., Machine]):
    machine = make_machine(settings=QUIET + ARCHIVE)
    machine.up()
    worked(machine, "zebra")
    until(lambda: search(machine, "zebra修正"))

    def content(mark: str) -> list[str]:
        return [name for name in files_with(machine.paths, mark) if name.startswith("content")]

    machine.paths.config.write_text(f'{QUIET}{ARCHIVE}[projects."shop"]\nrecord = false\n')
    os.kill(machine.pid, signal.SIGHUP)
    until(lambda: not content("zebra"))
    machine.cli("down")
    now = time.time_ns()
    with contextlib.closing(ContentDb.open(machine.paths)) as db, db.transaction():
        db.session(Kept(id="killed", project="shop", title="zebra", started=now, last=now))  # before it was let go
        db.session(Kept(id="old", project="shop", title="okapi", started=now, last=now - 30 * keeping.DAY))
    machine.up()
    until(lambda: not content("zebra"))
    assert content("okapi"), "the store let go of it by its age"


@pytest.mark.parametrize("words", [["--exit", "0"], ["--collisions"], ["--spans", "--kind", "error"]])
def test_a_filter_of_the_other_search_is_refused(machine: Machine, words: list[str]):
    done = machine.cli("search", "--tool", "Bash", *words)
    assert done.returncode == 2
    assert "--spans" in done.stderr
