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

#include "base/check.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "config/route_terminal.h"
#include "config/rules.h"
#include "link/memfd.h"

#include "keep/console.h"
#include "keep/own_files.h"
#include "keep/snapshot.h"
#include "keep/trust.h"

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

/* A directory of a route, as its key `what` names it, that the gates' user can enter (and list). A descriptor
 * or -1 with the text. */
struct snapshot_root {
    const struct config_route *route;
    const char *key;
    const char *path;
    const char *advice; /* for one that is not there */
    bool list;
};

static int snapshot_open_root(const struct snapshot_root *wanted, const struct snapshot_user *user,
                              struct error *error)
{
    char place[256];
    struct config_place at = config_place_of(&wanted->route->item, wanted->key);
    config_place_text(&at, place, sizeof place);
    int root = open(wanted->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        error_set(error, "%s: %s: %s: %s; %s", place, wanted->key, wanted->path, strerror(errno),
                  errno == ENOTDIR ? "name the folder that the file is in" : wanted->advice);
        return -1;
    }
    int failed = wanted->list ? snapshot_try_as(root, user) : 0;
    if (!failed && !snapshot_may_enter(root, user))
        failed = EACCES;
    if (!failed)
        return root;
    const struct passwd *account = getpwuid(user->uid);
    error_set(error,
              "%s: %s: %s cannot be read by user %s, as which reeve serves: %s; try: chmod o+rx %s, or name "
              "another account with `user:`",
              place, wanted->key, wanted->path, account ? account->pw_name : "?", strerror(failed),
              wanted->path);
    close(root);
    return -1;
}

static void snapshot_add_texts(json_t *array, const struct config_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        json_array_append_new(array, json_string(texts->items[i]));
}

static json_t *snapshot_texts(const struct config_texts *texts)
{
    json_t *array = json_array();
    snapshot_add_texts(array, texts);
    return array;
}

/* --- the JSON ----------------------------------------------------------------------------------------- */

/* Whom a snapshot is for. */
struct snapshot_for {
    const struct config *config;
    const struct snapshot_user *user;
    const char *state;
    bool check; /* nobody: it is only tried */
    struct error *error;
};

static void snapshot_add(struct snapshot *snapshot, int fd, char *name)
{
    size_t count = snapshot->count++;
    snapshot->names = memory_resize(snapshot->names, (count + 1) * sizeof *snapshot->names);
    snapshot->descriptors = memory_resize(snapshot->descriptors, (count + 1) * sizeof *snapshot->descriptors);
    snapshot->names[count] = name;
    snapshot->descriptors[count] = fd;
}

/* "shell/{id}" whose template says `create: request`. */
static bool snapshot_creates(const struct config *config, const char *target)
{
    size_t size = strcspn(target, "/");
    for (size_t i = 0; target[size] && i < config->templates.count; i++) {
        const struct config_template *template = &config->templates.items[i];
        if (strlen(template->service.name) == size && memcmp(template->service.name, target, size) == 0)
            return template->create == CONFIG_CREATE_REQUEST;
    }
    return false;
}

static json_t *snapshot_route_proxy(const struct config_route *route)
{
    json_t *row =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:o}", "kind", "proxy", "target", route->to, "connect_ms",
                  (json_int_t)route->timeout_connect_ms, "response_ms",
                  (json_int_t)route->timeout_response_ms, "idle_ms", (json_int_t)route->timeout_idle_ms,
                  "body_max", route->body_max_bytes ? json_integer(route->body_max_bytes) : json_null());
    json_object_set_new(row, "ping_ms", json_integer(route->websocket.ping_ms));
    if (route->websocket.subprotocol)
        json_object_set_new(row, "subprotocol", json_string(route->websocket.subprotocol));
    if (route->websocket.refuse == CONFIG_REFUSE_CLOSE)
        json_object_set_new(row, "refuse_close", json_true());
    if (route->strip == CONFIG_STRIP_WILDCARD)
        json_object_set_new(row, "strip", json_true());
    if (route->strip == CONFIG_STRIP_PREFIX)
        json_object_set_new(row, "strip", json_string(route->strip_prefix));
    return row;
}

static json_t *snapshot_route_files(struct snapshot *snapshot, const struct config_route *route, size_t index,
                                    const struct snapshot_for *to)
{
    const struct snapshot_root wanted = {.route = route,
                                         .key = "files",
                                         .path = route->files,
                                         .advice = strchr(route->files, '{')
                                                       ? "`files` takes no {captures}: name one folder"
                                                       : "build it first, or name the folder that holds the "
                                                         "files",
                                         .list = true};
    int root = snapshot_open_root(&wanted, to->user, to->error);
    if (root < 0)
        return NULL;
    snapshot_add(snapshot, root, memory_format("files:%zu", index));
    return json_pack("{s:s, s:s, s:s?, s:o*}", "kind", "files", "root", snapshot->names[snapshot->count - 1],
                     "fallback", route->fallback, "hidden", own_files_below(root, to->config, to->state));
}

