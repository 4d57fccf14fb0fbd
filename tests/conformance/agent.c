// agent FOLDER MODE POKE_SOCKET [--start-lock-fd N]: stands where relay.conf names the agent, and writes down how it was started.
//
// FOLDER/<pid> gets a line each for arguments, environment, descriptors, folder, umask, session and signals. MODE: `fail`
// exits at once; `hold` lives and never gets ready; `ready` listens after 200 ms and empties the start lock.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

extern char **environ;

static void describe(FILE *out, int argc, char **argv)
{
    char text[4096], name[64];
    for (int i = 0; i < argc; i++)
        fprintf(out, "arg %s\n", argv[i]);
    for (char **variable = environ; *variable; variable++)
        fprintf(out, "env %s\n", *variable);
    for (int fd = 0; fd < 1024; fd++) {
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(name, text, sizeof text - 1);
        if (n >= 0 && fd != fileno(out))
            fprintf(out, "fd %d %.*s\n", fd, (int)n, text);
    }
    mode_t mask = umask(0);
    fprintf(out, "cwd %s\numask %03o\nsession %d\n", getcwd(text, sizeof text), mask, getsid(0));
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(text, sizeof text, status))
        if (strncmp(text, "SigBlk", 6) == 0 || strncmp(text, "SigIgn", 6) == 0)
            fprintf(out, "%s", text);
}

int main(int argc, char **argv)
{
    char part[4096], whole[4096];
    if (argc < 4)
        return 2;
    snprintf(part, sizeof part, "%s/.%d", argv[1], getpid());
    snprintf(whole, sizeof whole, "%s/%d", argv[1], getpid());
    FILE *out = fopen(part, "we");
    if (!out)
        return 1;
    describe(out, argc, argv);
    fclose(out);
    rename(part, whole);
    if (strcmp(argv[2], "fail") == 0)
        return 1;
    alarm(600);  // whatever becomes of the test
    if (strcmp(argv[2], "ready") == 0) {
        usleep(200000);
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        strncpy(address.sun_path, argv[3], sizeof address.sun_path - 1);
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || ftruncate(3, 0) != 0)
            return 1;
        close(3);
    }
    for (;;)
        pause();
}
