/* The real clock, real processes, and no wait without a condition. */
#include <dirent.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "keep/identity.h"
#include "link/spawn.h"
#include "net/address.h"

#include "world.h"

enum { PORTS_BEGIN = 20000, PORTS = 100, PORT_RANGES = 100 };

static void make_folder(char path[96], const struct world *world, const char *name, mode_t mode)
{
    snprintf(path, 96, "%s/%s", world->root, name);
    assert_int_equal(mkdir(path, mode), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* Open descriptors of this process; the folder's own is one of them each time. */
static int count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* Other tests of this kind may run beside us: each process has ports of its own, as long as it has the socket
 * of their name. */
static unsigned own_ports(void)
{
    static unsigned first;
    for (unsigned i = 0; first == 0; i++) {
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        unsigned number = ((unsigned)getpid() + i) % PORT_RANGES;
        int size = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "reeve-test-ports-%u", number);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(i < PORT_RANGES);
        if (bind(fd, (const struct sockaddr *)&name,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size)) == 0)
            first = PORTS_BEGIN + number * PORTS;
        else
            close(fd);
    }
    return first;
}

int set_up(void **state)
{
    struct world *world = MEMORY_NEW(struct world);
    world->first_port = own_ports();
    world->descriptors = count_descriptors();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    snprintf(world->root, sizeof world->root, "/tmp/reeve-keep-XXXXXX");
    assert_non_null(mkdtemp(world->root));
    assert_int_equal(chmod(world->root, 0755), 0);
    snprintf(world->count_file, sizeof world->count_file, "%s/starts", world->root);
    make_folder(world->state, world, "state", 0711);
    make_folder(world->runtime, world, "runtime", 0700);
    make_folder(world->sockets, world, "sockets", 0711);
    world->program = spawn_open(REEVE_HOLD);
    assert_true(world->program >= 0);
    world->loop = loop_new(&clock_system);
    assert_non_null(world->loop);
    assert_int_equal(loop_reap(world->loop, NULL, NULL), 0);
    *state = world;
    return 0;
}

/* --- what targets say --------------------------------------------------------------------------- */

static void on_change(void *owner, const struct target_row *changed, int socket)
{
    struct world *world = owner;
    assert_int_equal(socket >= 0, changed->socket);
    assert_int_equal(changed->ready, changed->state == TARGET_READY);
    if (world->instances)
        instances_on_change(world->instances, changed);
    if (strcmp(changed->name, "api") != 0)
        return;
    const char *name = target_state_name(changed->state);
    size_t length = strlen(world->states);
    size_t last = length < strlen(name) + 1 ? length : length - strlen(name) - 1;
    bool same = length && strncmp(world->states + last, name, strlen(name)) == 0 &&
                (last == 0 || world->states[last - 1] == ' ');
    if (!same)
        snprintf(world->states + length, sizeof world->states - length, "%s ", name);
}

static void on_gone(void *owner, const struct target_row *gone)
{
    struct world *world = owner;
    size_t length = strlen(world->gone);
    assert_null(targets_find(world->targets, gone->name));
    snprintf(world->gone + length, sizeof world->gone - length, "%s ", gone->name);
    instances_on_gone(world->instances, gone);
}

static void on_probe(void *owner, const struct targets_probe *probe)
{
    struct world *world = owner;
    assert_true(probe->timeout_ms > 0 && probe->row->address_count == 1);
    world->probe = probe->id;
    world->probe_socket = probe->socket;
}

static void on_journal(void *owner, const char *target, const char *event, const json_t *evidence)
{
    struct world *world = owner;
    assert_true(json_is_object(evidence));
    if (world->event_count < EVENTS_MOST)
        snprintf(world->events[world->event_count++], sizeof world->events[0], "%s %s", target ? target : "-",
                 event);
}

static const struct targets_events world_events = {
    .on_change = on_change,
    .on_gone = on_gone,
    .on_probe = on_probe,
    .on_journal = on_journal,
};

static void on_done(void *owner)
{
    struct world *world = owner;
    world->calls++;
}

/* --- keeper ------------------------------------------------------------------------------------- */

static void load(struct world *world, const char *services)
{
    char *path = memory_format("%s/reeve.yaml", world->root);
    char *app = memory_format("%s, %s", KEPT_APP, world->count_file);
    FILE *out = fopen(path, "we");
    assert_non_null(out);
    fprintf(out, "name: test\nstate: ./state\nlog: {access: none}\nports: %u-%u\nservices:\n",
            world->first_port, world->first_port + PORTS - 1);
    for (const char *at = services; *at; at++) {
        if (strncmp(at, "$APP", 4) == 0) {
            fputs(app, out);
            at += 3;
        } else {
            fputc(*at, out);
        }
    }
    fclose(out);
    struct config_errors errors = {0};
    const struct config_environment environment = {.directory = world->root, .root = geteuid() == 0};
    world->config = config_load(path, &environment, &errors);
    if (!world->config)
        fail_msg("%s", config_errors_text(&errors));
    config_errors_free(&errors);
    free(app);
    free(path);
}

