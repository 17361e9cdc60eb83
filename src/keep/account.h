/* The account that a run gets: `user:` of the configuration, or the one reeve was started as. */
#pragma once

#include <sys/types.h>

#include "base/error.h"

struct account {
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* supplementary */
    int group_count;
    char *name;
    char *home;
    char *shell;
};

/* From the user database (it may ask the network where the machine's does). False with text: unknown. */
bool account_find(const char *name, struct account *account, struct error *error);
/* Our own; what the database does not know gets "uid", "/", "/bin/sh". */
void account_own(struct account *account);
void account_free(struct account *account);
