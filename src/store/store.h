/* SQLite behind plain calls: the database of one reeve, opened here; what is in it has a file per topic
 * (store/journal.h, store/sessions.h, store/tokens.h, store/keys.h). Keeper only, or the command under the
 * keeper's lock.
 *
 * The database may be rebuilt at any time: one that cannot be used is moved aside. A failing database never
 * stops anything: calls return false and the caller goes on (design §2 "Truth about runs"). */
#pragma once

#include "base/error.h"

struct store;

/* Opens (or makes) `path` with WAL, synchronous=NORMAL, exclusive, mode 0600, and brings its tables up to
 * this version; those of a newer reeve are left as they are, since versions only add. A corrupt file is
 * renamed to path.corrupt-N and a fresh one made; *moved (may be NULL) then tells its new name (free it).
 * NULL with the text when even that fails. */
struct store *store_open(const char *path, char **moved, struct error *error);
void store_close(struct store **store);
