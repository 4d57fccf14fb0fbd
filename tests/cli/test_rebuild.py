"""`hookspan rebuild` and `hookspan forget`, behind real relays, a real agent and a real endpoint."""

import stat

import msgspec
import pytest

from hookspan.cli.verbs import rebuild
from hookspan.clients.decode import decode
from hookspan.errors import EXIT_USER
from hookspan.journal import Journal, Tail, Writer, segments
from hookspan.paths import Paths
from hookspan.store import Reader, Store
from hookspan.wire import encode
from tests.agent.ingest import drain, take_in
from tests.agent.machine import Machine, small_session
from tests.cli.test_forget import files_with
from tests.cli.test_import import put
from tests.journal.set_aside import counts
from tests.model.replay import play
from tests.otlp_sink import Sink
from tests.waiting import until

NAMES = ("permission_approved", "print_nested_agents", "background_agent", "print_sigint")


def content(paths: Paths):
    """All that the store holds but its sums."""
    reader = Reader(paths)
    rows = sorted(reader.sessions(limit=10_000), key=lambda row: row.id)
    spans = [sorted(map(repr, reader.spans_of_session(row.id))) for row in rows]
    events = reader.events(after=0, limit=100_000)
    series = reader.series()
    assert series is not None
    sums = sorted((one.instrument, one.attributes, one.value, one.count, one.buckets) for one in series.series)
    reader.close()
    return rows, spans, events, sums


@pytest.fixture
def machine_with_sessions(machine: Machine, tmp_path):
    for name in NAMES:
        take_in(machine.paths, play(name, tmp_path / name).records)
    put(machine.home, "compact", "print_fork")
    machine.json("import")
    drain(machine.paths)
    return machine


def reduce_all(paths: Paths) -> None:
    """What a day does to the journal: every finished segment is reduced and packed."""
    journal = Journal(paths)
    journal.rotate()
    for segment in journal.raw_older_than(-1):
        journal.compact(segment, lambda line: encode(decode(line, paths.key.read_bytes())))


def test_the_same_again(machine_with_sessions: Machine):
    machine = machine_with_sessions
    before = content(machine.paths)
    done = machine.json("rebuild")
    assert done["before"] == done["after"]
    assert done["lost"] == 0
    assert content(machine.paths) == before
    reduce_all(machine.paths)
    machine.json("rebuild")
    assert content(machine.paths) == before
    assert not list(machine.paths.state.glob("store.db.*"))
    assert stat.S_IMODE(machine.paths.store.stat().st_mode) == 0o600


def test_the_old_store_comes_back_if_the_new_one_fails(machine_with_sessions: Machine, monkeypatch):
    machine = machine_with_sessions
    before = content(machine.paths)
    commit = Store.commit

    def failing(self, batch):
        commit(self, batch)
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "commit", failing)
    with pytest.raises(KeyboardInterrupt):
        rebuild.run(machine.paths)
    monkeypatch.undo()
    assert content(machine.paths) == before
    # Killed in the middle: the next one begins from the old store, too.
    machine.paths.store.rename(machine.paths.store.with_name("store.db.before-rebuild"))
    machine.paths.store.write_bytes(b"half")
    machine.json("rebuild")
    assert content(machine.paths) == before


def test_what_the_journal_lost_is_asked_about(machine_with_sessions: Machine):
    machine = machine_with_sessions
    reduce_all(machine.paths)
    take_in(machine.paths, play("print_mcp", machine.folder / "mcp").records)
    before = content(machine.paths)
    segments.mark(machine.paths.journal, segments.next_number(machine.paths.journal))
    for segment in list(segments.finished(machine.paths.journal)):
        if segment.size:
            segment.path.unlink()
    asked = machine.cli("rebuild")
    assert asked.returncode == EXIT_USER
    assert "7 sessions older than the journal" in asked.stderr
    assert content(machine.paths) == before
    assert machine.json("rebuild", "--yes")["after"]["sessions"] == 1


def test_nothing_is_sent_twice(make_machine):
    with Sink() as sink:
        machine = make_machine(settings=f'[export]\nendpoint = "{sink.url}"\nmetric_interval = 1\n')
        machine.up()
        machine.hooks(*small_session(tools=3), *small_session())
        assert machine.json("flush", "--wait", "60s")["exported"]
        first = dict(sink.ids)
        tools = {"gen_ai.tool.name": "Bash"}
        until(lambda: sink.latest("hookspan.tool.calls", tools).value == 4)
        old = sink.latest("hookspan.tool.calls", tools)
        machine.json("rebuild")
        assert machine.pid, "an agent that was to stay runs again"
        machine.hooks(*small_session(tools=2))
        assert machine.json("flush", "--wait", "60s")["exported"]
        until(lambda: sink.latest("hookspan.tool.calls", tools).value == 2)
        new = sink.latest("hookspan.tool.calls", tools)
        assert new.start > old.start
        assert set(sink.ids.values()) == {1}
        assert len(sink.ids) > len(first)


SECRET = "xyzzy-plugh"


