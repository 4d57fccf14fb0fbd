"""How a line gets into the journal, whatever stands in the way, and what is counted if it doesn't."""

import ctypes
import fcntl
import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance.conftest import LONG, Hook, Relay, State, compiled, interpreted

MIB = 1 << 20
DAY = 24 * 3600


def obey_modes() -> None:
    """Gives up root's right to pass over file modes."""
    libc = ctypes.CDLL(None)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        libc.prctl(
            24, capability, 0, 0, 0
        )  # PR_CAPBSET_DROP, which refuses whoever isn't root: then modes count anyway


def start_many(relay: Relay, state: State, count: int) -> list[Hook]:
    """Each with all of its event and a stdin that is still open; one that takes too long to start is not waited for."""
    hooks = []
    for i in range(count):
        hooks.append(relay.start(state))
        hooks[-1].send(json.dumps({"i": i, "text": "x" * 8192}).encode())
    return hooks


def test_64_at_once(relay: Relay, state: State) -> None:
    hooks = start_many(relay, state, 64)
    for hook in hooks:
        hook.close()
    for hook in hooks:
        hook.wait()
    assert sorted(record["event"]["i"] for record in state.records()) == list(range(64))
    assert state.drops() == {}


@pytest.mark.need_strace
def test_two_that_both_find_no_journal_create_one(relay: Relay, state: State) -> None:
    state.journal.rmdir()
    slow_mkdir = ["strace", "-o", "/dev/null", "-e", "inject=mkdir,mkdirat:delay_enter=1s"]
    hooks = [relay.start(state, before=slow_mkdir) for _ in range(2)]
    for hook in hooks:
        hook.close()
    for hook in hooks:
        hook.wait()
    assert len(state.records()) == 2
    assert state.drops() == {}


def test_lock_held_by_another_gives_a_stray(relay: Relay, state: State) -> None:
    with state.locked():
        hook = relay.run(state, b'{"a":1}')
    assert state.lines() == []
    [line] = state.strays()
    record = json.loads(line)
    [file] = state.journal.glob("stray-*")
    assert file.name == f"stray-{record['at']}-{hook.pid}"
    assert record["event"] == {"a": 1}
    assert state.drops() == {}


def test_lock_held_for_a_moment_is_waited_for(relay: Relay, state: State) -> None:
    for _ in range(20):  # on a loaded machine a moment may be too long
        with state.locked():
            hook = relay.start(state)
            hook.send(b'{"a":1}')
            hook.close()
            until_open(hook, state.current)
            time.sleep(0.01)  # so that it has tried, and must try again
        hook.wait()
        if state.lines():
            return
    pytest.fail("the lock became free and was never taken")


def until_open(hook: Hook, file: Path) -> None:
    """Waits until the relay has the file open, or has ended."""
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        try:
            links = [entry.readlink() for entry in Path(f"/proc/{hook.pid}/fd").iterdir()]
        except OSError:
            links = []
        if file in links or hook.process.poll() is not None:
            return
    pytest.fail(f"{file} was never opened")


@pytest.mark.parametrize("gone", ["renamed", "unlinked", "replaced"])
def test_a_journal_that_goes_away_before_the_lock_is_opened_anew(relay: Relay, state: State, gone: str) -> None:
    old = state.journal / "00000000000000000001.jsonl"
    for attempt in range(20):  # a relay that waited too long makes a stray, which shows nothing here
        with state.locked(), state.current.open("rb") as held:
            hook = relay.start(state)
            hook.send(b"{}")
            hook.close()
            until_open(hook, state.current)
            if gone == "unlinked":
                state.current.unlink()
            else:
                state.current.rename(old)
            if gone == "replaced":
                state.current.touch()
            fcntl.flock(held, fcntl.LOCK_UN)
        hook.wait()
        assert gone == "unlinked" or old.stat().st_size == 0
        if state.lines():
            assert len(state.lines()) == 1
            return
        assert len(state.strays()) == attempt + 1
        state.current.unlink(missing_ok=True)
    pytest.fail("no relay ever got the lock in time")


