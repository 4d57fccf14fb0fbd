"""Transcripts as they may be: growing, missing, replaced, huge, no files at all; and an agent that was long away."""

from __future__ import annotations

import errno
import itertools
import json
import os
import random
import tracemalloc
import uuid
from pathlib import Path

import msgspec
import pytest

from hookspan import wire
from hookspan.agent.ingest.prerequisites import Prerequisites
from hookspan.catalogue import attributes as sc
from hookspan.cli.terminal.tree import render
from hookspan.clients.decode import decode
from hookspan.model.fold import fold
from hookspan.model.state import State
from hookspan.observe import Observers
from hookspan.observe.processes import Processes
from hookspan.observe.transcripts import Transcripts
from hookspan.wire.facts import AgentMeta, ModelCall, Overdue, QueuedPrompt, TranscriptRead
from hookspan.wire.fields import timestamp_ns
from tests.model.replay import KEY, SESSIONS, TICK, Played, gone_clients, grow, lines_of, names, play, play_late, roots

MB = 1 << 20
NANO = 1_000_000_000


def watch(played: Played, name: str, root: Path) -> Played:
    """Then it looks around until nothing is left to see."""
    observers = Observers(roots=(str((root / ".claude" / "projects").resolve()),))
    for _ in range(150):
        played.now += TICK
        played.take(observers.step(played.now, played.state))
        played.take(gone_clients(name, played.state, played.now))
    return played


@pytest.mark.parametrize("name", names())
def test_an_agent_that_was_away_all_along_finds_the_same(name, tmp_path):
    played = play_late(name, tmp_path)
    for session in played.state.sessions.values():
        assert (session.calls, session.waits, session.turns, session.agents) == ({}, [], {}, {})
        assert session.written
    assert "\n".join(render(played.spans)) + "\n" == (SESSIONS / name / "tree.txt").read_text()


def session_of(name: str, root: Path):
    played = Played(State())
    played.take(lines_of(name, root))
    (session,) = played.state.sessions.values()
    return session, Transcripts((str((root / ".claude" / "projects").resolve()),))


def told(facts) -> set[tuple[str, str]]:
    return {(type(fact).__name__, fact.key) for fact in facts if not isinstance(fact, TranscriptRead)}


def step(transcripts: Transcripts, session, now: int = 10**18 * 2):
    return transcripts.step(now, [session], lambda _: False)


@pytest.mark.parametrize("name", ["print_denied", "permission_words"])
def test_a_look_at_the_moment_of_an_event_ends_no_model_call(name, tmp_path):
    """The lines of one answer are written one after the other, with hooks between them."""
    session, transcripts = session_of(name, tmp_path)
    growing, end = grow(name, tmp_path), 10**18 * 2
    moments = sorted(timestamp_ns(moment) for moment in written(name))
    growing.until(end)
    looked = [fact for moment in [*moments, end] for fact in transcripts.facts_up_to(session, moment)]
    at_once = Transcripts(roots(tmp_path)).facts_up_to(session, end)
    assert [wire.encode(fact) for fact in looked] == [wire.encode(fact) for fact in at_once]
    assert {"ModelCall", "Rejection"} <= {type(fact).__name__ for fact in looked}


def test_what_a_client_that_died_was_told_last_is_of_its_run(tmp_path):
    """Another client, which goes on with the session, may write to its transcript before its first hook."""
    name = "sigkill_dialog"
    played = Played(State())
    lines = lines_of(name, tmp_path)[:4]
    played.take(lines)
    played.now = json.loads(lines[-1])["at"]
    grow(name, tmp_path).until(played.now)
    observers = Observers(roots=roots(tmp_path))
    played.take(observers.step(played.now, played.state))
    played.now += 20 * TICK
    played.take(gone_clients(name, played.state, played.now))
    path = transcript(name, tmp_path)
    for _ in range(5):
        with path.open("ab") as file:
            file.write(b'{"type":"mode"}\n')
        os.utime(path, ns=(played.now, played.now))
        played.take(observers.step(played.now, played.state))
        played.now += TICK
    watch(played, name, tmp_path)
    assert [sc.LATE in chat.attributes for chat in played.named("chat")] == [False]
    assert [turn.attributes[sc.MODEL_CALLS] for turn in played.named("invoke_agent")] == [1]


