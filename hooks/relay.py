"""hookspan's relay where nothing can be compiled: what `main.py`, which takes the time, runs.

It does what relay.c does, with the same options, and that says why things are as they are; tests/conformance runs
against both. Where nothing can be kept, Python compiles this source anew for every event, which is then half of what it
costs: so it is short, has no f-string (each is a parser run of its own), imports two modules at most, and what few
events need is a string that is compiled only then.
"""

# ruff: noqa: C901, PLC0415, PLR2004, S102, SIM105, UP031 - every event pays for each import and name of this file

import posix
import sys
import time

from __main__ import AGE, AT, BEGAN

MIB = 1 << 20
PAYLOAD_MAX, STALE_CAP, CAP_CHECKED_FROM = 16 * MIB, 64 * MIB, 128 * MIB
STALE_AFTER = 7 * 24 * 3600 * 10**9
RECORDED = (
    b"CLAUDE_PID CLAUDE_CODE_SESSION_ID CLAUDE_CODE_ENTRYPOINT CLAUDE_PROJECT_DIR CLAUDE_CODE_REMOTE CLAUDE_EFFORT"
    b" TRACEPARENT TRACESTATE"
)
SWITCHES = b"BEDROCK MANTLE VERTEX FOUNDRY"
OPEN = posix.O_RDWR | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC
CREATE = OPEN | posix.O_CREAT

RARE = """
REASONS = b"cap", b"heartbeat", b"read", b"open", b"lock", b"write", b"other"
INHERITED = b"HOME USER LOGNAME LANG LC_ALL TZ XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS".split()

def count(why):
    # Add one to a reason's line in `drops`, in place.
    fd = posix.open("drops", CREATE, 0o600)
    st = posix.fstat(fd)
    if st.st_uid != posix.geteuid() or st.st_nlink != 1 or not lock(fd, 0.2):
        return
    whole = posix.fstat(fd).st_size >= 64 * len(REASONS)
    for i, reason in enumerate(REASONS):
        n = posix.pread(fd, 20, 64 * i + 16) if whole else b"0"
        n = (int(n) if n.isdigit() else 0) + (reason == why)
        if reason == why or not whole:
            posix.pwrite(fd, b"%-16b%020d %020d      \\n" % (reason, n, AT * (reason == why)), 64 * i)

def settings():
    # relay.conf: the journal's cap and the agent's command line, empty if this hook may not start it.
    cap, autostart, args, text = 1024 * MIB, False, [], b""
    try:
        text = posix.read(posix.open("relay.conf", OPEN & ~posix.O_RDWR), 16384)
    except OSError:
        pass
    for line in text.split(b"\\n") if len(text) < 16384 else ():
        key, space, value = line.partition(b" ")
        if key == b"arg" and space and len(args) < 32:
            args.append(value)
        elif key == b"autostart":
            autostart = value == b"1"
        elif key == b"cap_bytes" and value.isdigit() and int(value):
            cap = int(value)
    may_start = autostart and args and args[0][:1] == b"/" and not posix.access("down", posix.F_OK)
    return cap, args if may_start else []

def start_agent(args):
    # Start the agent, unless somebody else is at it or did so a short while ago.
    import _signal
    try:
        posix.mkdir("run", 0o700)
    except FileExistsError:
        pass
    fd = posix.open("run/start.lock", CREATE, 0o600)
    if not lock(fd, -1) or poke():
        return
    now = AT // 10**9
    last, tries, *_ = [int(n) for n in posix.pread(fd, 63, 0).split() if n.isdigit()] + [0, 0]
    if tries and 0 <= now - last < min(30 << min(tries - 1, 9), 600):
        return
    text = b"%d %d\\n" % (now, tries + 1)
    posix.pwrite(fd, text, 0)
    posix.ftruncate(fd, len(text))
    if heard and posix.fork():  # the line comes after this
        return posix.close(fd)
    # After a hook nothing does, so it is this process that moves: descriptors 0 to 2 to /dev/null, 3 the lock.
    try:
        posix.dup2(fd, 3)
        posix.set_inheritable(3, True)
        null = posix.open("/dev/null", posix.O_RDWR)
        for n in range(3):
            posix.dup2(null, n)
        posix.closerange(4, min(posix.sysconf("SC_OPEN_MAX"), 1 << 20))  # a limit may be a billion
        posix.chdir("/")
        env = {name: posix.environ[name] for name in INHERITED if name in posix.environ}
        env[b"PATH"] = b"/usr/local/bin:/usr/bin:/bin"
        args += [b"--start-lock-fd", b"3"]
        posix.posix_spawn(args[0], args, env, setsid=True, setsigmask=(), setsigdef=_signal.valid_signals())
    finally:
        posix._exit(0)
"""

