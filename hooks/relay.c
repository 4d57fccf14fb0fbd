// relay STATE_FOLDER: what coding agents run for every hook event.
// relay STATE_FOLDER --agent NAME: what another coding agent runs for its.
// relay STATE_FOLDER --status-line [PROGRAM ARGUMENT ..]: what it runs for its status line.
// relay STATE_FOLDER --status-line SHELL -c LINE -- PROGRAM ARGUMENT ..: likewise; LINE is no more than that PROGRAM.
// relay STATE_FOLDER --status-line-look: what a shell runs before the line that it shows itself. On Linux alone.
//
// Reads the event from stdin, appends it to STATE_FOLDER/journal/current.jsonl as one line, pokes the agent and exits 0.
// It never parses, never waits for another process, prints nothing and never fails its host: an event that can't be
// written is counted in STATE_FOLDER/drops. hooks/main.py does the same where there is no compiler; tests/conformance
// runs against both.
//
// What a status line is given is appended in the same way, unless it says the same as before. Then the relay becomes the
// program that showed the line until now, with the same input and all else as the host had it; without one it prints
// the line that the agent has made. Before a line that the host's own shell runs, it looks at the input and takes nothing.
//
// Build: cc -O2 relay.c -o hookspan-relay   (`hookspan install` leaves out the C library if it can, which is libc.c)
// Linux is tested. macOS is provided for and untested.

#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/ioctl.h>
#include <sys/syscall.h>
#endif
#ifndef O_PATH
#define O_PATH O_RDONLY
#endif
#ifndef SOCK_CLOEXEC
#define SOCK_CLOEXEC 0
#endif

#define MS 1000000LL  // nanoseconds
#define SECOND (1000 * MS)
#define MIB (1LL << 20)

#define STDIN_WAIT (2 * SECOND)      // some hosts never close stdin; the whole event has arrived long before
#define PAYLOAD_MAX (16 * MIB)       // larger ones are drained and recorded by their size alone
#define LOCK_WAIT (50 * MS)          // then the line gets a file of its own: a host must not feel a stuck writer
#define DROPS_LOCK_WAIT (200 * MS)   // nothing comes after a lost count, so it is worth more patience
#define LOCK_RETRY (MS / 2)          // a writer holds the lock for some 20 us
#define ENV_VALUE_MAX 1024           // a cloned repository can set these variables; nothing real is longer
#define CAP_DEFAULT (1024 * MIB)     // of current.jsonl, if relay.conf has no cap_bytes
#define CAP_CHECKED_FROM (128 * MIB) // the agent rotates at 64 MiB, so below this relay.conf needn't be read
#define STALE_AFTER (7 * 24 * 3600 * SECOND)  // without a heartbeat: the agent is gone, stop filling the disk ..
#define STALE_CAP (64 * MIB)         // .. unless this hook may start it (a holiday): then one segment's worth
#define START_WAIT 30                // seconds between two tries to start an agent, doubled by every failed one ..
#define START_WAIT_MAX 600           // .. up to this
#define ARGS_MAX 32
#define AGENT_MAX 32
#define LINE_WAIT SECOND             // for the agent to make a line of what was just appended; nobody waits for us
#define LINE_RETRY (2 * MS)
#define LOOK_RETRY (10 * MS)         // a host ends a status line's input as soon as it has written it
#define HELD_MAX (32 << 10)          // a pipe can be full from there on, if what it holds was written in pieces
#define SEEN_SLOTS 512               // of status-seen, one for each session; two that share one append more than they must
#define NEW_FILE (O_CREAT | O_NOFOLLOW | O_CLOEXEC)

extern char **environ;

// Why an event was not written: a line each in the file `drops`, in this order.
enum reason { CAP, HEARTBEAT, READ, OPEN, LOCK, WRITE, OTHER, REASONS, NONE = REASONS };
static const char *const reason_names[REASONS] = {"cap", "heartbeat", "read", "open", "lock", "write", "other"};
#define DROP_LINE 64

