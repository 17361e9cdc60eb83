/* Paths are text here until the moment one is opened. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"

#include "config/paths.h"

char *paths_join(const char *directory, struct slice path)
{
    bool absolute = path.size && path.data[0] == '/';
    char *whole =
        absolute ? slice_to_text(path) : memory_format("%s/" SLICE_FORMAT, directory, SLICE_ARGUMENTS(path));
    struct slice rest = slice_of_text(whole), segment;
    char *joined = memory_new(rest.size + 2);
    size_t size = 0;
    while (slice_next(&rest, '/', &segment)) {
        if (segment.size == 0 || slice_equal(segment, SLICE(".")))
            continue;
        if (slice_equal(segment, SLICE(".."))) {
            while (size && joined[--size] != '/')
                ;
            continue;
        }
        joined[size++] = '/';
        memcpy(joined + size, segment.data, segment.size);
        size += segment.size;
    }
    if (size == 0)
        joined[size++] = '/';
    joined[size] = '\0';
    free(whole);
    return joined;
}

char *paths_directory(const char *path)
{
    return paths_join(path, SLICE(".."));
}

const char *paths_variable(const struct config_environment *environment, struct slice name)
{
    for (const char *const *variable = environment->variables; variable && *variable; variable++)
        if (strncmp(*variable, name.data, name.size) == 0 && (*variable)[name.size] == '=')
            return *variable + name.size + 1;
    return NULL;
}

/* Set and not empty. */
static const char *paths_set(const struct config_environment *environment, struct slice name)
{
    const char *value = paths_variable(environment, name);
    return value && *value ? value : NULL;
}

static bool paths_is_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISDIR(status.st_mode);
}

static char *paths_find_above(const char *directory)
{
    char *here = paths_join(directory, SLICE("."));
    for (;;) {
        char *file = paths_join(here, SLICE("reeve.yaml"));
        bool root = strcmp(here, "/") == 0;
        if (paths_is_file(file)) {
            free(here);
            return file;
        }
        free(file);
        char *above = paths_directory(here);
        free(here);
        here = above;
        if (root)
            break;
    }
    free(here);
    return NULL;
}

char *paths_find_file(const char *given, const struct config_environment *environment, struct error *error)
{
    static const char last[] = "/etc/reeve/reeve.yaml";
    if (!given)
        given = paths_set(environment, SLICE("REEVE_CONFIG"));
    if (given)
        return strcmp(given, "-") == 0 ? memory_text(given)
                                       : paths_join(environment->directory, slice_of_text(given));
    char *found = paths_find_above(environment->directory);
    if (found)
        return found;
    if (paths_is_file(last))
        return memory_text(last);
    error_set(
        error,
        "no configuration: there is no reeve.yaml in %s or above it and no %s; `reeve init` writes one, "
        "-c FILE and $REEVE_CONFIG name one",
        environment->directory, last);
    return NULL;
}

char *paths_state(const char *name, const struct config_environment *environment)
{
    if (environment->root)
        return memory_format("/var/lib/reeve/%s", name);
    const char *state = paths_set(environment, SLICE("XDG_STATE_HOME"));
    if (state && state[0] == '/')
        return memory_format("%s/reeve/%s", state, name);
    const char *home = paths_set(environment, SLICE("HOME"));
    return home && home[0] == '/' ? memory_format("%s/.local/state/reeve/%s", home, name) : NULL;
}

char *paths_name(const char *directory)
{
    const char *last = strrchr(directory, '/');
    last = last ? last + 1 : directory;
    while (*last && !isalnum((unsigned char)*last))
        last++;
    if (!*last)
        return memory_text("reeve");
    char *name = memory_text_of(last, strnlen(last, 63));
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
            *c = '-';
    return name;
}

static char *paths_read_all(int fd, size_t limit, size_t *size, int *status)
{
    struct buffer whole = BUFFER(limit + 1);
    char *text = NULL;
    ssize_t got = 1;
    *status = 0;
    while (got != 0 && *status == 0) {
        size_t room = buffer_room(&whole) < 16384 ? buffer_room(&whole) : 16384;
        char *space = room ? buffer_reserve(&whole, room) : NULL;
        got = space ? read(fd, space, room) : 0;
        if (!space)
            *status = -EFBIG;
        else if (got > 0)
            buffer_added(&whole, (size_t)got);
        else if (got < 0 && errno != EINTR)
            *status = -errno;
    }
    if (*status == 0 && buffer_size(&whole) > limit)
        *status = -EFBIG;
    *size = buffer_size(&whole);
    if (*status == 0)
        text = slice_to_text(buffer_slice(&whole));
    buffer_free(&whole);
    return text;
}

char *paths_read(const char *path, size_t limit, size_t *size, int *status)
{
    if (strcmp(path, "-") == 0)
        return paths_read_all(STDIN_FILENO, limit, size, status);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        *status = -errno;
        return NULL;
    }
    struct stat kind;
    char *text = NULL;
    if (fstat(fd, &kind) < 0)
        *status = -errno;
    else if (S_ISDIR(kind.st_mode))
        *status = -EISDIR;
    else if (!S_ISREG(kind.st_mode))
        *status = -EINVAL;
    else
        text = paths_read_all(fd, limit, size, status);
    close(fd);
    return text;
}

const char *paths_refusal(int status)
{
    return status == -EINVAL  ? "it is no regular file"
           : status == -EFBIG ? "it is too large"
                              : strerror(-status);
}