STATUS_LINE = """
# What only a status line needs: run instead of main(), which it calls.
import _signal

SESSION = posix.environ.get(b"CLAUDE_CODE_SESSION_ID", b"")
PROGRAM = sys.argv[3:6] if sys.argv[6:7] == ["--"] else sys.argv[3:]  # the line by its shell, which costs us nothing
PASSED = b'"total_duration_ms":'
seen = []

def is_repeat(payload):
    # Whether the session's newest input says the same, but for the time that passed.
    if not SESSION or len(payload) > PAYLOAD_MAX:
        return False
    first, *rest = payload.split(PASSED)
    said = PASSED.join([first, *(each.lstrip(b"0123456789") for each in rest)])
    mark = (int.from_bytes(SESSION + said, "big") % (2**61 - 1) + 1).to_bytes(8, sys.byteorder)
    slot = 0
    for byte in SESSION:
        slot = (slot * 31 + byte) % 512
    try:
        fd = posix.open("status-seen", CREATE, 0o600)
        st = posix.fstat(fd)
        if st.st_mode & 0o170000 == 0o100000 and st.st_nlink == 1:
            seen[:] = fd, mark, slot * 8
            return posix.pread(fd, 8, slot * 8) == mark
    except OSError:
        pass
    return False

def remember():
    if seen:
        posix.pwrite(seen[0], seen[1], seen[2])

def refill(payload):
    # Put what was read into a pipe: what that does not hold, and what the host may yet say, a child brings.
    reader, writer = posix.pipe()
    posix.set_blocking(writer, False)
    try:
        written = posix.write(writer, payload)
    except OSError:
        written = 0
    posix.set_blocking(writer, True)
    if posix.fork() == 0:
        try:
            for fd in reader, 1, 2:
                posix.close(fd)
            while payload:
                while written < len(payload):
                    written += posix.write(writer, payload[written:])
                payload, written = posix.read(STDIN, 65536), 0
        finally:
            posix._exit(0)
    posix.close(writer)
    posix.dup2(reader, 0)
    posix.close(reader)

def become():
    posix.fchdir(FOLDER)
    posix.umask(MASK)
    for number in _signal.SIGPIPE, _signal.SIGXFSZ:  # as Python has set them
        _signal.signal(number, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, BLOCKED)
    env = posix.environ
    try:  # Python adds LC_CTYPE where there is no locale
        words = posix.read(posix.open("/proc/self/environ", 0), 1 << 22).split(b"\\0")
        env = dict(word.split(b"=", 1) for word in words if b"=" in word) or env
    except OSError:
        pass
    paths = [""] if "/" in PROGRAM[0] else [each + "/" for each in posix.environ.get(b"PATH", b"").decode().split(":")]
    for path in paths:
        try:
            posix.execve(path + PROGRAM[0], PROGRAM, env)
        except OSError:
            pass

def print_line(wanted):
    # Print the line that the agent has made for the session, if need be once it has made it anew.
    if not SESSION or len(SESSION) > 64 or SESSION.strip(b"0123456789abcdefABCDEF-"):
        return
    end, line = time.monotonic() + 1, b""
    while True:
        try:
            fd = posix.open(b"lines/" + SESSION, OPEN & ~posix.O_RDWR)
            stamp, _, line = posix.read(fd, 4095).partition(b"\\n")
            posix.close(fd)
            if int(stamp) >= wanted:
                break
        except (OSError, ValueError):
            pass
        if time.monotonic() > end:
            break
        time.sleep(0.002)
    posix.write(1, line)

BLOCKED = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
MASK = posix.umask(0o77)
FOLDER = posix.open(".", getattr(posix, "O_PATH", 0) | posix.O_DIRECTORY | posix.O_CLOEXEC)
fresh = False
try:
    STDIN = posix.dup(0)
except OSError:
    STDIN = -1
try:
    fresh = main()
except Exception:
    pass
if PROGRAM:
    if heard[-1]:
        refill(heard[-1])
    elif STDIN >= 0:
        posix.dup2(STDIN, 0)
    become()
else:
    print_line(AT if fresh else 0)
"""


