/* Where one reeve keeps its files (contract §4): state, and short runtime directories for sockets. */
#pragma once

#include "base/error.h"

struct directories {
    char *state;   /* 0711: records, journal, logs; what is secret inside has its own mode */
    char *runtime; /* 0700, ours alone: sockets of keeper, gates and holds */
    char *sockets; /* 0711, beside it: a folder per run for sockets of kept processes */
};

/* The runtime directory for `name`: /run/reeve/NAME as root, $XDG_RUNTIME_DIR/reeve/NAME, else
 * /tmp/reeve-UID/NAME. Fresh memory. */
char *directories_runtime(const char *name);
/* Calls `found` with each runtime directory of this user, of whatever session. */
void directories_each(void (*found)(void *owner, const char *runtime), void *owner);
/* Makes what is missing and checks owner and mode of what is there; false with the text of what is wrong
 * and how to mend it. */
bool directories_make(const char *name, const char *state, struct directories *directories,
                      struct error *error);
/* The same for the state directory alone. */
bool directories_make_state(const char *state, struct error *error);
/* Takes the runtime directories away when nothing is left in them: at the end of an orderly stop. */
void directories_remove_empty(const struct directories *directories);
/* A folder of the state directory, made when it is missing. Its descriptor or -errno. */
int directories_open(const char *state, const char *name);
void directories_free(struct directories *directories);
