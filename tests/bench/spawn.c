// spawn N PAYLOAD -- COMMAND.. [-- COMMAND..]..: what a program costs the one who starts it.
//
// Runs every command N times, one after the other in an order that turns, so that whatever else the machine does hits
// all of them alike. Each gets the payload (at most 60 KB, so that the pipe holds it) on stdin and /dev/null as stdout
// and stderr. Prints a line a command: the nanoseconds from posix_spawn to the end of waitpid, in order of the runs.

#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS_MAX 8

extern char **environ;

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t run(char **command, const char *payload, size_t size)
{
    int in[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC), status = 0;
    if (null < 0 || pipe2(in, O_CLOEXEC) != 0 || write(in[1], payload, size) != (ssize_t)size)
        exit(1);
    close(in[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, null, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, null, STDERR_FILENO);
    pid_t child;
    int64_t start = now();
    int error = posix_spawn(&child, command[0], &actions, NULL, command, environ);
    if (error == 0)
        waitpid(child, &status, 0);
    int64_t took = now() - start;
    if (error != 0 || status != 0) {
        fprintf(stderr, "%s: error %d, wait status %d\n", command[0], error, status);
        exit(1);
    }
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(null);
    return took;
}

int main(int argc, char **argv)
{
    static char payload[60000];
    char **commands[COMMANDS_MAX];
    int count = 0;
    if (argc < 5)
        return 2;
    long runs = strtol(argv[1], NULL, 10);
    int file = open(argv[2], O_RDONLY | O_CLOEXEC);
    ssize_t size = read(file, payload, sizeof payload);
    if (runs < 1 || size < 0)
        return 2;
    for (int i = 3; i < argc; i++)
        if (strcmp(argv[i], "--") == 0 && count < COMMANDS_MAX) {
            commands[count++] = argv + i + 1;
            argv[i] = NULL;
        }
    int64_t *took = calloc((size_t)runs * (size_t)count, sizeof *took);
    if (!took)
        return 1;
    for (long i = 0; i < runs; i++)
        for (int j = 0; j < count; j++) {
            int k = (int)((i + j) % count);
            took[k * runs + i] = run(commands[k], payload, (size_t)size);
        }
    for (int k = 0; k < count; k++)
        for (long i = 0; i < runs; i++)
            printf("%lld%c", (long long)took[k * runs + i], i + 1 < runs ? ' ' : '\n');
    return 0;
}
