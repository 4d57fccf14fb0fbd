"""`hookspan import`: transcripts of the real client and of older ones, in, once, and not further."""

import datetime as dt
import json
import os
import re
import shutil
import time
from pathlib import Path

import msgspec
import pytest

from hookspan.cli.verbs import import_
from hookspan.config import Settings
from hookspan.errors import EXIT_USER, UserError
from hookspan.journal import Tail
from hookspan.store import Reader, SpanKey
from hookspan.wire import encode
from hookspan.wire.facts import Registered
from tests.agent.ingest import take_in
from tests.agent.machine import Machine, small_session
from tests.model.replay import SESSIONS, expected, play
from tests.otlp_sink import Sink
from tests.waiting import until

STAMP = re.compile(r'(?<="timestamp":")[^"]+(?=")')
RECORDED = ("background_agent", "print_fork", "compact")


def put(home: Path, *names: str) -> Path:
    """The recordings' transcripts, where the client keeps them, as if recorded an hour ago."""
    projects = home / ".claude" / "projects"
    for name in names:
        shutil.copytree(SESSIONS / name / "projects", projects, dirs_exist_ok=True)
    files = list(projects.rglob("*.jsonl"))
    newest = max(dt.datetime.fromisoformat(stamp) for path in files for stamp in STAMP.findall(path.read_text()))
    move(files, dt.datetime.now(dt.UTC) - dt.timedelta(hours=1) - newest)
    return projects


def move(files: list[Path], by: dt.timedelta) -> None:
    """Lets transcripts be of another time; the files themselves are an hour old."""
    for path in files:
        moved = STAMP.sub(lambda stamp: f"{dt.datetime.fromisoformat(stamp[0]) + by:%FT%T.%fZ}", path.read_text())
        path.write_text(moved)
        os.utime(path, (time.time() - 3600,) * 2)


def lines(machine: Machine) -> int:
    tail = Tail(machine.paths, mend=False)
    try:
        return sum(len(batch) for batch in iter(tail.read, []))
    finally:
        tail.close()


def sessions(machine: Machine):
    return {row.id: row for row in Reader(machine.paths).sessions()}


def test_what_was_imported_without_an_agent_is_not_said_to_be_nothing(machine: Machine):
    put(machine.home, "background_agent")
    assert machine.cli("cost").stdout == "No model calls in that time.\n"  # there is no journal yet
    machine.cli("import")
    for words, nothing in {
        "cost": "No model calls in that time.",
        "waste": "Nothing held anybody up in that time.",
        "receipt --all": "No model calls went into it.",
        "search --tool Bash": "Nothing found.",
        "sessions": "No sessions yet.",
    }.items():
        said = machine.cli(*words.split()).stdout
        todo = "`hookspan up` starts the agent, which reads them."
        assert re.fullmatch(rf"{nothing} [\d.]+ \w+ of the journal are not in the store yet; {todo}\n", said), words
    machine.up()
    until(lambda: "total" in (done := machine.cli("cost")).stdout and "not in the store" not in done.stderr)
    machine.cli("down")
    assert machine.cli("cost").stderr == ""
    machine.hooks(*small_session())
    assert "`hookspan up` starts the agent" in machine.cli("cost").stderr


def test_a_month_on_the_first_page(machine: Machine):
    put(machine.home, *RECORDED)
    calls = [call for name in RECORDED for call in (expected(name) or {})["model_calls"] if call["in_transcript"]]
    planned = machine.json("import", "--dry-run")
    assert lines(machine) == 0
    machine.up()
    done = machine.json("import")
    assert planned == done | {"dry_run": True}
    assert (done["sessions"], done["model_calls"], done["skipped"]) == (4, len(calls), {})
    rows = until(
        lambda: len(found := sessions(machine)) == 4 and all(row.end_reason for row in found.values()) and found
    )
    assert all(row.local and row.project == "shop" and row.phase == "ended" for row in rows.values())
    assert sum(row.cost_nano for row in rows.values()) == round(done["cost_usd"] * 1e9)
    for _ in range(2):  # what the agent finds when the journal is read to its end is in it the second time
        assert machine.json("flush", "--wait", "60s")["drained"]
    before = lines(machine)
    again = machine.json("import")
    assert (again["sessions"], again["skipped"]) == (0, {"imported": 4})
    assert lines(machine) == before
    shown = machine.cli("trace", "3522a16c").stdout
    assert "invoke_agent general-purpose" in shown
    assert machine.cli("import").stdout.startswith("Nothing to import in ")