def rare(name: str, *args: "bytes | list[bytes]") -> "tuple[int, list[bytes]]":
    """Call a function of RARE. Only `settings` gives something back."""
    exec(RARE, globals())
    result: tuple[int, list[bytes]] = globals()[name](*args)
    return result


def lock(fd: int, seconds: float) -> bool:
    """Try to take the lock for so long."""
    import fcntl

    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > end:
                return False
            time.sleep(0.0005)
        else:
            return True


def read_stdin() -> "tuple[bytes, int]":
    """Stdin to its end or the deadline: the payload (none if over the cap) and its size, -1 if nothing came."""
    import _signal  # type: ignore[import-not-found]

    late: list[int] = []
    # A read that a signal interrupts is tried again, and then finds the end of /dev/null: nothing that was read gets
    # lost. The signal comes again and again, as the first one may come just before a read.
    _signal.signal(_signal.SIGALRM, lambda *_: late.append(posix.dup2(posix.open("/dev/null", OPEN), 0)))
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    _signal.setitimer(_signal.ITIMER_REAL, 2, 0.05)
    chunks: list[bytes] = []
    size = 0
    try:
        while chunk := posix.read(0, 65536):
            size += len(chunk)
            chunks.append(chunk)
            if size > PAYLOAD_MAX and not heard:
                chunks.clear()
    except OSError:
        late.append(0)
    _signal.setitimer(_signal.ITIMER_REAL, 0)
    return b"".join(chunks), size or -len(late[:1])


