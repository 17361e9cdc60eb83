#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "keep/directories.h"

#include "reeve/detach.h"

extern char **environ;

enum { DETACH_REPORT_FD = 3, DETACH_REPORT_LIMIT = 1 << 20, DETACH_RAISED_FD = 10 };

/* The first byte is the exit code, the rest is text. */
void detach_report(int fd, int code, struct slice text)
{
    char first = (char)code;
    ssize_t written = write(fd, &first, 1);
    while (written > 0 && text.size > 0) {
        written = write(fd, text.data, text.size);
        text = slice_from(text, written > 0 ? (size_t)written : 0);
    }
    close(fd);
}

static int detach_read_report(int fd)
{
    struct buffer report = BUFFER(DETACH_REPORT_LIMIT);
    char *place;
    ssize_t size = 1;
    while (size > 0 && (place = buffer_reserve(&report, 4096))) {
        size = read(fd, place, 4096);
        if (size > 0)
            buffer_added(&report, (size_t)size);
    }
    struct slice text = buffer_slice(&report);
    int code = text.size ? text.data[0] : COMMAND_FAILED;
    text = slice_from(text, 1);
    if (code == COMMAND_DONE)
        command_print(stdout, text);
    else if (text.size)
        command_fail(code, SLICE_FORMAT, SLICE_ARGUMENTS(text));
    else
        command_fail(code, "reeve ended before it served; its log tells why");
    buffer_free(&report);
    return code;
}

static int detach_open_log(const struct config *config)
{
    struct error error = {0};
    if (!directories_make_state(config->state, &error)) {
        command_fail(COMMAND_FAILED, "%s", error.text);
        return -1;
    }
    char *path = memory_format("%s/log/reeve.log", config->state);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        command_fail(COMMAND_FAILED, "%s: %s", path, strerror(errno));
    free(path);
    return fd;
}

static int detach_spawn(const struct command *command, const struct config *config, int report, int log)
{
    /* As this user called it, so that the start screen's commands can be pasted. */
    const char *given = command->argument_count ? command->arguments[0] : command->file;
    char verb[] = "run", file[] = "-c", option[] = "--report-to=3";
    char *path = memory_text(given ? given : config->file);
    char *arguments[] = {program_invocation_name, verb, file, path, option, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, log, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, log, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&actions, report, DETACH_REPORT_FD);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    pid_t pid;
    int error = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    free(path);
    return error;
}

int detach_run(const struct command *command, const struct config *config)
{
    if (strcmp(config->file, "-") == 0)
        return command_fail(COMMAND_USAGE, "run -d needs a file, not standard input");
    int log = detach_open_log(config), report[2];
    if (log < 0)
        return COMMAND_FAILED;
    if (pipe2(report, O_CLOEXEC) < 0)
        return command_fail(COMMAND_FAILED, "pipe: %s", strerror(errno));
    int raised = fcntl(report[1], F_DUPFD_CLOEXEC, DETACH_RAISED_FD);
    int raised_log = fcntl(log, F_DUPFD_CLOEXEC, DETACH_RAISED_FD);
    close(report[1]);
    close(log);
    int error = detach_spawn(command, config, raised, raised_log);
    close(raised);
    close(raised_log);
    int code = error ? command_fail(COMMAND_FAILED, "cannot start: %s", strerror(error))
                     : detach_read_report(report[0]);
    close(report[0]);
    return code;
}
