/* Starting one gate: a fresh image of our own executable with two descriptors and nothing else of ours. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "link/memfd.h"

#include "keep/image.h"
#include "keep/slot.h"

enum { SLOT_NUMBER_SIZE = 24 };

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

static int slot_execute(struct slot *slot, const struct gates_settings *settings, int channel, int handover)
{
    char number[SLOT_NUMBER_SIZE], uid[SLOT_NUMBER_SIZE], gid[SLOT_NUMBER_SIZE];
    snprintf(number, sizeof number, "%u", slot->number);
    snprintf(uid, sizeof uid, "%u", (unsigned)settings->user.uid);
    snprintf(gid, sizeof gid, "%u", (unsigned)settings->user.gid);
    const char *const arguments[] = {"reeve-gate", "__gate", number, uid, gid, NULL};
    const int descriptors[] = {channel, handover};
    pid_t pid = image_start(&(struct image){.arguments = arguments, .descriptors = descriptors, .count = 2});
    slot->identity.pid = pid > 0 ? pid : 0;
    return pid > 0 ? 0 : (int)pid;
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
    int error = handover < 0 ? handover : slot_execute(slot, settings, pair[1], handover);
    if (handover >= 0)
        close(handover);
    close(pair[1]);
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
    slot->killed = slot->late = false;
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