// The only variables that are recorded: a hook's environment holds secrets.
static const char *const recorded[] = {
    "CLAUDE_PID",          "CLAUDE_CODE_SESSION_ID", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_PROJECT_DIR",
    "CLAUDE_CODE_REMOTE", "CLAUDE_EFFORT",          "TRACEPARENT",            "TRACESTATE"};
#define RECORDED (sizeof recorded / sizeof *recorded)

// Who serves the model: recorded as "1" where the client takes them for set, never as the value they have.
static const char *const switches[] = {"CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_MANTLE", "CLAUDE_CODE_USE_VERTEX",
                                       "CLAUDE_CODE_USE_FOUNDRY"};
#define SWITCHES (sizeof switches / sizeof *switches)

// The only variables that a started agent inherits, beside a fixed PATH.
static const char *const inherited[] = {"HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "XDG_RUNTIME_DIR",
                                        "DBUS_SESSION_BUS_ADDRESS"};
#define INHERITED (sizeof inherited / sizeof *inherited)

// Every page that is touched costs a microsecond. So a large buffer is static, since what it doesn't hold costs nothing
// there; a small one is on the stack; and no variable has a value at the start, which would be read from the file.

// One byte over the cap tells "at it" from "over it".
static char payload[PAYLOAD_MAX + 1];
static int64_t payload_bytes;  // as read, which may be more than the buffer holds
static bool stdin_ended;

static int64_t at, began;  // this hook's first instruction: wall clock and monotonic, nanoseconds
static int64_t age;        // how long before that its process was made, nanoseconds
static const char *agent;  // whose hook this is
static bool status_line;   // what is read is a status line's input, no event ..
static bool only_look;     // .. and is left where it is

static int64_t nanoseconds(clockid_t clock)
{
    struct timespec t = {0};
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

// What this process ran (exec, loading) and waited for a processor before `began`: on a busy machine most of what lies
// between the host's decision to run a hook and its first instruction. 0 where the kernel doesn't tell.
static int64_t age_at_start(void)
{
    char text[64], *rest;
    int fd = open("/proc/self/schedstat", O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    int64_t lived = strtoll(text, &rest, 10);
    lived += strtoll(rest, NULL, 10) - (nanoseconds(CLOCK_MONOTONIC) - began);
    return lived > 0 ? lived : 0;
}

// Tries until then (CLOCK_MONOTONIC). False if somebody else holds the lock, or the file system has none.
static bool lock(int fd, int64_t end)
{
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || nanoseconds(CLOCK_MONOTONIC) > end)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = LOCK_RETRY}, NULL);
    }
    return true;
}

// Adds one to a reason's line, in place: that works on a full disk too.
static void count(enum reason why)
{
    char table[REASONS * DROP_LINE + 1] = "";
    struct stat st;
    int fd = openat(AT_FDCWD, "drops", O_RDWR | NEW_FILE, 0600);
    int64_t give_up = nanoseconds(CLOCK_MONOTONIC) + DROPS_LOCK_WAIT;
    // In a folder that others may write to, `drops` could be any file of ours by another name.
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_uid != geteuid() || st.st_nlink != 1 || !lock(fd, give_up))
        return;
    ssize_t got = pread(fd, table, sizeof table - 1, 0);
    bool whole = got == (ssize_t)sizeof table - 1;
    for (int i = 0; i < REASONS; i++) {
        char *line = table + i * DROP_LINE;
        unsigned long long n = 0, last = 0;
        if (whole) {
            n = strtoull(line + 16, NULL, 10);
            last = strtoull(line + 37, NULL, 10);
        }
        if (i == (int)why) {
            n += n < ULLONG_MAX;
            last = (unsigned long long)at;
        }
        char text[DROP_LINE + 32];
        snprintf(text, sizeof text, "%-16s%020llu %020llu      \n", reason_names[i], n, last);
        memcpy(line, text, DROP_LINE);
    }
    off_t from = whole ? (off_t)why * DROP_LINE : 0;
    size_t size = whole ? DROP_LINE : sizeof table - 1;
    if (pwrite(fd, table + from, size, from) != (ssize_t)size)
        return;  // a full disk and no preallocated file: there is nowhere left to count
}

