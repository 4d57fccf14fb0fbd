"""The relay where there is no compiler: `python3 -I -S main.py STATE_FOLDER`, in the same words as relay.c.

It reads the event from stdin, appends it to STATE_FOLDER/journal/current.jsonl as one line, pokes the agent and exits 0. It
prints nothing and never fails its host. tests/conformance runs against both; relay.c says why things are as they are.
This source is compiled anew for every event, so it is short, and imports nothing that Python has not loaded anyway but
`fcntl` and `_socket`.
"""

import posix
import sys
import time

AT, BEGAN = time.time_ns(), time.monotonic_ns()

MIB = 1 << 20
PAYLOAD_MAX = 16 * MIB
CAP_DEFAULT, CAP_CHECKED_FROM, STALE_CAP = 1024 * MIB, 128 * MIB, 64 * MIB
STALE_AFTER = 7 * 24 * 3600 * 10**9
START_WAIT, START_WAIT_MAX = 30, 600  # seconds
REASONS = "cap", "heartbeat", "read", "open", "lock", "write", "other"
RECORDED = (
    b"CLAUDE_PID CLAUDE_CODE_SESSION_ID CLAUDE_CODE_ENTRYPOINT CLAUDE_PROJECT_DIR CLAUDE_CODE_REMOTE CLAUDE_EFFORT "
    b"TRACEPARENT TRACESTATE"
)
INHERITED = b"HOME USER LOGNAME LANG LC_ALL TZ XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS"
FILE = posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC
FOLDER = posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC


class Dropped(Exception):  # noqa: N818
    """The event can't be written; the argument is one of REASONS."""


def lock(fd: int, seconds: float) -> bool:
    """Try to take the lock for so long."""
    import fcntl

    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(0.0005)
        except OSError:
            return False
        else:
            return True


def count(why: str) -> None:
    """Add one to a reason's line in `drops`, in place."""
    fd = posix.open("drops", posix.O_RDWR | posix.O_CREAT | FILE, 0o600)
    st = posix.fstat(fd)
    if st.st_mode & 0o170000 != 0o100000 or st.st_uid != posix.geteuid() or st.st_nlink != 1 or not lock(fd, 0.2):
        return
    table = posix.pread(fd, 64 * len(REASONS), 0)
    whole = len(table) == 64 * len(REASONS)
    for i, reason in enumerate(REASONS):
        digits = (table[64 * i + 16 : 64 * i + 36], table[64 * i + 37 : 64 * i + 57]) if whole else ()
        n, last = (int(d) if d.isdigit() else 0 for d in digits) if whole else (0, 0)
        if reason == why:
            n, last = n + 1, AT
        if reason == why or not whole:
            posix.pwrite(fd, b"%-16b%020d %020d      \n" % (reason.encode(), n, last), 64 * i)


def read_stdin() -> "tuple[bytes, int]":
    """Stdin to its end or the deadline: the payload (nothing of it if over the cap) and its size."""
    import _signal  # type: ignore[import-not-found]

    null = posix.open("/dev/null", posix.O_RDWR | posix.O_CLOEXEC)
    late = []

    def end_stdin(*_: object) -> None:
        # A read that a signal interrupts is tried again, and then finds the end of /dev/null. Nothing read gets lost.
        late.append(posix.dup2(null, 0))

    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    _signal.signal(_signal.SIGALRM, end_stdin)
    _signal.setitimer(_signal.ITIMER_REAL, 2, 0.05)  # again and again, for the one that comes just before a read
    chunks, size = [], 0
    try:
        while chunk := posix.read(0, MIB):
            size += len(chunk)
            chunks.append(chunk)
            if size > PAYLOAD_MAX:
                chunks.clear()
    except OSError:
        late.append(0)
    _signal.setitimer(_signal.ITIMER_REAL, 0)
    if late and not size:
        raise Dropped("read")
    return b"".join(chunks), size


def string(value: bytes) -> "str | None":
    """Give a JSON string, or None if it is too long or no UTF-8."""
    try:
        text = value[:1025].decode()
    except UnicodeDecodeError:
        return None
    if not text.isprintable() or '"' in text or "\\" in text:
        text = text.translate({34: '\\"', 92: "\\\\", **{i: f"\\u{i:04x}" for i in range(32)}})
    return None if len(value) > 1024 else f'"{text}"'


def head() -> bytes:
    """Give the middle of the line, from "pid" to "event"."""
    try:
        namespace = posix.stat("/proc/self/ns/pid").st_ino
    except OSError:
        namespace = 0
    values = [(name.decode(), string(posix.environ[name])) for name in RECORDED.split() if name in posix.environ]
    env = ",".join(f'"{name}":{value}' for name, value in values if value)
    host = string(posix.uname().nodename.encode(errors="surrogateescape")) or '""'
    return (
        f',"pid":{posix.getpid()},"ppid":{posix.getppid()},"host":{host},"pidns":{namespace},"env":{{{env}}},"event":'
    ).encode()


def settings() -> "tuple[int, list[str]]":
    """Read relay.conf: the journal's cap and the agent's command line, empty if this hook may not start it."""
    cap, autostart, args = CAP_DEFAULT, False, []
    try:
        text = posix.read(posix.open("relay.conf", posix.O_RDONLY | FILE), 16384)
    except OSError:
        text = b""
    for line in text.split(b"\n") if len(text) < 16384 else ():
        key, separator, value = line.partition(b" ")
        if key == b"cap_bytes" and value.isdigit() and int(value):
            cap = int(value)
        elif key == b"autostart":
            autostart = value == b"1"
        elif key == b"arg" and separator and len(args) < 32:
            args.append(value)
    return cap, args if autostart and args and args[0][:1] == b"/" and not posix.access("down", posix.F_OK) else []


