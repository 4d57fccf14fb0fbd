// What relay.c calls of a C library, by Linux's system calls alone, for x86_64 and aarch64. To start a program that is
// linked with a whole one costs more than all that the relay does: glibc asks the processor dozens of times what it can
// do, which a virtual machine answers slowly.
//
// Of each function there is what the relay needs, no more. Prototypes, types and constants are the system's, whose
// headers may give a function another name in object code; so relay.c and this file include them in the same way.
// tests/conformance runs the relay with this file, and without it.

#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

char **environ;

// --- The start, and system calls

int main(int argc, char **argv);
_Noreturn void begin(long *stack);

#if defined __x86_64__ && defined __LP64__
__asm__(".globl _start\n"
        "_start: xor %ebp, %ebp\n"
        "mov %rsp, %rdi\n"
        "and $-16, %rsp\n"
        "call begin");

static long ask_kernel(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "+a"(number)
                     : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return number;
}
#elif defined __aarch64__ && defined __LP64__
__asm__(".globl _start\n"
        "_start: mov x29, #0\n"
        "mov x30, #0\n"
        "mov x0, sp\n"
        "and sp, x0, #-16\n"
        "b begin");

static long ask_kernel(long number, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
    return x0;
}
#else
#error "another processor: link relay.c with a C library"
#endif

// What the kernel left on the stack: the number of arguments, they and NULL, the environment and NULL.
void begin(long *stack)
{
    char **argv = (char **)(stack + 1);
    environ = argv + stack[0] + 1;
    _exit(main((int)stack[0], argv));
}

int *__errno_location(void)  // what `errno` stands for, in glibc and in musl
{
    static int error;
    return &error;
}

static long call(long number, long a, long b, long c, long d, long e, long f)
{
    long result = ask_kernel(number, a, b, c, d, e, f);
    if (result >= 0 || result < -4095)
        return result;
    errno = (int)-result;
    return -1;
}
#define CALL(...) CALL_7(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define CALL_7(n, a, b, c, d, e, f, ...) call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define FUNCTION(type, name, parameters, ...) \
    type name parameters                      \
    {                                         \
        return (type)CALL(__VA_ARGS__);       \
    }

FUNCTION(int, access, (const char *path, int how), SYS_faccessat, AT_FDCWD, path, how)
FUNCTION(int, chdir, (const char *path), SYS_chdir, path)
FUNCTION(int, clock_gettime, (clockid_t clock, struct timespec *now), SYS_clock_gettime, clock, now)
FUNCTION(int, close, (int fd), SYS_close, fd)
FUNCTION(int, execve, (const char *path, char *const *argv, char *const *env), SYS_execve, path, argv, env)
FUNCTION(int, fchdir, (int fd), SYS_fchdir, fd)
FUNCTION(int, flock, (int fd, int how), SYS_flock, fd, how)
FUNCTION(pid_t, fork, (void), SYS_clone, SIGCHLD)
FUNCTION(int, fstat, (int fd, struct stat *st), SYS_fstat, fd, st)
FUNCTION(int, ftruncate, (int fd, off_t size), SYS_ftruncate, fd, size)
FUNCTION(uid_t, geteuid, (void), SYS_geteuid)
FUNCTION(pid_t, getpid, (void), SYS_getpid)
FUNCTION(pid_t, getppid, (void), SYS_getppid)
FUNCTION(int, mkdir, (const char *path, mode_t mode), SYS_mkdirat, AT_FDCWD, path, mode)
FUNCTION(int, nanosleep, (const struct timespec *length, struct timespec *left), SYS_nanosleep, length, left)
FUNCTION(int, pipe, (int ends[2]), SYS_pipe2, ends, 0)
FUNCTION(ssize_t, pread, (int fd, void *to, size_t size, off_t at), SYS_pread64, fd, to, size, at)
FUNCTION(ssize_t, pwrite, (int fd, const void *from, size_t size, off_t at), SYS_pwrite64, fd, from, size, at)
FUNCTION(ssize_t, read, (int fd, void *to, size_t size), SYS_read, fd, to, size)
FUNCTION(ssize_t, recv, (int fd, void *to, size_t size, int flags), SYS_recvfrom, fd, to, size, flags)
FUNCTION(pid_t, setsid, (void), SYS_setsid)
FUNCTION(int, socket, (int domain, int type, int protocol), SYS_socket, domain, type, protocol)
FUNCTION(ssize_t, tee, (int from, int to, size_t size, unsigned flags), SYS_tee, from, to, size, flags)
FUNCTION(mode_t, umask, (mode_t mask), SYS_umask, mask)
FUNCTION(int, unlinkat, (int folder, const char *path, int flags), SYS_unlinkat, folder, path, flags)
FUNCTION(ssize_t, write, (int fd, const void *from, size_t size), SYS_write, fd, from, size)
FUNCTION(ssize_t, writev, (int fd, const struct iovec *from, int count), SYS_writev, fd, from, count)

int fstatat(int folder, const char *restrict path, struct stat *restrict st, int flags)
{
    return (int)CALL(SYS_newfstatat, folder, path, st, flags);
}

