#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

#include "keep/runtime_lock.h"
#include "keep/control.h"
#include "keep/describe.h"
#include "keep/incumbent.h"

enum {
    RUNTIME_LOCK_FAILED = 1,
    RUNTIME_LOCK_RUNNING = 3,
    RUNTIME_LOCK_PAUSE_MS = 20,
    RUNTIME_LOCK_SLACK_MS = 1000,
    RUNTIME_LOCK_GREET_MS = 1000
};

static int64_t runtime_lock_now_ms(void)
{
    return clock_system.monotonic_us(&clock_system) / 1000;
}

/* --- the text of the lock ------------------------------------------------------------------------------- */

/* A state directory is known by what it is, not by one of its paths. */
static json_t *runtime_lock_describe(const struct config *config)
{
    struct stat about = {0};
    if (stat(config->state, &about) < 0)
        return NULL;
    return json_pack("{s:o, s:o, s:I, s:I}", "state", describe_path(config->state), "config",
                     describe_path(config->file), "device", (json_int_t)about.st_dev, "inode",
                     (json_int_t)about.st_ino);
}

static bool runtime_lock_is_same(const json_t *a, const json_t *b, const char *member)
{
    return json_equal(json_object_get(a, member), json_object_get(b, member)) == 1;
}

/* Whether a text was written by a keeper of another state directory. */
static bool runtime_lock_is_anothers(const json_t *text, const json_t *ours)
{
    return json_object_get(text, "inode") &&
           !(runtime_lock_is_same(text, ours, "inode") && runtime_lock_is_same(text, ours, "device"));
}

static const char *runtime_lock_member(const json_t *text, const char *member)
{
    const char *value = json_string_value(json_object_get(text, member));
    return value ? value : "?";
}

/* --- what is served in the directory -------------------------------------------------------------------- */

static bool runtime_lock_is_served(const char *directory, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", directory, name) >=
        sizeof address.sun_path)
        return false;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return true;
    bool served = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ||
                  (errno != ECONNREFUSED && errno != ENOENT);
    close(fd);
    return served;
}

/* True when `is` says so of an entry other than the lock. */
static bool runtime_lock_has(const char *directory, bool (*is)(const char *directory, const char *name))
{
    DIR *listing = opendir(directory);
    bool found = false;
    for (struct dirent *entry; listing && !found && (entry = readdir(listing));)
        found = entry->d_name[0] != '.' && strcmp(entry->d_name, "lock") != 0 && is(directory, entry->d_name);
    if (listing)
        closedir(listing);
    return found;
}

static bool runtime_lock_is_entry(const char *directory, const char *name)
{
    (void)directory;
    (void)name;
    return true;
}

/* --- refusals ------------------------------------------------------------------------------------------- */

static int runtime_lock_is_held(const struct runtime_lock_attempt *attempt, pid_t pid, const json_t *text,
                                struct error *error)
{
    const struct config *config = attempt->config;
    error_set(error,
              "another reeve runs as \"%s\": pid %d (state %s, file %s); two reeves on one machine differ by "
              "`name`: give one of them another, such as `name: %s-2` in %s",
              config->name, (int)pid, runtime_lock_member(text, "state"), runtime_lock_member(text, "config"),
              config->name, config->file);
    return RUNTIME_LOCK_RUNNING;
}

static int runtime_lock_is_left(const struct runtime_lock_attempt *attempt, const json_t *text,
                                struct error *error)
{
    const struct config *config = attempt->config;
    error_set(error,
              "another reeve ran as \"%s\" (state %s, file %s), and what it kept goes on: `reeve -c %s run` "
              "takes it up again; or give one of them another name, such as `name: %s-2` in %s",
              config->name, runtime_lock_member(text, "state"), runtime_lock_member(text, "config"),
              runtime_lock_member(text, "config"), config->name, config->file);
    return RUNTIME_LOCK_RUNNING;
}