def test_where_no_client_ever_ran_nothing_is_left_out(machine: Machine):
    done = machine.json("import")
    assert (done["sessions"], done["skipped"], done["refused"]) == (0, {}, [])


def test_without_an_agent_twice_is_once(machine: Machine):
    put(machine.home, *RECORDED)
    assert "hookspan up" in machine.cli("import").stdout
    machine.json("import")
    machine.up()
    rows = until(
        lambda: len(found := sessions(machine)) == 4 and all(row.end_reason for row in found.values()) and found
    )
    assert sum(row.turns for row in rows.values()) == 8
    spans = [span for row in rows for span in Reader(machine.paths).spans_of_session(row)]
    assert len({(span.trace_id, span.span_id) for span in spans}) == len(spans)


def test_nothing_of_it_is_exported_or_counted(make_machine):
    with Sink() as sink:
        machine = make_machine(settings=f'[export]\nendpoint = "{sink.url}"\nmetric_interval = 1\n')
        put(machine.home, *RECORDED)
        machine.up()
        machine.json("import")
        until(lambda: len(found := sessions(machine)) == 4 and all(row.end_reason for row in found.values()))
        assert machine.json("flush", "--wait", "60s")["exported"]
        reader = Reader(machine.paths)
        assert reader.counts().spans > 20
        assert reader.spans_after(SpanKey(0, 0), 1000) == []
        assert sink.spans == []
        assert not {point.name for point in sink.points} & {"hookspan.cost", "hookspan.tokens", "hookspan.tool.calls"}
        assert reader.totals() == {}


def test_what_hookspan_recorded_is_left_alone(machine: Machine, tmp_path):
    put(machine.home, "print_fork")
    whole = play("print_fork", tmp_path / "play")
    parent = "bb60d47f-bb0a-4598-8a0d-3d3ca0c7778d"
    take_in(machine.paths, [line for line in whole.records if b"9b79efb2" not in line])
    row = sessions(machine)[parent]
    done = machine.json("import")
    assert (done["sessions"], done["skipped"], done["model_calls"]) == (1, {"recorded": 1}, 2)  # the fork's own two
    assert sessions(machine)[parent] == row


def test_what_ran_without_hooks_is_imported_once_its_state_is_forgotten(machine: Machine):
    projects = put(machine.home, "print_mcp")
    (path,) = projects.glob("*/*.jsonl")
    at, id_ = time.time_ns(), path.stem
    entry = Registered(at=at, key="entry", session=id_, pid=1, born=at, folder="/home/u/shop", status="idle")
    take_in(machine.paths, [encode(entry)])
    assert machine.json("import")["skipped"] == {"running": 1}
    take_in(machine.paths, [encode(msgspec.structs.replace(entry, at=at + 1, key="gone", gone=True))])
    assert machine.json("import")["skipped"] == {"unhooked": 1}
    assert "`hookspan forget` it first" in machine.cli("import").stdout
    assert machine.cli("forget", id_, "--yes").returncode == 0
    assert machine.json("import")["sessions"] == 1


def test_what_may_be_running_or_is_not_to_be_read(make_machine):
    machine = make_machine(settings='[projects."shop"]\nrecord = false\n')
    projects = put(machine.home, "background_agent", "print_mcp")
    (path,) = (SESSIONS / "print_mcp" / "projects").glob("*/*.jsonl")
    running = projects / path.relative_to(SESSIONS / "print_mcp" / "projects")
    os.utime(running)
    os.mkfifo(projects / "fifo.jsonl")
    (projects / "link.jsonl").symlink_to(running)
    done = machine.json("import")
    assert (done["sessions"], done["skipped"]) == (0, {"opted_out": 1, "refused": 2, "running": 1})
    assert lines(machine) == 0


def test_since_and_places(machine: Machine, tmp_path):
    projects = put(machine.home, "background_agent", "print_mcp")
    (old,) = projects.glob("*/3522a16c*.jsonl")
    move([old], dt.timedelta(days=-20))
    assert machine.json("import", "--dry-run")["sessions"] == 2
    since = machine.json("import", "--dry-run", "--since", "10")
    assert (since["sessions"], since["skipped"]) == (1, {"before": 1})
    assert machine.json("import", "--dry-run", str(old))["sessions"] == 1
    elsewhere = tmp_path / "config"
    put(tmp_path / "other", "compact")
    (tmp_path / "other" / ".claude").rename(elsewhere)
    assert machine.json("import", "--dry-run", env={"CLAUDE_CONFIG_DIR": str(elsewhere)})["sessions"] == 3
    missing = machine.cli("import", str(tmp_path / "nowhere"))
    assert (missing.returncode, "does not exist" in missing.stderr) == (EXIT_USER, True)


