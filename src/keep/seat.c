#include "keep/runtime_lock.h"
#include "keep/describe.h"
#include "keep/keeper.h"
#include "keep/predecessor.h"
#include "keep/seat.h"

static bool seat_make_directories(struct seat *seat, const struct config *config, struct error *error)
{
    directories_free(&seat->directories);
    if (directories_make(config->name, config->state, &seat->directories, error))
        return true;
    struct config_place at = config_place_of(&config->item, "state");
    char place[256];
    return error_prefix(error, "%s (`state:` says where its files go)",
                        config_place_text(&at, place, sizeof place));
}

static int seat_lock(struct seat *seat, const struct config *config, struct error *error)
{
    json_t *signals = json_array();
    int code = predecessor_lock(config, &seat->directories, &seat->lock, signals, error);
    if (code == KEEPER_EXIT_DONE)
        journal_open(&seat->journal, seat->directories.state);
    for (size_t i = 0; i < json_array_size(signals); i++)
        journal_append(&seat->journal, NULL, "predecessor-evicted", json_array_get(signals, i));
    json_decref(signals);
    return code;
}

static int seat_take_runtime(struct seat *seat, const struct config *config, struct error *error)
{
    struct runtime_lock_attempt attempt = runtime_lock_begin(config, &seat->runtime_lock);
    int code = RUNTIME_LOCK_AGAIN;
    while (code == RUNTIME_LOCK_AGAIN) {
        /* The last keeper may have taken its empty ones away while we waited for its lock. */
        if (!seat_make_directories(seat, config, error))
            return KEEPER_EXIT_FAILED;
        code = runtime_lock_try(&attempt, &seat->directories, error);
    }
    if (code)
        journal_note(&seat->journal, "name-refused",
                     json_pack("{s:o*}", "error", describe_path(error->text)));
    return code;
}

int seat_take(struct seat *seat, const struct config *config, struct error *error)
{
    if (!seat_make_directories(seat, config, error))
        return KEEPER_EXIT_FAILED;
    int code = seat_lock(seat, config, error);
    if (code)
        return code;
    return seat_take_runtime(seat, config, error);
}

void seat_leave(struct seat *seat)
{
    journal_close(&seat->journal);
    if (seat->runtime_lock.fd >= 0) {
        runtime_lock_leave(&seat->runtime_lock, &seat->directories);
        directories_remove_empty(&seat->directories);
    }
    lock_release(&seat->runtime_lock);
    directories_free(&seat->directories);
    lock_release(&seat->lock);
}
