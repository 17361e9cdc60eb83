/* One slot for a gate process, private to keep/gates.c and keep/slot.c: its start, its channel, its end. */
#pragma once

#include "link/channel.h"
#include "link/page.h"
#include "loop/loop.h"

#include "keep/gates.h"

enum slot_state {
    SLOT_GONE,    /* no process; a timer starts the next one */
    SLOT_STARTED, /* forked, told everything, has not answered READY */
    SLOT_RUNNING, /* answers */
};

struct slot {
    struct gates *gates;
    struct loop *loop;
    unsigned number;
    enum slot_state state;
    uint64_t generation;
    struct identity identity;
    int pidfd; /* -1: no process */
    struct channel *channel;
    char *handover;               /* path of its hand-over socket; NULL: none */
    uint64_t prepared, committed; /* numbers of snapshots */
    int64_t started_ms;
    int64_t hung_up_ms;    /* when its channel ended */
    unsigned early_deaths; /* in a row, each within a second of its start */
    bool late;             /* told: its loop does not turn */
    bool killed;           /* by us: told to the journal already */
    struct page *page;
    int page_fd, page_read_fd;
    struct loop_timer restart;
};

/* Forks and executes /proc/self/exe with the hidden verb, hands over channel and hand-over socket. 0 or
 * -errno. */
int slot_spawn(struct slot *slot, const struct gates_settings *settings, const struct channel_events *events);
/* Who it is, for a row of the journal; a new reference. */
json_t *slot_evidence(const struct slot *slot);
/* Its process is gone: closes what belonged to it. */
void slot_forget(struct slot *slot);
/* The descriptors that the snapshot names, then PREPARE. */
void slot_prepare(struct slot *slot, const struct snapshot *snapshot);
/* One row that changed. `socket`: O_PATH descriptor (borrowed) or -1. */
/* The row of this target goes. */
void slot_send_gone(struct slot *slot, const char *target);
void slot_send_row(struct slot *slot, const struct target_row *row, int socket);
/* The whole table, then the sockets of its rows. */
void slot_send_table(struct slot *slot, const struct targets *targets);
/* COMMIT or DROP of snapshot `number`. */
void slot_send_number(struct slot *slot, enum message_type type, uint64_t number);
