/* The hold's descriptors are copied to high numbers first and then put in their places by posix_spawn(3),
 * which suspends the keeper only until exec and never copies its memory: secrets stay here.
 *
 * The program is executed through its open descriptor (/proc/self/fd, as fexecve(3) does without
 * execveat(2)), never by a path that a package upgrade may have changed. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "link/memfd.h"
#include "link/spawn.h"

enum { SPAWN_ABOVE = HOLD_FD_CGROUP + 8, SPAWN_BACKLOG = 4, SPAWN_MOST_WORDS = 4 };

int spawn_open(const char *path)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static bool spawn_address(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address->sun_path)
        return false;
    memcpy(address->sun_path, path, length);
    return true;
}

static int spawn_bind(const char *path)
{
    struct sockaddr_un address;
    if (!spawn_address(path, &address))
        return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    /* The name is this run's own: whatever is there was left by a run of the same number that is gone. */
    if ((unlink(path) && errno != ENOENT) || bind(fd, (const struct sockaddr *)&address, sizeof address) ||
        listen(fd, SPAWN_BACKLOG)) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static int spawn_spec(const struct spawn_settings *settings)
{
    struct hold_spec spec = *settings->spec;
    spec.cgroup = settings->cgroup >= 0;
    json_t *json = hold_spec_encode(&spec);
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    CHECK(text);
    size_t size = strlen(text);
    int fd = size > HOLD_SPEC_LARGEST ? -E2BIG : memfd_seal("reeve-spec", slice_of(text, size));
    free(text);
    return fd;
}

/* What the hold gets, by its number there; -1: nothing. */
struct spawn_places {
    int fds[HOLD_FD_CGROUP + 1];
};

static void spawn_close_places(struct spawn_places *places)
{
    for (int i = 0; i <= HOLD_FD_CGROUP; i++)
        if (places->fds[i] >= 0)
            close(places->fds[i]);
}

/* Copies above every place, so that filling one place never overwrites what another still needs. */
static int spawn_raise(const int *fds, struct spawn_places *places)
{
    int error = 0;
    for (int i = 0; i <= HOLD_FD_CGROUP; i++) {
        places->fds[i] = -1;
        if (fds[i] < 0 || error)
            continue;
        places->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, SPAWN_ABOVE);
        if (places->fds[i] < 0)
            error = -errno;
    }
    if (error)
        spawn_close_places(places);
    return error;
}

static int spawn_actions(posix_spawn_file_actions_t *actions, const struct spawn_places *places)
{
    int error = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
    if (!error)
        error = posix_spawn_file_actions_adddup2(actions, STDIN_FILENO, STDOUT_FILENO);
    if (!error && places->fds[STDERR_FILENO] < 0)
        error = posix_spawn_file_actions_adddup2(actions, STDIN_FILENO, STDERR_FILENO);
    for (int i = STDERR_FILENO; !error && i <= HOLD_FD_CGROUP; i++)
        if (places->fds[i] >= 0)
            error = posix_spawn_file_actions_adddup2(actions, places->fds[i], i);
    return error;
}

static int spawn_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error)
        error = posix_spawnattr_setsigdefault(attributes, &all);
    if (!error)
        error = posix_spawnattr_setflags(attributes,
                                         POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    return error;
}

/* The hold's environment: empty, so that no secret of ours shows in it; a test build's sanitizers keep their
 * settings. Ends with NULL; each word is the caller's to free. */
static void spawn_environment(char *words[SPAWN_MOST_WORDS])
{
    size_t count = 0;
#if defined __SANITIZE_ADDRESS__
    static const char *const names[] = {"ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i]))
            words[count++] = memory_format("%s=%s", names[i], getenv(names[i]));
#endif
    words[count] = NULL;
}

/* Runs `program` as "reeve-hold --start TARGET" (the name is for ps(1)). 0 or -errno. */
static int spawn_program(int program, const struct hold_spec *spec, const struct spawn_places *places)
{
    char path[64], name[] = "reeve-hold", option[] = "--start";
    snprintf(path, sizeof path, "/proc/self/fd/%d", program);
    char *target = memory_text(spec->target), *environment[SPAWN_MOST_WORDS];
    char *const arguments[] = {name, option, target, NULL};
    spawn_environment(environment);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    int error = spawn_actions(&actions, places);
    if (!error)
        error = spawn_attributes(&attributes);
    pid_t starter = 0;
    if (!error)
        error = posix_spawn(&starter, path, &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    for (char **word = environment; *word; word++)
        free(*word);
    free(target);
    return -error;
}

/* Starts the hold with `theirs`, `listener` and `spec`, all of which stay the caller's. */
static int spawn_with(const struct spawn_settings *settings, int theirs, int listener, int spec)
{
    const int fds[HOLD_FD_CGROUP + 1] = {
        [0] = -1,
        [1] = -1,
        [STDERR_FILENO] = settings->error_output,
        [HOLD_FD_CHANNEL] = theirs,
        [HOLD_FD_LISTENER] = listener,
        [HOLD_FD_SPEC] = spec,
        [HOLD_FD_LOG_DIRECTORY] = settings->log_directory,
        [HOLD_FD_RUN_DIRECTORY] = settings->run_directory,
        [HOLD_FD_CGROUP] = settings->cgroup,
    };
    struct spawn_places places;
    int error = spawn_raise(fds, &places);
    if (error)
        return error;
    int program = fcntl(settings->program, F_DUPFD_CLOEXEC, SPAWN_ABOVE);
    error = program < 0 ? -errno : spawn_program(program, settings->spec, &places);
    if (program >= 0)
        close(program);
    spawn_close_places(&places);
    return error;
}

static int spawn_failed(struct error *error, int code, const char *what)
{
    error_set(error, "cannot start the hold: %s: %s", what, strerror(-code));
    return code;
}

int spawn_hold(const struct spawn_settings *settings, struct error *error)
{
    int spec = spawn_spec(settings);
    if (spec < 0)
        return spawn_failed(error, spec, "spec");
    int listener = spawn_bind(settings->socket), pair[2];
    if (listener < 0) {
        close(spec);
        return spawn_failed(error, listener, settings->socket);
    }
    int code = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) ? -errno : 0;
    if (!code) {
        code = spawn_with(settings, pair[1], listener, spec);
        close(pair[1]);
        if (code)
            close(pair[0]);
    }
    close(listener);
    close(spec);
    if (!code)
        return pair[0];
    unlink(settings->socket);
    return spawn_failed(error, code, "reeve-hold");
}

int spawn_connect(const char *socket_path, pid_t *pid, uid_t *uid)
{
    struct sockaddr_un address;
    if (!spawn_address(socket_path, &address))
        return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size)) {
        int error = errno;
        close(fd);
        return -error;
    }
    *pid = peer.pid;
    *uid = peer.uid;
    return fd;
}