// Reads stdin to its end into `payload`. False if that gave nothing at all to record: an error or the deadline, not an
// empty stdin.
static bool read_stdin(void)
{
    for (;;) {
        if (status_line && payload_bytes == (int64_t)sizeof payload)
            return true;  // the rest is for who reads it next
        int64_t left = began + STDIN_WAIT - nanoseconds(CLOCK_MONOTONIC);
        if (left <= 0)
            return payload_bytes > 0;
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        if (poll(&in, 1, (int)(left / MS) + 1) <= 0)
            continue;
        // What is over the cap is overwritten: it must be drained, or the host sees a broken pipe.
        size_t used = payload_bytes < (int64_t)sizeof payload ? (size_t)payload_bytes : 0;
        ssize_t n = read(STDIN_FILENO, payload + used, sizeof payload - used);
        if (n > 0)
            payload_bytes += n;
        else if (n == 0)
            return stdin_ended = true;
        else if (errno != EINTR && errno != EAGAIN)
            return payload_bytes > 0;
    }
}

// The length of the UTF-8 sequence at `s`, 0 if there is none: overlong forms, surrogates and what is over U+10FFFF.
static size_t utf8_sequence(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    size_t length = s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) || (s[0] == 0xF0 && s[1] < 0x90) ||
        (s[0] == 0xF4 && s[1] > 0x8F))
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

// Appends `value` as a JSON string. Returns its new end, or NULL if the value is too long or no UTF-8.
static char *put_string(char *to, const char *value)
{
    const unsigned char *s = (const unsigned char *)value;
    if (strnlen(value, ENV_VALUE_MAX + 1) > ENV_VALUE_MAX)
        return NULL;
    *to++ = '"';
    while (*s) {
        size_t length = utf8_sequence(s);
        if (length == 0)
            return NULL;
        if (*s < 0x20) {
            to += sprintf(to, "\\u%04x", *s);
        } else {
            if (*s == '"' || *s == '\\')
                *to++ = '\\';
            memcpy(to, s, length);
            to += length;
        }
        s += length;
    }
    *to++ = '"';
    return to;
}

// Whether the client takes the value for set: one of four words, in any case, with space around it.
static bool is_on(const char *value)
{
    static const char *const words[] = {"1", "true", "yes", "on"}, space[] = " \t\n\v\f\r";
    value += strspn(value, space);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i]);
        if (strncasecmp(value, words[i], length) == 0 && value[length + strspn(value + length, space)] == '\0')
            return true;
    }
    return false;
}

// The middle of the line, from "pid" to "event": everything but the time stamps and the payload.
static size_t put_head(char *head)
{
    char host[256] = "", ns[64] = "", *to = head;
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    // `pid:[4026531836]`. To follow the link makes an inode, which takes five times as long.
    if (readlink("/proc/self/ns/pid", ns, sizeof ns - 1) < 5)
        strcpy(ns, "pid:[0");
    if (status_line)
        to += sprintf(to, ",\"kind\":\"status_line\"");
    to += sprintf(to, ",\"pid\":%ld,\"ppid\":%ld,\"host\":", (long)getpid(), (long)getppid());
    char *end = put_string(to, host);
    to = end ? end : put_string(to, "");
    to += sprintf(to, ",\"pidns\":%llu,\"env\":{", strtoull(ns + 5, NULL, 10));
    const char *comma = "";
    for (size_t i = 0; i < RECORDED; i++) {
        const char *value = getenv(recorded[i]);
        if (!value)
            continue;
        end = put_string(to + sprintf(to, "%s\"%s\":", comma, recorded[i]), value);
        if (end) {  // else the next one overwrites the name
            to = end;
            comma = ",";
        }
    }
    for (size_t i = 0; i < SWITCHES; i++) {
        const char *value = getenv(switches[i]);
        if (value && is_on(value)) {
            to += sprintf(to, "%s\"%s\":\"1\"", comma, switches[i]);
            comma = ",";
        }
    }
    to += sprintf(to, "},\"event\":");
    return (size_t)(to - head);
}