def test_what_was_read_when_the_next_client_came_is_of_the_run_before(tmp_path):
    """Its first event was written to the journal between the look at the transcript and what that gave."""
    name = "sigkill_dialog"
    observers = Observers(roots=roots(tmp_path))
    played = Played(State(), prerequisites=Prerequisites(lambda: roots(tmp_path), observers.before))
    lines = lines_of(name, tmp_path)
    played.take(lines[:4])
    played.now = json.loads(lines[4])["at"]
    growing = grow(name, tmp_path)
    growing.until(played.now - 1)
    told = observers.step(played.now, played.state)
    assert any(isinstance(decode(line, KEY), ModelCall) for line in told)
    played.take([lines[4], *told])
    growing.until(10**18 * 2)
    played.take(lines[5:])
    watch(played, name, tmp_path)
    assert [sc.LATE in chat.attributes for chat in played.named("chat")] == [False] * 3
    assert [turn.attributes[sc.MODEL_CALLS] for turn in played.named("invoke_agent")] == [1, 2]


def test_queued_prompts_at_the_end_of_a_file_are_told_before_it_counts_as_read(tmp_path):
    """The turn before is written then, and the prompts of the queue are the next turn's."""
    session, transcripts = session_of("queued_next", tmp_path)
    grow("queued_next", tmp_path).until(10**18 * 2)
    (path,) = tmp_path.rglob(f"{session.id}.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    (*_, last) = (number for number, line in enumerate(lines) if b'"promptSource":"queued"' in line)
    path.write_bytes(b"".join(lines[: last + 1]))
    now = path.stat().st_mtime_ns
    assert [fact for fact in step(transcripts, session, now) if isinstance(fact, QueuedPrompt | TranscriptRead)] == []
    ahead = [fact for fact in step(transcripts, session) if isinstance(fact, QueuedPrompt | TranscriptRead)]
    assert [(type(fact), getattr(fact, "prompts", 0)) for fact in ahead] == [(QueuedPrompt, 2), (TranscriptRead, 0)]


def written(name: str) -> set[str]:
    """The times of a recording's transcript lines."""
    lines = [line for path in (SESSIONS / name / "projects").rglob("*.jsonl") for line in path.read_text().splitlines()]
    return {json.loads(line)["timestamp"] for line in lines if "timestamp" in json.loads(line)}


@pytest.mark.parametrize("name", ["print_parallel_agents", "queued_next", "esc_stream", "compact_auto"])
def test_half_written_lines_are_waited_for(name, tmp_path):
    whole_root, root = tmp_path / "whole", tmp_path / "pieces"
    grow(name, whole_root).until(1 << 62)
    session, transcripts = session_of(name, whole_root)
    whole = told(step(transcripts, session) + step(transcripts, session))
    assert len(whole) > 3
    session, transcripts = session_of(name, root)
    data = {path.relative_to(whole_root): path.read_bytes() for path in sorted(whole_root.rglob("*.json*"))}
    chance = random.Random(name)
    found: set[tuple[str, str]] = set()
    written = dict.fromkeys(data, 0)
    while any(written[path] < len(data[path]) for path in data):
        path = chance.choice([path for path in data if written[path] < len(data[path])])
        piece = data[path][written[path] : written[path] + chance.randrange(1, 4000)]
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        with (root / path).open("ab") as file:
            file.write(piece)
        written[path] += len(piece)
        found |= told(step(transcripts, session, now=1))
    assert found | told(step(transcripts, session)) == whole


def test_a_restart_goes_on_where_the_facts_end(tmp_path):
    """A reader begins anew at every step, from the offset that the last fact named: each call is told once, whole."""
    name = "print_tools_agent"
    grow(name, tmp_path).until(1 << 62)
    session, transcripts = session_of(name, tmp_path)
    whole = [fact for fact in step(transcripts, session) if isinstance(fact, ModelCall)]
    assert len(whole) > 2
    for fact in whole:
        again, transcripts = session_of(name, tmp_path)
        again.files[fact.file], again.prompts[fact.file] = fact.offset, fact.prompt
        rest = [one for one in step(transcripts, again) if isinstance(one, ModelCall) and one.file == fact.file]
        same = [one for one in whole if one.file == fact.file]
        assert rest == same[same.index(fact) + 1 :]


@pytest.mark.parametrize("name", ["queued_next", "interactive", "compact_auto", "compact", "esc_stream"])
def test_wherever_a_reader_begins_anew_the_rest_is_of_the_same_turns(name, tmp_path):
    grow(name, tmp_path).until(1 << 62)
    session, transcripts = session_of(name, tmp_path)
    whole = [fact for fact in step(transcripts, session) if fact.file]
    assert len({fact.prompt for fact in whole if isinstance(fact, ModelCall)}) > 1
    for number, (newest, following) in enumerate(itertools.pairwise(whole), 1):
        if newest.offset == following.offset:
            continue  # of one line, and written to the journal at once
        again, transcripts = session_of(name, tmp_path)
        for fact in whole[:number]:
            again.files[fact.file] = fact.offset
            again.prompts[fact.file] = getattr(fact, "prompt", "") or again.prompts.get(fact.file, "")
        known = {fact.key for fact in whole[:number]}
        told_of = [
            [(fact.key, getattr(fact, "prompt", "")) for fact in facts if fact.file and fact.key not in known]
            for facts in (step(transcripts, again), whole)
        ]
        assert told_of[0] == told_of[1]


def test_what_a_client_adds_as_it_exits_is_read_before_its_turn_is_written(tmp_path, monkeypatch):
    """It exits between the look at its transcript and the look at its process."""
    name = "print_sigint"
    played = Played(State())
    played.take(lines_of(name, tmp_path))
    (session,) = played.state.sessions.values()
    played.now = session.ended
    growing = grow(name, tmp_path)
    growing.until(session.ended - 200_000_000)  # the line of the interruption is from 150 ms before it

    def is_alive(*_: object) -> bool:
        if played.now < session.ended + NANO:
            return True
        growing.until(played.now)
        return False

    monkeypatch.setattr(Processes, "is_alive", is_alive)
    watch(played, name, tmp_path)
    assert [turn.attributes[sc.END_REASON] for turn in played.named("invoke_agent")] == ["interrupted"]


def test_without_any_transcript_turns_are_written_all_the_same(tmp_path):
    for name in ("print_tools_agent", "permission_approved", "background_agent"):
        played = Played(State())
        lines = lines_of(name, tmp_path)
        played.now = max(json.loads(line)["at"] for line in lines)
        played.take(lines)
        watch(played, name, tmp_path)
        wanted = play(name, tmp_path / name)
        for kind in ("invoke_agent claude-code", "execute_tool", "permission", "session"):
            assert len(played.named(kind)) == len(wanted.named(kind)), (name, kind)
        assert not played.named("chat")
        assert all(session.written for session in played.state.sessions.values())


def answer(number: int, at: str = "2026-11-25T23:00:00.000Z") -> bytes:
    """A line with an answer of the model; the next one's beginning completes it."""
    usage = {"input_tokens": number, "output_tokens": 1}
    message = {"id": f"msg_{number}", "role": "assistant", "model": "claude-opus-5-5", "usage": usage, "content": []}
    return json.dumps({"type": "assistant", "timestamp": at, "message": message}).encode() + b"\n"


def transcript(name: str, root: Path) -> Path:
    (path,) = (root / p.relative_to(SESSIONS / name) for p in (SESSIONS / name / "projects").glob("*/*.jsonl"))
    path = root / ".claude" / path.relative_to(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def read_all(transcripts: Transcripts, session, steps: int) -> list[ModelCall]:
    found: list[ModelCall] = []
    for _ in range(steps):
        found += [fact for fact in step(transcripts, session) if isinstance(fact, ModelCall)]
    return found


@pytest.mark.slow
def test_half_a_gigabyte_in_bounded_memory(tmp_path):
    """A file of 500 MB (with holes): lines of 7 MB, one of 200 MB, and the answers between them are all found."""
    path = transcript("print_mcp", tmp_path)
    session, transcripts = session_of("print_mcp", tmp_path)
    with path.open("wb") as file:
        for number in range(1, 44):
            file.write(answer(number))
            file.seek(7 * MB, os.SEEK_CUR)
            file.write(b"\n")
        file.seek(200 * MB, os.SEEK_CUR)
        file.write(b"\n" + answer(44))
    assert path.stat().st_size > 500 * MB
    tracemalloc.start()
    found = read_all(transcripts, session, 70)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [call.input_tokens for call in found] == list(range(1, 45))
    assert peak < 100 * MB


def test_what_was_before_the_session_is_read_over(tmp_path):
    """A session resumed for the first time since the installation has a long past: none of it goes to the journal."""
    path = transcript("print_mcp", tmp_path)
    session, transcripts = session_of("print_mcp", tmp_path)
    old = b"".join(answer(number, "2026-11-24T03:00:00.000Z") for number in range(10_000))
    path.write_bytes(old + answer(1))
    assert [call.input_tokens for call in read_all(transcripts, session, 30)] == [1]


def test_a_file_that_is_replaced_or_cut_is_read_on_from_its_end(tmp_path):
    path = transcript("print_mcp", tmp_path)
    session, transcripts = session_of("print_mcp", tmp_path)
    path.write_bytes(answer(1) + answer(2) + answer(3)[:50])
    assert [call.input_tokens for call in read_all(transcripts, session, 2)] == [1, 2]
    other = path.with_suffix(".new")
    other.write_bytes(answer(1) + answer(2) + answer(4))
    other.replace(path)
    assert read_all(transcripts, session, 2) == []
    with path.open("ab") as file:
        file.write(answer(5))
    (call,) = read_all(transcripts, session, 2)
    assert (call.input_tokens, call.offset) == (5, path.stat().st_size)
    path.write_bytes(answer(1))
    assert read_all(transcripts, session, 2) == []


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    target = path.with_suffix(".other")
    target.write_bytes(answer(1) + answer(2))
    path.symlink_to(target)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [fifo, link, device, Path.mkdir])
def test_what_is_no_file_is_not_read_and_holds_nothing_up(make, tmp_path):
    name = "print_mcp"
    make(transcript(name, tmp_path))
    played = Played(State())
    lines = lines_of(name, tmp_path)
    played.now = max(json.loads(line)["at"] for line in lines)
    played.take(lines)
    watch(played, name, tmp_path)
    assert len(played.named("invoke_agent claude-code")) == 1
    assert not played.named("chat")


@pytest.mark.parametrize(
    "given",
    [
        "/dev/zero",
        "/etc/passwd",
        "relative.jsonl",
        "{root}/../x/{id}.jsonl",
        "{root}/shop/other.jsonl",
        "{root}/{id}.jsonl",
        "/a\0b",
    ],
)
def test_paths_outside_of_the_client_s_folders_are_refused(given, tmp_path):
    session, transcripts = session_of("print_mcp", tmp_path)
    root = transcript("print_mcp", tmp_path).parents[1]
    session.transcript = given.format(root=root, id=session.id)
    if session.transcript.startswith("/") and "\0" not in given and str(tmp_path) in session.transcript:
        Path(session.transcript).parent.mkdir(parents=True, exist_ok=True)
        Path(session.transcript).write_bytes(answer(1) + answer(2))
    assert told(step(transcripts, session)) == set()
    assert transcripts.refused == 1


def test_a_half_written_meta_file_is_read_when_it_is_whole(tmp_path):
    name = "print_parallel_agents"
    grow(name, tmp_path).until(1 << 62)
    played = Played(State())
    lines = lines_of(name, tmp_path)
    played.take(lines[: next(n for n, line in enumerate(lines) if b'"SubagentStop"' in line)])
    (session,) = played.state.sessions.values()
    transcripts = Transcripts((str((tmp_path / ".claude" / "projects").resolve()),))
    metas = sorted(tmp_path.rglob("*.meta.json"))
    texts = [path.read_bytes() for path in metas]
    for path, text in zip(metas, texts, strict=True):
        path.write_bytes(text[: len(text) // 2])
    assert not [fact for fact in step(transcripts, session) if isinstance(fact, AgentMeta)]
    for path, text in zip(metas, texts, strict=True):
        path.write_bytes(text)
    assert len([fact for fact in step(transcripts, session) if isinstance(fact, AgentMeta)]) == len(metas) == 2
    assert not [fact for fact in step(transcripts, session) if isinstance(fact, AgentMeta)]


def workflow(root: Path):
    """The workflow of a recording as its agents stop, all of its transcripts written."""
    grow("print_workflow", root).until(1 << 62)
    played = Played(State())
    lines = lines_of("print_workflow", root)
    played.take(lines[: max(n for n, line in enumerate(lines) if b'"SubagentStop"' in line)])
    (session,) = played.state.sessions.values()
    (run,) = root.rglob("wf_*")
    return session, Transcripts(roots(root)), run


def test_folders_are_listed_only_while_a_transcript_is_missing(tmp_path, monkeypatch):
    session, transcripts, run = workflow(tmp_path)
    hidden = run.rename(tmp_path / "hidden")
    listed: list[str] = []
    for name in ("listdir", "scandir"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda path, real=real: (listed.append(str(path)), real(path))[1])
    for _ in range(2):
        listed.clear()
        step(transcripts, session)
        assert [Path(path).name for path in listed] == ["subagents", "workflows"]
    hidden.rename(run)
    metas = [fact for fact in step(transcripts, session) if isinstance(fact, AgentMeta)]
    assert {fact.workflow for fact in metas} == {run.name}
    assert len(metas) == len(session.agents) == 3
    listed.clear()
    step(transcripts, session)
    assert listed == []


def test_a_subagent_that_is_done_is_looked_for_once(tmp_path, monkeypatch):
    session, transcripts, run = workflow(tmp_path)
    run.rename(tmp_path / "hidden")
    session.agents.clear()
    step(transcripts, session)
    monkeypatch.setattr(os, "listdir", None)
    step(transcripts, session)
    assert session.agent_runs


@pytest.mark.parametrize("name", ["wf_UPPER-123", "wf_", "other", "wf_link00"])
def test_other_folders_beside_a_workflow_s_are_not_read(name, tmp_path):
    session, transcripts, run = workflow(tmp_path)
    if name == "wf_link00":
        run.with_name(name).symlink_to(run.rename(tmp_path / "elsewhere"))
    else:
        run.rename(run.with_name(name))
    assert not [
        fact for fact in step(transcripts, session) if isinstance(fact, AgentMeta) or getattr(fact, "agent_id", "")
    ]


def test_of_many_runs_those_that_the_session_told_of_are_looked_into(tmp_path):
    session, transcripts, run = workflow(tmp_path)
    for number in range(200):
        run.with_name(f"wf_{number:08}-000").mkdir()
    last = run.rename(run.with_name("wf_zzzzzzzz-zzz")).name
    assert not [fact for fact in step(transcripts, session) if isinstance(fact, AgentMeta)]
    session.workflows = {last: session.workflows.popitem()[1]}
    assert {fact.workflow for fact in step(transcripts, session) if isinstance(fact, AgentMeta)} == {last}


def test_facts_of_a_session_that_is_not_known_are_nothing(tmp_path):
    fact = ModelCall(at=1, key="call:x", session="nobody", start=1, end=2, message_id="x")
    rows = fold(State(), 1, decode(wire.encode(fact), KEY))
    assert (rows.spans, rows.increments) == ([], [])


def both(first: str, second: str, root: Path) -> tuple[Played, list[str]]:
    """Two recorded sessions, whose transcripts an agent reads that was away all along."""
    observers = Observers(roots=roots(root), key=KEY)
    played = Played(State(), prerequisites=Prerequisites(lambda: roots(root), observers.before))
    for name in (first, second):
        grow(name, root).until(1 << 62)
        played.take(lines_of(name, root))
    ids = list(played.state.sessions)
    played.now = max(session.last for session in played.state.sessions.values()) + 100 * TICK
    for _ in range(40):
        played.take(observers.step(played.now, played.state))
        played.now += TICK
    return played, ids


@pytest.mark.parametrize(("limit", "value"), [("STEP_BYTES", 4096), ("MAX_FACTS", 2)])
def test_what_a_step_does_not_come_to_does_not_count_as_read(limit, value, tmp_path, monkeypatch):
    """Of a session with subagents, and of another one that stands in the queue behind it."""
    monkeypatch.setattr(f"hookspan.observe.transcripts.{limit}", value)
    monkeypatch.setattr("hookspan.observe.transcripts.PATIENCE", TICK)
    played, ids = both("print_parallel_agents", "print_tools_agent", tmp_path / "both")
    for name, session in zip(("print_parallel_agents", "print_tools_agent"), ids, strict=True):
        alone = play(name, tmp_path / name)
        chats = [span for span in played.named("chat") if span.session == session]
        assert [span.attributes.get(sc.LATE) for span in chats] == [None] * len(alone.named("chat"))
        turns = [span for span in played.named("invoke_agent") if span.session == session]
        for known, span in zip(alone.named("invoke_agent"), turns, strict=True):
            assert span.attributes[sc.MODEL_CALLS] == known.attributes[sc.MODEL_CALLS]


def test_sessions_that_never_come_to_an_end_leave_others_their_turn(tmp_path, monkeypatch):
    monkeypatch.setattr("hookspan.observe.transcripts.STEP_BYTES", 4096)
    path = transcript("print_mcp", tmp_path)
    session, transcripts = session_of("print_mcp", tmp_path)
    names = [str(uuid.UUID(int=number)) for number in range(4)]
    sessions = [
        msgspec.structs.replace(session, id=name, transcript=str(path.with_name(f"{name}.jsonl"))) for name in names
    ]
    path.with_name(f"{names[-1]}.jsonl").write_bytes(answer(1) + answer(2))
    read: dict[str, list[int]] = {name: [] for name in names}
    for number in range(12):
        for name in names[:-1]:
            with path.with_name(f"{name}.jsonl").open("ab") as file:
                file.write(answer(number) * 100)
        for fact in transcripts.step(10**18 * 2, sessions, lambda _: False):
            if isinstance(fact, TranscriptRead):
                read[fact.session].append(number)
    assert read[names[-1]]
    assert not any(read[name] for name in names[:-1])


def test_a_clock_that_is_set_back_holds_nothing_up(tmp_path):
    name = "print_tools_agent"
    lines = lines_of(name, tmp_path)
    grow(name, tmp_path).until(1 << 62)
    observers = Observers(roots=roots(tmp_path), key=KEY)
    played = Played(State())
    played.now = json.loads(lines[-1])["at"] + 50 * TICK
    played.take(observers.step(played.now + 10**9 * 3600, played.state))
    played.take(lines)
    played.take(observers.step(played.now, played.state))
    assert played.named("chat")
    assert played.now < observers.next_due() <= played.now + 10**9


def no_descriptor(*_: object) -> None:
    raise OSError(errno.EMFILE, "too many open files")


def test_what_was_read_is_told_though_another_observer_failed(tmp_path, monkeypatch):
    name = "print_tools_agent"
    lines = lines_of(name, tmp_path)
    grow(name, tmp_path).until(1 << 62)
    observers = Observers(roots=roots(tmp_path), key=KEY)
    played = Played(State())
    played.take(lines)
    played.now = json.loads(lines[-1])["at"] + 50 * TICK

    with monkeypatch.context() as patch:
        patch.setattr(Processes, "step", no_descriptor)
        with pytest.raises(OSError, match="too many"):
            observers.step(played.now, played.state)
    for _ in range(3):
        played.take(observers.step(played.now, played.state))
        played.now += 50 * TICK
    alone = play(name, tmp_path / "alone")
    assert len(played.named("chat")) == len(alone.named("chat"))
    assert [turn.attributes[sc.MODEL_CALLS] for turn in played.named("invoke_agent")] == [
        turn.attributes[sc.MODEL_CALLS] for turn in alone.named("invoke_agent")
    ]


def test_a_folder_that_cannot_be_listed_for_want_of_descriptors_is_looked_into_again(tmp_path, monkeypatch):
    name = "print_parallel_agents"
    lines = lines_of(name, tmp_path)
    grow(name, tmp_path).until(1 << 62)
    observers = Observers(roots=roots(tmp_path), key=KEY)
    played = Played(State())
    played.take(lines)
    played.now = json.loads(lines[-1])["at"] + 50 * TICK

    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", no_descriptor)
        for _ in range(3):
            played.take(observers.step(played.now, played.state))
            played.now += 50 * TICK
    assert not played.named("session")
    watch(played, name, tmp_path)
    assert "\n".join(render(played.spans)) + "\n" == (SESSIONS / name / "tree.txt").read_text()


def test_a_session_whose_transcript_is_refused_halfway_is_not_waited_for_any_longer(tmp_path, monkeypatch):
    monkeypatch.setattr("hookspan.observe.transcripts.STEP_BYTES", 1024)
    session, transcripts = session_of("print_mcp", tmp_path)
    grow("print_mcp", tmp_path).until(1 << 62)
    now = session.last + 60 * 10**9
    assert step(transcripts, session, now)
    assert not any(isinstance(fact, TranscriptRead) for fact in step(transcripts, session, now))
    session.transcript = "/etc/passwd"
    found = [fact for later in (1, 10, 3600) for fact in step(transcripts, session, now + later * 10**9)]
    assert any(isinstance(fact, TranscriptRead | Overdue) for fact in found)
