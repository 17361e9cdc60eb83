#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/slice.h"

#include "keep/control.h"
#include "keep/jsonfile.h"
#include "keep/predecessor.h"

enum {
    PREDECESSOR_FAILED = 1,
    PREDECESSOR_RUNNING = 3,
    PREDECESSOR_PAUSE_MS = 20,
    PREDECESSOR_SLACK_MS = 1000,
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

static bool predecessor_wait(int pidfd, int64_t timeout_ms)
{
    struct pollfd exit = {.fd = pidfd, .events = POLLIN};
    return poll(&exit, 1, (int)timeout_ms) > 0;
}

/* The lock names its holder by kernel truth, so the pid is right now; the pidfd keeps it right. */
static bool predecessor_end(pid_t pid, int64_t timeout_ms)
{
    struct identity stuck;
    if (identity_of(pid, &stuck) < 0)
        return true;
    int pidfd = identity_open(&stuck);
    if (pidfd < 0)
        return pidfd == -ESRCH;
    bool gone = identity_signal(pidfd, SIGTERM) < 0 || predecessor_wait(pidfd, timeout_ms / 2) ||
                identity_signal(pidfd, SIGKILL) < 0 || predecessor_wait(pidfd, timeout_ms / 2);
    close(pidfd);
    return gone;
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
                     struct error *error)
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
        if (predecessor_answers(directories->runtime, answer_until > now ? answer_until - now : 1))
            return predecessor_is_running(config, holder, error);
        if (now >= give_up) {
            error_set(error, "%s/lock is held by pid %d, which neither answers nor ends", directories->state,
                      (int)holder);
            return PREDECESSOR_FAILED;
        }
        if (now >= answer_until && holder > 0)
            predecessor_end(holder, patience);
        else
            poll(NULL, 0, PREDECESSOR_PAUSE_MS); /* it may just be starting or ending */
    }
}

static bool predecessor_record_names(const json_t *record, const char *pid_key, const char *start_key,
                                     const struct identity *identity)
{
    return json_integer_value(json_object_get(record, pid_key)) == identity->pid &&
           (uint64_t)json_integer_value(json_object_get(record, start_key)) == identity->start_time;
}

bool predecessor_left(const char *state_directory, const struct identity *identity)
{
    char *path = memory_format("%s/run", state_directory);
    DIR *directory = opendir(path);
    struct dirent *entry;
    bool found = false;
    while (directory && !found && (entry = readdir(directory))) {
        if (!slice_ends_with(slice_of_text(entry->d_name), SLICE(".json")))
            continue;
        char *name = memory_format("%s/%s", path, entry->d_name);
        int error = 0;
        json_t *record = jsonfile_read(name, &error);
        found = predecessor_record_names(record, "pid", "start_time", identity) ||
                predecessor_record_names(record, "hold_pid", "hold_start_time", identity);
        json_decref(record);
        free(name);
    }
    if (directory)
        closedir(directory);
    free(path);
    return found;
}
