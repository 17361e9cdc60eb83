/* A storm in one process, without real time: a writer's steps fall between any two system calls of two gates
 * that follow its file. The bytes of a script say which and when, so a fault can be had again and shortened.
 *
 * Times of files are the script's as well (storm_calls.h). Header-only, one program: it defines functions of
 * the C library. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../unit/sse_reader.h"
#include "base/check.h"
#include "base/memory.h"
#include "tail/tail.h"

enum {
    STORM_GATES = 2,
    STORM_CLIENTS = 4,
    STORM_FILES = 128,
    STORM_LINES = 4096,
    STORM_ARMED = 16,
    STORM_INODES = 4096,
    STORM_TICK_NS = 4000000,
};

enum storm_mode {
    STORM_CUTS = 1,     /* files are cut */
    STORM_DELETES = 2,  /* files are deleted */
    STORM_RESTARTS = 4, /* gates are forgetful */
    STORM_SWAPS = 8,    /* renamed files are renamed again */
    STORM_MODES = 16,
};

struct storm_file {
    ino_t inode;
    char name[48];             /* "": deleted */
    bool excused[STORM_GATES]; /* it was deleted and the gate need not have it */
};

struct storm_line {
    int file;
    bool lost;                 /* cut off */
    bool excused[STORM_GATES]; /* cut off before the gate could know of it */
};

struct storm_client {
    struct tail_reader reader;
    struct buffer stream;
    int gate;
    unsigned gates; /* where it was since its last line */
    bool joined, restless;
    struct event_id id;
    int last;    /* line; 0: none */
    int after;   /* it must get everything after this one; -1: not known */
    bool reset;  /* since the last line */
    bool strict; /* all that is missing was cut off */
};

struct storm_gate {
    struct loop *loop;
    struct tail_group *group;
};

struct storm_armed {
    unsigned calls;
    uint8_t action, argument;
};

static struct storm {
    char path[32];
    int folder;
    struct clock clock;
    int64_t now_us, file_ns;
    struct storm_gate gates[STORM_GATES];
    struct storm_client clients[STORM_CLIENTS];
    struct storm_file files[STORM_FILES + 1];
    struct storm_line lines[STORM_LINES + 1];
    int file_count, line_count, number;
    unsigned made; /* lines, with those that were begun anew */
    int fd, file;  /* the writer's */
    int current;   /* which file has the name; 0: none */
    int torn;      /* bytes of a line that are in the file */
    char rest[64 * 1024];
    size_t rest_size;
    unsigned mode;
    int lossy; /* events that justify a reset */
    bool inside, verbose;
    struct storm_armed armed[STORM_ARMED];
    unsigned armed_count;
    int64_t born[STORM_INODES], changed[STORM_INODES];
    ino_t inodes[STORM_INODES];
    int inode_count;
    char error[400];
    long calls; /* between which something might have happened */
} storm;

#define STORM_SAY(...)                                                                                       \
    do {                                                                                                     \
        if (storm.verbose)                                                                                   \
            printf(__VA_ARGS__);                                                                             \
    } while (0)

#define STORM_FAIL(...)                                                                                      \
    do {                                                                                                     \
        STORM_SAY("FAILED ");                                                                                \
        STORM_SAY(__VA_ARGS__);                                                                              \
        STORM_SAY("\n");                                                                                     \
        if (!storm.error[0])                                                                                 \
            snprintf(storm.error, sizeof storm.error, __VA_ARGS__);                                          \
    } while (0)