def write_line(fd: int, end: int, line: "list[bytes]") -> bool:
    """Write with one writev; on a short write nothing of it stays."""
    line[1] = b'{"v":1,"agent":"claude-code","at":%d,"took":%d' % (AT, time.monotonic_ns() - BEGAN)
    try:
        written = posix.writev(fd, line)
    except OSError:
        return False
    if written != sum(map(len, line)):
        posix.ftruncate(fd, end)
        return False
    return True


def write_stray(journal: int, line: "list[bytes]") -> None:
    """Write the line to a file of its own, as somebody holds the journal's lock."""
    name = f"stray-{AT}-{posix.getpid()}"
    try:
        fd = posix.open(name, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | FILE, 0o600, dir_fd=journal)
    except OSError:
        raise Dropped("lock") from None
    lock(fd, 0)
    if not write_line(fd, 0, line):
        posix.unlink(name, dir_fd=journal)
        raise Dropped("write")


def open_journal(seconds_left: float) -> "tuple[int, int, posix.stat_result]":
    """Open and lock current.jsonl: the folder's and the file's descriptor (-1 without the lock), and its state."""
    end = time.monotonic() + seconds_left
    try:
        try:
            folder = posix.open("journal", FOLDER)
        except FileNotFoundError:
            posix.mkdir("journal", 0o700)
            folder = posix.open("journal", FOLDER)
        while True:
            fd = posix.open("current.jsonl", posix.O_RDWR | posix.O_APPEND | posix.O_CREAT | FILE, 0o600, dir_fd=folder)
            if not lock(fd, end - time.monotonic()):
                return folder, -1, posix.fstat(fd)
            st = posix.fstat(fd)
            if st.st_mode & 0o170000 != 0o100000:
                raise Dropped("open")
            try:
                named = posix.stat("current.jsonl", dir_fd=folder, follow_symlinks=False)
                if (named.st_ino, named.st_dev) == (st.st_ino, st.st_dev):
                    return folder, fd, st
            except FileNotFoundError:
                pass
            posix.close(fd)
    except OSError:
        raise Dropped("open") from None


def record(payload: bytes, size: int) -> None:
    """Append the event to the journal."""
    try:
        stale = AT - posix.stat("heartbeat").st_mtime_ns > STALE_AFTER
    except OSError:
        stale = False
    if stale and not settings()[1]:
        raise Dropped("heartbeat")
    payload = payload.replace(b"\n", b" ").replace(b"\r", b" ").rstrip(b" \t") or b"null"
    if size > PAYLOAD_MAX:
        payload = b'null,"bytes":%d,"cut":true' % size
    line = [b"", b"", head(), payload, b"}\n"]
    folder, fd, st = open_journal(0.05)
    if fd < 0:
        return write_stray(folder, line)
    if st.st_size > (STALE_CAP if stale else CAP_CHECKED_FROM) and (stale or st.st_size > settings()[0]):
        raise Dropped("heartbeat" if stale else "cap")
    if st.st_size and posix.pread(fd, 1, st.st_size - 1) != b"\n":
        line[0] = b"\n"
    if not write_line(fd, st.st_size, line):
        raise Dropped("write")
    posix.close(fd)
    return None


def poke() -> bool:
    """Wake the agent; False if there is none."""
    import _socket

    try:
        _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM).sendto(b"!", _socket.MSG_DONTWAIT, "run/poke.sock")
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    except OSError:
        pass
    return True


def start_agent(args: "list[bytes]") -> None:
    """Start the agent, unless somebody else is at it or did so a short while ago."""
    import _signal

    if not posix.access("run", posix.F_OK):
        posix.mkdir("run", 0o700)
    fd = posix.open("run/start.lock", posix.O_RDWR | posix.O_CREAT | FILE, 0o600)
    if not lock(fd, -1) or poke():
        return
    now = AT // 10**9
    last, tries = ([int(n) if n.isdigit() else 0 for n in posix.pread(fd, 63, 0).split()] + [0, 0])[:2]
    if tries > 0 and 0 <= now - last < min(START_WAIT << min(tries - 1, 9), START_WAIT_MAX):
        return
    text = b"%d %d\n" % (now, tries + 1)
    posix.pwrite(fd, text, 0)
    posix.ftruncate(fd, len(text))
    # Nothing comes after this, so it is this process that moves: descriptors 0 to 2 to /dev/null, 3 the lock.
    posix.dup2(fd, 3)
    posix.set_inheritable(3, True)  # noqa: FBT003
    null = posix.open("/dev/null", posix.O_RDWR)
    for n in range(3):
        posix.dup2(null, n)
    posix.closerange(4, posix.sysconf("SC_OPEN_MAX"))
    posix.chdir("/")
    env = {name: posix.environ[name] for name in INHERITED.split() if name in posix.environ}
    env[b"PATH"] = b"/usr/local/bin:/usr/bin:/bin"
    args += [b"--start-lock-fd", b"3"]
    posix.posix_spawn(args[0], args, env, setsid=True, setsigmask=(), setsigdef=_signal.valid_signals())


def main() -> None:
    """Do what relay.c's main does."""
    posix.umask(0o077)
    why = ""
    try:
        payload, size = read_stdin()
    except Dropped:
        why = "read"
    posix.chdir(sys.argv[1])
    st = posix.stat(".")
    if st.st_uid != posix.geteuid() or st.st_mode & 0o022:
        return count("other")
    try:
        if not why:
            record(payload, size)
    except Dropped as dropped:
        why = str(dropped)
    if why:
        try:
            count(why)
        except OSError:
            pass
    if not poke() and (args := settings()[1]):
        start_agent(args)
    return None


try:
    main()
finally:
    posix._exit(0)  # noqa: SLF001