def test_rotation_under_load_loses_no_line(relay: Relay, state: State) -> None:
    hooks = start_many(relay, state, 48)
    rotated: dict[Path, int] = {}
    pending = list(hooks)
    while pending or any(hook.process.poll() is None for hook in hooks):
        with state.locked():
            for hook in pending[:4]:
                hook.close()
            del pending[:4]
            time.sleep(0.005)  # so that they queue up with the old file open
            segment = state.journal / f"{len(rotated):020d}.jsonl"
            state.current.rename(segment)
            rotated[segment] = segment.stat().st_size
        time.sleep(0.005)
    for hook in hooks:
        hook.wait()
    assert len(rotated) >= 12
    # Whoever rotates takes the segment for finished.
    assert {segment: segment.stat().st_size for segment in rotated} == rotated
    lines = [line for segment in rotated for line in segment.read_bytes().splitlines()]
    written = [json.loads(line) for line in lines] + state.records()
    assert sorted(record["event"]["i"] for record in written) == list(range(48))


def test_a_torn_last_line_is_ended_first(relay: Relay, state: State) -> None:
    state.current.write_bytes(b'{"whole":1}\n{"torn by a killed wri')
    relay.run(state, b"7")
    whole, torn, ours = state.lines()
    assert (whole, torn) == (b'{"whole":1}', b'{"torn by a killed wri')
    assert json.loads(ours)["event"] == 7


@pytest.mark.need_strace
@pytest.mark.parametrize("build", [pytest.param(compiled, marks=pytest.mark.need_cc), interpreted])
@pytest.mark.parametrize(
    ("call", "left"), [("flock", [[]]), ("writev", [[], [1]]), ("close", [[1]])], ids=["locks", "writes", "has written"]
)
def test_a_killed_writer_stands_in_nobodys_way(
    build: Callable[[], Relay], state: State, call: str, left: list[list[int]]
) -> None:
    """Its lock goes with it, and its line is there whole, or not at all."""
    relay = build()
    state.current.touch()
    strace = ["strace", "-f", "-o", "/dev/null", "-P", str(state.current), "-e", f"inject={call}:signal=KILL"]
    killed = subprocess.run([*strace, *relay.command, str(state.path)], input=b"1", check=False, env={})
    assert killed.returncode == -signal.SIGKILL
    assert [json.loads(line)["event"] for line in state.lines()] in left
    before = len(state.lines())
    relay.run(state, b"2")
    assert [json.loads(line)["event"] for line in state.lines()[before:]] == [2]
    assert state.strays() == []


@pytest.mark.parametrize("room", [0, 1, 500])
def test_a_short_write_leaves_nothing_behind(relay: Relay, state: State, room: int) -> None:
    """At a size limit; with no room at all, the kernel sends SIGXFSZ, too."""
    before = b'{"n":1}\n' * 100
    state.current.write_bytes(before)
    limit = len(before) + room
    cap = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))  # noqa: E731
    relay.run(state, b"x" * 8192, preexec_fn=cap)
    assert state.current.read_bytes() == before
    assert state.drops() == {"write": 1}
    with state.locked():
        relay.run(state, b"x" * 8192, preexec_fn=cap)
    assert state.strays() == []
    assert state.drops() == {"write": 2}


@pytest.fixture
def small_disk(state: State) -> Iterator[State]:
    """The state folder on a disk of 256 KB."""
    options = "size=256k,mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", state.path], check=True)
    try:
        state.journal.mkdir(mode=0o700)
        yield state
    finally:
        subprocess.run(["umount", state.path], check=True)


@pytest.mark.need_root
def test_a_full_disk_is_counted_in_place_and_recovers(relay: Relay, small_disk: State) -> None:
    state = small_disk
    relay.run(state, b"1")
    state.path.chmod(0o770)
    relay.run(state)  # is refused, which creates the file `drops`
    state.path.chmod(0o700)
    filler = state.path / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(b"x" * 4096)
    for _ in range(2):
        relay.run(state, b"x" * 8192)
    assert len(state.lines()) == 1
    assert state.drops() == {"other": 1, "write": 2}
    filler.unlink()
    relay.run(state, b"2")
    assert [record["event"] for record in state.records()] == [1, 2]


@pytest.mark.need_root
def test_a_full_disk_without_the_side_file_is_borne_in_silence(relay: Relay, small_disk: State) -> None:
    with (small_disk.path / "filler").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(b"x" * 4096)
    relay.run(small_disk, b"x" * 8192)
    assert small_disk.lines() == []


@pytest.mark.parametrize("folder", ["journal", "."])
def test_a_read_only_folder(relay: Relay, state: State, folder: str) -> None:
    state.journal.rmdir()
    if folder == "journal":
        state.journal.mkdir(mode=0o500)
    else:
        state.path.chmod(0o500)
    relay.run(state, preexec_fn=obey_modes)
    state.path.chmod(0o700)
    assert state.lines() == []
    assert state.drops() == ({"open": 1} if folder == "journal" else {})


