/* In the order in which a failure costs least: everything is computed and made before the record is written,
 * and the record is written (by run_start) before anything runs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/sockdiag.h"

#include "keep/account.h"
#include "keep/environment.h"
#include "keep/launch.h"
#include "keep/tree.h"

enum { LAUNCH_PATH_MOST = 107 /* sun_path, without the NUL */ };

/* What one start needs and gives back when it has begun. */
struct launch {
    const struct launch_settings *settings;
    struct record record;
    struct account account;
    bool switched;      /* the account is not reeve's own */
    char port[8];       /* "": none */
    char *socket;       /* path that the target listens on; NULL: none */
    char **command;     /* ends with NULL */
    char **environment; /* ends with NULL */
    int log_directory;
    int run_directory;
};

/* --- values ------------------------------------------------------------------------------------- */

static const char *launch_lookup(void *owner, struct slice name)
{
    struct launch *launch = owner;
    if (slice_equal(name, SLICE("PORT")))
        return launch->port[0] ? launch->port : NULL;
    if (slice_equal(name, SLICE("SOCKET")))
        return launch->socket;
    if (slice_equal(name, SLICE("user")))
        return launch->account.name;
    if (slice_equal(name, SLICE("prefix")))
        return launch->settings->service->prefix;
    if (slice_equal(name, SLICE("name")))
        return launch->settings->name;
    const struct instance *instance = launch->settings->instance;
    const char *value = instance ? instance_lookup(instance, name) : NULL;
    if (value)
        return value;
    return launch->settings->services(launch->settings->owner, name);
}

static bool launch_blame(const struct launch *launch, const char *key, struct error *error)
{
    char place[512];
    struct config_place where = config_place_of(&launch->settings->service->item, key);
    size_t length = strlen(error->text);
    snprintf(error->text + length, sizeof error->text - length, " (%s)",
             config_place_text(&where, place, sizeof place));
    return false;
}

static bool launch_set_account(struct launch *launch, struct error *error)
{
    const struct launch_settings *settings = launch->settings;
    if (!account_of(settings->service, settings->instance, &launch->account, error))
        return launch_blame(launch, "user", error);
    launch->switched = launch->account.uid != geteuid();
    if (!launch->switched || geteuid() == 0)
        return true;
    error_set(error, "cannot run as `%s`: reeve was not started as root", launch->account.name);
    return launch_blame(launch, "user", error);
}

static bool launch_set_command(struct launch *launch, struct error *error)
{
    const struct config_texts *words = &launch->settings->service->command;
    launch->command = MEMORY_ARRAY(char *, words->count + 1);
    for (size_t i = 0; i < words->count; i++) {
        launch->command[i] = config_expand(words->items[i], launch_lookup, launch, error);
        if (!launch->command[i])
            return launch_blame(launch, "command", error);
    }
    return true;
}

static bool launch_set_environment(struct launch *launch, struct error *error)
{
    const struct environment_settings settings = {
        .service = launch->settings->service,
        .instance = launch->settings->instance,
        .own = launch->settings->targets->environment,
        .account = &launch->account,
        .switched = launch->switched,
        .name = launch->settings->name,
        .nonce = launch->record.nonce,
        .port = launch->port[0] ? launch->port : NULL,
        .socket = launch->socket,
        .lookup = launch_lookup,
        .owner = launch,
    };
    launch->environment = environment_build(&settings, error);
    return launch->environment != NULL;
}

/* --- folders and sockets ------------------------------------------------------------------------ */

/* Opens `name` below `parent`, made for the run's user. Checked after opening: nobody but us can write into
 * `parent`, but what is there may be older than we are. */
