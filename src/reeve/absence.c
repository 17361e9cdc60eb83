#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "keep/runtime_lock.h"
#include "keep/directories.h"

#include "reeve/absence.h"

static const char *absence_member(const json_t *holder, const char *member)
{
    const char *text = json_string_value(json_object_get(holder, member));
    return text ? text : "?";
}

/* Of the same `name`, so with its sockets where ours would be. */
static bool absence_tell_namesake(const struct command_place *place)
{
    char *runtime = place->name ? directories_runtime(place->name) : NULL;
    json_t *other = runtime ? runtime_lock_holder(runtime) : NULL;
    const char *state = absence_member(other, "state");
    if (other)
        command_fail(
            0,
            "no reeve runs for %s; pid %d runs as \"%s\" for %s (file %s): `reeve --state %s status` "
            "finds it; two reeves on one machine differ by `name`",
            place->state, (int)json_integer_value(json_object_get(other, "pid")), place->name, state,
            absence_member(other, "config"), state);
    json_decref(other);
    free(runtime);
    return other;
}

void absence_tell(const struct command *command, const struct command_place *place)
{
    if (absence_tell_namesake(place))
        return;
    struct buffer self = BUFFER(PATH_MAX * 2);
    command_append_self(&self, command);
    command_fail(0, "no reeve runs for %s; start it with: " SLICE_FORMAT " run", place->state,
                 SLICE_ARGUMENTS(buffer_slice(&self)));
    buffer_free(&self);
}

/* --- by file -------------------------------------------------------------------------------------------- */

static bool absence_is_same_file(const char *a, const char *b)
{
    struct stat one, other;
    return strcmp(a, b) == 0 || (stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
                                 one.st_ino == other.st_ino);
}

static void absence_look(void *owner, const char *runtime)
{
    const char *file = owner;
    json_t *holder = runtime_lock_holder(runtime);
    if (holder && absence_is_same_file(absence_member(holder, "config"), file))
        command_fail(
            0, "a reeve that began with this file runs as pid %d; `reeve --state %s status` finds it",
            (int)json_integer_value(json_object_get(holder, "pid")), absence_member(holder, "state"));
    json_decref(holder);
}

void absence_tell_runner(const struct command *command)
{
    char directory[PATH_MAX];
    struct config_environment environment = command_environment(directory);
    char *file = config_find_file(command->file, &environment, NULL);
    if (file)
        directories_each(absence_look, file);
    free(file);
}
