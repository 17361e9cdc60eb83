/* What serves in a gate: listeners, connections, routes, targets and streams, put together. Who decides what
 * is served is gate.c, on the keeper's order. */
#pragma once

#include "route/asker.h"
#include "route/probes.h"

#include "gate/pages.h"
#include "gate/serving.h"

struct dataplane;

enum dataplane_phase {
    DATAPLANE_STARTING, /* startup hooks run: requests wait, only /health and /ready are answered */
    DATAPLANE_SERVING,  /* requests are answered */
    DATAPLANE_STOPPING, /* the same, but not ready any more: a drain follows */
};

struct dataplane_events {
    void (*on_want)(void *owner, const char *target); /* see route/backends.h */
    void (*on_unwant)(void *owner, const char *target);
    void (*on_distrust)(void *owner, const char *target, const char *text);
    probes_fn *on_probed;
    asker_send_fn *on_ask;
    /* An event file is there that gates may not read. */
    void (*on_refused)(void *owner, const char *path, int error);
    /* Something works less well than it should: `what` it is and why; text NULL: it works again. */
    void (*on_trouble)(void *owner, const char *what, const char *text);
    signins_send_fn *on_sign_in;
    attaches_send_fn *on_attach;
    void (*on_empty)(void *owner); /* a drain has let the last connection go; may come more than once */
};

struct dataplane_settings {
    struct loop *loop;
    const char *name;          /* of this reeve */
    const struct pages *pages; /* outlive it */
    const char *name_servers;  /* NULL: the machine's */
    int output;                /* for an access log on stdout; the caller's; -1: none */
    const struct dataplane_events *events;
    void *owner;
};

/* Accepts nothing yet. The page's tick goes from here on. */
struct dataplane *dataplane_new(const struct dataplane_settings *settings);
/* Cuts what is open. Not from inside its callbacks. */
void dataplane_free(struct dataplane **dataplane);

/* Two phases (design §2 "Snapshot"). prepare builds `number`, replacing what was prepared before; it takes
 * the descriptors that the snapshot names. commit serves it from now on; false: it is not what was prepared.
 */
bool dataplane_prepare(struct dataplane *dataplane, uint64_t number, const json_t *snapshot,
                       struct descriptors *descriptors, struct error *error);
bool dataplane_commit(struct dataplane *dataplane, uint64_t number);
void dataplane_drop(struct dataplane *dataplane, uint64_t number);
/* Of what is served; NULL before the first commit. */
const struct serving_settings *dataplane_settings(const struct dataplane *dataplane);

/* Rows of targets have come: streams whose service is elsewhere now, or under another policy, say goodbye. */
void dataplane_look_at_ways(struct dataplane *dataplane);
/* The details of /health; the reference is taken. */
void dataplane_set_health(struct dataplane *dataplane, json_t *details);
void dataplane_set_phase(struct dataplane *dataplane, enum dataplane_phase phase);
/* Accepts no more, ends what is open: answered requests with their answer, streams with a goodbye. Cutting
 * what is left after `timeout_ms` is the caller's. */
void dataplane_drain(struct dataplane *dataplane, int64_t timeout_ms);
/* {streams: rows of route/streams.h, more: how many are not listed}; a new reference. */
json_t *dataplane_list_streams(struct dataplane *dataplane, size_t most);
/* One of these; NULL: there is none (any more). */
json_t *dataplane_describe_stream(struct dataplane *dataplane, uint64_t serial);
/* False: there is none (any more). */
bool dataplane_close_stream(struct dataplane *dataplane, uint64_t serial);
bool dataplane_is_empty(const struct dataplane *dataplane);

/* How a probe's peer is checked, by the name the keeper gives it; borrowed, NULL: not known here. */
struct tls_policy *dataplane_policy(const struct dataplane *dataplane, const char *name);
struct backends *dataplane_backends(struct dataplane *dataplane);
struct probes *dataplane_probes(struct dataplane *dataplane);
struct admission *dataplane_admission(struct dataplane *dataplane);
struct signins *dataplane_signins(struct dataplane *dataplane);
struct asker *dataplane_asker(struct dataplane *dataplane);
struct attaches *dataplane_attaches(struct dataplane *dataplane);
const struct entrance *dataplane_entrance(const struct dataplane *dataplane);
