#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "link/privileges.h"

#include "gate/access.h"
#include "gate/gate.h"
#include "gate/worker.h"

/* Nobody is kept waiting for a line: what stderr does not take at once is lost. */
static void write_log(void *sink, const char *line, size_t size)
{
    const int *errors = sink;
    struct pollfd room = {.fd = *errors, .events = POLLOUT};
    if (poll(&room, 1, 0) <= 0 || write(*errors, line, size) < 0)
        return; /* nowhere to tell */
}

static void on_process_end(void *owner)
{
    loop_stop(owner);
}

static void on_terminate(void *owner, const siginfo_t *about)
{
    struct gate *gate = owner;
    (void)about;
    gate_drain(gate, gate_drain_ms(gate));
}

static void on_ignored(void *owner, const siginfo_t *about)
{
    (void)owner, (void)about;
}

/* A terminal's signals are meant for the keeper, which tells us what to do. */
static const int ignored_signals[] = {SIGINT, SIGHUP, SIGQUIT, SIGPIPE};

static void watch_signals(struct loop *loop, struct gate *gate)
{
    loop_signal(loop, SIGTERM, on_terminate, gate);
    for (size_t i = 0; i < sizeof ignored_signals / sizeof *ignored_signals; i++)
        loop_signal(loop, ignored_signals[i], on_ignored, NULL);
}

static void watch_signals_no_more(struct loop *loop)
{
    loop_signal(loop, SIGTERM, NULL, NULL);
    for (size_t i = 0; i < sizeof ignored_signals / sizeof *ignored_signals; i++)
        loop_signal(loop, ignored_signals[i], NULL, NULL);
}

static int serve(const struct worker_start *start, const struct log *log, int output)
{
    struct loop *loop = loop_new(&clock_system);
    struct gate *gate = loop ? gate_new(&(struct gate_settings){.loop = loop,
                                                                .log = log,
                                                                .channel = WORKER_CHANNEL_FD,
                                                                .handover = WORKER_HANDOVER_FD,
                                                                .output = output,
                                                                .slot = start->slot,
                                                                .on_end = on_process_end,
                                                                .owner = loop})
                             : NULL;
    if (!gate) {
        log_error(log, "a gate cannot start", LOG_TEXT("error", strerror(errno)));
        return EXIT_FAILURE;
    }
    watch_signals(loop, gate);
    loop_run(loop);
    gate_free(&gate);
    watch_signals_no_more(loop);
    loop_free(&loop);
    return EXIT_SUCCESS;
}

int worker_run(const struct worker_start *start)
{
    char role[32];
    struct error error;
    snprintf(role, sizeof role, "gate-%u", start->slot);
    prctl(PR_SET_NAME, "reeve-gate"); /* exec of /proc/self/exe made it "exe" */
    int output = access_open_shared(STDOUT_FILENO), errors = access_open_shared(STDERR_FILENO);
    const struct log log = {.least = LOG_INFO,
                            .format = isatty(STDERR_FILENO) ? LOG_FORMAT_PLAIN : LOG_FORMAT_JSON,
                            .clock = &clock_system,
                            .role = role,
                            .write = write_log,
                            .sink = &errors};
    if (!privileges_drop(start->uid, start->gid, &error)) {
        log_error(&log, "a gate cannot start", LOG_TEXT("error", error.text));
        return EXIT_FAILURE;
    }
    return serve(start, &log, output);
}
