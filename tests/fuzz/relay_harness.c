// One run of hooks/relay.c in a state folder that the input describes, and a check of what it left there.
//
//   relay_harness FOLDER < INPUT        FOLDER is emptied; best on a tmpfs
//
// INPUT is sections, each ended by 0x1E: flags, relay.conf, drops, run/start.lock, the end of current.jsonl, the twelve
// variables that are recorded, and the payload (to the end). A wrong outcome aborts; built with sanitizers, so does a
// slip of memory. Time is made up: waiting for a lock costs nothing.

#define _GNU_SOURCE
#include <dirent.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static jmp_buf ended;
static int64_t waited;

static int made_up_clock(clockid_t clock, struct timespec *now)
{
    int64_t t = (clock == CLOCK_REALTIME ? 1800000000LL * 1000000000 : 5000000000LL) + waited;
    *now = (struct timespec){.tv_sec = t / 1000000000, .tv_nsec = t % 1000000000};
    return 0;
}

static int made_up_sleep(const struct timespec *length, struct timespec *left)
{
    (void)left;
    waited += length->tv_sec * 1000000000 + length->tv_nsec;
    return 0;
}

#define clock_gettime made_up_clock
#define nanosleep made_up_sleep
#define _exit(status) longjmp(ended, 1)
#define fork() 1  // no agent is started
#define main relay_main
#include "../../hooks/relay.c"
#undef main
#undef fork
#undef _exit
#undef nanosleep
#undef clock_gettime

enum flag { NO_JOURNAL = 1, NO_HEARTBEAT = 2, OLD_HEARTBEAT = 4, LOCKED = 8, HUGE_JOURNAL = 16, NO_DROPS = 32, NO_ROOM = 64,
            HUGE_PAYLOAD = 128 };

#define VARIABLES 12
#define SECTIONS (5 + VARIABLES)
#define INPUT_MAX (1 << 20)
#define JOURNAL "journal/current.jsonl"

#define SOURCE_MIN 200  // where the input is kept open, away from the descriptors that the relay opens

static char resolved[4096], input[INPUT_MAX + 1], *section[SECTIONS + 1];
static size_t size[SECTIONS + 1];

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "wrong outcome: %s\n", what);
        abort();
    }
}

static void empty(const char *folder)
{
    DIR *listing = opendir(folder);
    if (!listing)
        return;
    for (struct dirent *entry; (entry = readdir(listing));) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_type == DT_REG)
            unlink(path);
    }
    closedir(listing);
}

static void put(const char *path, const char *data, size_t length, off_t hole)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    require(fd >= 0 && ftruncate(fd, hole) == 0 && pwrite(fd, data, length, hole) == (ssize_t)length, "setting up");
    close(fd);
}

static void build(unsigned flags, off_t hole)
{
    empty("journal");
    empty("run");
    empty(".");
    rmdir("journal");
    mkdir("run", 0700);
    if (!(flags & NO_JOURNAL)) {
        mkdir("journal", 0700);
        put(JOURNAL, section[4], size[4], hole);
    }
    put("relay.conf", section[1], size[1], 0);
    put("run/start.lock", section[3], size[3], 0);
    if (!(flags & NO_DROPS))
        put("drops", section[2], size[2], 0);
    if (!(flags & NO_HEARTBEAT)) {
        put("heartbeat", "", 0, 0);
        struct timespec now = {.tv_sec = flags & OLD_HEARTBEAT ? 1600000000 : 1800000000};
        utimensat(AT_FDCWD, "heartbeat", (struct timespec[2]){now, now}, 0);
    }
}

// Whether `text` up to `end` has balanced strings with legal escapes and no control characters: the relay's own part.
static bool is_clean(const char *text, const char *end)
{
    bool inside = false;
    for (const char *c = text; c < end; c++) {
        if ((unsigned char)*c < 0x20)
            return false;
        if (*c == '"')
            inside = !inside;
        else if (*c == '\\') {
            if (!inside || ++c == end || !strchr("\"\\/bfnrtu", *c))
                return false;
        }
    }
    return !inside;
}

static void check_line(const char *line, size_t length)
{
    static const char start[] = "{\"v\":1,\"agent\":\"claude-code\",\"at\":", event[] = ",\"event\":";
    require(length > sizeof start && memcmp(line, start, sizeof start - 1) == 0, "the line's start");
    require(memcmp(line + length - 2, "}\n", 2) == 0, "the line's end");
    require(!memchr(line, '\n', length - 1) && !memchr(line, '\r', length), "one line");
    const char *payload_at = memmem(line, length, event, sizeof event - 1);
    require(payload_at != NULL, "the payload's place");
    // A variable's value can't hold the marker: its quotation marks are escaped.
    require(is_clean(line, payload_at), "the relay's own part");
}

