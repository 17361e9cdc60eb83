/* Starting one gate: a fresh image of our own executable with two descriptors and nothing else of ours. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "keep/gate.h"

enum { GATE_CHANNEL_FD = 3, GATE_HANDOVER_FD = 4, GATE_LOWEST_OWN_FD = 10, GATE_NUMBER_SIZE = 24 };

/* Nothing of our environment but what formats time and text, and what sanitizers read. */
static char **gate_environment(void)
{
    static const char *const passed[] = {"TZ",           "LANG",          "LC_ALL",
                                         "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"};
    const size_t count = sizeof passed / sizeof passed[0];
    char **environment = MEMORY_ARRAY(char *, count + 1);
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        if (getenv(passed[i]))
            environment[used++] = memory_format("%s=%s", passed[i], getenv(passed[i]));
    return environment;
}

static void gate_free_environment(char **environment)
{
    for (char **at = environment; *at; at++)
        free(*at);
    free(environment);
}

static int gate_listen_for_handover(struct gate *gate, const struct gates_settings *settings)
{
    gate->handover = memory_format("%s/gate-%u.%llu.sock", settings->runtime_directory, gate->slot,
                                   (unsigned long long)gate->generation);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(gate->handover) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, gate->handover, strlen(gate->handover));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    unlink(gate->handover);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 4) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

/* Above the numbers that the child's descriptors get, so that dup2(2) in the child overwrites nothing. */
static int gate_raise(int fd)
{
    int raised = fcntl(fd, F_DUPFD_CLOEXEC, GATE_LOWEST_OWN_FD);
    int error = errno;
    close(fd);
    return raised < 0 ? -error : raised;
}

static int gate_execute(struct gate *gate, const struct gates_settings *settings, int channel, int handover)
{
    char slot[GATE_NUMBER_SIZE], uid[GATE_NUMBER_SIZE], gid[GATE_NUMBER_SIZE];
    snprintf(slot, sizeof slot, "%u", gate->slot);
    snprintf(uid, sizeof uid, "%u", (unsigned)settings->user.uid);
    snprintf(gid, sizeof gid, "%u", (unsigned)settings->user.gid);
    char program[] = "reeve-gate", verb[] = "__gate";
    char *arguments[] = {program, verb, slot, uid, gid, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    CHECK(posix_spawn_file_actions_init(&actions) == 0 && posix_spawnattr_init(&attributes) == 0);
    posix_spawn_file_actions_adddup2(&actions, channel, GATE_CHANNEL_FD);
    posix_spawn_file_actions_adddup2(&actions, handover, GATE_HANDOVER_FD);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    char **environment = gate_environment();
    pid_t pid = 0;
    int error = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, arguments, environment);
    gate_free_environment(environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    gate->identity.pid = pid;
    return -error;
}

static int gate_adopt_child(struct gate *gate)
{
    pid_t pid = gate->identity.pid;
    gate->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (gate->pidfd < 0)
        return -errno;
    /* Our own child: the pid cannot be reused before it is reaped, so this cannot be anybody else. */
    if (identity_of(pid, &gate->identity) < 0)
        gate->identity.pid = pid;
    return 0;
}

int gate_spawn(struct gate *gate, const struct gates_settings *settings, const struct channel_events *events)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    gate->generation++;
    int handover = gate_listen_for_handover(gate, settings);
    handover = handover < 0 ? handover : gate_raise(handover);
    int theirs = gate_raise(pair[1]);
    int error = handover < 0 ? handover
                : theirs < 0 ? theirs
                             : gate_execute(gate, settings, theirs, handover);
    if (handover >= 0)
        close(handover);
    if (theirs >= 0)
        close(theirs);
    error = error ? error : gate_adopt_child(gate);
    if (error) {
        close(pair[0]);
        return error;
    }
    gate->channel = channel_new(settings->loop, pair[0], events, gate);
    gate->state = GATE_STARTED;
    gate->started_ms = loop_now_ms(settings->loop);
    gate->prepared = gate->committed = 0;
    gate->killed = false;
    return gate->channel ? 0 : -ENOMEM;
}

void gate_forget(struct gate *gate)
{
    channel_close(&gate->channel);
    if (gate->handover)
        unlink(gate->handover);
    free(gate->handover);
    gate->handover = NULL;
    if (gate->pidfd >= 0)
        close(gate->pidfd);
    gate->pidfd = -1;
    gate->state = GATE_GONE;
    gate->identity = (struct identity){0};
    atomic_store_explicit(&gate->page->open, 0, memory_order_relaxed);
    atomic_store_explicit(&gate->page->draining, 1, memory_order_relaxed);
}

void gate_send_descriptors(struct gate *gate, const struct snapshot *snapshot)
{
    for (size_t first = 0; first < snapshot->count; first += CHANNEL_MOST_DESCRIPTORS) {
        size_t count = snapshot->count - first;
        count = count < CHANNEL_MOST_DESCRIPTORS ? count : CHANNEL_MOST_DESCRIPTORS;
        json_t *names = json_array();
        for (size_t i = first; i < first + count; i++)
            json_array_append_new(names, json_string(snapshot->names[i]));
        json_t *body = json_pack("{s:I, s:o}", "snapshot", (json_int_t)snapshot->number, "names", names);
        channel_send(gate->channel, MESSAGE_GATE_DESCRIPTORS, 0, body, snapshot->descriptors + first,
                     (int)count);
    }
}
