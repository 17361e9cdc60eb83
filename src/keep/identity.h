/* Which process is meant: pid, start time and boot together, never the pid alone (design §4 "Signals").
 *
 * A pid is reused; (pid, start time, boot id) is not. identity_open() gives a pidfd after checking all three,
 * and the pidfd is what is signalled. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { IDENTITY_BOOT_SIZE = 37, IDENTITY_NONCE_SIZE = 33, IDENTITY_COMMAND_SIZE = 256 };

struct identity {
    pid_t pid;                     /* 0: nobody */
    uint64_t start_time;           /* field 22 of /proc/PID/stat, clock ticks since boot */
    char boot[IDENTITY_BOOT_SIZE]; /* /proc/sys/kernel/random/boot_id */
};

/* Fills `identity` for a live process (a zombie counts as gone). 0, or -ESRCH and the like. */
int identity_of(pid_t pid, struct identity *identity);
/* A close-on-exec pidfd of exactly this process, or -ESRCH when it has gone (or the machine was rebooted). */
int identity_open(const struct identity *identity);
/* True while exactly this process lives. */
bool identity_alive(const struct identity *identity);
/* pidfd_send_signal(2). 0 or -errno. */
int identity_signal(int pidfd, int signo);

/* 128 random bits in hex. */
void identity_nonce(char nonce[IDENTITY_NONCE_SIZE]);
/* The command line with blanks between the words, cut, as far as it can be read ("?"); always UTF-8.
 * Returns text. */
char *identity_command(pid_t pid, char text[IDENTITY_COMMAND_SIZE]);
/* The state of its process as /proc/PID/stat has it ('S' 'T' 'D' ...; proc(5)); '?' when it has gone. */
char identity_state(const struct identity *identity);
/* The parent's pid; 0: the process has gone (or its parent is out of sight). */
pid_t identity_parent(pid_t pid);
/* The effective uid, or (uid_t)-1 when the process has gone. */
uid_t identity_user(pid_t pid);
