/* What gates get instead of YAML: the snapshot of wire/SNAPSHOT.md, and the descriptors it names. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "config/config.h"

#include "keep/listeners.h"

struct snapshot {
    uint64_t number;
    int memfd;        /* sealed JSON */
    char **names;     /* of the descriptors */
    int *descriptors; /* listeners are borrowed, the rest is owned */
    size_t count;
    size_t borrowed;           /* the first so many */
    struct error access_error; /* why there is no access log though there should be; empty: there is */
};

/* Who the gates are: what files roots are tested as. */
struct snapshot_user {
    uid_t uid;
    gid_t gid;
};

/* The user of gates: configured, else `reeve` if it exists, else `nobody`; the caller itself when not root.
 */
bool snapshot_find_user(const struct config *config, struct snapshot_user *user, struct error *error);

/* The names that gates answer to beside addresses and localhost: the machine's, and `hosts`. A new reference.
 */
json_t *snapshot_hosts(const struct config *config);
/* Opens roots and the access log and resolves everything. NULL with file:line:column and what to do. The
 * listeners outlive the snapshot. Without listeners (NULL) it only checks. */
struct snapshot *snapshot_new(const struct config *config, const struct listeners *listeners, uint64_t number,
                              const struct snapshot_user *user, struct error *error);
/* False when the path of a files root leads to another folder now (it was removed and made again) that can be
 * opened, or when an access log that could not be opened now can be: time for a new snapshot. A path that
 * leads nowhere changes nothing. */
bool snapshot_is_current(const struct snapshot *snapshot, const struct config *config);
void snapshot_free(struct snapshot **snapshot);