int stat(const char *restrict path, struct stat *restrict st)
{
    return fstatat(AT_FDCWD, path, st, 0);
}

ssize_t readlink(const char *restrict path, char *restrict to, size_t size)
{
    return CALL(SYS_readlinkat, AT_FDCWD, path, to, size);
}

// glibc declares the address as a union of pointers.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
ssize_t sendto(int fd, const void *from, size_t size, int flags, const struct sockaddr *to, socklen_t length)
{
    return CALL(SYS_sendto, fd, from, size, flags, to, length);
}
#pragma GCC diagnostic pop

int openat(int folder, const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    return (int)CALL(SYS_openat, folder, path, flags, mode);
}

int open(const char *path, int flags, ...)  // none that has to be made
{
    return openat(AT_FDCWD, path, flags);
}

int fcntl(int fd, int what, ...)
{
    va_list more;
    va_start(more, what);
    int value = va_arg(more, int);
    va_end(more);
    return (int)CALL(SYS_fcntl, fd, what, value);
}

int dup2(int from, int to)
{
    return from == to ? fcntl(from, F_GETFD, 0) < 0 ? -1 : to : (int)CALL(SYS_dup3, from, to, 0);
}

#ifdef __GLIBC__
int ioctl(int fd, unsigned long what, ...)
#else
int ioctl(int fd, int what, ...)
#endif
{
    va_list more;
    va_start(more, what);
    void *value = va_arg(more, void *);
    va_end(more);
    return (int)CALL(SYS_ioctl, fd, what, value);
}

int poll(struct pollfd *files, nfds_t count, int ms)
{
    struct timespec wait = {ms / 1000, ms % 1000 * 1000000L};
    return (int)CALL(SYS_ppoll, files, count, &wait, NULL, 0);
}

int gethostname(char *to, size_t size)
{
    struct utsname name;
    if (CALL(SYS_uname, &name) != 0)
        return -1;
    size_t length = strnlen(name.nodename, size - 1);
    memcpy(to, name.nodename, length);
    to[length] = '\0';
    return 0;
}

long sysconf(int name)  // _SC_OPEN_MAX
{
    (void)name;
    struct rlimit limit = {0};
    CALL(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
    return (long)limit.rlim_cur;
}

long syscall(long number, ...)
{
    va_list more;
    va_start(more, number);
    unsigned a = va_arg(more, unsigned), b = va_arg(more, unsigned), c = va_arg(more, unsigned);
    va_end(more);
    return CALL(number, a, b, c);
}

// The kernel's own structure. A handler of the relay's is SIG_IGN or SIG_DFL: it is never called, nor returned from.
struct action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

void (*signal(int number, void (*handler)(int)))(int)
{
    struct action next = {.handler = handler}, before;
    return CALL(SYS_rt_sigaction, number, &next, &before, sizeof next.mask) == 0 ? before.handler : SIG_ERR;
}

int sigemptyset(sigset_t *set)
{
    memset(set, 0, sizeof *set);
    return 0;
}

int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict before)
{
    return (int)CALL(SYS_rt_sigprocmask, how, set, before, sizeof(uint64_t));
}

void _exit(int status)
{
    for (;;)
        CALL(SYS_exit_group, status);
}

// --- Memory and strings

// A compiler knows loops that are memcpy or strlen, and would make of them a call of the function that they stand in.
#define HIDE(variable) __asm__("" : "+r"(variable))

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    char *t = to;
    for (const char *f = from, *end = f + size; f < end; t++, f++) {
        HIDE(f);
        *t = *f;
    }
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    for (char *t = to, *end = t + size; t < end; t++) {
        HIDE(t);
        *t = (char)byte;
    }
    return to;
}

int memcmp(const void *one, const void *other, size_t size)
{
    const unsigned char *a = one, *b = other;
    for (; size > 0; a++, b++, size--) {
        HIDE(a);
        if (*a != *b)
            return *a - *b;
    }
    return 0;
}

size_t strnlen(const char *s, size_t most)
{
    size_t n = 0;
    while (n < most && s[n] != '\0') {
        n++;
        HIDE(n);
    }
    return n;
}

size_t strlen(const char *s)
{
    return strnlen(s, SIZE_MAX);
}