def exemplars(paths: Paths) -> set[str]:
    """The traces that exemplars lead to."""
    snapshot = Reader(paths).series()
    assert snapshot is not None
    return {exemplar.trace_id for one in snapshot.series for exemplar in one.exemplars}


def traces_of(paths: Paths, session: str) -> set[str]:
    return {span.trace_id for span in Reader(paths).spans_of_session(session)}


@pytest.mark.parametrize("packed", [False, True])
def test_a_session_is_nowhere_any_more(machine: Machine, tmp_path, packed):
    mine, other = small_session(2), small_session(2)
    for event in mine:
        for field in ("prompt", "session_title"):
            event[field] = SECRET
        if "tool_input" in event:
            event["tool_input"] = {"command": f"echo {SECRET}"}
    gone, kept = mine[0]["session_id"], other[0]["session_id"]
    machine.up()
    machine.hooks(*[event for pair in zip(other, mine, strict=True) for event in pair])
    torn = b'{"v":1,"at":1,"event":{"session_id":"' + gone.encode() + b'","prompt":"' + SECRET.encode()
    Writer(machine.paths).append([torn])
    assert machine.json("flush", "--wait", "60s")["unwritten"] == 0
    until(lambda: all((row := Reader(machine.paths).session(one)) and row.ended for one in (gone, kept)))
    if packed:
        machine.cli("down")
        reduce_all_but_torn(machine.paths)
        machine.up()
    (machine.paths.state / "store.db.v0").write_text(f"an older copy: {SECRET}")
    assert files_with(machine.paths, SECRET)
    assert exemplars(machine.paths) & (ids := traces_of(machine.paths, gone))
    tail = Tail(machine.paths, mend=False)
    total = sum(len(lines) for lines in iter(tail.read, []))
    tail.close()
    others = [repr(span) for span in Reader(machine.paths).spans_of_session(kept)]
    assert machine.cli("forget", gone).returncode == EXIT_USER, "it asks first"
    done = machine.json("forget", gone[:13], "--yes")
    assert done["sessions"] == [gone]
    assert done["quarantined"] == 1
    assert done["records"] >= len(mine)
    assert done["events"] == len(mine)
    assert files_with(machine.paths, SECRET) == []
    assert files_with(machine.paths, gone) == []
    assert done["copies"] == [str(machine.paths.state / "store.db.v0")]
    assert exemplars(machine.paths).isdisjoint(ids)
    machine.cli("down")
    tail = Tail(machine.paths, mend=False)
    lines = [line for batch in iter(tail.read, []) for line in batch]
    tail.close()
    assert [line.number for line in lines[:total]] == list(range(1, total + 1))
    assert [repr(span) for span in Reader(machine.paths).spans_of_session(kept)] == others
    machine.json("rebuild")
    assert counts(machine.paths) == {}
    assert Reader(machine.paths).session(gone) is None
    assert [repr(span) for span in Reader(machine.paths).spans_of_session(kept)] == others
    assert machine.cli("forget", gone, "--yes").returncode == EXIT_USER


def reduce_all_but_torn(paths: Paths) -> None:
    def reduced(line: bytes) -> bytes:
        try:
            return encode(decode(line, paths.key.read_bytes()))
        except Exception:  # noqa: BLE001 - what can't be read becomes an empty line
            return b""

    journal = Journal(paths)
    journal.rotate()
    for segment in journal.raw_older_than(-1):
        journal.compact(segment, reduced)


def test_what_waited_for_export_is_not_sent(make_machine):
    with Sink() as sink:
        sink.stop()
        machine = make_machine(settings=f'[export]\nendpoint = "{sink.url}"\n')
        machine.up()
        mine, other = small_session(), small_session()
        machine.hooks(*mine, *other)
        assert not machine.json("flush", "--wait", "1s")["exported"]
        gone = mine[0]["session_id"]
        until(lambda: (row := Reader(machine.paths).session(gone)) and row.ended)
        done = machine.json("forget", gone, "--yes")
        assert done["unexported"] > len(mine)
        assert done["exported"] == 0
        sink.start()
        assert machine.json("flush", "--wait", "60s")["exported"]
        assert {span.attributes["session.id"] for span in sink.spans} == {other[0]["session_id"]}


def test_an_imported_session_can_be_imported_anew(machine: Machine):
    put(machine.home, "compact")
    machine.up()
    first = machine.json("import")
    until(lambda: [row.end_reason for row in Reader(machine.paths).sessions()] == ["silent"])
    spans = content(machine.paths)[1]
    (session,) = [row.id for row in Reader(machine.paths).sessions()]
    assert machine.json("forget", session, "--yes")["spans"] == len(spans[0])
    assert Reader(machine.paths).sessions() == []
    assert machine.json("import") == first
    until(lambda: [row.end_reason for row in Reader(machine.paths).sessions()] == ["silent"])
    strip = [
        msgspec.structs.replace(span, record=0, ordinal=0) for span in Reader(machine.paths).spans_of_session(session)
    ]
    assert len(strip) == len(spans[0])