static int launch_make_folder(const struct launch *launch, int parent, const char *name, mode_t mode,
                              gid_t group)
{
    if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
        return -errno;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct stat about;
    bool fine = fstat(fd, &about) == 0;
    if (fine && (about.st_uid != launch->account.uid || about.st_gid != group) && geteuid() == 0)
        fine = fchown(fd, launch->account.uid, group) == 0;
    if (fine && fchmod(fd, mode) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

/* Not kept open: one that was lost, or could not be made at first, is there again as soon as it can be. */
static int launch_open_logs(const struct targets_settings *targets)
{
    char *path = memory_format("%s/log", targets->state_directory);
    struct stat about;
    mkdir(path, 0711);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int error = fd < 0 ? -errno : fstat(fd, &about) < 0 ? -errno : about.st_uid != geteuid() ? -EPERM : 0;
    free(path);
    if (error && fd >= 0)
        close(fd);
    return error ? error : fd;
}

static bool launch_make_folders(struct launch *launch, struct error *error)
{
    char name[RECORD_FILE_SIZE];
    const struct launch_settings *settings = launch->settings;
    int logs = launch_open_logs(settings->targets);
    /* Gates read it, through a file's group, which is the folder's: its owner cannot give that away. */
    bool root = geteuid() == 0;
    gid_t group = root ? settings->targets->gates_group : launch->account.gid;
    record_folder(settings->name, name);
    launch->log_directory =
        logs < 0 ? logs : launch_make_folder(launch, logs, name, root ? 02750 : 0750, group);
    if (logs >= 0)
        close(logs);
    if (launch->log_directory < 0)
        return error_set(error, "cannot make the folder log/%s: %s", name, strerror(-launch->log_directory));
    record_name(settings->name, settings->generation, name);
    launch->run_directory =
        launch_make_folder(launch, settings->run_directory, name, 0700, launch->account.gid);
    if (launch->run_directory < 0)
        return error_set(error, "cannot make the folder run/%s: %s", name, strerror(-launch->run_directory));
    return true;
}

/* A socket that nobody listens on would keep the program from binding; anything else is left alone. Through
 * the folder's descriptor, so that what was looked at is what is removed. */
static void launch_remove_stale(const char *path)
{
    struct address address;
    struct sockdiag_listener listener;
    char *folder = memory_text(path);
    char *slash = strrchr(folder, '/');
    char *text = memory_format("unix:%s", path);
    *slash = '\0';
    int fd = open(folder[0] ? folder : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat about;
    if (fd >= 0 && fstatat(fd, slash + 1, &about, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(about.st_mode) &&
        address_parse(slice_of_text(text), &address, NULL) && sockdiag_listeners(&address, &listener, 1) == 0)
        unlinkat(fd, slash + 1, 0);
    if (fd >= 0)
        close(fd);
    free(text);
    free(folder);
}

/* The folder's name below `sockets`: the record's where sun_path has room for it, else shortened. */
static char *launch_socket_folder(const struct targets_settings *targets, const struct record *record)
{
    char name[RECORD_FILE_SIZE];
    record_name(record->target, record->generation, name);
    if (strlen(targets->socket_directory) + strlen(name) + strlen("//s") <= LAUNCH_PATH_MOST)
        return memory_text(name);
    return memory_format("%.8s.%.16s", name, record->nonce);
}

static bool launch_make_socket_folder(struct launch *launch, struct error *error)
{
    const struct targets_settings *targets = launch->settings->targets;
    char *folder = launch_socket_folder(targets, &launch->record);
    launch->socket = memory_format("%s/%s/s", targets->socket_directory, folder);
    int parent = open(targets->socket_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = parent < 0 ? -errno : launch_make_folder(launch, parent, folder, 0700, launch->account.gid);
    if (parent >= 0)
        close(parent);
    free(folder);
    if (fd < 0)
        return error_set(error, "cannot make the folder of %s: %s", launch->socket, strerror(-fd));
    close(fd);
    if (strlen(launch->socket) <= LAUNCH_PATH_MOST)
        return true;
    return error_set(error, "the socket's path %s is too long: give a shorter `name` or `listen: unix:/path`",
                     launch->socket);
}

static bool launch_set_address(struct launch *launch, struct error *error)
{
    const struct config_service_listen *listen = &launch->settings->service->listen;
    char *address = launch->record.address;
    if (launch->settings->port) {
        snprintf(launch->port, sizeof launch->port, "%u", launch->settings->port);
        snprintf(address, sizeof launch->record.address, "127.0.0.1:%s", launch->port);
        return true;
    }
    if (listen->kind != CONFIG_LISTEN_UNIX)
        return true;
    if (listen->path) {
        launch->socket = memory_text(listen->path);
        launch_remove_stale(listen->path);
    } else if (!launch_make_socket_folder(launch, error)) {
        return false;
    }
    int length = snprintf(address, sizeof launch->record.address, "unix:%s", launch->socket);
    return length < (int)sizeof launch->record.address || error_set(error, "%s is too long", launch->socket);
}

void launch_clean(const struct targets_settings *targets, const struct record *record)
{
    char *folder = launch_socket_folder(targets, record);
    int parent = open(targets->socket_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent >= 0) {
        tree_remove(parent, folder);
        close(parent);
    }
    free(folder);
}

/* --- the start ---------------------------------------------------------------------------------- */

static void launch_set_record(struct launch *launch)
{
    const struct launch_settings *settings = launch->settings;
    struct record *record = &launch->record;
    struct identity self;
    identity_of(getpid(), &self);
    snprintf(record->target, sizeof record->target, "%s", settings->name);
    record->generation = settings->generation;
    record->restarts = settings->restarts;
    record->ready_after_ms = -1;
    identity_nonce(record->nonce);
    memcpy(record->boot, self.boot, sizeof record->boot);
    char folder[RECORD_FILE_SIZE];
    snprintf(record->socket, sizeof record->socket, "%s/hold-%.16s.%.12s.sock",
             settings->targets->runtime_directory, record_folder(settings->name, folder), record->nonce);
}

static struct hold_terminal launch_terminal(const struct config_terminal *terminal)
{
    static const enum hold_terminal_rule rules[] = {
        [CONFIG_TERMINAL_LAST] = HOLD_TERMINAL_LAST,
        [CONFIG_TERMINAL_SMALLEST] = HOLD_TERMINAL_SMALLEST,
        [CONFIG_TERMINAL_FIXED] = HOLD_TERMINAL_FIXED,
    };
    if (!terminal->wanted)
        return (struct hold_terminal){0};
    return (struct hold_terminal){.columns = terminal->columns,
                                  .rows = terminal->rows,
                                  .scrollback = terminal->scrollback,
                                  .rule = rules[terminal->size]};
}

static struct run *launch_spawn(struct launch *launch, const struct run_settings *run, struct error *error)
{
    const struct config_service *service = launch->settings->service;
    struct hold_spec spec = hold_spec_default();
    spec.target = launch->settings->name;
    spec.generation = (int64_t)launch->settings->generation;
    spec.nonce = launch->record.nonce;
    spec.command = launch->command;
    spec.environment = launch->environment;
    spec.directory = service->directory;
    spec.keeper_uid = geteuid();
    spec.open_files_soft = launch->settings->targets->open_files_soft;
    spec.output_max_bytes = service->output.max_bytes;
    spec.output_keep = service->output.keep;
    spec.stop_signal = service->stop.signal;
    spec.stop_grace_ms = service->stop.grace_ms;
    spec.terminal = launch_terminal(&service->terminal);
    if (launch->switched) {
        spec.uid = launch->account.uid;
        spec.gid = launch->account.gid;
        spec.groups = launch->account.groups;
        spec.group_count = (size_t)launch->account.group_count;
    }
    launch->record.user = launch->account.uid;
    const struct spawn_settings spawn = {
        .program = launch->settings->targets->hold_program,
        .spec = &spec,
        .socket = launch->record.socket,
        .log_directory = launch->log_directory,
        .run_directory = launch->run_directory,
        .cgroup = -1,
        .error_output = -1,
    };
    return run_start(run, &launch->record, &spawn, error);
}

static void launch_free(struct launch *launch)
{
    for (char **word = launch->command; word && *word; word++)
        free(*word);
    free(launch->command);
    environment_free(launch->environment);
    account_free(&launch->account);
    free(launch->socket);
    if (launch->log_directory >= 0)
        close(launch->log_directory);
    if (launch->run_directory >= 0)
        close(launch->run_directory);
}

struct run *launch_run(const struct launch_settings *settings, const struct run_settings *run,
                       struct error *error)
{
    struct launch launch = {.settings = settings, .log_directory = -1, .run_directory = -1};
    struct run *started = NULL;
    launch_set_record(&launch);
    if (launch_set_account(&launch, error) && launch_set_address(&launch, error) &&
        launch_set_command(&launch, error) && launch_set_environment(&launch, error) &&
        launch_make_folders(&launch, error))
        started = launch_spawn(&launch, run, error);
    if (!started)
        launch_clean(settings->targets, &launch.record);
    launch_free(&launch);
    return started;
}