// What a file holds after `from`; NULL if it isn't there.
static char *rest(const char *path, off_t from, size_t *length)
{
    int fd = open(path, O_RDONLY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return NULL;
    *length = st.st_size > from ? (size_t)(st.st_size - from) : 0;
    char *data = malloc(*length + 1);
    require(pread(fd, data, *length, from) == (ssize_t)*length, "reading back");
    close(fd);
    return data;
}

// Whether the table of drops is another one than before; it must then be one.
static bool is_counted(unsigned flags)
{
    size_t length = 0, before = flags & NO_DROPS ? 0 : size[2];
    char *table = rest("drops", 0, &length);
    bool changed = table && (length != before || memcmp(table, section[2], length) != 0);
    int counts = 0;
    for (int i = 0; changed && i < REASONS; i++) {
        require(length >= REASONS * DROP_LINE, "the table of drops is whole");
        char *line = table + i * DROP_LINE, name[17];
        snprintf(name, sizeof name, "%-16s", reason_names[i]);
        counts += memcmp(line, name, 16) == 0 && strspn(line + 16, "0123456789") == 20 && line[63] == '\n' &&
                  strtoull(line + 16, NULL, 10) > 0 && strtoull(line + 37, NULL, 10) == 1800000000ULL * 1000000000;
    }
    free(table);
    require(!changed || counts > 0, "a reason is counted, now");
    return changed;
}

static int stray_count(void)
{
    DIR *listing = opendir("journal");
    int found = 0;
    if (!listing)
        return 0;
    for (struct dirent *entry; (entry = readdir(listing));) {
        if (strncmp(entry->d_name, "stray-", 6) != 0)
            continue;
        char path[600];
        size_t length = 0;
        snprintf(path, sizeof path, "journal/%s", entry->d_name);
        char *line = rest(path, 0, &length);
        check_line(line, length);
        free(line);
        found++;
    }
    closedir(listing);
    return found;
}

static void check(unsigned flags, off_t hole)
{
    off_t old = flags & NO_JOURNAL ? 0 : hole + (off_t)size[4];
    bool torn = !(flags & NO_JOURNAL) && size[4] > 0 && section[4][size[4] - 1] != '\n';
    if (!(flags & NO_JOURNAL) && size[4] == 0 && hole > 0)
        torn = true;  // a hole ends in NUL
    size_t length = 0;
    char *added = rest(JOURNAL, old, &length);
    int written = added && length > 0;
    if (written) {
        require(!torn || added[0] == '\n', "a torn line is ended");
        check_line(added + torn, length - torn);
    }
    free(added);
    char *kept = rest(JOURNAL, hole, &length);
    require(flags & NO_JOURNAL || (length >= size[4] && memcmp(kept, section[4], size[4]) == 0), "what was there stays");
    free(kept);
    int strays = stray_count();
    bool counted = is_counted(flags);
    if (written + strays > 0)
        require(written + strays == 1 && !counted, "an event is written once");
    else
        require(counted, "what isn't written is counted");
}

// As a process that has just begun: no descriptor of an earlier run, nothing in the relay's own variables.
static void begin_anew(void)
{
    for (int fd = 0; fd < 198; fd++)  // AFL++ has 198 and 199
        if (fd != STDOUT_FILENO && fd != STDERR_FILENO)
            close(fd);
    open("/dev/null", O_RDWR);  // stdin for now
    journal = current = -1;
    at = began = age = payload_bytes = waited = 0;
}

static void run(int source)
{
    static const char *const names[VARIABLES] = {
        "CLAUDE_PID",         "CLAUDE_CODE_SESSION_ID",  "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_PROJECT_DIR",
        "CLAUDE_CODE_REMOTE", "CLAUDE_EFFORT",           "TRACEPARENT",            "TRACESTATE",
        "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_MANTLE", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"};
    begin_anew();
    require(chdir(resolved) == 0, "the folder");
    lseek(source, 0, SEEK_SET);
    size_t got = 0;
    for (ssize_t n; (n = read(source, input + got, INPUT_MAX - got)) > 0;)
        got += (size_t)n;
    char *at_ = input, *end_ = input + got;
    for (int i = 0; i < SECTIONS; i++) {
        char *next = memchr(at_, 0x1E, (size_t)(end_ - at_));
        section[i] = at_;
        size[i] = (size_t)((next ? next : end_) - at_);
        at_ = next ? next + 1 : end_;
    }
    section[SECTIONS] = at_;
    size[SECTIONS] = (size_t)(end_ - at_);

    unsigned flags = size[0] ? (unsigned char)section[0][0] : 0;
    off_t hole = flags & HUGE_JOURNAL ? 200 << 20 : 0;
    build(flags, hole);
    for (int i = 0; i < VARIABLES; i++) {
        section[5 + i][size[5 + i]] = '\0';  // over the separator, or past the end
        if (size[5 + i])
            setenv(names[i], section[5 + i], 1);
        else
            unsetenv(names[i]);
    }
    int in = memfd_create("stdin", 0);
    require(write(in, section[SECTIONS], size[SECTIONS]) == (ssize_t)size[SECTIONS], "the payload");
    if (flags & HUGE_PAYLOAD)
        require(ftruncate(in, (17 << 20)) == 0, "the payload's size");
    lseek(in, 0, SEEK_SET);
    dup2(in, STDIN_FILENO);
    int holder = -1;
    if (flags & LOCKED && !(flags & NO_JOURNAL)) {
        holder = open(JOURNAL, O_RDONLY);
        flock(holder, LOCK_EX);
    }
    rlim_t limit = (rlim_t)(hole + (off_t)size[4] + 40);  // less than any line; but `drops` is there, and has its room
    struct rlimit room = {limit < REASONS * DROP_LINE ? REASONS * DROP_LINE : limit, RLIM_INFINITY};
    if (flags & NO_ROOM)
        setrlimit(RLIMIT_FSIZE, &room);
    char *arguments[] = {"relay", resolved, NULL};
    if (setjmp(ended) == 0)
        relay_main(2, arguments);
    room.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &room);
    check(flags, hole);
}

int main(int argc, char **argv)
{
    require(argc == 2 && realpath(argv[1], resolved), "usage: relay_harness FOLDER < INPUT");
    int source = fcntl(STDIN_FILENO, F_DUPFD, SOURCE_MIN);
    require(source >= 0, "the input");
#ifdef __AFL_HAVE_MANUAL_CONTROL
    __AFL_INIT();
    while (__AFL_LOOP(1000))
#endif
        run(source);
    return 0;
}
