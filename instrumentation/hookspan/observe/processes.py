"""Watches the clients' processes: one that is gone, and a child that shows that a dialog was answered."""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import sys
import time
from collections.abc import Callable, Container
from typing import Final, NamedTuple

import psutil

from hookspan.catalogue.clients import of as client_of
from hookspan.clients.decode import shell_command
from hookspan.model.dialogs import SHELL_TOOLS
from hookspan.model.state import SessionState, ToolCall, Wait
from hookspan.paths import RELAY_NAME
from hookspan.reading import is_at_limit
from hookspan.wire.facts import ClientGone, Fact, Running

NANO: Final = 1_000_000_000
GRACE: Final = 2 * NANO
"""A client exits some 20 ms after its SessionEnd event was written; its last events may still be on their way."""
NOT_A_HOOK: Final = 300_000_000
"""A child that starts sooner than this after a dialog opened is one of its own hooks: nobody answers that fast."""
SETTLED_CHILD: Final = 0.4
"""Seconds that a child must live to count: hooks and status lines are over by then."""
SAME_BIRTH: Final = 30_000_000
"""Two start times closer than this are the same: the kernel reports hundredths of a second, and clocks are adjusted."""
_STAT_MAX: Final = 4096  # bytes of /proc/PID/stat; it has some 300
_STATE_FIELD, _START_FIELD = 0, 19  # of what follows the name there: fields 3 and 22
_QUOTES: Final = re.compile(r"""['"\\]+""")


class _Child(NamedTuple):
    """A client's child: when it was born (Unix ns), its command line in words, and of which call it says it is."""

    birth: int
    words: list[str]
    call: str


def own_pid_namespace() -> int:
    """Inode of this process's pid namespace, 0 where there is no such thing."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0


def start_of(pid: int) -> str:
    """When a process started, as the kernel counts; empty without one that runs, or without Linux's /proc.

    Raises OSError where too many files are open.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            fields = file.read(_STAT_MAX).rpartition(b")")[2].split()
        return "" if fields[_STATE_FIELD] == b"Z" else fields[_START_FIELD].decode()
    except (OSError, IndexError) as error:
        if is_at_limit(error):
            raise
        return ""


class _Known:
    """A process that was found, and how to see that it ended.

    By a descriptor of it, where Linux gives one: one system call for all of them, and no other process is ever meant by
    it. 16 idle clients cost 0.01 % of a processor by /proc instead, and 0.05 by psutil.
    """

    def __init__(self, process: psutil.Process, ends: select.poll) -> None:
        """`ends` tells of descriptors whose process has ended."""
        self.process = process
        self._ends = ends
        self._descriptor = _descriptor_of(process.pid)
        if self._descriptor is not None:
            ends.register(self._descriptor, select.POLLIN)
        self._start = start_of(process.pid)

    def __del__(self) -> None:
        if self._descriptor is not None:
            self._ends.unregister(self._descriptor)
            os.close(self._descriptor)

    def runs(self, ended: Container[int]) -> bool:
        """Whether it still does; `ended`: the descriptors of those that don't."""
        if self._descriptor is not None:
            return self._descriptor not in ended
        if self._start:
            return start_of(self.process.pid) == self._start
        return self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE


