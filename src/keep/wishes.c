/* One JSON object {"stopped": [names]}; it is small and changes by hand, so it is written whole. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#include "keep/jsonfile.h"
#include "keep/wishes.h"

struct wishes {
    char *path;
    json_t *stopped; /* array of strings */
};

static bool wishes_are_texts(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_string(json_array_get(list, i)))
            return false;
    return json_is_array(list);
}

/* NULL: there are none, or none that can be understood. */
static json_t *wishes_read(const char *path, struct error *error)
{
    int failed = 0;
    json_t *object = jsonfile_read(path, &failed);
    if (!object && failed == -ENOENT)
        return NULL;
    json_t *stopped = json_incref(json_object_get(object, "stopped"));
    json_decref(object);
    if (wishes_are_texts(stopped))
        return stopped;
    json_decref(stopped);
    char *aside = memory_format("%s.corrupt", path);
    rename(path, aside);
    error_set(error, "%s cannot be understood (%s); it was moved to %s", path,
              failed ? strerror(-failed) : "no list \"stopped\" of names", aside);
    free(aside);
    return NULL;
}

struct wishes *wishes_new(const char *state_directory, struct error *error)
{
    struct wishes *wishes = MEMORY_NEW(struct wishes);
    wishes->path = memory_format("%s/wishes.json", state_directory);
    wishes->stopped = wishes_read(wishes->path, error);
    if (!wishes->stopped)
        wishes->stopped = json_array();
    CHECK(wishes->stopped);
    return wishes;
}

void wishes_free(struct wishes **wishes)
{
    if (!*wishes)
        return;
    json_decref((*wishes)->stopped);
    free((*wishes)->path);
    free(*wishes);
    *wishes = NULL;
}

static size_t wishes_index(const struct wishes *wishes, const char *target)
{
    size_t i = 0;
    while (i < json_array_size(wishes->stopped) &&
           strcmp(json_string_value(json_array_get(wishes->stopped, i)), target) != 0)
        i++;
    return i;
}

bool wishes_stopped(const struct wishes *wishes, const char *target)
{
    return wishes_index(wishes, target) < json_array_size(wishes->stopped);
}

int wishes_set_stopped(struct wishes *wishes, const char *target, bool stopped)
{
    size_t index = wishes_index(wishes, target);
    bool known = index < json_array_size(wishes->stopped);
    if (known == stopped)
        return 0;
    if (stopped)
        json_array_append_new(wishes->stopped, json_string(target));
    else
        json_array_remove(wishes->stopped, index);
    json_t *object = json_pack("{s:O}", "stopped", wishes->stopped);
    CHECK(object);
    int error = jsonfile_write(wishes->path, object);
    json_decref(object);
    return error;
}
