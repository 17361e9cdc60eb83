/* The descendants of this process, by kernel truth (/proc). The hold is a subreaper: whatever the program
 * leaves behind, double forks and new sessions included, becomes its child and is found here. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct family_member {
    pid_t pid;
    pid_t parent;
    pid_t group;        /* process group */
    int64_t threads;    /* at least 1 */
    int64_t start_time; /* clock ticks since boot */
    uint64_t ignored;   /* signals 1 to 31 that it ignores, as bits 0 to 30 */
    char state;         /* as in /proc/PID/stat; 'Z': dead, not reaped */
};

/* Reads /proc/PID/stat. False when there is no such process. */
bool family_member(pid_t pid, struct family_member *member);

struct family_count {
    int64_t found;  /* live descendants, those of the group left out included */
    int64_t denied; /* of them not ours to signal (a set-user-id program) */
};

/* Sends `signo` (0: none, just counts) to every live descendant that is not in process group `except` (0: no
 * exception). New ones forked meanwhile are looked for until a pass finds none. */
struct family_count family_signal(int signo, pid_t except);

/* True when no child is left, reaped or not. */
bool family_gone(void);
