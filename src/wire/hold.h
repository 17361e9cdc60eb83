/* What keeper and hold tell each other, as checked structs: the spec of a run, hello, failure, exit (design
 * §2, "The hold's protocol is for ever"). Pure functions; src/hold/PROTOCOL.md lists every field.
 *
 * Version 1 is for ever: fields are only added, unknown ones are ignored, a missing optional one has the
 * default said here. Both sides treat what they decode as hostile: types, lengths and ranges are checked. */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "wire/hold_terminal.h"

enum {
    HOLD_PROTOCOL = 1,
    HOLD_SPEC_LARGEST = 4 << 20, /* bytes of the spec's JSON; exec(2) itself takes about 2 MiB */
    HOLD_NAME_SIZE = 160,        /* a target's name with NUL */
    HOLD_NONCE_SIZE = 65,
    HOLD_STAGE_SIZE = 24,
    HOLD_PATH_SIZE = 512,
    HOLD_TEXT_SIZE = 1024,
};

/* Descriptors that reeve-hold finds open at its start; everything else is closed. */
enum hold_descriptor {
    HOLD_FD_CHANNEL = 3,       /* SEQPACKET to the keeper that started it */
    HOLD_FD_LISTENER = 4,      /* listening SEQPACKET, bound by the keeper; a later keeper connects here */
    HOLD_FD_SPEC = 5,          /* sealed memfd: the spec as JSON */
    HOLD_FD_LOG_DIRECTORY = 6, /* log/NAME/, writable for the run's user */
    HOLD_FD_RUN_DIRECTORY = 7, /* run/NAME.GEN/, writable for the run's user: exit.json */
    HOLD_FD_CGROUP = 8,        /* only with spec.cgroup: the run's cgroup v2 directory */
};

/* One run, fully resolved: the hold knows no configuration, no account names and no defaults of reeve's. */
struct hold_spec {
    const char *target; /* "api", "shell/a1" */
    int64_t generation;
    const char *nonce;
    char *const *command;     /* ends with NULL; at least one word */
    const char *path;         /* the file to execute; NULL: command[0], searched in PATH of `environment` */
    char *const *environment; /* "NAME=value", ends with NULL: exactly what the program gets */
    const char *directory;    /* absolute */
    int64_t uid, gid;         /* -1: as the hold was started */
    const gid_t *groups;      /* supplementary groups; used only when uid is given and the hold is root */
    size_t group_count;
    int64_t keeper_uid;       /* beside 0, the only uid that may connect to HOLD_FD_LISTENER */
    int64_t output_max_bytes; /* current.jsonl is rotated before it grows beyond; 0: never */
    int64_t output_keep;      /* files of output in total; at least 1 */
    int64_t stop_signal;      /* for what the main process leaves behind */
    int64_t stop_grace_ms;
    int64_t open_files;            /* RLIMIT_NOFILE, soft and hard; 0: as is */
    int64_t open_files_soft;       /* with open_files 0: the soft limit alone; 0: as is */
    int64_t umask;                 /* -1: as is */
    bool cgroup;                   /* HOLD_FD_CGROUP is open: the program joins it before exec */
    struct hold_terminal terminal; /* columns 0: pipes */
};

/* A spec with every optional field at its default. */
struct hold_spec hold_spec_default(void);
/* A new JSON object. A word that is not UTF-8 becomes {"bytes": HEX}. */
json_t *hold_spec_encode(const struct hold_spec *spec);
/* Everything that the spec points at is in `memory`. False with text: a field is missing, mistyped, out of
 * range, or the arena's cap was reached. */
bool hold_spec_decode(const json_t *json, struct arena *memory, struct hold_spec *spec, struct error *error);

enum hold_state {
    HOLD_STARTING, /* exec has not succeeded or failed yet */
    HOLD_RUNNING,
    HOLD_ENDING, /* the main process is gone; what it left behind is being stopped */
    HOLD_EXITED, /* over, `end` is set; waits for the acknowledgement */
};

/* "starting" "running" "ending" "exited" */
const char *hold_state_name(enum hold_state state);

/* How a run ended: it never began (`failed`), the program left with `code`, or `signal` killed it. */
struct hold_end {
    int64_t generation;
    char nonce[HOLD_NONCE_SIZE];
    bool failed;                 /* the next four are set, code and signal are not */
    int64_t error;               /* errno */
    char stage[HOLD_STAGE_SIZE]; /* "user" "limits" "cgroup" "directory" "exec" "pipe" "fork" "spec" */
    char path[HOLD_PATH_SIZE];
    char text[HOLD_TEXT_SIZE]; /* one sentence for the user, path and cause included */
    int64_t code;              /* -1: killed by `signal` */
    int64_t signal;            /* 0: exited with `code` */
    bool core;
    int64_t started_ms, ended_ms; /* CLOCK_BOOTTIME */
    int64_t after_ms;             /* from exec to the end of the main process */
    int64_t leftovers;            /* processes that the main process left behind */
    int64_t remaining;            /* of them not stoppable by the hold (another uid, stuck in the kernel) */
};

/* The body of MESSAGE_HOLD_EXIT and MESSAGE_HOLD_FAILED, and the whole of exit.json. */
json_t *hold_end_encode(const struct hold_end *end);
bool hold_end_decode(const json_t *json, struct hold_end *end, struct error *error);

/* What a hold says of itself: the body of MESSAGE_HOLD_HELLO toward the keeper. */
struct hold_hello {
    int64_t version;
    char target[HOLD_NAME_SIZE];
    int64_t generation;
    char nonce[HOLD_NONCE_SIZE];
    int64_t hold_pid;
    int64_t hold_start_time; /* field 22 of /proc/PID/stat, clock ticks since boot; 0: unknown */
    int64_t pid;             /* of the main process; 0: none */
    int64_t start_time;      /* of the main process, as above */
    int64_t started_ms;      /* CLOCK_BOOTTIME at exec; 0: not yet */
    enum hold_state state;
    struct hold_end end; /* only when state is HOLD_EXITED */
};

json_t *hold_hello_encode(const struct hold_hello *hello);
bool hold_hello_decode(const json_t *json, struct hold_hello *hello, struct error *error);
