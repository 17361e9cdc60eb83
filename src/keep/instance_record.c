/* The outcome is kept as the target's row was told to gates, so that nothing of it is lost. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "keep/instance_record.h"
#include "keep/jsonfile.h"

enum { INSTANCE_RECORD_MADE_UP = 12 };

static const char instance_record_ending[] = ".json";

bool instance_record_is_id(struct slice text)
{
    bool fits = text.size > 0 && text.size <= INSTANCE_ID_MOST && isalnum((unsigned char)text.data[0]);
    for (size_t i = 0; fits && i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        fits = byte < 0x80 && (isalnum(byte) || byte == '.' || byte == '_' || byte == '-');
    }
    return fits;
}

char *instance_record_make_id(void)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char random[INSTANCE_RECORD_MADE_UP];
    CHECK(getrandom(random, sizeof random, 0) == (ssize_t)sizeof random);
    char *id = memory_new(INSTANCE_RECORD_MADE_UP + 1);
    for (int i = 0; i < INSTANCE_RECORD_MADE_UP; i++)
        id[i] = letters[random[i] % 32];
    return id;
}

static char *instance_record_path(const char *directory, const char *id)
{
    return memory_format("%s/.%s%s", directory, id, instance_record_ending);
}

int instance_record_write(const char *directory, const struct instance_record *record)
{
    json_t *outcome = record->ended_ms ? target_row_encode(&record->outcome, true, 0, 0) : json_null();
    json_t *object = json_pack(
        "{s:s, s:s?, s:O, s:I, s:b, s:b, s:I, s:o}", "id", record->id, "owner", record->owner, "parameters",
        record->parameters, "created_ms", (json_int_t)record->created_ms, "up", (int)record->up, "leaving",
        (int)record->leaving, "ended_ms", (json_int_t)record->ended_ms, "outcome", outcome);
    CHECK(object);
    char *path = instance_record_path(directory, record->id);
    int error = jsonfile_write(path, object);
    free(path);
    json_decref(object);
    return error;
}

static bool instance_record_are_texts(const json_t *object)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (!json_is_string(value))
            return false;
    }
    return json_is_object(object);
}

static bool instance_record_decode(const json_t *object, const char *id, struct instance_record *record)
{
    const json_t *owner = json_object_get(object, "owner"), *ended = json_object_get(object, "ended_ms");
    json_t *parameters = json_object_get(object, "parameters");
    const char *own_id = json_string_value(json_object_get(object, "id"));
    if (!own_id || strcmp(own_id, id) != 0 || !instance_record_are_texts(parameters) ||
        (owner && !json_is_null(owner) && !json_is_string(owner)) || !json_is_integer(ended) ||
        !json_is_boolean(json_object_get(object, "up")) ||
        !json_is_boolean(json_object_get(object, "leaving")))
        return false;
    record->ended_ms = json_integer_value(ended);
    if (record->ended_ms &&
        (!target_row_decode(json_object_get(object, "outcome"), &record->outcome) ||
         (record->outcome.state != TARGET_ENDED && record->outcome.state != TARGET_FAILED)))
        return false;
    record->id = memory_text(id);
    record->owner = memory_text(json_string_value(owner));
    record->parameters = json_incref(parameters);
    record->created_ms = json_integer_value(json_object_get(object, "created_ms"));
    record->up = json_is_true(json_object_get(object, "up"));
    record->leaving = json_is_true(json_object_get(object, "leaving"));
    return true;
}

bool instance_record_read(const char *directory, const char *id, struct instance_record *record,
                          struct error *error)
{
    int failed = 0;
    *record = (struct instance_record){0};
    char *path = instance_record_path(directory, id);
    json_t *object = jsonfile_read(path, &failed);
    bool fine = object && instance_record_decode(object, id, record);
    json_decref(object);
    if (!fine && failed != -ENOENT) {
        char *aside = memory_format("%s.corrupt", path);
        rename(path, aside);
        free(aside);
    }
    free(path);
    return fine || error_set(error, "%s", failed ? strerror(-failed) : "a member is missing or wrong");
}

int instance_record_remove(const char *directory, const char *id)
{
    char *path = instance_record_path(directory, id);
    int error = unlink(path) < 0 && errno != ENOENT ? -errno : 0;
    free(path);
    return error;
}

void instance_record_clear(struct instance_record *record)
{
    free(record->id);
    free(record->owner);
    json_decref(record->parameters);
    *record = (struct instance_record){0};
}

/* ".ID.json" → ID into id[INSTANCE_ID_MOST + 1]. */
static bool instance_record_id_of(const char *file, char *id)
{
    struct slice name = slice_of_text(file), ending = slice_of_text(instance_record_ending);
    if (file[0] != '.' || !slice_ends_with(name, ending))
        return false;
    name = slice_between(name, 1, name.size - ending.size);
    if (!instance_record_is_id(name))
        return false;
    snprintf(id, INSTANCE_ID_MOST + 1, SLICE_FORMAT, SLICE_ARGUMENTS(name));
    return true;
}

void instance_record_each(const char *directory, void (*found)(void *owner, const char *id), void *owner)
{
    DIR *listing = opendir(directory);
    char id[INSTANCE_ID_MOST + 1];
    if (!listing)
        return;
    for (const struct dirent *file = readdir(listing); file; file = readdir(listing))
        if (instance_record_id_of(file->d_name, id))
            found(owner, id);
    closedir(listing);
}
