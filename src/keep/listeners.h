/* The listening sockets: kept by the keeper, shared by all gates (design §3 "Start" (3)). */
#pragma once

#include <jansson.h>

#include "base/log.h"
#include "config/config.h"
#include "net/address.h"

#include "keep/holder.h"

#define LISTENERS_NONE SIZE_MAX

struct listeners {
    struct address *addresses; /* in the order of the configuration, as bound; the console's is the last */
    int *descriptors;          /* -1: not open yet */
    size_t count;
    size_t console; /* which of them; LISTENERS_NONE: none (yet) */
    bool fixed;     /* the console's is the configuration's */
};

/* True when this process is what a dead predecessor left behind (a gate, a hold, a kept process). */
typedef bool listeners_ours_fn(void *owner, const struct identity *identity);
/* A decision with its evidence for the journal; `evidence` is borrowed. */
typedef void listeners_journal_fn(void *owner, const char *event, const json_t *evidence);

struct listeners_settings {
    const struct config *config;
    const struct log *log;
    listeners_ours_fn *ours;
    listeners_journal_fn *journal;
    void *owner;
};

/* Parses the addresses; nothing is opened. False with file:line:column. */
bool listeners_new(struct listeners *listeners, const struct config *config, struct error *error);
/* Takes descriptors passed by the service manager (LISTEN_FDS of sd_listen_fds(3)) for the addresses they
 * are bound to; others are closed. The variables are removed from the environment. */
void listeners_take_passed(struct listeners *listeners);
/* Takes one descriptor from a surviving gate. It is closed when no open place wants its address. */
void listeners_take(struct listeners *listeners, int fd);
/* Binds what is still missing; on EADDRINUSE classifies the holder and acts by `takeover`. Blocks at most
 * takeover.timeout. 0; else the command's exit code (1 or 4) with the text. */
int listeners_open(struct listeners *listeners, const struct listeners_settings *settings,
                   struct error *error);
/* The console's, which had no place yet. Takes `fd`. */
void listeners_add_console(struct listeners *listeners, const struct address *address, int fd);
/* At the end of reeve: closes them, and takes away the file of a unix socket that nobody else has open (a
 * service manager who passed it, a successor, a gate that still lives), if it is that socket's. */
void listeners_end(struct listeners *listeners);
/* Closes them. */
void listeners_free(struct listeners *listeners);
