#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "link/memfd.h"

#include "keep/snapshot.h"

/* --- the gates' user -------------------------------------------------------------------------------- */

static bool snapshot_take_user(const char *name, struct snapshot_user *user)
{
    const struct passwd *found = getpwnam(name);
    if (found)
        *user = (struct snapshot_user){.uid = found->pw_uid, .gid = found->pw_gid};
    return found != NULL;
}

bool snapshot_find_user(const struct config *config, struct snapshot_user *user, struct error *error)
{
    *user = (struct snapshot_user){.uid = geteuid(), .gid = getegid()};
    if (user->uid != 0)
        return true;
    if (config->user) {
        char place[256];
        struct config_place at = config_place_of(&config->item, "user");
        if (!snapshot_take_user(config->user, user))
            return error_set(error, "%s: user %s does not exist on this machine",
                             config_place_text(&at, place, sizeof place), config->user);
        if (user->uid == 0)
            return error_set(error, "%s: gates do not run as root: name an account without rights",
                             config_place_text(&at, place, sizeof place));
        return true;
    }
    if (snapshot_take_user("reeve", user) || snapshot_take_user("nobody", user))
        return true;
    return error_set(error, "neither user reeve nor user nobody exists: name one with `user:`");
}

/* --- roots: opened by us, readable by the gates ------------------------------------------------------ */

/* 0 or the errno that the gates' user would get for opening the root and reading it. The keeper has no
 * threads, so the file system identity can be changed for a moment (setfsuid(2)). */
static int snapshot_try_as(int root, const struct snapshot_user *user)
{
    if (geteuid() != 0)
        return faccessat(root, ".", R_OK | X_OK, AT_EACCESS) < 0 ? errno : 0;
    gid_t groups[64];
    int count = getgroups(64, groups);
    if (count < 0 || setgroups(1, &user->gid) < 0)
        return errno;
    setfsgid(user->gid);
    setfsuid(user->uid);
    int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = fd < 0 ? errno : 0;
    if (fd >= 0 && faccessat(fd, ".", F_OK, 0) < 0)
        error = errno;
    setfsuid(geteuid());
    setfsgid(getegid());
    if (setgroups((size_t)count, groups) < 0 && !error)
        error = errno;
    if (fd >= 0)
        close(fd);
    return error;
}

/* Reading a directory needs r, opening what is in it needs x; open(2) tests only r. */
static bool snapshot_may_enter(int root, const struct snapshot_user *user)
{
    struct stat about;
    if (geteuid() != 0 || fstat(root, &about) < 0)
        return true;
    mode_t bit = S_IXOTH;
    if (about.st_uid == user->uid)
        bit = S_IXUSR;
    else if (about.st_gid == user->gid)
        bit = S_IXGRP;
    return (about.st_mode & bit) != 0;
}

static int snapshot_open_root(const struct config_route *route, const struct snapshot_user *user,
                              struct error *error)
{
    char place[256];
    struct config_place at = config_place_of(&route->item, "files");
    config_place_text(&at, place, sizeof place);
    int root = open(route->files, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        error_set(error, "%s: files: %s: %s; %s", place, route->files, strerror(errno),
                  errno == ENOTDIR ? "name the folder that the file is in"
                                   : "build it first, or name the folder that holds the files");
        return -1;
    }
    int failed = snapshot_try_as(root, user);
    if (!failed && !snapshot_may_enter(root, user))
        failed = EACCES;
    if (!failed)
        return root;
    const struct passwd *account = getpwuid(user->uid);
    error_set(
        error,
        "%s: files: %s cannot be read by user %s, as which reeve serves: %s; try: chmod o+rx %s, or name "
        "another account with `user:`",
        place, route->files, account ? account->pw_name : "?", strerror(failed), route->files);
    close(root);
    return -1;
}

/* --- the JSON ----------------------------------------------------------------------------------------- */

