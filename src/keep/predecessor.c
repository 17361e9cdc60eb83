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

#include "keep/incumbent.h"
#include "keep/predecessor.h"
#include "keep/record.h"
#include "keep/survivors.h"

enum {
    PREDECESSOR_FAILED = 1,
    PREDECESSOR_RUNNING = 3,
    PREDECESSOR_PAUSE_MS = 20,
    PREDECESSOR_ANSWER_MS = 1000, /* whoever is asked last has so long: it may be as busy as the machine */
    PREDECESSOR_SLACK_MS = 1000,
    PREDECESSOR_STOP_MS = 60000, /* more than one needs beyond the time that it says its stop may take */
    PREDECESSOR_PROCESSES_MOST = 256,
};

static int64_t predecessor_now_ms(void)
{
    return clock_system.monotonic_us(&clock_system) / 1000;
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

/* 0 with a new reference in *description; -EBUSY: alive, but it hangs up; -EAGAIN: no answer. */
static int predecessor_ask(const char *state, int64_t timeout_ms, json_t **description)
{
    pid_t holder = 0;
    int connection = incumbent_connect(state, &holder);
    return connection < 0 ? -EAGAIN : incumbent_greet(connection, timeout_ms, description);
}

/* One that was busy and now stops in order has the time that it says it needs. */
static bool predecessor_leaves(const char *state, int pidfd, int64_t timeout_ms)
{
    int64_t until = predecessor_now_ms() + timeout_ms, left;
    bool answered = false;
    while ((left = until - predecessor_now_ms()) > 0) {
        json_t *description = NULL;
        if (predecessor_wait(pidfd, answered ? left : PREDECESSOR_PAUSE_MS))
            return true;
        if (answered || predecessor_ask(state, left, &description) != 0)
            continue;
        int64_t stop_ms = json_integer_value(json_object_get(description, "stop_at_most_ms"));
        until = predecessor_now_ms() + stop_ms + PREDECESSOR_STOP_MS;
        answered = true;
        json_decref(description);
    }
    return predecessor_wait(pidfd, 0);
}

/* The lock names its holder by kernel truth, so the pid is right now; the pidfd keeps it right. */
void predecessor_end(const char *state, pid_t pid, int64_t timeout_ms, json_t *signals)
{
    struct identity stuck;
    int pidfd = identity_of(pid, &stuck) < 0 ? -ESRCH : identity_open(&stuck);
    if (pidfd < 0)
        return;
    /* A stopped process takes no SIGTERM before somebody continues it. */
    bool polite = !predecessor_is_stopped(pid) && predecessor_signal(&stuck, pidfd, SIGTERM, signals);
    bool gone = polite && predecessor_leaves(state, pidfd, timeout_ms / 2);
    if (!gone && predecessor_signal(&stuck, pidfd, SIGKILL, signals))
        predecessor_wait(pidfd, timeout_ms / 2);
    close(pidfd);
}

/* --- the lock ------------------------------------------------------------------------------------------- */

/* One that holds the lock while we want it. */
struct predecessor {
    const struct config *config;
    const struct directories *directories;
    json_t *signals;
    struct error *error;
    int64_t patience_ms;
    int64_t answer_until, give_up;
    pid_t holder;
    pid_t busy; /* has hung up on us */
};

static const char *predecessor_member(const json_t *description, const char *member)
{
    const char *text = json_string_value(json_object_get(description, member));
    return text ? text : "?";
}

/* `description` may be NULL: it is alive and has no time for us. */
static int predecessor_is_running(const struct predecessor *predecessor, const json_t *description)
{
    const struct config *config = predecessor->config;
    const char *name = description ? predecessor_member(description, "name") : config->name;
    const char *phase = predecessor_member(description, "phase");
    char *runtime = lock_read_runtime(config->state);
    bool elsewhere = runtime && strcmp(runtime, predecessor->directories->runtime) != 0;
    char *other = strcmp(name, config->name) == 0 && !elsewhere
                      ? memory_text("")
                      : memory_format(", as \"%s\" with its sockets in %s", name, runtime ? runtime : "?");
    error_set(
        predecessor->error,
        "reeve %s is already running as pid %d (state %s)%s%s; `reeve -c %s status` shows it, `reeve -c "
        "%s down` stops it; two reeves on one machine differ by `name` and `state`",
        config->name, (int)predecessor->holder, config->state, other,
        strcmp(phase, "stopping") == 0 ? " and is just stopping" : "", config->file, config->file);
    free(other);
    free(runtime);
    return PREDECESSOR_RUNNING;
}

/* Nobody is ended; who looks after the machine decides. */
static int predecessor_is_spared(const struct predecessor *predecessor)
{
    const struct config *config = predecessor->config;
    int pid = (int)predecessor->holder;
    error_set(
        predecessor->error,
        "reeve %s is already running as pid %d (state %s), but does not answer; `takeover: never` leaves "
        "it alone; end it yourself with: kill %d (and if that does not help: kill -9 %d)",
        config->name, pid, config->state, pid, pid);
    return PREDECESSOR_RUNNING;
}

static int predecessor_gives_up(const struct predecessor *predecessor)
{
    error_set(predecessor->error, "%s/lock is held by pid %d, which neither answers nor ends",
              predecessor->directories->state, (int)predecessor->holder);
    return PREDECESSOR_FAILED;
}

/* It hangs up on us, or has: once is enough, since the last question has hardly any time left. */
static bool predecessor_is_busy(struct predecessor *predecessor, int failed, bool stopped)
{
    if (failed == -EBUSY) {
        predecessor->busy = predecessor->holder;
        return true;
    }
    return !stopped && predecessor->holder > 0 && predecessor->busy == predecessor->holder;
}

/* Somebody has the lock: 0 to try again, or the exit code with the text. */
static int predecessor_meet(struct predecessor *predecessor)
{
    const char *state = predecessor->directories->state;
    int64_t now = predecessor_now_ms();
    int64_t left = predecessor->answer_until - now;
    if (left < PREDECESSOR_ANSWER_MS)
        left = PREDECESSOR_ANSWER_MS;
    json_t *description = NULL;
    bool stopped = predecessor->holder > 0 && predecessor_is_stopped(predecessor->holder);
    int failed = stopped ? -EAGAIN : predecessor_ask(state, left, &description);
    if (failed == 0) {
        int code = predecessor_is_running(predecessor, description);
        json_decref(description);
        return code;
    }
    bool busy = predecessor_is_busy(predecessor, failed, stopped);
    /* It may just be starting or ending. After SIGSTOP it will not answer however long we wait. */
    bool patient =
        predecessor->holder <= 0 ? now < predecessor->give_up : !stopped && now < predecessor->answer_until;
    if (patient)
        poll(NULL, 0, PREDECESSOR_PAUSE_MS);
    else if (busy)
        return predecessor_is_running(predecessor, NULL);
    else if (predecessor->holder <= 0 || now >= predecessor->give_up)
        return predecessor_gives_up(predecessor);
    else if (predecessor->config->takeover == CONFIG_TAKEOVER_NEVER)
        return predecessor_is_spared(predecessor);
    else
        predecessor_end(state, predecessor->holder, predecessor->patience_ms, predecessor->signals);
    return 0;
}

int predecessor_lock(const struct config *config, const struct directories *directories, struct lock *lock,
                     json_t *signals, struct error *error)
{
    /* One that is just starting may spend the time-out on its own port. */
    int64_t patience_ms = config->takeover_timeout_ms + PREDECESSOR_SLACK_MS;
    int64_t now = predecessor_now_ms();
    struct predecessor predecessor = {
        .config = config,
        .directories = directories,
        .signals = signals,
        .error = error,
        .patience_ms = patience_ms,
        .answer_until = now + patience_ms,
        .give_up = now + 3 * patience_ms,
    };
    for (;;) {
        enum lock_result result = lock_take(directories, lock, &predecessor.holder, error);
        if (result != LOCK_HELD)
            return result == LOCK_TAKEN ? 0 : PREDECESSOR_FAILED;
        int code = predecessor_meet(&predecessor);
        if (code)
            return code;
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