def test_what_the_store_would_not_keep_is_left_out_and_said(make_machine):
    """Transcripts that were copied have new times; what is in them is old all the same."""
    machine = make_machine(settings="[store]\ndays = 30\n")
    projects = put(machine.home, "background_agent", "print_mcp")
    move(list(projects.glob("*/3522a16c*.jsonl")), dt.timedelta(days=-40))
    said = machine.cli("import", "--since", "300").stdout
    assert said.startswith("Imported 1 session: ")
    assert "Left out: 1 transcript whose sessions ended longer ago than the store keeps them (`store.days`)." in said
    machine.up()
    until(lambda: sessions(machine))
    machine.cli("down")
    assert machine.json("import", "--dry-run")["skipped"] == {"old": 1, "imported": 1}


def test_what_hooks_record_has_its_room(make_machine, tmp_path):
    machine = make_machine(settings="[journal]\nbytes = 1048576\n[store]\ndays = 3650\n")
    (path,) = (SESSIONS / "compact" / "projects").glob("*/*.jsonl")
    big = machine.home / ".claude" / "projects" / "big" / path.name
    big.parent.mkdir(parents=True)
    data = path.read_bytes()
    big.write_bytes(
        b"".join(
            data.replace(b"msg_b6b54201", b"msg_%d" % n).replace(b'"uuid":"', b'"uuid":"%d-' % n) for n in range(150)
        )
    )
    refused = machine.cli("import", str(big))
    assert refused.returncode == EXIT_USER
    assert "hookspan config set journal.bytes" in refused.stderr
    assert sum(one.stat().st_size for one in machine.paths.journal.iterdir() if one.is_file()) < 1_048_576 * 0.6


@pytest.mark.parametrize("batch", [import_.BATCH_BYTES, 1])
def test_a_journal_that_can_not_be_written_is_said_and_no_fault_of_a_transcript(machine: Machine, monkeypatch, batch):
    monkeypatch.setattr(import_, "BATCH_BYTES", batch)
    machine.paths.current.mkdir(parents=True)
    with pytest.raises(UserError, match=r"journal.* can't be written: Is a directory\n\nhint: .*again"):
        import_.Import(machine.paths, Settings(), dry_run=False).run((put(machine.home, "compact"),), None)


def test_an_agent_that_can_not_write_is_not_waited_for(machine: Machine, monkeypatch):
    """The disk may have room for the journal, but not for what becomes of it."""
    ingest = {"caught_up": False, "hold": {"reason": "OSError: No space left on device", "since": time.time() - 60}}
    monkeypatch.setattr(import_, "PACE", 1)
    monkeypatch.setattr(import_.Client, "request", lambda *_: {"ingest": ingest})
    with pytest.raises(UserError, match="the agent can't write: OSError: No space left"):
        import_.Import(machine.paths, Settings(), dry_run=False).run((put(machine.home, "compact"),), None)


def test_what_can_not_be_read_keeps_nothing_else_out(machine: Machine):
    """Bytes of no UTF-8 where something is said or was answered, and in a folder's name."""
    projects = put(machine.home, "background_agent", "compact", "print_fork")
    for path in sorted(projects.rglob("*.jsonl"))[::2]:
        said = re.sub(rb'"(?:content|stdout|text)":"', lambda found: found[0] + b"\xff", path.read_bytes())
        path.write_bytes(said)
        os.utime(path, (time.time() - 3600,) * 2)
    others = {path.stem for path in projects.glob("*/*.jsonl")}
    (folder,) = (SESSIONS / "print_mcp" / "projects").iterdir()
    odd = os.fsencode(projects) + b"/caf\xe9"
    shutil.copytree(os.fsencode(folder), odd)
    for name in os.listdir(odd):
        os.utime(os.path.join(odd, name), (time.time() - 3600,) * 2)
    done = machine.cli("import", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["sessions"], told["skipped"]) == (len(others), {"unreadable": 1})


def test_who_waits_for_a_subagent_is_running(machine: Machine):
    projects = put(machine.home, "background_agent")
    (subagent,) = projects.rglob("agent-*.jsonl")
    os.utime(subagent)
    assert machine.json("import")["skipped"] == {"running": 1}
    os.utime(subagent, (time.time() - 3600,) * 2)
    assert machine.json("import")["sessions"] == 1
