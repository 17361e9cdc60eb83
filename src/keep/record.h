/* The record of one run: the keeper's own file run/NAME.GENERATION.json (design §2, "Truth about runs").
 *
 * Written before the run may start and completed as it goes on, so that at no time a process of ours lives
 * without one. Replaced by rename, never written in place. The files are the keeper's; what the run's user
 * can write is in the folder beside it, run/NAME.GENERATION/. */
#pragma once

#include <limits.h>

#include "base/error.h"
#include "wire/hold.h"
#include "wire/target.h"

#include "keep/identity.h"

enum { RECORD_SOCKET_SIZE = 108, RECORD_FILE_SIZE = NAME_MAX + 1 };

struct record {
    char target[TARGET_NAME_SIZE];
    uint64_t generation;
    char nonce[IDENTITY_NONCE_SIZE];
    char boot[IDENTITY_BOOT_SIZE];
    char socket[RECORD_SOCKET_SIZE];   /* where the hold listens */
    char address[TARGET_ADDRESS_SIZE]; /* of the target; "" when it has none */
    uint32_t user;                     /* uid of the run */
    struct identity hold;              /* pid 0: not known yet; `boot` of both is that of the record */
    struct identity main;              /* pid 0: not known yet */
    int64_t started_ms;                /* CLOCK_BOOTTIME; 0: not yet */
    int64_t started_wall_ms;           /* wall clock of the same */
    int64_t ready_after_ms;            /* -1: not yet */
    uint64_t restarts;
    bool over; /* its end has been dealt with */
};

/* A target's name as that of a folder ('/' becomes '@', which no name has), into text[RECORD_FILE_SIZE];
 * returns text. */
char *record_folder(const char *target, char *text);
/* "NAME.GENERATION" of the run's folder, in the same way. */
char *record_name(const char *target, uint64_t generation, char *text);

/* Both work in the directory `run`. 0 or -errno. No fsync: after a crash of the machine nothing that a record
 * tells of is alive, and the page cache outlives everything else. */
int record_write(int run, const struct record *record);
/* `name` as record_name() gives it. False with text: malformed, or it tells of another run than its name. */
bool record_read(int run, const char *name, struct record *record, struct error *error);
/* How the hold of that run says that it ended (exit.json, which the run's user may write). False: not yet, or
 * not of this run. */
bool record_read_end(int run, const struct record *record, struct hold_end *end);
/* Moves a file that cannot be read out of the way (".corrupt"). */
int record_set_aside(int run, const char *name);
/* Removes the record and its folder with all that is in it. 0 or -errno; -E2BIG: too much was in it, some is
 * left. */
int record_remove(int run, const char *name);

struct record_entry {
    char name[RECORD_FILE_SIZE]; /* "NAME.GENERATION" */
    char target[TARGET_NAME_SIZE];
    uint64_t generation;
};

/* All records of the directory, by target and then oldest first; the caller frees *entries. The count or
 * -errno. */
int record_list(int run, struct record_entry **entries);