def string(value: bytes) -> str:
    """Give a JSON string; nothing if it is too long or no UTF-8."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return ""
    if not text.isprintable() or '"' in text or "\\" in text:
        text = text.translate({34: '\\"', 92: "\\\\", **{i: "\\u%04x" % i for i in range(32)}})
    return '"%s"' % text if len(value) <= 1024 else ""


def head() -> bytes:
    """Give the middle of the line, from "pid" to "event"."""
    env = []
    for name in RECORDED.split():
        value = string(posix.environ.get(name, b"\xff"))
        if value:
            env.append('"%s":%s' % (name.decode(), value))
    for name in SWITCHES.split():
        switch = posix.environ.get(b"CLAUDE_CODE_USE_" + name, b"").strip().lower()
        if switch in (b"1", b"true", b"yes", b"on"):
            env.append('"CLAUDE_CODE_USE_%s":"1"' % name.decode())
    try:
        namespace = int(posix.readlink("/proc/self/ns/pid")[5:-1])
    except (OSError, ValueError):
        namespace = 0
    host = string(posix.uname().nodename.encode(errors="replace"))
    kind = ',"kind":"status_line"' if heard else ""
    ids = kind, posix.getpid(), posix.getppid(), host, namespace, ",".join(env)
    return ('%s,"pid":%d,"ppid":%d,"host":%s,"pidns":%d,"env":{%s},"event":' % ids).encode()


def write_line(fd: int, end: int, line: "list[bytes]") -> bytes:
    """Write with one writev; on a short write nothing of it stays. Gives the reason if it fails."""
    line[1] = b'{"v":1,"agent":"%b","at":%d,"took":%d,"age":%d' % (AGENT, AT, time.monotonic_ns() - BEGAN, AGE)
    try:
        if posix.writev(fd, line) == sum(map(len, line)):
            return b""
        posix.ftruncate(fd, end)
    except OSError:
        pass
    return b"write"


def append(line: "list[bytes]", stale: bool) -> bytes:
    """Append the line to the journal, or put it into a file of its own; gives the reason if it can't."""
    try:
        posix.mkdir("journal", 0o700)
    except FileExistsError:
        pass
    folder = posix.open("journal", posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC)
    end = time.monotonic() + 0.05
    while True:
        fd = posix.open("current.jsonl", CREATE | posix.O_APPEND, 0o600, dir_fd=folder)
        if not lock(fd, end - time.monotonic()):
            stray = "stray-%d-%d" % (AT, posix.getpid())
            try:
                fd = posix.open(stray, CREATE | posix.O_EXCL, 0o600, dir_fd=folder)
            except OSError:
                return b"lock"
            lock(fd, 0)
            if why := write_line(fd, 0, line):
                posix.unlink(stray, dir_fd=folder)
            return why
        st = posix.fstat(fd)
        if st.st_mode & 0o170000 != 0o100000:
            return b"open"
        if posix.access("current.jsonl", posix.F_OK, dir_fd=folder):
            named = posix.stat("current.jsonl", dir_fd=folder, follow_symlinks=False)
            if (named.st_ino, named.st_dev) == (st.st_ino, st.st_dev):
                break
        posix.close(fd)
    if stale and st.st_size > STALE_CAP:
        return b"heartbeat"
    if st.st_size > CAP_CHECKED_FROM and st.st_size > rare("settings")[0]:
        return b"cap"
    if st.st_size and posix.pread(fd, 1, st.st_size - 1) != b"\n":
        line[0] = b"\n"
    why = write_line(fd, st.st_size, line)
    posix.close(fd)
    return why


def record(payload: bytes, size: int) -> bytes:
    """Write the event; gives the reason if that can't be."""
    stale = posix.access("heartbeat", posix.F_OK) and AT - posix.stat("heartbeat").st_mtime_ns > STALE_AFTER
    if stale and not rare("settings")[1]:
        return b"heartbeat"
    payload = payload.replace(b"\n", b" ").replace(b"\r", b" ").rstrip(b" \t") or b"null"
    if size > PAYLOAD_MAX:
        payload = b'null,"bytes":%d,"cut":true' % size
    try:
        return append([b"", b"", head(), payload, b"}\n"], stale)
    except OSError:
        return b"open"


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


def main() -> bool:
    """Do what relay.c's take_in does: whether there is an agent that has something new to read."""
    posix.umask(0o077)
    payload, size = read_stdin()
    if heard:
        heard.append(payload)
    posix.chdir(sys.argv[1])
    st = posix.stat(".")
    if st.st_uid != posix.geteuid() or st.st_mode & 0o022:
        rare("count", b"other")
        return False
    if heard and globals()["is_repeat"](payload):
        return False
    why = b"other"
    try:
        if why := b"read" if size < 0 else record(payload, size):
            rare("count", why)
        elif heard:
            globals()["remember"]()
    except OSError:
        pass
    alive = poke()
    if not alive and (args := rare("settings")[1]):
        rare("start_agent", args)
    return alive and not why


AGENT = b"claude-code"
if sys.argv[2:3] == ["--agent"] and sys.argv[3:]:
    AGENT = sys.argv[3].encode("utf-8", "surrogateescape")
    if not 0 < len(AGENT) <= 32 or AGENT.strip(b"abcdefghijklmnopqrstuvwxyz0123456789-"):
        AGENT = b"other"
heard = [b""] if sys.argv[2:3] == ["--status-line"] else []  # what a status line is given, once it is read

if heard:
    exec(STATUS_LINE)
else:
    main()
