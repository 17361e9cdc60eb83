/* What the keeper wants to know of a target, asked here because it reads nothing from the network itself
 * (design §1): readiness, http loops, whether somebody listens at all. */
#pragma once

#include "http/upstream.h"
#include "wire/target.h"

struct probes;

struct probes_request {
    uint32_t id; /* of the keeper's question */
    char target[TARGET_NAME_SIZE];
    uint64_t generation;
    struct address address;
    struct tls_policy *tls; /* shared by the probe; NULL: in the clear */
    bool distrusted;        /* how to check it is not known here: it fails, and nothing is connected */
    int socket;             /* that `address` goes through, taken over; -1: none */
    struct slice host, method;
    struct slice path;  /* data NULL: a connection is all that is wanted */
    int64_t timeout_ms; /* for the whole of it */
};

struct probes_result {
    uint32_t id;
    const char *target;
    uint64_t generation;
    bool ok;           /* a status from 200 to 399, or the connection that was wanted, checked */
    int status;        /* 0: none came */
    const char *error; /* NULL, or why none came */
};

/* Fires once per probe, from the loop. */
typedef void probes_fn(void *owner, const struct probes_result *result);

/* `resolver` outlives them. */
struct probes *probes_new(struct loop *loop, struct resolver *resolver, probes_fn *on_done, void *owner);
void probes_start(struct probes *probes, const struct probes_request *request);
/* Probes under way end without a word. */
void probes_free(struct probes **probes);
