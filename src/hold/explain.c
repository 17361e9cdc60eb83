#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hold/explain.h"

enum { EXPLAIN_HINT_SIZE = 400, EXPLAIN_LINE_SIZE = 256 };

static const char *explain_search_path(const struct hold_spec *spec)
{
    for (char *const *word = spec->environment; *word; word++)
        if (strncmp(*word, "PATH=", 5) == 0)
            return *word + 5;
    return NULL;
}

/* The first line of a script, without "#!" and blanks; empty for anything else. */
static void explain_first_line(int fd, char line[EXPLAIN_LINE_SIZE])
{
    ssize_t size = read(fd, line, EXPLAIN_LINE_SIZE - 1);
    line[size > 0 ? size : 0] = 0;
    if (strncmp(line, "#!", 2) != 0) {
        line[0] = 0;
        return;
    }
    size_t skip = 2 + strspn(line + 2, " \t");
    memmove(line, line + skip, strlen(line + skip) + 1);
    line[strcspn(line, "\n")] = 0;
}

/* A PATH may be long, and the sentence has to be read in one line. */
static void explain_path(const char *path, char *hint)
{
    enum { EXPLAIN_PATH_SHOWN = 100 };
    const char *end = path ? path + strlen(path) : NULL;
    while (end && end - path > EXPLAIN_PATH_SHOWN)
        end = memrchr(path, ':', (size_t)(end - path));
    if (end)
        snprintf(hint, EXPLAIN_HINT_SIZE, "not in PATH: %.*s%s", (int)(end - path), path, *end ? ":..." : "");
    else
        snprintf(hint, EXPLAIN_HINT_SIZE, "not in PATH: %s",
                 path ? "its first entry is very long" : "it is not set");
}

static void explain_missing_file(const struct hold_spec *spec, const char *file, char *hint)
{
    const char *path = explain_search_path(spec);
    if (!spec->path && !strchr(spec->command[0], '/'))
        explain_path(path, hint);
    else if (file[0] != '/') /* as spelled in the command */
        snprintf(hint, EXPLAIN_HINT_SIZE, "relative to %s", spec->directory);
}

/* The file is there, so the kernel missed what runs it. */
static void explain_missing_interpreter(int fd, char *hint)
{
    char line[EXPLAIN_LINE_SIZE];
    explain_first_line(fd, line);
    if (line[0] && strchr(line, '\r'))
        snprintf(hint, EXPLAIN_HINT_SIZE, "its first line ends in a carriage return");
    else if (line[0])
        snprintf(hint, EXPLAIN_HINT_SIZE, "its interpreter is missing: %.*s", (int)strcspn(line, " \t"),
                 line);
    else
        snprintf(hint, EXPLAIN_HINT_SIZE, "its dynamic loader is missing on this machine");
}

static void explain_refused(const struct stat *about, char *hint)
{
    if (S_ISDIR(about->st_mode))
        snprintf(hint, EXPLAIN_HINT_SIZE, "is a directory");
    else if (!(about->st_mode & 0111))
        snprintf(hint, EXPLAIN_HINT_SIZE, "is not executable: chmod +x");
    else
        snprintf(hint, EXPLAIN_HINT_SIZE, "not for uid %d", (int)geteuid());
}

static void explain_exec(const struct hold_spec *spec, const char *file, int error, char *hint)
{
    struct stat about;
    int directory = open(spec->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = directory < 0 ? -1 : openat(directory, file, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    bool there = directory >= 0 && fstatat(directory, file, &about, 0) == 0;
    hint[0] = 0;
    if (error == ENOENT && !there)
        explain_missing_file(spec, file, hint);
    else if (error == ENOENT && fd >= 0)
        explain_missing_interpreter(fd, hint);
    else if (error == EACCES && there)
        explain_refused(&about, hint);
    else if (error == ENOEXEC)
        snprintf(hint, EXPLAIN_HINT_SIZE,
                 "no program for this machine; a script begins with a line like #!/bin/sh");
    else if (error == E2BIG)
        snprintf(hint, EXPLAIN_HINT_SIZE, "arguments and environment are too large together");
    if (fd >= 0)
        close(fd);
    if (directory >= 0)
        close(directory);
}

static const char *explain_subject(const struct hold_spec *spec, const char *stage, const char *file)
{
    if (strcmp(stage, "exec") == 0)
        return file;
    return strcmp(stage, "directory") == 0 ? spec->directory : "";
}

void explain_failure(const struct hold_spec *spec, const char *stage, const char *file,
                     struct hold_end *failure)
{
    const char *subject = explain_subject(spec, stage, file);
    char hint[EXPLAIN_HINT_SIZE] = "";
    int error = (int)failure->error;
    if (strcmp(stage, "exec") == 0)
        explain_exec(spec, file, error, hint);
    else if (strcmp(stage, "user") == 0)
        snprintf(hint, sizeof hint, "to uid %d gid %d, from uid %d", (int)spec->uid, (int)spec->gid,
                 (int)geteuid());
    failure->failed = true;
    snprintf(failure->stage, sizeof failure->stage, "%s", stage);
    snprintf(failure->path, sizeof failure->path, "%s", subject);
    snprintf(failure->text, sizeof failure->text, "%s%s%s: %s%s%s%s", stage, subject[0] ? " " : "", subject,
             strerror(error), hint[0] ? " (" : "", hint, hint[0] ? ")" : "");
}

const char *explain_end(const struct hold_end *end, char text[HOLD_TEXT_SIZE])
{
    const char *name = end->signal ? sigabbrev_np((int)end->signal) : NULL;
    if (end->failed)
        snprintf(text, HOLD_TEXT_SIZE, "the program did not start: %.900s", end->text);
    else if (name)
        snprintf(text, HOLD_TEXT_SIZE, "the program was killed by SIG%s", name);
    else if (end->signal)
        snprintf(text, HOLD_TEXT_SIZE, "the program was killed by signal %d", (int)end->signal);
    else
        snprintf(text, HOLD_TEXT_SIZE, "the program exited with %d", (int)end->code);
    return text;
}