/* The folder of an events file as far as the file says it without captures; fresh memory. What comes behind
 * it begins at *rest. */
static char *snapshot_events_folder(const struct config_route *route, const char **rest)
{
    const char *file = route->events.file, *slash = file;
    for (const char *at = file; *at && *at != '{'; at++)
        if (*at == '/')
            slash = at;
    *rest = slash + 1;
    return memory_text_of(file, slash == file ? 1 : (size_t)(slash - file));
}

static bool snapshot_is_below(const char *path, const char *folder)
{
    size_t size = strlen(folder);
    return strncmp(path, folder, size) == 0 && path[size] == '/';
}

/* Folders below the state directory are ours to make. */
static void snapshot_make_below(const char *state, const char *folder)
{
    char *path = memory_text(folder);
    for (char *at = path + strlen(state) + 1; at;) {
        at = strchr(at, '/');
        if (at)
            *at = '\0';
        mkdir(path, 0711); /* what fails shows when it is opened */
        if (at)
            *at++ = '/';
    }
    free(path);
}

static json_t *snapshot_route_events(struct snapshot *snapshot, const struct config_route *route,
                                     size_t index, const struct snapshot_for *to)
{
    const struct config_events *events = &route->events;
    const char *rest;
    char *folder = snapshot_events_folder(route, &rest);
    const struct snapshot_root wanted = {.route = route,
                                         .key = "events.file",
                                         .path = folder,
                                         .advice = "make this folder first",
                                         .list = !strchr(rest, '/')};
    struct stat about;
    bool ours = stat(folder, &about) < 0 && snapshot_is_below(folder, to->state), later = ours && to->check;
    if (ours && !later)
        snapshot_make_below(to->state, folder);
    int root = later ? -1 : snapshot_open_root(&wanted, to->user, to->error);
    char name[32];
    snprintf(name, sizeof name, "events:%zu", index);
    if (root >= 0)
        snapshot_add(snapshot, root, memory_text(name));
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s, s:I, s:I, s:s?}", "kind", "events", "root", name, "folder",
                  utf8_clean(folder), "file", rest, "target", events->target, "from",
                  events->from == CONFIG_FROM_END ? "end" : "start", "wait_ms", (json_int_t)events->wait_ms,
                  "heartbeat_ms", (json_int_t)events->heartbeat_ms, "event", events->event);
    free(folder);
    json_t *hidden = root >= 0 ? own_files_beside(root, rest, to->config, to->state) : NULL;
    if (hidden)
        json_object_set_new(row, "hidden", hidden);
    if (root >= 0 || later)
        return row;
    json_decref(row);
    return NULL;
}

static json_t *snapshot_route_terminal(const struct config *config, const struct config_route *route)
{
    return json_pack("{s:s, s:s, s:o, s:b}", "kind", "terminal", "target", route->terminal, "view",
                     snapshot_texts(&route->view), "local", route_terminal_is_local(config, route));
}

static json_t *snapshot_route(struct snapshot *snapshot, const struct config_route *route, size_t index,
                              const struct snapshot_for *to)
{
    switch (route->action) {
    case CONFIG_ROUTE_TARGET:
        return snapshot_route_proxy(route);
    case CONFIG_ROUTE_FILES:
        return snapshot_route_files(snapshot, route, index, to);
    case CONFIG_ROUTE_EVENTS:
        return snapshot_route_events(snapshot, route, index, to);
    case CONFIG_ROUTE_TERMINAL:
        return snapshot_route_terminal(to->config, route);
    }
    UNREACHABLE();
}

static void snapshot_add_limits(json_t *row, const struct config_limits *limits)
{
    if (limits->streams || limits->per_user || limits->per_address)
        json_object_set_new(row, "limits",
                            json_pack("{s:I, s:I, s:I}", "streams", (json_int_t)limits->streams, "per_user",
                                      (json_int_t)limits->per_user, "per_address",
                                      (json_int_t)limits->per_address));
}