// The payload as it goes into the line; what is none of JSON's business (is it valid?) is the agent's.
static struct iovec put_payload(void)
{
    static char cut[64];
    if (payload_bytes > PAYLOAD_MAX) {
        int n = snprintf(cut, sizeof cut, "null,\"bytes\":%lld,\"cut\":true", (long long)payload_bytes);
        return (struct iovec){cut, (size_t)n};
    }
    size_t size = (size_t)payload_bytes;
    for (size_t i = 0; i < size; i++)
        payload[i] = payload[i] == '\n' || payload[i] == '\r' ? ' ' : payload[i];  // without a branch: many at a time
    while (size > 0 && (payload[size - 1] == ' ' || payload[size - 1] == '\t'))
        size--;
    if (size == 0)
        memcpy(payload, "null", size = 4);
    return (struct iovec){payload, size};
}

// relay.conf: `key value` a line. Read only when a rare decision needs it.
static struct {
    int64_t cap;
    bool autostart;
    int args;
    char *arg[ARGS_MAX + 3];
} conf;

static void read_conf(void)
{
    static char text[16384];
    static bool done;
    if (done)
        return;
    done = true;
    conf.cap = CAP_DEFAULT;
    int fd = openat(AT_FDCWD, "relay.conf", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (n < 0 || n == (ssize_t)sizeof text)
        return;  // a command line that may be cut short is never run
    text[n] = '\0';
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        char *value = strchr(line, ' ');
        if (!value)
            continue;
        *value++ = '\0';
        if (strcmp(line, "cap_bytes") == 0 && strtoll(value, NULL, 10) > 0)
            conf.cap = strtoll(value, NULL, 10);
        else if (strcmp(line, "autostart") == 0)
            conf.autostart = strcmp(value, "1") == 0;
        else if (strcmp(line, "arg") == 0 && conf.args < ARGS_MAX)
            conf.arg[conf.args++] = value;
    }
}

// Whether this hook may start an agent: wanted, possible, and not stopped by `hookspan down`.
static bool may_start(void)
{
    read_conf();
    return conf.autostart && conf.args > 0 && conf.arg[0][0] == '/' && access("down", F_OK) != 0;
}

// Writes the line with one writev; on a short write nothing of it stays.
static bool write_line(int fd, off_t end, bool torn, struct iovec *line)
{
    char stamp[128 + AGENT_MAX];
    int n = snprintf(stamp, sizeof stamp, "%s{\"v\":1,\"agent\":\"%s\",\"at\":%lld,\"took\":%lld,\"age\":%lld",
                     torn ? "\n" : "", agent, (long long)at, (long long)(nanoseconds(CLOCK_MONOTONIC) - began),
                     (long long)age);
    line[0] = (struct iovec){stamp, (size_t)n};
    size_t size = line[0].iov_len + line[1].iov_len + line[2].iov_len + line[3].iov_len;
    ssize_t written = writev(fd, line, 4);
    bool whole = written == (ssize_t)size;
    if (written > 0 && !whole && ftruncate(fd, end) != 0)
        return false;  // then a torn line stays, which the next writer ends and the agent sets aside
    return whole;
}