void keep_again(struct world *world)
{
    static const char *const environment[] = {"PATH=/usr/bin:/bin", "SECRET=of reeve", "LC_ALL=C", NULL};
    const struct targets_settings settings = {
        .loop = world->loop,
        .config = world->config,
        .state_directory = world->state,
        .runtime_directory = world->runtime,
        .socket_directory = world->sockets,
        .hold_program = world->program,
        .gates_group = getegid(),
        .environment = environment,
        .events = &world_events,
        .owner = world,
    };
    world->targets = targets_new(&settings);
    struct error error = {0};
    if (world->config->templates.count > 0)
        world->instances = instances_new(&settings, world->targets, &error);
    assert_string_equal(error.text, "");
    unsigned calls = world->calls;
    targets_adopt(world->targets, on_done, world);
    UNTIL(world, world->calls == calls + 1);
}

void keep(struct world *world, const char *services)
{
    load(world, services);
    keep_again(world);
}

void crash(struct world *world)
{
    targets_free(&world->targets);
    instances_free(&world->instances);
    loop_step(world->loop, 0);
    world->states[0] = '\0';
}

/* --- questions ---------------------------------------------------------------------------------- */

const struct target_row *row(struct world *world, const char *name)
{
    const struct target_row *found = targets_find(world->targets, name);
    assert_non_null(found);
    return found;
}

void fail_waiting(struct world *world, const char *condition)
{
    for (size_t i = 0; i < targets_count(world->targets); i++) {
        int socket;
        const struct target_row *found = targets_row(world->targets, i, &socket);
        fprintf(stderr, "%s: %s, wanted %d, %s\n", found->name, target_state_name(found->state),
                found->wanted, found->cause.text);
    }
    for (unsigned i = 0; i < world->event_count; i++)
        fprintf(stderr, "journal: %s\n", world->events[i]);
    fprintf(stderr, "waited in vain: %s\n",
            condition); /* what is torn down may end us before cmocka tells it */
    fail_msg("waited in vain: %s", condition);
    abort();
}

void until_state(struct world *world, const char *name, enum target_state state)
{
    UNTIL(world, row(world, name)->state == state);
    loop_step(world->loop, 0); /* and told */
}

static void on_verb_done(void *owner, const struct target_row *done, bool ok)
{
    struct world *world = owner;
    world->calls++;
    world->ok = ok;
    snprintf(world->text, sizeof world->text, "%s", done->cause.text);
}

void verb(struct world *world, const char *name, enum targets_verb what)
{
    unsigned calls = world->calls;
    const struct targets_order order = {.name = name, .verb = what, .by = "uid 0"};
    assert_true(targets_do(world->targets, &order, on_verb_done, world));
    UNTIL(world, world->calls == calls + 1);
}

void stop_all(struct world *world, bool now)
{
    unsigned calls = world->calls;
    targets_stop_all(world->targets, now, on_done, world);
    UNTIL(world, world->calls == calls + 1);
}

int starts(const struct world *world)
{
    FILE *in = fopen(world->count_file, "re");
    int lines = 0;
    for (int byte = in ? fgetc(in) : EOF; byte != EOF; byte = fgetc(in))
        lines += byte == '\n';
    if (in)
        fclose(in);
    return lines;
}

int journalled(const struct world *world, const char *event)
{
    int count = 0;
    for (unsigned i = 0; i < world->event_count; i++)
        count += strcmp(world->events[i], event) == 0;
    return count;
}

pid_t parent_of(pid_t pid)
{
    return identity_parent(pid);
}

bool connects(const char *text)
{
    struct address address;
    assert_true(address_parse(slice_of_text(text), &address, NULL));
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = connect(fd, &address.any, address.size) == 0;
    close(fd);
    return connected;
}

/* --- the end ------------------------------------------------------------------------------------ */

static void remove_all(const char *path)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/rm", "rm", "-rf", path, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void assert_empty(const char *path)
{
    if (rmdir(path))
        fail_msg("%s is not empty at the end", path);
}

/* Whatever was started has become our child by now: nothing may be left. */
static void assert_no_child(void)
{
    for (int waited = 0; waited < PATIENCE_MS; waited += 5) {
        pid_t pid;
        int status;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            ;
        if (pid < 0)
            return;
        poll(NULL, 0, 5);
    }
    fail_msg("a process is left");
}

int tear_down(void **state)
{
    struct world *world = *state;
    if (world->targets) {
        stop_all(world, true);
        targets_free(&world->targets);
        instances_free(&world->instances);
    }
    for (unsigned i = 0; i < world->event_count; i++)
        assert_null(strstr(world->events[i], "hold-stays")); /* each was acknowledged and went by itself */
    config_free(&world->config);
    loop_free(&world->loop);
    close(world->program);
    assert_int_equal(count_descriptors(), world->descriptors);
    assert_no_child();
    assert_empty(world->runtime);
    assert_empty(world->sockets);
    remove_all(world->root);
    free(world);
    return 0;
}
