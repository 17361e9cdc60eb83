/* Between fork and exec the child makes only system calls; all words and paths are ready before.
 *
 * What goes wrong there comes back over a close-on-exec pipe as (errno, step); the pipe's end without a
 * report is exec's success. Signals are blocked over the fork, because the hold ignores most of them: a stop
 * that arrives before the child has its default dispositions stays pending and is not lost. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "hold/explain.h"
#include "hold/program.h"

/* Steps of the child that may fail, with their names in HOLD_FAILED. */
enum program_step {
    PROGRAM_CGROUP,
    PROGRAM_PIPE,
    PROGRAM_TERMINAL,
    PROGRAM_LIMITS,
    PROGRAM_DIRECTORY,
    PROGRAM_EXEC
};
static const char *const step_names[] = {"cgroup", "pipe", "terminal", "limits", "directory", "exec"};

struct program_report {
    int error;
    int step;
    int file; /* index of the candidate */
};

struct program {
    struct program_settings settings;
    pid_t pid;
    struct loop_fd report; /* the pipe; ends with exec */
    char **files;          /* candidates for exec, ends with NULL */
    bool contained;
    bool settled;
};

/* --- what to execute ----------------------------------------------------------------------------- */

static const char *program_search_path(const struct hold_spec *spec)
{
    for (char *const *word = spec->environment; *word; word++)
        if (strncmp(*word, "PATH=", 5) == 0)
            return *word + 5;
    return "/usr/local/bin:/usr/bin:/bin";
}

/* As execvp(3) looks for it, but in the program's own PATH. */
static char **program_candidates(const struct hold_spec *spec)
{
    const char *name = spec->path ? spec->path : spec->command[0];
    size_t count = 0;
    char **files = MEMORY_ARRAY(char *, 2);
    if (spec->path || strchr(name, '/')) {
        files[0] = memory_text(name);
        return files;
    }
    struct slice rest = slice_of_text(program_search_path(spec)), folder;
    while (slice_next(&rest, ':', &folder)) {
        files = memory_resize(files, (count + 2) * sizeof *files);
        files[count++] = folder.size ? memory_format(SLICE_FORMAT "/%s", SLICE_ARGUMENTS(folder), name)
                                     : memory_format("./%s", name);
        files[count] = NULL;
    }
    return files;
}

static void program_free_candidates(char **files)
{
    for (size_t i = 0; files && files[i]; i++)
        free(files[i]);
    free(files);
}

/* --- the child ----------------------------------------------------------------------------------- */

struct program_child {
    const struct hold_spec *spec;
    char *const *files;
    int output, error; /* write ends; -1 with a terminal */
    int terminal;
    int report;
    int cgroup_procs;
    pid_t hold;
};

static void child_report(const struct program_child *child, enum program_step step, int file)
{
    struct program_report report = {.error = errno, .step = step, .file = file};
    ssize_t written = write(child->report, &report, sizeof report); /* one page at most: never cut */
    (void)written;
}

__attribute__((noreturn)) static void child_fail(const struct program_child *child, enum program_step step,
                                                 int file)
{
    child_report(child, step, file);
    _exit(127);
}

/* By the system call itself: the library refuses to touch two signals of its own, which posix_spawn(3) leaves
 * ignored. All zero is the default action with an empty mask, in every architecture's struct. */
static void child_reset_signals(void)
{
    static const char standard[64];
    const uint64_t none = 0;
    for (int signo = 1; signo < _NSIG; signo++)
        syscall(SYS_rt_sigaction, signo, standard, NULL, sizeof none);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
}

static void child_limit_files(const struct program_child *child)
{
    rlim_t files = (rlim_t)child->spec->open_files, soft = (rlim_t)child->spec->open_files_soft;
    struct rlimit limit = {.rlim_cur = files, .rlim_max = files};
    if (!files && (!soft || getrlimit(RLIMIT_NOFILE, &limit)))
        return;
    if (!files)
        limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit))
        child_fail(child, PROGRAM_LIMITS, 0);
}

/* As execvp(3): what is not there is passed over, what may not be executed is remembered. */
__attribute__((noreturn)) static void child_exec(const struct program_child *child)
{
    int refused = -1, file = 0;
    errno = ENOENT;
    for (; child->files[file]; file++) {
        execve(child->files[file], child->spec->command, child->spec->environment);
        if (errno == EACCES && refused < 0)
            refused = file;
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
            break;
    }
    if (!child->files[file] && file > 0)
        file--; /* the last one that was tried */
    if (refused >= 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES)) {
        errno = EACCES;
        file = refused;
    }
    child_fail(child, PROGRAM_EXEC, file);
}

/* The session leader has no terminal yet, so this one becomes its controlling one (ioctl_tty(2)). */
static void child_set_streams(const struct program_child *child)
{
    int terminal = child->terminal;
    if (terminal < 0 && (dup2(child->output, STDOUT_FILENO) < 0 || dup2(child->error, STDERR_FILENO) < 0))
        child_fail(child, PROGRAM_PIPE, 0);
    if (terminal >= 0 && (ioctl(terminal, TIOCSCTTY, 0) || dup2(terminal, STDIN_FILENO) < 0 ||
                          dup2(terminal, STDOUT_FILENO) < 0 || dup2(terminal, STDERR_FILENO) < 0))
        child_fail(child, PROGRAM_TERMINAL, 0);
}

