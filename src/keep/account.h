/* The account that a run gets: `user:` of the configuration, or the one reeve was started as. */
#pragma once

#include <sys/types.h>

#include "base/error.h"

#include "keep/instance.h"

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
/* The one that `user` of a service or an instance names (its ${id} filled in), or our own. Where the id
 * chooses, only people's accounts: uid ACCOUNT_FIRST_PERSON and above. False with text. */
bool account_of(const struct config_service *service, const struct instance *instance,
                struct account *account, struct error *error);
enum { ACCOUNT_FIRST_PERSON = 1000 };
void account_free(struct account *account);