// Somebody holds the journal's lock: the line goes to a file of its own, which the agent takes in once it ends in LF.
static enum reason write_stray(int journal, struct iovec *line)
{
    char name[64];
    snprintf(name, sizeof name, "stray-%lld-%ld", (long long)at, (long)getpid());
    int fd = openat(journal, name, O_WRONLY | O_EXCL | NEW_FILE, 0600);
    if (fd < 0)
        return LOCK;
    flock(fd, LOCK_EX | LOCK_NB);
    if (write_line(fd, 0, false, line))
        return NONE;
    unlinkat(journal, name, 0);
    return WRITE;
}

static int journal, current;  // the folder and its file; below 0 unless they are open

// Appends the event to the journal. Returns why not, or NONE.
static enum reason record(void)
{
    static char head[(RECORDED + 1) * (6 * ENV_VALUE_MAX + 64) + SWITCHES * 64 + 256];  // 6: a control byte as \u00XX
    struct stat st, named;
    bool stale = stat("heartbeat", &st) == 0 && at - (int64_t)st.st_mtime * SECOND > STALE_AFTER;
    if (stale && !may_start())
        return HEARTBEAT;
    char closing[] = "}\n";
    struct iovec line[4] = {{0}, {head, put_head(head)}, put_payload(), {closing, 2}};

    int folder_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    journal = openat(AT_FDCWD, "journal", folder_flags);
    if (journal < 0 && errno == ENOENT && (mkdir("journal", 0700) == 0 || errno == EEXIST))
        journal = openat(AT_FDCWD, "journal", folder_flags);
    if (journal < 0)
        return OPEN;

    int64_t give_up = nanoseconds(CLOCK_MONOTONIC) + LOCK_WAIT;
    for (;;) {
        current = openat(journal, "current.jsonl", O_RDWR | O_APPEND | NEW_FILE, 0600);
        if (current < 0)
            return OPEN;
        if (!lock(current, give_up))
            return write_stray(journal, line);
        if (fstat(current, &st) != 0 || !S_ISREG(st.st_mode))
            return OPEN;
        if (fstatat(journal, "current.jsonl", &named, AT_SYMLINK_NOFOLLOW) == 0 && named.st_ino == st.st_ino &&
            named.st_dev == st.st_dev)
            break;
        close(current);  // it was rotated (or removed) between open and lock: what we hold is somebody's past
    }
    if (stale && st.st_size > STALE_CAP)
        return HEARTBEAT;
    if (st.st_size > CAP_CHECKED_FROM) {
        read_conf();
        if (st.st_size > conf.cap)
            return CAP;
    }
    char last = '\n';
    if (st.st_size > 0 && pread(current, &last, 1, st.st_size - 1) != 1)
        return WRITE;
    bool ok = write_line(current, st.st_size, last != '\n', line);
    close(current);  // the next writer needn't wait for our poke
    return ok ? NONE : WRITE;
}

// Wakes the agent. False if there is none; a full queue means that it is alive and has plenty to wake up for.
static bool poke(void)
{
    // Relative to the state folder, so that the name always fits into sun_path (104 bytes on macOS, 108 on Linux).
    struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "run/poke.sock"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd < 0 || sendto(fd, "!", 1, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to) == 1 ||
           (errno != ENOENT && errno != ECONNREFUSED);
}

// Becomes the agent, in a child of its own session that keeps nothing of the hook but the start lock, as descriptor 3.
static void become_agent(int start_lock)
{
    char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", lock_option[] = "--start-lock-fd", lock_fd[] = "3";
    char *env[INHERITED + 2] = {path}, **variable = env + 1;
    setsid();  // the host may kill the hook's process group
    if (chdir("/") != 0)
        return;
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);

    if (start_lock == 3 ? fcntl(3, F_SETFD, 0) != 0 : dup2(start_lock, 3) != 3)
        return;
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        if (dup2(null, fd) != fd)
            return;
#ifdef SYS_close_range
    if (syscall(SYS_close_range, 4U, ~0U, 0U) != 0)