__attribute__((noreturn)) static void child_run(const struct program_child *child)
{
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a run whose hold is killed is killed whole */
    if (getppid() != child->hold)
        _exit(127);
    if (child->cgroup_procs >= 0 && write(child->cgroup_procs, "0", 1) != 1)
        child_report(child, PROGRAM_CGROUP, 0); /* the program starts all the same */
    child_set_streams(child);
    syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    child_limit_files(child);
    if (child->spec->umask >= 0)
        umask((mode_t)child->spec->umask);
    if (chdir(child->spec->directory))
        child_fail(child, PROGRAM_DIRECTORY, 0);
    child_reset_signals();
    child_exec(child);
}

/* --- the parent ---------------------------------------------------------------------------------- */

/* What the error is about. exec says ENOENT both for a file that is not there, which is passed over, and for
 * one whose interpreter is not there, which is what the user wants to know. */
static const char *program_failed_file(const struct program *program, const struct program_report *report)
{
    const struct hold_spec *spec = program->settings.spec;
    int directory = open(spec->directory, O_PATH | O_DIRECTORY | O_CLOEXEC), there = -1;
    for (int i = 0; report->error == ENOENT && directory >= 0 && there < 0 && program->files[i]; i++)
        if (faccessat(directory, program->files[i], F_OK, 0) == 0)
            there = i;
    if (directory >= 0)
        close(directory);
    if (report->error == ENOENT)
        return there >= 0 ? program->files[there] : spec->path ? spec->path : spec->command[0];
    return program->files[report->file];
}

static void program_settled(struct program *program, const struct program_report *report)
{
    const struct program_settings *settings = &program->settings;
    int fd = program->report.fd;
    program->settled = true;
    loop_fd_stop(&program->report);
    close(fd);
    if (!report) {
        settings->on_started(settings->owner, program->contained);
        return;
    }
    struct hold_end failure = {.error = report->error};
    explain_failure(settings->spec, step_names[report->step], program_failed_file(program, report), &failure);
    settings->on_failed(settings->owner, &failure);
}

static void program_on_report(struct loop_fd *watch, uint32_t events)
{
    (void)events;
    struct program *program = LIST_ENTRY(watch, struct program, report);
    struct program_report report;
    ssize_t size;
    while ((size = read(watch->fd, &report, sizeof report)) == (ssize_t)sizeof report) {
        if (report.step != PROGRAM_CGROUP) {
            program_settled(program, &report);
            return;
        }
        program->contained = false;
    }
    if (size >= 0 || (errno != EAGAIN && errno != EINTR))
        program_settled(program, NULL);
}

/* All descriptors of one start; -1: not open. */
struct program_fds {
    int output[2], error[2], report[2];
};

static void program_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Of our end only: the program expects pipes that block. */
static bool program_open_pipe(int pipe[2])
{
    return pipe2(pipe, O_CLOEXEC) == 0 && fcntl(pipe[0], F_SETFL, O_NONBLOCK) == 0;
}

static bool program_open(struct program_fds *fds, bool pipes)
{
    *fds = (struct program_fds){{-1, -1}, {-1, -1}, {-1, -1}};
    return (!pipes || (program_open_pipe(fds->output) && program_open_pipe(fds->error))) &&
           program_open_pipe(fds->report);
}

static void program_close_all(struct program_fds *fds)
{
    for (int end = 0; end < 2; end++) {
        program_close(&fds->output[end]);
        program_close(&fds->error[end]);
        program_close(&fds->report[end]);
    }
}

static pid_t program_fork(const struct program *program, const struct program_fds *fds)
{
    const struct program_child child = {.spec = program->settings.spec,
                                        .files = program->files,
                                        .output = fds->output[1],
                                        .error = fds->error[1],
                                        .terminal = program->settings.terminal,
                                        .report = fds->report[1],
                                        .cgroup_procs = program->settings.cgroup_procs,
                                        .hold = getpid()};
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        child_run(&child);
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return pid;
}

static struct program *program_refuse(struct program *program, struct program_fds *fds, const char *stage,
                                      struct hold_end *failure)
{
    failure->error = errno;
    explain_failure(program->settings.spec, stage, "", failure);
    program_close_all(fds);
    program_free(&program);
    return NULL;
}

struct program *program_start(struct loop *loop, const struct program_settings *settings,
                              struct program_pipes *pipes, struct hold_end *failure)
{
    struct program *program = MEMORY_NEW(struct program);
    struct program_fds fds;
    program->settings = *settings;
    program->contained = settings->cgroup_procs >= 0;
    program->files = program_candidates(settings->spec);
    if (!program_open(&fds, settings->terminal < 0))
        return program_refuse(program, &fds, "pipe", failure);
    program->pid = program_fork(program, &fds);
    if (program->pid < 0)
        return program_refuse(program, &fds, "fork", failure);
    program_close(&fds.output[1]);
    program_close(&fds.error[1]);
    program_close(&fds.report[1]);
    CHECK(loop_fd_start(loop, &program->report, fds.report[0], EPOLLIN | LOOP_LEVEL, program_on_report) == 0);
    pipes->output = fds.output[0];
    pipes->error = fds.error[0];
    return program;
}

pid_t program_pid(const struct program *program)
{
    return program->pid;
}

void program_settle(struct program *program)
{
    if (!program->settled)
        program_on_report(&program->report, 0);
    CHECK(program->settled); /* only the child had the other end */
}

void program_free(struct program **where)
{
    struct program *program = *where;
    if (!program)
        return;
    int fd = program->report.loop ? program->report.fd : -1;
    loop_fd_stop(&program->report);
    program_close(&fd);
    program_free_candidates(program->files);
    free(program);
    *where = NULL;
}