def _descriptor_of(pid: int) -> int | None:
    """Readable once the process has ended; None without one that runs, or where the system has no such thing."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:  # an old kernel, or at the limit of descriptors
        return None


class Processes:
    """The clients of open sessions. A pid means something only on its own host and in its own namespace.

    Args:
        read_record: Gives a journal line by its number, None if it is gone.
    """

    def __init__(self, read_record: Callable[[int], bytes | None] = lambda _number: None) -> None:
        self._host = socket.gethostname()
        self._namespace = own_pid_namespace()
        self._read_record = read_record
        self._processes: dict[int, _Known] = {}
        self._ends = select.poll()
        self._ended: set[int] = set()  # descriptors, as of the last look
        self._alive: dict[int, int] = {}
        self._words: dict[int, list[str]] = {}

    def step(self, now: int, sessions: list[SessionState]) -> list[Fact]:
        """Judgements about clients of these sessions."""
        facts: list[Fact] = []
        self._look()
        for session in sessions:
            if session.ended or not session.started or not session.pid or not self._is_here(session):
                continue
            process = self._process(session)
            if process is None:
                if now > session.last + GRACE:
                    facts.append(self._gone(session))
                continue
            self._alive[session.pid] = now
            if len(session.waits) == 1 and session.clients:
                continue  # the client itself tells of its only dialog's end
            if open_waits := [wait for wait in session.waits if not wait.running_at and wait.tool in SHELL_TOOLS]:
                facts += self._children(process, session, open_waits, now)
        self._forget(sessions)
        return facts

    def _forget(self, sessions: list[SessionState]) -> None:
        pids = {session.pid for session in sessions}
        for by_pid in (self._processes, self._alive):
            for pid in by_pid.keys() - pids:
                del by_pid[pid]
        records = {call.record for session in sessions if session.waits for call in session.calls.values()}
        for record in self._words.keys() - records:
            del self._words[record]

    def is_alive(self, session: SessionState) -> bool:
        """Whether the session's client is known to be still running, or nobody can tell at the moment."""
        self._look()
        try:
            return self._is_here(session) and bool(session.pid) and self._process(session) is not None
        except OSError:
            return True

    def _look(self) -> None:
        self._ended = {descriptor for descriptor, _ in self._ends.poll(0)}

    def _is_here(self, session: SessionState) -> bool:
        same_namespace = session.pidns == self._namespace or not session.pidns or not self._namespace
        return session.host in {"", self._host} and same_namespace

    def _process(self, session: SessionState) -> psutil.Process | None:
        """The client's process; None if its pid is free or now belongs to another process."""
        known = self._processes.get(session.pid)
        try:
            if known is None:
                process = psutil.Process(session.pid)
                # Older than the session's first sign of life, else the pid was given to another program since.
                if _born(process) > session.last + NANO:
                    return None
                known = self._processes[session.pid] = _Known(process, self._ends)
                self._look()
            if known.runs(self._ended):
                return known.process
        except psutil.NoSuchProcess:
            pass
        except psutil.AccessDenied:
            return known.process if known else None
        self._processes.pop(session.pid, None)
        return None

    def _gone(self, session: SessionState) -> ClientGone:
        """The fact that the client is gone: since it was last seen running, or else since its last event.

        Another one after a later record: with a late hook it is the session's client again.
        """
        return ClientGone(
            at=max(session.last, self._alive.get(session.pid, 0)),
            key=f"gone:{session.pid}:{session.opened}:{session.last_record}",
            session=session.id,
            judged_at=session.last_record,
            pid=session.pid,
        )

    def _children(self, process: psutil.Process, session: SessionState, waits: list[Wait], now: int) -> list[Fact]:
        """Each child is evidence for one dialog at most; `waits` are the open dialogs of shell tools."""
        facts: list[Fact] = []
        births = [wait.running_at for wait in session.waits]
        for birth, words, call in _children(process, client_of(session.agent).call_variable):
            if any(abs(birth - other) < SAME_BIRTH for other in births):
                continue
            if call:
                wait = next((wait for wait in waits if wait.tool_use_id == call and wait.at < birth), None)
            else:
                asked_before = [wait for wait in waits if wait.at + NOT_A_HOOK < birth < now - SETTLED_CHILD * NANO]
                wait = self._answered(session, asked_before, words) if asked_before else None
            if wait is not None:
                waits.remove(wait)
                key = f"running:{wait.at}:{birth}"
                facts.append(
                    Running(at=birth, key=key, session=session.id, judged_at=session.last_record, asked=wait.at)
                )
        return facts

    def _answered(self, session: SessionState, waits: list[Wait], words: list[str]) -> Wait | None:
        """The dialog whose command a child runs: `words` are its command line's.

        It may run the command of a call that nobody was asked about, too. Where a dialog's command can't be known
        (any more), the one that is open longest may be meant.
        """
        by_call = {wait.tool_use_id: wait for wait in reversed(waits)}
        best: ToolCall | None = None
        length = 0
        for call in session.calls.values():
            command = self._words_of(call)
            if _is_within(command, words) and (len(command), call.id in by_call) > (length, False):
                best, length = call, len(command)
        if best is not None:
            return by_call.get(best.id)
        with_command = {call.id for call in session.calls.values() if self._words_of(call)}
        unknown = [wait for wait in waits if wait.tool_use_id not in with_command]
        return min(unknown if words else waits, key=lambda wait: wait.at, default=None)

    def _words_of(self, call: ToolCall) -> list[str]:
        """The command of a call of Bash in words; none if it is not known. PowerShell gets its own encoded."""
        if call.tool != "Bash" or not call.record:
            return []
        if call.record not in self._words:
            self._words[call.record] = _words(shell_command(self._read_record(call.record) or b""))
        return self._words[call.record]


def _children(process: psutil.Process, variable: str) -> list[_Child]:
    """Those of a client's children that may be tools, oldest first. `variable`: in which they find their call's id."""
    children = []
    with contextlib.suppress(psutil.Error):
        # A hook that waits for a processor lives long, before it is even a program of its own: the client's copy.
        no_tools = {RELAY_NAME, process.name()}
        for child in process.children():
            with contextlib.suppress(psutil.Error):
                call = _variable(child, variable) if variable else ""
                if call or child.name() not in no_tools:
                    children.append(_Child(_born(child), _words(" ".join(child.cmdline())), call))
    return sorted(children)


def _variable(process: psutil.Process, name: str) -> str:
    try:
        return process.environ().get(name, "")
    except psutil.Error:
        return ""


def _born(process: psutil.Process) -> int:
    """When a process was created, Unix ns.

    Linux counts from its boot, the moment of which psutil knows in whole seconds: births would be up to one too early.
    """
    birth = round(process.create_time() * NANO)
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    if clock is None:
        return birth
    return birth + time.time_ns() - time.clock_gettime_ns(clock) - round(psutil.boot_time() * NANO)


def _words(text: str) -> list[str]:
    """Words of a shell's text however it is quoted: a client hands a command over as one quoted word of another."""
    return _QUOTES.sub("", text).split()


def _is_within(command: list[str], words: list[str]) -> bool:
    """Whether a command is part of a command line; the client may put words of its own between (`< /dev/null`)."""
    rest = iter(words)
    return bool(command) and all(word in rest for word in command)