def test_a_lock_without_a_place_for_strays_is_counted(relay: Relay, state: State) -> None:
    state.current.touch()
    state.journal.chmod(0o500)
    with state.locked():
        relay.run(state, preexec_fn=obey_modes)
    assert state.drops() == {"lock": 1}


def plant_link(state: State) -> None:
    target = state.path.parent / "target"
    target.write_bytes(b"")
    state.current.symlink_to(target)


def plant_folder_link(state: State) -> None:
    target = state.path.parent / "elsewhere"
    target.mkdir()
    state.journal.rmdir()
    state.journal.symlink_to(target)


def plant_dangling_folder_link(state: State) -> None:
    state.journal.rmdir()
    state.journal.symlink_to(state.path.parent / "nowhere")


def plant_fifo(state: State) -> None:
    os.mkfifo(state.current)


def plant_folder(state: State) -> None:
    state.current.mkdir()


def plant_file_for_folder(state: State) -> None:
    state.journal.rmdir()
    state.journal.write_bytes(b"")


@pytest.mark.parametrize(
    "plant",
    [plant_link, plant_folder_link, plant_dangling_folder_link, plant_fifo, plant_folder, plant_file_for_folder],
)
def test_a_journal_that_is_no_plain_file_in_a_plain_folder_is_refused(relay: Relay, state: State, plant) -> None:
    plant(state)
    relay.run(state)
    assert state.drops() == {"open": 1}
    target = state.path.parent / "target"
    assert not target.exists() or target.read_bytes() == b""
    elsewhere = state.path.parent / "elsewhere"
    assert not elsewhere.exists() or list(elsewhere.iterdir()) == []


def test_a_missing_state_folder_stays_missing(relay: Relay, tmp_path: Path) -> None:
    relay.run(tmp_path / "gone", b"x" * MIB)
    relay.run(tmp_path / "gone" / "state", b"x" * MIB)
    assert list(tmp_path.iterdir()) == []


def test_no_argument_at_all(relay: Relay, tmp_path: Path) -> None:
    hook = Hook(relay.command, cwd=tmp_path)
    hook.send(b"x" * MIB)
    hook.end()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mask", [0o000, 0o777])
def test_what_is_created_is_ours_alone(relay: Relay, state: State, mask: int) -> None:
    """Whatever the umask of the host, and if it lets us read our own files at all."""
    state.journal.rmdir()
    (state.path / "run").rmdir()
    state.conf("autostart 1\narg /nonexistent\n")
    set_mask = lambda: os.umask(mask)  # noqa: E731
    for _ in range(2):
        relay.run(state, preexec_fn=set_mask)
    with state.locked():
        relay.run(state, preexec_fn=set_mask)
    state.path.chmod(0o770)
    relay.run(state, preexec_fn=set_mask)
    state.path.chmod(0o700)
    modes = {path.relative_to(state.path).as_posix(): path.stat().st_mode & 0o777 for path in state.path.rglob("*")}
    [stray] = [name for name in modes if "stray" in name]
    del modes["relay.conf"]
    assert modes == {
        "journal": 0o700,
        "journal/current.jsonl": 0o600,
        stray: 0o600,
        "run": 0o700,
        "run/start.lock": 0o600,
        "drops": 0o600,
    }
    assert len(state.lines()) == 2


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_a_folder_that_others_may_write_to_is_refused(relay: Relay, state: State, mode: int) -> None:
    state.path.chmod(mode)
    relay.run(state)
    state.path.chmod(0o700)
    assert (state.lines(), state.drops()) == ([], {"other": 1})


@pytest.mark.need_root
def test_a_folder_that_is_not_ours_is_refused(relay: Relay, state: State) -> None:
    os.chown(state.path, 65534, 65534)
    relay.run(state)
    assert (state.lines(), state.drops()) == ([], {"other": 1})


@pytest.mark.parametrize("plant", ["link", "hard link", "fifo", "folder"])
def test_drops_that_is_no_file_of_its_own_is_left_alone(relay: Relay, state: State, plant: str) -> None:
    drops, target = state.path / "drops", state.path.parent / "target"
    target.write_bytes(b"precious")
    if plant == "link":
        drops.symlink_to(target)
    elif plant == "hard link":
        drops.hardlink_to(target)
    elif plant == "fifo":
        os.mkfifo(drops)
    else:
        drops.mkdir()
    state.path.chmod(0o770)
    relay.run(state)
    assert target.read_bytes() == b"precious"


