/* reeve-hold: parent of one kept process. Started by the keeper with descriptors in fixed places
 * (wire/hold.h) and the one argument --start; of no use on a command line.
 *
 * The first process is the starter: it forks the hold and exits, so that the hold's parent is the keeper as a
 * subreaper, whoever the keeper is by then. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buffer.h"
#include "link/channel.h"
#include "link/memfd.h"
#include "loop/loop.h"
#include "wire/hold.h"

#include "hold/account.h"
#include "hold/supervisor.h"

enum { LARGE_ALLOCATION = 32768, BACKLOG = 4, PATIENCE_MS = 5000 };

/* Signals that end or stop a process and are meant for programs, never for their hold: it lives as long as
 * its run and its keeper's interest, whatever a terminal or a shutdown script sends to everything. */
static void ignore_signals(void)
{
    static const int ours[] = {SIGCHLD, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    for (int signo = 1; signo <= SIGRTMAX; signo++) {
        bool keep = false;
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
            keep = keep || ours[i] == signo;
        if (!keep)
            sigaction(signo, &ignore, NULL);
    }
}

/* Whatever the keeper had open and did not mean for us is closed; what we have goes to nobody. */
static void guard_descriptors(void)
{
    syscall(SYS_close_range, HOLD_FD_CGROUP + 1, ~0U, 0);
    syscall(SYS_close_range, HOLD_FD_CHANNEL, HOLD_FD_CGROUP, CLOSE_RANGE_CLOEXEC);
}

static bool read_spec(struct arena *memory, struct hold_spec *spec, struct error *error)
{
    struct slice text;
    json_error_t trouble;
    int code = memfd_map(HOLD_FD_SPEC, HOLD_SPEC_LARGEST, &text);
    if (code)
        return error_set(error, "spec: %s", strerror(-code));
    json_t *json = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, &trouble);
    memfd_unmap(&text);
    close(HOLD_FD_SPEC);
    bool fine =
        json ? hold_spec_decode(json, memory, spec, error) : error_set(error, "spec: %s", trouble.text);
    json_decref(json);
    return fine;
}

/* Opened while still root: the kernel asks for the opener's rights, not the writer's. -1 when there is none.
 */
static int open_in_cgroup(const struct hold_spec *spec, const char *name)
{
    return spec->cgroup ? openat(HOLD_FD_CGROUP, name, O_WRONLY | O_CLOEXEC) : -1;
}

/* Without a spec there is no run and nobody to wait for. */
static int fail_without_spec(const struct error *error)
{
    struct hold_end end = {.failed = true, .error = EINVAL, .stage = "spec"};
    snprintf(end.text, sizeof end.text, "%.*s", (int)sizeof end.text - 1, error->text);
    channel_send_now(HOLD_FD_CHANNEL, MESSAGE_HOLD_FAILED, 0, hold_end_encode(&end), NULL, 0, PATIENCE_MS);
    return EXIT_FAILURE;
}

static int hold(void)
{
    struct arena memory = ARENA(4 * (size_t)HOLD_SPEC_LARGEST);
    struct hold_spec spec;
    struct error error = {0};
    if (!read_spec(&memory, &spec, &error))
        return fail_without_spec(&error);
    struct supervisor_settings settings = {
        .spec = &spec,
        .channel = HOLD_FD_CHANNEL,
        .listener = HOLD_FD_LISTENER,
        .log_directory = HOLD_FD_LOG_DIRECTORY,
        .run_directory = HOLD_FD_RUN_DIRECTORY,
        .cgroup_procs = open_in_cgroup(&spec, "cgroup.procs"),
        .cgroup_kill = open_in_cgroup(&spec, "cgroup.kill"),
    };
    close(HOLD_FD_CGROUP);
    const char *stage;
    int refused = account_enter(&spec, &stage);
    prctl(PR_SET_DUMPABLE, 0);
    listen(HOLD_FD_LISTENER,
           BACKLOG); /* once more: SO_PEERCRED of those who connect now shows this process */

    struct loop *loop = loop_new(&clock_system);
    if (!loop)
        return EXIT_FAILURE;
    struct supervisor *supervisor = supervisor_new(loop, &settings);
    if (refused)
        supervisor_refuse(supervisor, refused, stage);
    else
        supervisor_start(supervisor);
    loop_run(loop);
    supervisor_free(&supervisor);
    loop_free(&loop);
    arena_free(&memory);
    return EXIT_SUCCESS;
}

int main(int count, char **words)
{
    if (count < 2 || strcmp(words[1], "--start") != 0) {
        fprintf(stderr, "reeve-hold " REEVE_VERSION " is started by reeve\n");
        return 2;
    }
    pid_t pid = fork();
    if (pid != 0)
        _exit(pid < 0 ? EXIT_FAILURE : EXIT_SUCCESS); /* at once: it still has the hold's sockets open */
    prctl(PR_SET_NAME, "reeve-hold");
    /* A small heap, and buffers in pages of their own that go back to the system when freed. */
    mallopt(M_TOP_PAD, 0);
    mallopt(M_MMAP_THRESHOLD, LARGE_ALLOCATION);
    malloc_trim(0);
    guard_descriptors();
    ignore_signals();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (chdir("/"))
        return EXIT_FAILURE;
    return hold();
}
