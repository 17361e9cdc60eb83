/* The same steps as a start takes, without taking anything. */
#include "keep/accounts.h"
#include "keep/listeners.h"
#include "keep/rehearsal.h"
#include "keep/snapshot.h"

bool rehearsal_check(const struct config *config, struct error *error)
{
    struct listeners listeners;
    struct snapshot_user user;
    if (!listeners_new(&listeners, config, error))
        return false;
    listeners_free(&listeners);
    if (!snapshot_find_user(config, &user, error) || !accounts_check(config, error))
        return false;
    struct snapshot *snapshot = snapshot_new(config, NULL, 0, &user, error);
    bool good = snapshot != NULL;
    snapshot_free(&snapshot);
    return good;
}