def test_a_locked_drops_file_is_not_waited_for(relay: Relay, state: State) -> None:
    state.path.chmod(0o770)
    with state.locked("drops"):
        relay.run(state)
    assert (state.path / "drops").read_bytes() == b""


def test_drops_counts_everyone_and_keeps_what_is_there(relay: Relay, state: State) -> None:
    names = ["cap", "heartbeat", "read", "open", "lock", "write", "other"]
    last = time.time_ns()
    lines = [f"{name:<16}{1000 + i:020d} {last:020d}".ljust(63) + "\n" for i, name in enumerate(names)]
    (state.path / "drops").write_text("".join(lines))
    state.journal.rmdir()
    state.journal.write_bytes(b"")
    for _ in range(16):
        relay.run(state)
    after = (state.path / "drops").read_text().splitlines(keepends=True)
    assert state.drops() == {name: 1000 + i + (16 if name == "open" else 0) for i, name in enumerate(names)}
    assert [line for line in after if "open" not in line] == [line for line in lines if "open" not in line]
    assert last < int(after[3][37:57]) < time.time_ns()


@pytest.mark.need_strace
def test_drops_created_by_two_at_once_counts_both(relay: Relay, state: State) -> None:
    state.path.chmod(0o770)
    slow = [["strace", "-o", "/dev/null", "-e", f"inject=flock:delay_enter={delay}s"] for delay in (1, 4)]
    hooks = [relay.start(state, before=before) for before in slow]  # both find it empty, then one after the other
    for hook in hooks:
        hook.close()
    for hook in hooks:
        hook.wait()
    assert state.drops() == {"other": 2}


def test_drops_that_is_damaged_is_written_anew(relay: Relay, state: State) -> None:
    (state.path / "drops").write_bytes(b"rubbish")
    state.path.chmod(0o770)
    relay.run(state)
    assert state.drops() == {"other": 1}


def test_a_journal_at_its_cap_is_not_written_to(relay: Relay, state: State) -> None:
    state.current.touch()
    os.truncate(state.current, 200 * MIB)
    state.conf("# of the journal\ncap_bytes 200000000\nunknown 1\n")
    relay.run(state)
    assert state.current.stat().st_size == 200 * MIB
    assert state.drops() == {"cap": 1}
    state.conf("cap_bytes 300000000\n")
    relay.run(state)
    assert state.current.stat().st_size > 200 * MIB


@pytest.mark.parametrize("conf", [None, "", "cap_bytes rubbish\n", "cap_bytes 0\n", "#" * 20000 + "\ncap_bytes 1\n"])
def test_the_cap_is_1_gib_without_a_better_one(relay: Relay, state: State, conf: str | None) -> None:
    if conf is not None:
        state.conf(conf)
    state.current.touch()
    os.truncate(state.current, 1024 * MIB)
    relay.run(state)
    assert state.current.stat().st_size > 1024 * MIB
    os.truncate(state.current, 1024 * MIB + 1)
    relay.run(state)
    assert state.current.stat().st_size == 1024 * MIB + 1
    assert state.drops() == {"cap": 1}


def test_without_an_agent_for_7_days_nothing_is_written(relay: Relay, state: State) -> None:
    heartbeat = state.path / "heartbeat"
    heartbeat.touch()
    now = time.time()
    os.utime(heartbeat, (now, now - 7 * DAY + 60))
    relay.run(state)
    assert (len(state.lines()), state.drops()) == (1, {})
    os.utime(heartbeat, (now, now - 7 * DAY - 60))
    relay.run(state)
    assert (len(state.lines()), state.drops()) == (1, {"heartbeat": 1})
    state.conf("autostart 1\narg /nonexistent\n")
    (state.path / "down").touch()
    relay.run(state)
    assert (len(state.lines()), state.drops()) == (1, {"heartbeat": 2})


def test_after_a_holiday_the_hook_that_starts_the_agent_is_written(relay: Relay, state: State) -> None:
    (state.path / "heartbeat").touch()
    os.utime(state.path / "heartbeat", (0, 0))
    state.conf("autostart 1\narg /nonexistent\n")
    relay.run(state)
    assert (len(state.lines()), state.drops()) == (1, {})
    os.truncate(state.current, 64 * MIB + 1)  # but not for ever
    relay.run(state)
    assert state.current.stat().st_size == 64 * MIB + 1
    assert state.drops() == {"heartbeat": 1}
