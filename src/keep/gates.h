/* The gates as the keeper sees them: started, given what they serve, watched, replaced (design §1, §2).
 *
 * One slot per worker. A gate that dies is replaced at once, one that hangs (its page's tick older than 10 s,
 * or its channel not read for 5 s) is killed and replaced. All callbacks fire from the loop. */
#pragma once

#include "base/log.h"
#include "link/channel.h"
#include "loop/loop.h"

#include "keep/prober.h"
#include "keep/snapshot.h"
#include "keep/targets.h"

enum { GATES_LATE_MS = 3000 };
enum { GATES_MOST = 14, GATES_ALL = GATES_MOST };

enum gates_phase { GATES_STARTING, GATES_SERVING, GATES_STOPPING };

struct gates;

struct gates_events {
    void (*on_want)(void *owner, const char *target, unsigned slot);
    void (*on_unwant)(void *owner, const char *target, unsigned slot);
    /* A gate has been started and told who it is; what it must know beside snapshot and table is sent here
     * (gates_send()), and reaches it before its first COMMIT. May be NULL. */
    void (*on_slot_start)(void *owner, unsigned slot);
    void (*on_slot_gone)(void *owner, unsigned slot);
    /* Its loop has not turned for GATES_LATE_MS (it is replaced when that goes on), or turns again. May be
     * NULL. */
    void (*on_late)(void *owner, unsigned slot, bool late);
    /* A message that is not about the gates themselves; hostile until checked. False: unknown. May be NULL.
     */
    bool (*on_message)(void *owner, unsigned slot, struct channel_message *message);
    void (*on_journal)(void *owner, const char *event, const json_t *evidence);
    /* What became of gates_serve(): all gates serve it, or it was dropped (the text says why). Once each. */
    void (*on_served)(void *owner, bool ok, const char *text);
    /* After gates_drain(): the last one has gone. */
    void (*on_ended)(void *owner);
};

struct gates_settings {
    struct loop *loop;
    const struct log *log;
    const char *name;
    const char *state_directory;   /* gates.json: who they are, for the next keeper */
    const char *runtime_directory; /* their hand-over sockets */
    unsigned workers;              /* 1..GATES_MOST */
    struct snapshot_user user;
    struct targets *targets; /* read when a gate starts; their rows learn of traffic */
    const struct gates_events *events;
    void *owner;
};

/* NULL with the text when pages cannot be made. Starts nothing yet. */
struct gates *gates_new(const struct gates_settings *settings, struct error *error);
/* Where gates look for the number of the journal's newest row. */
_Atomic uint64_t *gates_newest_row(struct gates *gates);
/* Two phases: prepare to all, then commit or drop. Takes the snapshot over. Starts the gates when there are
 * none yet. One at a time: CHECKs that the last one has been answered. */
void gates_serve(struct gates *gates, struct snapshot *snapshot);
/* What all gates serve; NULL: nothing yet, or another one is being prepared. */
const struct snapshot *gates_snapshot(const struct gates *gates);
void gates_set_phase(struct gates *gates, enum gates_phase phase);
/* Tells every gate of a changed row. `socket`: O_PATH descriptor (borrowed) or -1. */
void gates_send_row(struct gates *gates, const struct target_row *row, int socket);
/* ... and that a target is no more. */
void gates_send_gone(struct gates *gates, const char *target);
struct gates_message {
    enum message_type type;
    uint32_t id;
    json_t *body; /* the reference is taken; NULL: {} */
    const int *descriptors;
    int count;
};
/* To the gate in `slot`, or to all (GATES_ALL); one that has gone or is ending gets nothing. */
void gates_send(struct gates *gates, unsigned slot, const struct gates_message *message);
/* Has one gate ask; the question's on_done always follows unless the gates are freed. */
void gates_probe(struct gates *gates, const struct prober_question *question);
/* What is prepared and not served yet is dropped; on_served says so with `why`. Nothing where there is none,
 * or nothing is served yet. */
void gates_give_up(struct gates *gates, const char *why);
/* They accept no more, end what is open within `timeout_ms` and exit; 2 s later the rest is killed. */
void gates_drain(struct gates *gates, int64_t timeout_ms);
/* Kills what is left of them; on_ended follows. After gates_drain(). */
void gates_hurry(struct gates *gates);
/* Whether a gate runs in this slot, and its generation. */
bool gates_runs(const struct gates *gates, unsigned slot, uint64_t *generation);
bool gates_has(const struct gates *gates, pid_t pid);
/* [{slot, generation, pid, state, open, requests}]; a new reference. */
json_t *gates_describe(const struct gates *gates);
void gates_free(struct gates **gates); /* kills what is left */