/* --- the taking ---------------------------------------------------------------------------------------- */

struct runtime_lock_attempt runtime_lock_begin(const struct config *config, struct lock *lock)
{
    int64_t patience_ms = config->takeover_timeout_ms + RUNTIME_LOCK_SLACK_MS;
    return (struct runtime_lock_attempt){
        .config = config, .lock = lock, .give_up_ms = runtime_lock_now_ms() + patience_ms};
}

/* Asks whoever serves the control socket; `pid` is that of the lock's holder. Refuses at once when it
 * answers, else when our patience is over: its process may be just ending, and lets go of one thing after the
 * other. */
static int runtime_lock_meet(const struct runtime_lock_attempt *attempt,
                             const struct directories *directories, pid_t pid, struct error *error)
{
    int connection = control_connect(directories->runtime);
    json_t *description = NULL;
    if (connection >= 0 && incumbent_greet(connection, RUNTIME_LOCK_GREET_MS, &description) == 0) {
        pid = (pid_t)json_integer_value(json_object_get(description, "pid"));
        int code = runtime_lock_is_held(attempt, pid, description, error);
        json_decref(description);
        return code;
    }
    if (runtime_lock_now_ms() < attempt->give_up_ms) {
        poll(NULL, 0, RUNTIME_LOCK_PAUSE_MS);
        return RUNTIME_LOCK_AGAIN;
    }
    json_t *text = lock_read(directories->runtime);
    int code = runtime_lock_is_held(attempt, pid, text, error);
    json_decref(text);
    return code;
}

/* We have the lock: whether we may keep it. */
static int runtime_lock_look(const struct runtime_lock_attempt *attempt,
                             const struct directories *directories, const json_t *ours, struct error *error)
{
    json_t *text = lock_text(attempt->lock);
    int code = 0;
    if (runtime_lock_is_served(directories->runtime, "control.sock")) /* by one that takes no such lock */
        code = RUNTIME_LOCK_AGAIN;
    else if (runtime_lock_is_anothers(text, ours) &&
             runtime_lock_has(directories->runtime, runtime_lock_is_served))
        code = runtime_lock_is_left(attempt, text, error);
    json_decref(text);
    return code;
}

int runtime_lock_try(struct runtime_lock_attempt *attempt, const struct directories *directories,
                     struct error *error)
{
    pid_t holder = 0;
    enum lock_result result = lock_take_file(directories->runtime, attempt->lock, &holder, error);
    if (result == LOCK_FAILED)
        return access(directories->runtime, F_OK) != 0 && runtime_lock_now_ms() < attempt->give_up_ms
                   ? RUNTIME_LOCK_AGAIN
                   : RUNTIME_LOCK_FAILED;
    if (result == LOCK_HELD)
        return runtime_lock_meet(attempt, directories, holder, error);
    json_t *ours = runtime_lock_describe(attempt->config);
    int code = runtime_lock_look(attempt, directories, ours, error);
    if (code == 0) {
        lock_describe(attempt->lock, ours);
        return 0;
    }
    lock_release(attempt->lock);
    json_decref(ours);
    return code == RUNTIME_LOCK_AGAIN ? runtime_lock_meet(attempt, directories, holder, error) : code;
}

void runtime_lock_leave(const struct lock *lock, const struct directories *directories)
{
    if (!runtime_lock_has(directories->runtime, runtime_lock_is_entry))
        lock_remove(lock, directories->runtime);
}

json_t *runtime_lock_holder(const char *runtime_directory)
{
    pid_t pid = 0;
    if (!lock_is_held(runtime_directory, &pid))
        return NULL;
    json_t *text = lock_read(runtime_directory);
    json_t *holder = json_pack("{s:i, s:O?, s:O?}", "pid", (int)pid, "state", json_object_get(text, "state"),
                               "config", json_object_get(text, "config"));
    json_decref(text);
    return holder;
}