char *strcpy(char *restrict to, const char *restrict from)
{
    return memcpy(to, from, strlen(from) + 1);
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

int strncasecmp(const char *a, const char *b, size_t most)
{
    for (; most > 0; a++, b++, most--)
        if (lower(*a) != lower(*b) || *a == '\0')
            return lower(*a) - lower(*b);
    return 0;
}

int strncmp(const char *a, const char *b, size_t most)
{
    for (; most > 0; a++, b++, most--)
        if (*a != *b || *a == '\0')
            return (unsigned char)*a - (unsigned char)*b;
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *s, int wanted)
{
    for (; *s != (char)wanted; s++)
        if (*s == '\0')
            return NULL;
    return (char *)(uintptr_t)s;
}

size_t strspn(const char *s, const char *set)
{
    size_t n = 0;
    while (s[n] != '\0' && strchr(set, s[n]))
        n++;
    return n;
}

char *getenv(const char *name)
{
    size_t length = strlen(name);
    for (char **e = environ; *e; e++)
        if (strncmp(*e, name, length) == 0 && (*e)[length] == '=')
            return *e + length + 1;
    return NULL;
}

// --- Numbers, and text of them

// A decimal number after space and a sign, of at most these, with its sign taken off.
static uint64_t digits(const char *s, char **rest, bool *negative, uint64_t most, uint64_t most_negative)
{
    uint64_t n = 0;
    s += strspn(s, " \t\n\v\f\r");
    *negative = *s == '-';
    if (*s == '-' || *s == '+')
        s++;
    if (*negative)
        most = most_negative;
    for (; *s >= '0' && *s <= '9'; s++) {
        uint64_t digit = (uint64_t)(*s - '0');
        n = n > (most - digit) / 10 ? most : n * 10 + digit;
    }
    if (rest)
        *rest = (char *)(uintptr_t)s;
    return n;
}

long long strtoll(const char *restrict s, char **restrict rest, int base)  // 10
{
    (void)base;
    bool negative;
    uint64_t n = digits(s, rest, &negative, INT64_MAX, INT64_MAX + 1ULL);
    return (long long)(negative ? 0 - n : n);
}

long strtol(const char *restrict s, char **restrict rest, int base)
{
    return strtoll(s, rest, base);
}

unsigned long long strtoull(const char *restrict s, char **restrict rest, int base)
{
    (void)base;
    bool negative;
    uint64_t n = digits(s, rest, &negative, UINT64_MAX, UINT64_MAX);
    return negative ? 0 - n : n;
}

// What is made by a format: `used` characters, of which those are kept for which there is room.
struct text {
    char *at;
    size_t room, used;
};

static void put(struct text *text, const char *s, size_t count)
{
    for (; count > 0; count--, text->used++)
        if (text->used < text->room)
            text->at[text->used] = *s++;
}

static void pad(struct text *text, char with, size_t length, size_t width)
{
    for (; length < width; length++)
        put(text, &with, 1);
}

// %s, and %d %u %x with any number of `l`, to a width that may begin with `-` or `0`.
int vsnprintf(char *restrict to, size_t size, const char *restrict format, va_list more)
{
    struct text text = {to, size - 1, 0};
    for (const char *f = format; *f != '\0'; f++) {
        if (*f != '%') {
            put(&text, f, 1);
            continue;
        }
        char *end;
        bool left = *++f == '-', zeros = *f == '0', is_long = false;
        size_t width = strtoull(f + left, &end, 10);
        for (f = end; *f == 'l'; f++)
            is_long = true;
        char number[24], *first = number + sizeof number;
        const char *s = first;
        size_t length;
        if (*f == 's') {
            s = va_arg(more, const char *);
            length = strlen(s);
        } else {
            int64_t given = is_long ? va_arg(more, int64_t) : *f == 'd' ? va_arg(more, int) : (int64_t)va_arg(more, unsigned);
            bool negative = *f == 'd' && given < 0;
            uint64_t n = negative ? 0 - (uint64_t)given : (uint64_t)given, base = *f == 'x' ? 16 : 10;
            do
                *--first = "0123456789abcdef"[n % base];
            while ((n /= base) > 0);
            if (negative)
                *--first = '-';
            length = (size_t)(s - first);
            s = first;
        }
        if (!left)
            pad(&text, zeros ? '0' : ' ', length, width);
        put(&text, s, length);
        if (left)
            pad(&text, ' ', length, width);
    }
    to[text.used < text.room ? text.used : text.room] = '\0';
    return (int)text.used;
}

int snprintf(char *restrict to, size_t size, const char *restrict format, ...)
{
    va_list more;
    va_start(more, format);
    int length = vsnprintf(to, size, format, more);
    va_end(more);
    return length;
}

int sprintf(char *restrict to, const char *restrict format, ...)
{
    va_list more;
    va_start(more, format);
    int length = vsnprintf(to, INT_MAX, format, more);
    va_end(more);
    return length;
}

// --- Programs by their name

int execv(const char *path, char *const *argv)
{
    return execve(path, argv, environ);
}

int execvp(const char *name, char *const *argv)
{
    char path[PATH_MAX];
    size_t size = strlen(name) + 1, length;
    const char *folder = getenv("PATH");
    if (strchr(name, '/'))
        return execv(name, argv);
    if (!folder)
        folder = "/usr/local/bin:/bin:/usr/bin";
    for (;; folder += length + 1) {
        for (length = 0; folder[length] != ':' && folder[length] != '\0';)
            length++;
        if (length + 1 + size <= sizeof path) {
            memcpy(path, folder, length);
            path[length] = '/';
            memcpy(path + length + (length > 0), name, size);  // no folder is this one
            execv(path, argv);
        }
        if (folder[length] == '\0')
            return -1;
    }
}