static bool snapshot_add_routes(struct snapshot *snapshot, const struct config *config, json_t *object,
                                const struct snapshot_for *to)
{
    json_t *rows = json_array();
    json_object_set_new(object, "routes", rows);
    for (size_t i = 0; i < config->routes.count; i++) {
        const struct config_route *route = &config->routes.items[i];
        json_t *row = snapshot_route(snapshot, route, i, to);
        if (!row)
            return false;
        char place[256];
        json_object_set_new(
            row, "place",
            json_string(utf8_clean(config_place_text(&route->item.place, place, sizeof place))));
        json_object_set_new(row, "path", json_string(route->path));
        snapshot_add_limits(row, &route->limits);
        json_object_set_new(row, "host", route->host ? json_string(route->host) : json_null());
        json_object_set_new(row, "allow", snapshot_texts(rules_or_default(config, &route->allow)));
        const char *target = route->action == CONFIG_ROUTE_TERMINAL ? route->terminal : route->to;
        if (target && snapshot_creates(config, target))
            json_object_set_new(row, "create", json_true());
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
        json_array_append_new(rows, json_pack("{s:s, s:s, s:b}", "descriptor", snapshot->names[i], "address",
                                              address_format(&listeners->addresses[i], address), "console",
                                              i == listeners->console));
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

/* A log that cannot be written is an error of a check; who serves goes on without it and says so. */
static bool snapshot_add_access(struct snapshot *snapshot, const struct config *config, bool check,
                                json_t *object, struct error *error)
{
    static const char *const names[] = {"stdout", "descriptor", "none"};
    const struct config_log *log = &config->log;
    enum config_access access = log->access;
    int fd = access == CONFIG_ACCESS_FILE ? snapshot_open_access(log->access_file, check) : -1;
    if (access == CONFIG_ACCESS_FILE && fd < 0) {
        char place[256];
        const struct config_place at = config_place_of(&config->item, "log.access");
        error_set(&snapshot->access_error, "%s: log.access: %s: %s",
                  config_place_text(&at, place, sizeof place), log->access_file, strerror(errno));
        if (check)
            return error_set(error, "%s", snapshot->access_error.text);
        access = CONFIG_ACCESS_NONE;
    }
    json_object_set_new(object, "access", json_string(names[access]));
    json_object_set_new(object, "access_format",
                        json_string(log->format == CONFIG_ACCESS_COMBINED ? "combined" : "json"));
    json_object_set_new(object, "log_level", json_string(log_level_name(log->level)));
    if (fd >= 0)
        snapshot_add(snapshot, fd, memory_text("access"));
    return true;
}

/* Where the logs of all targets are; each folder in it is its own. */
static void snapshot_add_logs(struct snapshot *snapshot, const struct config *config)
{
    char *path = memory_format("%s/log", config->state);
    int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    free(path);
    if (fd >= 0)
        snapshot_add(snapshot, fd, memory_text("logs"));
}

json_t *snapshot_hosts(const struct config *config)
{
    json_t *hosts = json_array();
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
    return hosts;
}

static void snapshot_add_hosts(const struct config *config, json_t *object)
{
    json_t *origins = json_array();
    snapshot_add_texts(origins, &config->origins);
    json_object_set_new(object, "hosts", snapshot_hosts(config));
    json_object_set_new(object, "origins", origins);
    json_object_set_new(object, "trusted_proxies", snapshot_texts(&config->trusted_proxies));
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
    json_object_set_new(object, "console", console_describe(listeners, config));
    json_object_set_new(object, "tls", trust_describe(config));
    if (listeners)
        snapshot_add_logs(snapshot, config);
    const struct snapshot_for to = {
        .config = config, .user = user, .state = config->state, .check = !listeners, .error = error};
    bool built = snapshot_add_access(snapshot, config, !listeners, object, error) &&
                 snapshot_add_routes(snapshot, config, object, &to) && snapshot_seal(snapshot, object, error);
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

/* False when the path leads to another directory than the descriptor. */
static bool snapshot_leads_to(const char *path, int held)
{
    struct stat was, is;
    if (stat(path, &is) < 0 || fstat(held, &was) < 0 || !S_ISDIR(is.st_mode))
        return true;
    return is.st_ino == was.st_ino && is.st_dev == was.st_dev;
}

/* What could not be opened can be by now. */
static bool snapshot_access_is_back(const struct snapshot *snapshot, const struct config *config)
{
    if (!snapshot->access_error.text[0] || config->log.access != CONFIG_ACCESS_FILE)
        return false;
    int fd = snapshot_open_access(config->log.access_file, false);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

bool snapshot_is_current(const struct snapshot *snapshot, const struct config *config)
{
    bool current = !snapshot_access_is_back(snapshot, config);
    for (size_t i = 0; i < config->routes.count && current; i++) {
        const struct config_route *route = &config->routes.items[i];
        const char *rest;
        char name[32];
        bool events = route->action == CONFIG_ROUTE_EVENTS;
        snprintf(name, sizeof name, "%s:%zu", events ? "events" : "files", i);
        char *path = events ? snapshot_events_folder(route, &rest) : memory_text(route->files);
        if (path && (events || route->action == CONFIG_ROUTE_FILES))
            current = snapshot_leads_to(path, snapshot_descriptor(snapshot, name));
        free(path);
    }
    return current;
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
