/* What reeve says of one target, between its own processes and to the world (design §4, contract §2).
 *
 * One struct, one JSON object with the contract's members and a few that only gates need. Pure: no I/O. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum target_state {
    TARGET_DOWN,     /* nothing runs and nothing shall */
    TARGET_STARTING, /* a run has begun (or waits for what it depends on) and is not ready yet */
    TARGET_READY,    /* traffic may flow */
    TARGET_STOPPING, /* asked to end; its processes are not all gone */
    TARGET_BACKOFF,  /* the last run ended badly; the next attempt is at next_attempt_ms */
    TARGET_ENDED,    /* exited in a success status and policy says done; only restart leaves it */
    TARGET_FAILED,   /* ended otherwise and policy says done; only restart leaves it */
};
enum { TARGET_STATES = TARGET_FAILED + 1 };

enum target_cause_kind {
    TARGET_CAUSE_NONE,
    TARGET_CAUSE_EXIT,
    TARGET_CAUSE_SIGNAL,
    TARGET_CAUSE_OOM,
    TARGET_CAUSE_EXEC,
    TARGET_CAUSE_NOT_READY,
    TARGET_CAUSE_LIVENESS,
    TARGET_CAUSE_STOPPED,
    TARGET_CAUSE_IDLE,
    TARGET_CAUSE_MAX_LIFETIME,
    TARGET_CAUSE_DEPENDENCY,
    TARGET_CAUSE_LOST,
};
enum { TARGET_CAUSES = TARGET_CAUSE_LOST + 1 };

struct target_cause {
    enum target_cause_kind kind;
    int code;   /* exit status, or errno of a failed exec */
    int signal; /* 0: none */
    char text[512];
};

enum {
    TARGET_NAME_SIZE = 136, /* two names of 63 and 64 bytes and the slash between them */
    TARGET_MOST_ADDRESSES = 8,
    TARGET_ADDRESS_SIZE = 128,
    TARGET_OWNER_SIZE = 136,
    TARGET_URL_SIZE = 512,
    TARGET_TLS_SIZE = 80,
};

struct target_terminal {
    bool there;                     /* its configuration says `terminal:` */
    int64_t columns, rows, viewers; /* of the current run; columns 0: nothing is known of it */
};

struct target_row {
    char name[TARGET_NAME_SIZE]; /* "api", "shell/a1" */
    bool instance;
    char owner[TARGET_OWNER_SIZE]; /* of an instance: who created it; "": nobody in particular */
    char url[TARGET_URL_SIZE];     /* where the first route to it leads: "/s/a1/"; "": no route says it */
    bool wanted;                   /* up */
    enum target_state state;
    bool ready;
    bool demand;                                                /* a request may start it */
    unsigned slot;                                              /* its place in the shared pages */
    char addresses[TARGET_MOST_ADDRESSES][TARGET_ADDRESS_SIZE]; /* as net/address reads them */
    int address_count;
    char tls[TARGET_TLS_SIZE]; /* how certificates of the addresses are checked: "pin:" "ca:" "system:"
                                  "none:" and which one in the snapshot; "": in the clear */
    bool socket;               /* the address is an unix socket whose O_PATH descriptor comes with the row */
    struct target_terminal terminal;
    int64_t since_ms;        /* wall clock of the last change of state */
    int64_t next_attempt_ms; /* CLOCK_BOOTTIME; 0: none */
    int64_t hold_ms;         /* how long a request may wait for it */
    uint64_t restarts;
    struct target_cause cause;
    uint64_t generation;    /* of the current or last run; 0: never ran */
    pid_t pid;              /* 0: nothing runs */
    int64_t started_ms;     /* wall clock */
    int64_t ready_after_ms; /* from start to ready; -1: not yet */
    uint64_t streams;       /* open requests and relays, as of a second ago */
    int64_t idle_since_ms;  /* wall clock of the last user traffic; 0: there is some, or was none. Not read
                               again */
};

/* It shall be up and is not: what makes /ready say no and `reeve status` fail. An instance that is over has
 * had its outcome; what a job came to says nothing of whether reeve can serve. */
bool target_row_is_missed(const struct target_row *row);
const char *target_state_name(enum target_state state);     /* "down" "starting" ... */
const char *target_cause_name(enum target_cause_kind kind); /* "exit" "not-ready" ...; NULL for none */

/* The contract's object (RFC 3339 times) plus, with `internal`, the members for gates (slot, demand,
 * has_terminal, addresses, socket, since_ms, next_attempt_ms, hold_ms, started_ms). A new reference.
 * `boottime_ms` and `wall_ms` are now, to convert times. */
json_t *target_row_encode(const struct target_row *row, bool internal, int64_t boottime_ms, int64_t wall_ms);
/* Reads what target_row_encode(internal) wrote; type-, length- and range-checked. False: malformed. */
bool target_row_decode(const json_t *object, struct target_row *row);