static void snapshot_add(struct snapshot *snapshot, int fd, char *name)
{
    size_t count = snapshot->count++;
    snapshot->names = memory_resize(snapshot->names, (count + 1) * sizeof *snapshot->names);
    snapshot->descriptors = memory_resize(snapshot->descriptors, (count + 1) * sizeof *snapshot->descriptors);
    snapshot->names[count] = name;
    snapshot->descriptors[count] = fd;
}

static json_t *snapshot_route_proxy(const struct config_route *route)
{
    json_t *row =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:o}", "kind", "proxy", "target", route->to, "connect_ms",
                  (json_int_t)route->timeout_connect_ms, "response_ms",
                  (json_int_t)route->timeout_response_ms, "idle_ms", (json_int_t)route->timeout_idle_ms,
                  "body_max", route->body_max_bytes ? json_integer(route->body_max_bytes) : json_null());
    if (route->strip == CONFIG_STRIP_WILDCARD)
        json_object_set_new(row, "strip", json_true());
    if (route->strip == CONFIG_STRIP_PREFIX)
        json_object_set_new(row, "strip", json_string(route->strip_prefix));
    return row;
}

static json_t *snapshot_route_files(struct snapshot *snapshot, const struct config_route *route, size_t index,
                                    const struct snapshot_user *user, struct error *error)
{
    int root = snapshot_open_root(route, user, error);
    if (root < 0)
        return NULL;
    snapshot_add(snapshot, root, memory_format("files:%zu", index));
    return json_pack("{s:s, s:s, s:s?}", "kind", "files", "root", snapshot->names[snapshot->count - 1],
                     "fallback", route->fallback);
}

static bool snapshot_add_routes(struct snapshot *snapshot, const struct config *config, json_t *object,
                                const struct snapshot_user *user, struct error *error)
{
    json_t *rows = json_array();
    json_object_set_new(object, "routes", rows);
    for (size_t i = 0; i < config->routes.count; i++) {
        const struct config_route *route = &config->routes.items[i];
        json_t *row = route->action == CONFIG_ROUTE_FILES
                          ? snapshot_route_files(snapshot, route, i, user, error)
                          : snapshot_route_proxy(route);
        if (!row)
            return false;
        char place[256];
        json_object_set_new(
            row, "place",
            json_string(utf8_clean(config_place_text(&route->item.place, place, sizeof place))));
        json_object_set_new(row, "path", json_string(route->path));
        json_object_set_new(row, "host", route->host ? json_string(route->host) : json_null());
        json_array_append_new(rows, row);
    }
    return true;
}

static void snapshot_add_listeners(struct snapshot *snapshot, const struct listeners *listeners,
                                   json_t *object)
{
    json_t *rows = json_array();
    json_object_set_new(object, "listeners", rows);
    for (size_t i = 0; listeners && i < listeners->count; i++) {
        char address[ADDRESS_TEXT_SIZE];
        snapshot_add(snapshot, listeners->descriptors[i], memory_format("listener:%zu", i));
        json_array_append_new(rows, json_pack("{s:s, s:s}", "descriptor", snapshot->names[i], "address",
                                              address_format(&listeners->addresses[i], address)));
    }
    snapshot->borrowed = snapshot->count;
}

/* A check leaves nothing behind: it makes no file, but looks whether one could be made. A pipe without a
 * reader is an error, not a wait. */
static int snapshot_open_access(const char *path, bool check)
{
    int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, check ? flags : flags | O_CREAT, 0640);
    if (fd >= 0 || !check || errno != ENOENT)
        return fd;
    char *folder = memory_text(path);
    *(strrchr(folder, '/') + 1) = '\0'; /* the path is absolute */
    if (access(folder, W_OK) == 0)
        fd = open("/dev/null", flags);
    int error = errno;
    free(folder);
    errno = error;
    return fd;
}

