/* Is it ready? By kernel truth: a listening socket on the address whose inode is open in a process of this
 * run (design §4); for http a gate asks besides. Looks only while a target starts. */
#pragma once

#include "config/config.h"
#include "loop/loop.h"
#include "net/address.h"

#include "keep/identity.h"

struct readiness;

/* All from the loop; on_ready and on_late may free the readiness. */
struct readiness_events {
    /* The run listens on `address` (on [::1] instead of 127.0.0.1 when it chose so). on_ready or on_probe
     * follows. False with text: what listens there cannot be used; on_late follows. */
    bool (*on_listening)(void *owner, const struct address *address, struct error *error);
    /* Have a gate ask; answer with readiness_probed(). One at a time; an answer that does not come within
     * READINESS_PROBE_MS is given up. */
    void (*on_probe)(void *owner);
    void (*on_ready)(void *owner);
    /* The time is over; the text says what was seen instead. */
    void (*on_late)(void *owner, const char *text);
};

enum { READINESS_PROBE_MS = 2000 };

struct readiness_settings {
    struct loop *loop;
    /* Whose `ready` (LISTEN or HTTP) it is: looked at again each time, since a reload puts another there. */
    const struct config_service *const *service;
    struct address address; /* what it shall listen on */
    pid_t hold;             /* the run is everything below this process */
    bool was_ready;         /* adopted: kernel truth is enough, nothing is asked again */
    const struct readiness_events *events;
    void *owner;
};

/* The first look is made in the next turn of the loop. */
struct readiness *readiness_start(const struct readiness_settings *settings);
/* The answer of the gate: `text` says what came instead. */
void readiness_probed(struct readiness *readiness, bool ok, const char *text);
void readiness_free(struct readiness **readiness);

/* The look itself: true when a process below `hold` listens on `wanted`; `found` is then where to connect. */
bool readiness_listens(pid_t hold, const struct address *wanted, struct address *found);
