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
#include "link/memfd.h"

#include "keep/slot.h"

enum { SLOT_CHANNEL_FD = 3, SLOT_HANDOVER_FD = 4, SLOT_LOWEST_OWN_FD = 10, SLOT_NUMBER_SIZE = 24 };

/* Nothing of our environment but what formats time and text, and what sanitizers read. */
static char **slot_environment(void)
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

static void slot_free_environment(char **environment)
{
    for (char **at = environment; *at; at++)
        free(*at);
    free(environment);
}

static int slot_listen_for_handover(struct slot *slot, const struct gates_settings *settings)
{
    slot->handover = memory_format("%s/gate-%u.%llu.sock", settings->runtime_directory, slot->number,
                                   (unsigned long long)slot->generation);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(slot->handover) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, slot->handover, strlen(slot->handover));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    unlink(slot->handover);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 4) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

/* Above the numbers that the child's descriptors get, so that dup2(2) in the child overwrites nothing. */
static int slot_raise(int fd)
{
    int raised = fcntl(fd, F_DUPFD_CLOEXEC, SLOT_LOWEST_OWN_FD);
    int error = errno;
    close(fd);
    return raised < 0 ? -error : raised;
}

static int slot_execute(struct slot *slot, const struct gates_settings *settings, int channel, int handover)
{
    char number[SLOT_NUMBER_SIZE], uid[SLOT_NUMBER_SIZE], gid[SLOT_NUMBER_SIZE];
    snprintf(number, sizeof number, "%u", slot->number);
    snprintf(uid, sizeof uid, "%u", (unsigned)settings->user.uid);
    snprintf(gid, sizeof gid, "%u", (unsigned)settings->user.gid);
    char program[] = "reeve-gate", verb[] = "__gate";
    char *arguments[] = {program, verb, number, uid, gid, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    CHECK(posix_spawn_file_actions_init(&actions) == 0 && posix_spawnattr_init(&attributes) == 0);
    posix_spawn_file_actions_adddup2(&actions, channel, SLOT_CHANNEL_FD);
    posix_spawn_file_actions_adddup2(&actions, handover, SLOT_HANDOVER_FD);
    posix_spawn_file_actions_addclosefrom_np(&actions, SLOT_HANDOVER_FD + 1);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    char **environment = slot_environment();
    pid_t pid = 0;
    int error = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, arguments, environment);
    slot_free_environment(environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    slot->identity.pid = pid;
    return -error;
}

static int slot_adopt_child(struct slot *slot)
{
    pid_t pid = slot->identity.pid;
    slot->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (slot->pidfd < 0)
        return -errno;
    /* Our own child: the pid cannot be reused before it is reaped, so this cannot be anybody else. */
    if (identity_of(pid, &slot->identity) < 0)
        slot->identity.pid = pid;
    return 0;
}

int slot_spawn(struct slot *slot, const struct gates_settings *settings, const struct channel_events *events)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    slot->generation++;
    int handover = slot_listen_for_handover(slot, settings);
    handover = handover < 0 ? handover : slot_raise(handover);
    int theirs = slot_raise(pair[1]);
    int error = handover < 0 ? handover
                : theirs < 0 ? theirs
                             : slot_execute(slot, settings, theirs, handover);
    if (handover >= 0)
        close(handover);
    if (theirs >= 0)
        close(theirs);
    error = error ? error : slot_adopt_child(slot);
    if (error) {
        close(pair[0]);
        return error;
    }
    slot->channel = channel_new(settings->loop, pair[0], events, slot);
    slot->loop = settings->loop;
    slot->state = SLOT_STARTED;
    slot->started_ms = loop_now_ms(settings->loop);
    slot->prepared = slot->committed = 0;
    slot->killed = false;
    return slot->channel ? 0 : -ENOMEM;
}

json_t *slot_evidence(const struct slot *slot)
{
    return json_pack("{s:i, s:I, s:i, s:I}", "slot", (int)slot->number, "generation",
                     (json_int_t)slot->generation, "pid", (int)slot->identity.pid, "start_time",
                     (json_int_t)slot->identity.start_time);
}

void slot_forget(struct slot *slot)
{
    channel_close(&slot->channel);
    if (slot->handover)
        unlink(slot->handover);
    free(slot->handover);
    slot->handover = NULL;
    if (slot->pidfd >= 0)
        close(slot->pidfd);
    slot->pidfd = -1;
    slot->state = SLOT_GONE;
    slot->identity = (struct identity){0};
    atomic_store_explicit(&slot->page->open, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->page->draining, 1, memory_order_relaxed);
}

static void slot_send_descriptors(struct slot *slot, const struct snapshot *snapshot)
{
    for (size_t first = 0; first < snapshot->count; first += CHANNEL_MOST_DESCRIPTORS) {
        size_t count = snapshot->count - first;
        count = count < CHANNEL_MOST_DESCRIPTORS ? count : CHANNEL_MOST_DESCRIPTORS;
        json_t *names = json_array();
        for (size_t i = first; i < first + count; i++)
            json_array_append_new(names, json_string(snapshot->names[i]));
        json_t *body = json_pack("{s:I, s:o}", "snapshot", (json_int_t)snapshot->number, "names", names);
        channel_send(slot->channel, MESSAGE_GATE_DESCRIPTORS, 0, body, snapshot->descriptors + first,
                     (int)count);
    }
}

void slot_send_number(struct slot *slot, enum message_type type, uint64_t number)
{
    channel_send(slot->channel, type, 0, json_pack("{s:I}", "snapshot", (json_int_t)number), NULL, 0);
}

void slot_prepare(struct slot *slot, const struct snapshot *snapshot)
{
    slot_send_descriptors(slot, snapshot);
    channel_send(slot->channel, MESSAGE_GATE_PREPARE, 0,
                 json_pack("{s:I}", "snapshot", (json_int_t)snapshot->number), &snapshot->memfd, 1);
}

static json_t *slot_row(const struct slot *slot, const struct target_row *row)
{
    const struct clock *clock = loop_clock(slot->loop);
    return target_row_encode(row, true, clock->boottime_ms(clock), clock->wall_ms(clock));
}

void slot_send_gone(struct slot *slot, const char *target)
{
    channel_send(slot->channel, MESSAGE_GATE_TARGET, 0, json_pack("{s:s, s:b}", "name", target, "gone", 1),
                 NULL, 0);
}

void slot_send_row(struct slot *slot, const struct target_row *row, int socket)
{
    channel_send(slot->channel, MESSAGE_GATE_TARGET, 0, slot_row(slot, row), &socket,
                 row->socket && socket >= 0 ? 1 : 0);
}

void slot_send_table(struct slot *slot, const struct targets *targets)
{
    json_t *rows = json_array();
    int socket = -1;
    for (size_t i = 0; i < targets_count(targets); i++)
        json_array_append_new(rows, slot_row(slot, targets_row(targets, i, &socket)));
    char *text = json_dumps(rows, JSON_COMPACT);
    json_decref(rows);
    int memfd = memfd_seal("reeve-table", slice_of_text(text));
    free(text);
    if (memfd < 0)
        return;
    channel_send(slot->channel, MESSAGE_GATE_TABLE, 0, NULL, &memfd, 1);
    close(memfd);
    for (size_t i = 0; i < targets_count(targets); i++) {
        const struct target_row *row = targets_row(targets, i, &socket);
        if (row->socket)
            slot_send_row(slot, row, socket);
    }
}
