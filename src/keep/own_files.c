/* Compared by where things really are. What is not there yet has its place through its folder. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/utf8.h"

#include "keep/own_files.h"

/* Adds what `real` is called below `root`. */
static void own_files_add(json_t *names, const char *root, const char *real)
{
    size_t size = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(real, root, size) != 0 || (real[size] != '/' && real[size] != '\0'))
        return;
    const char *name = real + size + (real[size] == '/');
    if (utf8_valid(slice_of_text(name)))
        json_array_append_new(names, json_string(name));
}

/* The name in its folder, and where that leads to: either may be asked for. */
static void own_files_look(json_t *names, const char *root, const char *path)
{
    char real[PATH_MAX], *folder = memory_text(path), *slash = strrchr(folder, '/');
    if (realpath(path, real))
        own_files_add(names, root, real);
    if (slash) {
        *slash = '\0';
        char *name = realpath(folder[0] ? folder : "/", real)
                         ? memory_format("%s/%s", strcmp(real, "/") == 0 ? "" : real, slash + 1)
                         : NULL;
        if (name)
            own_files_add(names, root, name);
        free(name);
    }
    free(folder);
}

json_t *own_files_below(int root, const struct config *config, const char *state)
{
    char link[32], real[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", root);
    if (!realpath(link, real))
        return NULL;
    json_t *names = json_array();
    own_files_look(names, real, state);
    for (size_t i = 0; i < config->sources.count; i++)
        own_files_look(names, real, config->sources.items[i]);
    if (config->auth.method == CONFIG_AUTH_PASSWORD)
        own_files_look(names, real, config->auth.users);
    if (config->log.access == CONFIG_ACCESS_FILE)
        own_files_look(names, real, config->log.access_file);
    if (json_array_size(names) > 0)
        return names;
    json_decref(names);
    return NULL;
}

json_t *own_files_beside(int root, const char *file, const struct config *config, const char *state)
{
    json_t *names = own_files_below(root, config, state);
    for (size_t i = strchr(file, '{') ? 0 : json_array_size(names); i-- > 0;) {
        const char *name = json_string_value(json_array_get(names, i));
        if (name[0] == '\0' || strcmp(name, file) == 0)
            json_array_remove(names, i);
    }
    return names;
}