static bool snapshot_add_access(struct snapshot *snapshot, const struct config *config, bool check,
                                json_t *object, struct error *error)
{
    static const char *const names[] = {"stdout", "descriptor", "none"};
    const struct config_log *log = &config->log;
    json_object_set_new(object, "access", json_string(names[log->access]));
    json_object_set_new(object, "access_format",
                        json_string(log->format == CONFIG_ACCESS_COMBINED ? "combined" : "json"));
    json_object_set_new(object, "log_level", json_string(log_level_name(log->level)));
    if (log->access != CONFIG_ACCESS_FILE)
        return true;
    int fd = snapshot_open_access(log->access_file, check);
    if (fd < 0) {
        char place[256];
        const struct config_place at = config_place_of(&config->item, "log.access");
        return error_set(error, "%s: log.access: %s: %s", config_place_text(&at, place, sizeof place),
                         log->access_file, strerror(errno));
    }
    snapshot_add(snapshot, fd, memory_text("access"));
    return true;
}

static void snapshot_add_texts(json_t *array, const struct config_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        json_array_append_new(array, json_string(texts->items[i]));
}

static void snapshot_add_hosts(const struct config *config, json_t *object)
{
    json_t *hosts = json_array(), *origins = json_array();
    char machine[256] = "";
    gethostname(machine, sizeof machine - 1);
    for (char *at = machine; *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at + ('a' - 'A'));
    if (machine[0]) {
        char *local = memory_format("%s.local", machine);
        json_array_append_new(hosts, json_string(machine));
        json_array_append_new(hosts, json_string(local));
        free(local);
    }
    snapshot_add_texts(hosts, &config->hosts);
    snapshot_add_texts(origins, &config->origins);
    json_object_set_new(object, "hosts", hosts);
    json_object_set_new(object, "origins", origins);
}

static bool snapshot_seal(struct snapshot *snapshot, const json_t *object, struct error *error)
{
    char *text = json_dumps(object, JSON_COMPACT);
    snapshot->memfd = memfd_seal("reeve-snapshot", slice_of_text(text));
    free(text);
    return snapshot->memfd >= 0 || error_set(error, "snapshot: %s", strerror(-snapshot->memfd));
}

struct snapshot *snapshot_new(const struct config *config, const struct listeners *listeners, uint64_t number,
                              const struct snapshot_user *user, struct error *error)
{
    struct snapshot *snapshot = MEMORY_NEW(struct snapshot);
    *snapshot = (struct snapshot){.number = number, .memfd = -1};
    json_t *object = json_pack("{s:I, s:s, s:s, s:I}", "snapshot", (json_int_t)number, "name", config->name,
                               "version", REEVE_VERSION, "drain_ms", (json_int_t)config->drain_timeout_ms);
    snapshot_add_hosts(config, object);
    snapshot_add_listeners(snapshot, listeners, object);
    bool built = snapshot_add_access(snapshot, config, !listeners, object, error) &&
                 snapshot_add_routes(snapshot, config, object, user, error) &&
                 snapshot_seal(snapshot, object, error);
    json_decref(object);
    if (!built)
        snapshot_free(&snapshot);
    return snapshot;
}

static int snapshot_descriptor(const struct snapshot *snapshot, const char *name)
{
    for (size_t i = 0; i < snapshot->count; i++)
        if (strcmp(snapshot->names[i], name) == 0)
            return snapshot->descriptors[i];
    return -1;
}

bool snapshot_is_current(const struct snapshot *snapshot, const struct config *config)
{
    for (size_t i = 0; i < config->routes.count; i++) {
        const struct config_route *route = &config->routes.items[i];
        char name[32];
        struct stat held, there;
        snprintf(name, sizeof name, "files:%zu", i);
        if (route->action != CONFIG_ROUTE_FILES || stat(route->files, &there) < 0 ||
            fstat(snapshot_descriptor(snapshot, name), &held) < 0)
            continue;
        if (S_ISDIR(there.st_mode) && (there.st_ino != held.st_ino || there.st_dev != held.st_dev))
            return false;
    }
    return true;
}

void snapshot_free(struct snapshot **snapshot)
{
    struct snapshot *old = *snapshot;
    if (!old)
        return;
    for (size_t i = 0; i < old->count; i++) {
        if (i >= old->borrowed)
            close(old->descriptors[i]);
        free(old->names[i]);
    }
    if (old->memfd >= 0)
        close(old->memfd);
    free(old->names);
    free(old->descriptors);
    free(old);
    *snapshot = NULL;
}
