/* One JSON object {"boot": id, "targets": {NAME: row}}; it changes when a service ends for good or is begun
 * again by hand, so it is written whole. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "keep/identity.h"
#include "keep/jsonfile.h"
#include "keep/outcomes.h"

struct outcomes {
    char *path;
    char boot[IDENTITY_BOOT_SIZE];
    json_t *rows; /* by name, as gates are told them */
};

static json_t *outcomes_read(const struct outcomes *outcomes)
{
    int failed;
    json_t *object = jsonfile_read(outcomes->path, &failed);
    const char *boot = json_string_value(json_object_get(object, "boot"));
    json_t *rows = json_object_get(object, "targets");
    bool ours = boot && strcmp(boot, outcomes->boot) == 0 && json_is_object(rows);
    rows = ours ? json_incref(rows) : json_object();
    json_decref(object);
    return rows;
}

struct outcomes *outcomes_new(const char *state_directory)
{
    struct outcomes *outcomes = MEMORY_NEW(struct outcomes);
    struct identity self = {0};
    identity_of(getpid(), &self);
    memcpy(outcomes->boot, self.boot, sizeof outcomes->boot);
    outcomes->path = memory_format("%s/outcomes.json", state_directory);
    outcomes->rows = outcomes_read(outcomes);
    return outcomes;
}

void outcomes_free(struct outcomes **outcomes)
{
    if (!*outcomes)
        return;
    json_decref((*outcomes)->rows);
    free((*outcomes)->path);
    free(*outcomes);
    *outcomes = NULL;
}

static bool outcomes_is_one(const struct target_row *row)
{
    return row->state == TARGET_ENDED || row->state == TARGET_FAILED;
}

bool outcomes_find(const struct outcomes *outcomes, const char *target, uint64_t generation,
                   struct target_row *row)
{
    const json_t *found = json_object_get(outcomes->rows, target);
    return found && target_row_decode(found, row) && outcomes_is_one(row) && row->generation == generation;
}

static int outcomes_write(const struct outcomes *outcomes)
{
    json_t *object = json_pack("{s:s, s:O}", "boot", outcomes->boot, "targets", outcomes->rows);
    CHECK(object);
    int error = jsonfile_write(outcomes->path, object);
    json_decref(object);
    return error;
}

int outcomes_note(struct outcomes *outcomes, const struct target_row *row)
{
    json_t *known = json_object_get(outcomes->rows, row->name);
    json_t *outcome = outcomes_is_one(row) ? target_row_encode(row, true, 0, 0) : NULL;
    if (outcome ? json_equal(known, outcome) : !known) {
        json_decref(outcome);
        return 0;
    }
    if (outcome)
        json_object_set_new(outcomes->rows, row->name, outcome);
    else
        json_object_del(outcomes->rows, row->name);
    return outcomes_write(outcomes);
}

int outcomes_clear(struct outcomes *outcomes)
{
    if (json_object_size(outcomes->rows) == 0)
        return 0;
    json_object_clear(outcomes->rows);
    return outcomes_write(outcomes);
}