#endif
        // A limit may be a billion, without anything of that number.
        for (long fd = 4, end = sysconf(_SC_OPEN_MAX); fd < end && fd < 1L << 20; fd++)
            close((int)fd);

    for (char **e = environ; *e; e++)
        for (size_t i = 0; i < INHERITED; i++) {
            size_t n = strlen(inherited[i]);
            if (strncmp(*e, inherited[i], n) == 0 && (*e)[n] == '=' && variable < env + INHERITED + 1)
                *variable++ = *e;
        }
    conf.arg[conf.args] = lock_option;
    conf.arg[conf.args + 1] = lock_fd;
    execve(conf.arg[0], conf.arg, env);
}

// Starts the agent, unless somebody else is at it or did so a short while ago. `run/start.lock` says when and how
// often: `<unix seconds> <tries>`. An agent that got ready empties it.
static void start_agent(void)
{
    char text[64] = "", *rest;
    mkdir("run", 0700);
    int fd = openat(AT_FDCWD, "run/start.lock", O_RDWR | NEW_FILE, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 || poke())  // poke again: it may have become ready just now
        return;
    if (pread(fd, text, sizeof text - 1, 0) < 0)
        return;
    int64_t now = at / SECOND, last = strtoll(text, &rest, 10), wait = START_WAIT;
    long tries = strtol(rest, NULL, 10);
    if (last < 0 || tries < 0 || tries == LONG_MAX)
        tries = 0;  // no relay wrote that
    for (long i = 1; i < tries && wait < START_WAIT_MAX; i++)
        wait *= 2;
    if (wait > START_WAIT_MAX)
        wait = START_WAIT_MAX;
    if (tries > 0 && now >= last && now - last < wait)
        return;
    int n = snprintf(text, sizeof text, "%lld %ld\n", (long long)now, tries > 0 ? tries + 1 : 1);
    if (pwrite(fd, text, (size_t)n, 0) != n || ftruncate(fd, n) != 0)
        return;  // what can't be remembered would be repeated by every hook
    if (fork() == 0) {
        become_agent(fd);
        _exit(127);
    }
}

// --- The status line

// What the host had set, for the program that follows.
static struct {
    int folder;
    mode_t mask;
    void (*broken_pipe)(int), (*file_size)(int);
} host;

