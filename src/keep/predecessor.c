#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

#include "keep/control.h"
#include "keep/predecessor.h"
#include "keep/record.h"
#include "keep/survivors.h"

enum {
    PREDECESSOR_FAILED = 1,
    PREDECESSOR_RUNNING = 3,
    PREDECESSOR_PAUSE_MS = 20,
    PREDECESSOR_SLACK_MS = 1000,
    PREDECESSOR_PROCESSES_MOST = 256,
};

static int64_t predecessor_now_ms(void)
{
    return clock_system.monotonic_us(&clock_system) / 1000;
}

/* True when a keeper answers on the control socket within `timeout_ms`. */
static bool predecessor_answers(const char *runtime_directory, int64_t timeout_ms)
{
    int connection = control_connect(runtime_directory);
    if (connection < 0)
        return false;
    json_t *answer = NULL;
    const struct control_question hello = {.type = MESSAGE_CONTROL_HELLO, .timeout_ms = (int)timeout_ms};
    int failed = control_ask(connection, &hello, &answer, NULL);
    json_decref(answer);
    close(connection);
    return failed == 0;
}

/* State T of /proc/PID/stat (proc_pid_stat(5)): stopped by a signal. */
static bool predecessor_is_stopped(pid_t pid)
{
    char path[32], stat[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, stat, sizeof stat - 1);
    if (fd >= 0)
        close(fd);
    if (size <= 0)
        return false;
    stat[size] = '\0';
    const char *name_end = strrchr(stat, ')');
    return name_end && name_end[1] == ' ' && name_end[2] == 'T';
}

static bool predecessor_wait(int pidfd, int64_t timeout_ms)
{
    struct pollfd exit = {.fd = pidfd, .events = POLLIN};
    return poll(&exit, 1, (int)timeout_ms) > 0;
}

static bool predecessor_signal(const struct identity *stuck, int pidfd, int signo, json_t *signals)
{
    if (identity_signal(pidfd, signo) < 0)
        return false;
    json_array_append_new(signals, json_pack("{s:i, s:I, s:i, s:s}", "pid", (int)stuck->pid, "start_time",
                                             (json_int_t)stuck->start_time, "signal", signo, "reason",
                                             "the last keeper holds the lock and does not answer"));
    return true;
}

/* The lock names its holder by kernel truth, so the pid is right now; the pidfd keeps it right. */
static void predecessor_end(pid_t pid, int64_t timeout_ms, json_t *signals)
{
    struct identity stuck;
    int pidfd = identity_of(pid, &stuck) < 0 ? -ESRCH : identity_open(&stuck);
    if (pidfd < 0)
        return;
    /* A stopped process takes no SIGTERM before somebody continues it. */
    bool polite = !predecessor_is_stopped(pid) && predecessor_signal(&stuck, pidfd, SIGTERM, signals);
    bool gone = polite && predecessor_wait(pidfd, timeout_ms / 2);
    if (!gone && predecessor_signal(&stuck, pidfd, SIGKILL, signals))
        predecessor_wait(pidfd, timeout_ms / 2);
    close(pidfd);
}

static int predecessor_is_running(const struct config *config, pid_t holder, struct error *error)
{
    error_set(error,
              "reeve %s is already running as pid %d (state %s); `reeve -c %s status` shows it, `reeve -c %s "
              "down` stops "
              "it; two reeves on one machine differ by `name` and `state`",
              config->name, (int)holder, config->state, config->file, config->file);
    return PREDECESSOR_RUNNING;
}

int predecessor_lock(const struct config *config, const struct directories *directories, struct lock *lock,
                     json_t *signals, struct error *error)
{
    int64_t patience = config->takeover_timeout_ms;
    patience += PREDECESSOR_SLACK_MS; /* one that is just starting may spend the time-out on its own port */
    int64_t give_up = predecessor_now_ms() + 3 * patience;
    int64_t answer_until = predecessor_now_ms() + patience;
    for (;;) {
        pid_t holder = 0;
        enum lock_result result = lock_take(directories, lock, &holder, error);
        if (result == LOCK_TAKEN)
            return 0;
        if (result == LOCK_FAILED)
            return PREDECESSOR_FAILED;
        int64_t now = predecessor_now_ms();
        if (holder > 0 && predecessor_is_stopped(holder))
            answer_until = now; /* SIGSTOP: it will not answer however long we wait */
        else if (predecessor_answers(directories->runtime, answer_until > now ? answer_until - now : 1))
            return predecessor_is_running(config, holder, error);
        if (now >= give_up) {
            error_set(error, "%s/lock is held by pid %d, which neither answers nor ends", directories->state,
                      (int)holder);
            return PREDECESSOR_FAILED;
        }
        if (now >= answer_until && holder > 0)
            predecessor_end(holder, patience, signals);
        else
            poll(NULL, 0, PREDECESSOR_PAUSE_MS); /* it may just be starting or ending */
    }
}

static bool predecessor_run_has(const struct record *record, const struct identity *identity)
{
    const struct survivors_run run = {.nonce = record->nonce, .hold = record->hold, .main = record->main};
    struct survivor found[PREDECESSOR_PROCESSES_MOST];
    int count = survivors_find(&run, found, PREDECESSOR_PROCESSES_MOST);
    for (int i = 0; i < count; i++)
        if (found[i].identity.pid == identity->pid && found[i].identity.start_time == identity->start_time)
            return true;
    return false;
}

bool predecessor_left(const char *state_directory, const struct identity *identity)
{
    char *path = memory_format("%s/run", state_directory);
    int run = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(path);
    struct record_entry *entries = NULL;
    int count = run < 0 ? 0 : record_list(run, &entries);
    bool found = false;
    for (int i = 0; i < count && !found; i++) {
        struct record record;
        found = record_read(run, entries[i].name, &record, NULL) && !record.over &&
                predecessor_run_has(&record, identity);
    }
    free(entries);
    if (run >= 0)
        close(run);
    return found;
}