// Puts what was read into a pipe: what that doesn't hold, and what the host may yet say, a child brings. Returns the end
// to read from.
static int refill(void)
{
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    size_t size = (size_t)payload_bytes;
    ssize_t n = write(ends[1], payload, size);
    size_t written = n > 0 ? (size_t)n : 0;
    if ((written < size || !stdin_ended) && fork() == 0) {
        close(ends[0]);
        close(STDOUT_FILENO);  // or the host waits for us as well
        close(STDERR_FILENO);
        fcntl(ends[1], F_SETFL, 0);
        char *bytes = payload;
        do {
            for (; written < size && (n = write(ends[1], bytes + written, size - written)) > 0; written += (size_t)n)
                ;
            n = written < size ? 0 : read(STDIN_FILENO, bytes, sizeof payload);
            size = n > 0 ? (size_t)n : 0;
            written = 0;
        } while (size > 0);
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}

#ifdef __linux__
// Copies what stdin has into `payload` and leaves it there, once it is all there (after STDIN_WAIT, what there is). False
// if it is no pipe or socket, or is full before its end, which a host that can't write on never reaches.
static bool look_at_stdin(void)
{
    struct pollfd end = {.fd = STDIN_FILENO, .events = POLLRDHUP};
    struct stat st;
    int held = 0, copy[2];
    if (fstat(STDIN_FILENO, &st) != 0 || !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
        return false;
    while (poll(&end, 1, (int)(LOOK_RETRY / MS)) == 0 && nanoseconds(CLOCK_MONOTONIC) - began < STDIN_WAIT)
        if (ioctl(STDIN_FILENO, FIONREAD, &held) != 0 || held >= HELD_MAX)
            return false;
    ssize_t n = recv(STDIN_FILENO, payload, sizeof payload, MSG_PEEK | MSG_DONTWAIT);
    if (S_ISFIFO(st.st_mode) && pipe(copy) == 0) {
        n = tee(STDIN_FILENO, copy[1], sizeof payload, SPLICE_F_NONBLOCK);
        if (n > 0)
            n = read(copy[0], payload, sizeof payload);
    }
    payload_bytes = n > 0 ? n : 0;
    bool all = ioctl(STDIN_FILENO, FIONREAD, &held) == 0 && held == n;
    return all && (n > 0 || end.revents != 0);
}
#else
static bool look_at_stdin(void)
{
    return false;  // no command asks for it there
}
#endif

#define PRIME ((1ULL << 61) - 1)

// The remainder by a prime of a number that goes on with a byte: 2 to the 61st is 1 there.
static uint64_t go_on(uint64_t sum, char byte)
{
    sum = (sum >> 53) + ((sum << 8) & PRIME) + (unsigned char)byte;
    return (sum >> 61) + (sum & PRIME);
}

// Tells inputs of a session apart. The time that passed does not count, which the host says anew at each refresh. Never
// 0, which an empty slot has.
static uint64_t mark_of(const char *session)
{
    static const char passed[] = "\"total_duration_ms\":";
    uint64_t sum = 0;
    for (const char *s = session; *s; s++)
        sum = go_on(sum, *s);
    const char *end = payload + payload_bytes, *digit = NULL;
    for (const char *s = payload; s < end; s++) {
        if (s == digit && *s >= '0' && *s <= '9') {
            digit++;
            continue;
        }
        if (*s == '"' && (size_t)(end - s) >= sizeof passed && memcmp(s, passed, sizeof passed - 1) == 0)
            digit = s + sizeof passed - 1;
        sum = go_on(sum, *s);
    }
    return sum % PRIME + 1;
}

// `status-seen` has the mark of each session's newest input, in a slot that its name leads to.
static struct {
    int file;  // below 0 without one
    off_t slot;
    uint64_t mark;
} seen;

// Whether the session's newest input says the same.
static bool is_repeat(void)
{
    const char *session = getenv("CLAUDE_CODE_SESSION_ID");
    if (!session || payload_bytes > PAYLOAD_MAX)
        return false;
    struct stat st;
    seen.mark = mark_of(session);
    uint64_t slot = 0, before = 0;
    for (const char *s = session; *s; s++)
        slot = (slot * 31 + (unsigned char)*s) % SEEN_SLOTS;
    seen.slot = (off_t)(slot * sizeof before);
    seen.file = openat(AT_FDCWD, "status-seen", O_RDWR | NEW_FILE, 0600);
    bool plain = seen.file >= 0 && fstat(seen.file, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1;
    if (!plain)
        seen.file = -1;
    return pread(seen.file, &before, sizeof before, seen.slot) == sizeof before && before == seen.mark;
}

// Prints the line that the agent has made for the session, in `lines`: a stamp, a line break, the line. `wanted`:
// the stamp that it is to have at least, which is waited for.
static void print_line(int64_t wanted)
{
    static char text[4096];
    char name[128], *line = NULL;
    const char *session = getenv("CLAUDE_CODE_SESSION_ID");
    size_t length = session ? strspn(session, "0123456789abcdefABCDEF-") : 0;
    if (length == 0 || length > 64 || session[length] != '\0')
        return;
    snprintf(name, sizeof name, "lines/%s", session);
    int64_t end = nanoseconds(CLOCK_MONOTONIC) + LINE_WAIT;
    for (;;) {
        int fd = openat(AT_FDCWD, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
        if (fd >= 0)
            close(fd);
        text[n > 0 ? n : 0] = '\0';
        line = strchr(text, '\n');
        if ((line && strtoll(text, NULL, 10) >= wanted) || nanoseconds(CLOCK_MONOTONIC) > end)
            break;
        nanosleep(&(struct timespec){.tv_nsec = LINE_RETRY}, NULL);
    }
    if (line && write(STDOUT_FILENO, line + 1, strlen(line + 1)) < 0)
        return;  // nobody reads it any more: a newer line is being made
}

// Whether a shell tells the programs that it runs nothing of itself: dash, which is sh on Debian. bash counts how deep
// shells are nested, and says in `_` what it runs.
static bool is_tacit(const char *shell)
{
    char target[64];
    ssize_t n = readlink(shell, target, sizeof target);
    return n == 4 && memcmp(target, "dash", 4) == 0;
}

// Becomes the program that showed the line until now, as the host would have started it. A line that is a program and
// its arguments needs no second shell.
static void become(char **argv, int input)
{
    if (input >= 0 && input != STDIN_FILENO) {
        dup2(input, STDIN_FILENO);
        close(input);
    }
    if (fchdir(host.folder) != 0)
        return;
    umask(host.mask);
    signal(SIGPIPE, host.broken_pipe);
    signal(SIGXFSZ, host.file_size);
    char **program = argv + 3, **direct = argv + 3;
    while (*direct && direct < argv + 6)
        direct++;
    if (*direct && strcmp(*direct, "--") == 0 && direct[1]) {
        *direct = NULL;
        if (is_tacit(argv[3]))
            execv(direct[1], direct + 1);  // if it can't be, the shell says why
    }
    execvp(program[0], program);
}

// Takes in what stdin has, in the state folder. True if there is an agent that has something new to read.
static bool take_in(int argc, char **argv, int *input)
{
    bool read = only_look ? look_at_stdin() : read_stdin();  // always: a host whose pipe breaks shows a hook error
    if (status_line && argc > 3 && payload_bytes > 0)
        *input = refill();
    struct stat st;
    if (argc < 2 || chdir(argv[1]) != 0 || stat(".", &st) != 0)
        return false;
    if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        count(OTHER);
        return false;
    }
    if (status_line && read && is_repeat())
        return false;
    enum reason why = read ? record() : READ;
    if (why != NONE) {
        // A process that may not open more files must still count.
        if (!status_line)
            close(STDIN_FILENO);
        close(journal);
        close(current);
        count(why);
    } else if (seen.file >= 0 && pwrite(seen.file, &seen.mark, sizeof seen.mark, seen.slot) < 0) {
        // then the next one like it is appended once more
    }
    bool alive = poke();
    if (!alive && may_start())
        start_agent();
    return alive && why == NONE;
}

// Whose hook it is: small letters, digits and dashes, so that it stands in JSON as it is.
static const char *agent_of(int argc, char **argv)
{
    if (argc < 4 || strcmp(argv[2], "--agent") != 0)
        return "claude-code";
    size_t length = strspn(argv[3], "abcdefghijklmnopqrstuvwxyz0123456789-");
    return length > 0 && length <= AGENT_MAX && argv[3][length] == '\0' ? argv[3] : "other";
}

int main(int argc, char **argv)
{
    at = nanoseconds(CLOCK_REALTIME);
    began = nanoseconds(CLOCK_MONOTONIC);
    age = age_at_start();
    journal = current = seen.file = -1;
    agent = agent_of(argc, argv);
    only_look = argc > 2 && strcmp(argv[2], "--status-line-look") == 0;
    status_line = only_look || (argc > 2 && strcmp(argv[2], "--status-line") == 0);
    if (status_line && argc > 3 && (host.folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
        execvp(argv[3], argv + 3);
    host.broken_pipe = signal(SIGPIPE, SIG_IGN);
    host.file_size = signal(SIGXFSZ, SIG_IGN);
    host.mask = umask(077);
    int input = -1;
    bool fresh = take_in(argc, argv, &input);
    if (status_line && argc > 3)
        become(argv, input);
    else if (status_line && !only_look)
        print_line(fresh ? at : 0);
    _exit(0);
}
