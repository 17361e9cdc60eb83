/* Ports that are free, held by a stranger, held by one of ours; and descriptors that come from elsewhere. */
#include "support.h"

#include "keep/listeners.h"
#include "net/listener.h"

struct world {
    struct config config;
    struct config_listener listener;
    char address[ADDRESS_TEXT_SIZE];
    pid_t holder;
    bool holder_is_ours;
    char events[256];
};

static bool ours(void *owner, const struct identity *identity)
{
    const struct world *world = owner;
    return world->holder_is_ours && identity->pid == world->holder;
}

static void journal(void *owner, const char *event, const json_t *evidence)
{
    struct world *world = owner;
    assert_true(json_is_object(evidence));
    size_t used = strlen(world->events);
    snprintf(world->events + used, sizeof world->events - used, "%s ", event);
}

static int bind_free(char text[ADDRESS_TEXT_SIZE])
{
    struct address address;
    struct error error;
    assert_true(address_parse(SLICE("127.0.0.1:0"), &address, &error));
    int fd = listener_bind(&address);
    assert_true(fd >= 0);
    address.size = sizeof address.local;
    assert_int_equal(getsockname(fd, &address.any, &address.size), 0);
    address_format(&address, text);
    return fd;
}

static void begin(struct world *world, enum config_takeover takeover)
{
    *world = (struct world){.config = {.takeover = takeover, .takeover_timeout_ms = 600}};
    world->listener.item.place = (struct config_place){.file = "reeve.yaml", .line = 3, .column = 5};
    world->listener.address = world->address;
    world->config.listeners.items = &world->listener;
    world->config.listeners.count = 1;
}

/* Another process takes the port over from us and serves it until it is told to go. */
static void let_a_child_hold_it(struct world *world)
{
    int fd = bind_free(world->address);
    world->holder = fork();
    if (world->holder == 0) {
        for (;;)
            pause();
    }
    close(fd);
}

static int open_all(struct world *world, struct listeners *listeners, struct error *error)
{
    const struct listeners_settings settings = {
        .config = &world->config, .ours = ours, .journal = journal, .owner = world};
    assert_true(listeners_new(listeners, &world->config, error));
    return listeners_open(listeners, &settings, error);
}

static void end_holder(const struct world *world, bool alive)
{
    assert_int_equal(kill(world->holder, 0), 0); /* a zombie of ours still answers */
    int status = 0;
    if (alive) {
        assert_int_equal(waitpid(world->holder, &status, WNOHANG), 0);
        kill(world->holder, SIGKILL);
    }
    assert_int_equal(waitpid(world->holder, &status, 0), world->holder);
}

static void test_a_stranger_is_named_and_left_alone(void **state)
{
    (void)state;
    struct world world;
    struct listeners listeners;
    struct error error = {0};
    begin(&world, CONFIG_TAKEOVER_OWN);
    let_a_child_hold_it(&world);
    assert_int_equal(open_all(&world, &listeners, &error), 4);
    char pid[32];
    snprintf(pid, sizeof pid, "pid %d of uid", (int)world.holder);
    assert_non_null(strstr(error.text, pid));
    assert_non_null(strstr(error.text, "reeve.yaml:3:5"));
    assert_non_null(strstr(error.text, "takeover: any"));
    assert_string_equal(world.events, "port-refused ");
    listeners_free(&listeners);
    end_holder(&world, true);
}

static void test_never_does_not_even_wait(void **state)
{
    (void)state;
    struct world world;
    struct listeners listeners;
    struct error error = {0};
    begin(&world, CONFIG_TAKEOVER_NEVER);
    world.config.takeover_timeout_ms = 3600000;
    world.holder_is_ours = true;
    let_a_child_hold_it(&world);
    assert_int_equal(open_all(&world, &listeners, &error), 4);
    listeners_free(&listeners);
    end_holder(&world, true);
}

static void evicts(enum config_takeover takeover, bool is_ours)
{
    struct world world;
    struct listeners listeners;
    struct error error = {0};
    begin(&world, takeover);
    world.holder_is_ours = is_ours;
    world.config.takeover_timeout_ms = PATIENCE_MS;
    let_a_child_hold_it(&world);
    assert_int_equal(open_all(&world, &listeners, &error), 0);
    assert_true(listeners.descriptors[0] >= 0);
    assert_string_equal(world.events, "port-takeover ");
    listeners_free(&listeners);
    end_holder(&world, false);
}

static void test_one_of_ours_is_ended(void **state)
{
    (void)state;
    evicts(CONFIG_TAKEOVER_OWN, true);
}

static void test_any_ends_whoever_listens(void **state)
{
    (void)state;
    evicts(CONFIG_TAKEOVER_ANY, false);
}

static void test_a_client_of_the_port_is_nobody_to_end(void **state)
{
    (void)state;
    struct world world;
    begin(&world, CONFIG_TAKEOVER_ANY);
    let_a_child_hold_it(&world);
    struct address address;
    struct error error = {0};
    assert_true(address_parse(slice_of_text(world.address), &address, &error));
    int connected[2];
    assert_int_equal(pipe(connected), 0);
    pid_t client = fork();
    if (client == 0) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, &address.any, address.size) == 0 && write(connected[1], "", 1) == 1)
            pause();
        _exit(0);
    }
    close(connected[1]);
    char byte;
    assert_int_equal(read(connected[0], &byte, 1), 1);
    close(connected[0]);
    world.config.takeover_timeout_ms = PATIENCE_MS;
    struct listeners listeners;
    assert_int_equal(open_all(&world, &listeners, &error), 0);
    listeners_free(&listeners);
    end_holder(&world, false);
    assert_int_equal(waitpid(client, NULL, WNOHANG), 0);
    kill(client, SIGKILL);
    waitpid(client, NULL, 0);
}

static void test_a_handed_over_socket_finds_its_place(void **state)
{
    (void)state;
    struct world world;
    struct listeners listeners;
    struct error error = {0};
    begin(&world, CONFIG_TAKEOVER_NEVER);
    int fd = bind_free(world.address);
    assert_true(listeners_new(&listeners, &world.config, &error));
    char other[ADDRESS_TEXT_SIZE];
    listeners_take(&listeners, bind_free(other)); /* nobody wants this one */
    assert_int_equal(listeners.descriptors[0], -1);
    listeners_take(&listeners, fd);
    assert_int_equal(listeners.descriptors[0], fd);
    listeners_free(&listeners);
}

/* --- the files of unix sockets ------------------------------------------------------------------ */

#define FOLDER "/tmp/reeve-listeners-XXXXXX"

static void begin_unix(struct world *world, char *folder)
{
    begin(world, CONFIG_TAKEOVER_NEVER);
    assert_non_null(mkdtemp(folder));
    snprintf(world->address, sizeof world->address, "unix:%s/door", folder);
}

static void end_unix(const struct world *world, const char *folder)
{
    unlink(world->address + strlen("unix:"));
    assert_int_equal(rmdir(folder), 0);
}

static bool door_is_there(const struct world *world)
{
    return access(world->address + strlen("unix:"), F_OK) == 0;
}

static void test_a_unix_sockets_file_goes_with_its_listener(void **state)
{
    (void)state;
    struct world world;
    struct listeners listeners;
    struct error error = {0};
    char folder[] = FOLDER;
    begin_unix(&world, folder);
    assert_int_equal(open_all(&world, &listeners, &error), 0);
    assert_true(door_is_there(&world));
    listeners_end(&listeners);
    assert_false(door_is_there(&world));
    end_unix(&world, folder);
}

/* As systemd has the one that it passed, a successor the one that it was given. */
static void test_a_unix_sockets_file_stays_while_others_listen(void **state)
{
    (void)state;
    struct world world;
    struct listeners listeners;
    struct error error = {0};
    char folder[] = FOLDER;
    begin_unix(&world, folder);
    assert_int_equal(open_all(&world, &listeners, &error), 0);
    int other = dup(listeners.descriptors[0]);
    listeners_end(&listeners);
    assert_true(door_is_there(&world));
    close(other);
    end_unix(&world, folder);
}

static void test_anothers_unix_socket_at_the_path_stays(void **state)
{
    (void)state;
    struct world world;
    struct listeners listeners, others;
    struct error error = {0};
    char folder[] = FOLDER;
    begin_unix(&world, folder);
    assert_int_equal(open_all(&world, &listeners, &error), 0);
    assert_int_equal(unlink(world.address + strlen("unix:")), 0);
    assert_int_equal(open_all(&world, &others, &error), 0);
    listeners_end(&listeners);
    assert_true(door_is_there(&world));
    listeners_end(&others);
    assert_false(door_is_there(&world));
    end_unix(&world, folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stranger_is_named_and_left_alone),
        cmocka_unit_test(test_never_does_not_even_wait),
        cmocka_unit_test(test_one_of_ours_is_ended),
        cmocka_unit_test(test_any_ends_whoever_listens),
        cmocka_unit_test(test_a_client_of_the_port_is_nobody_to_end),
        cmocka_unit_test(test_a_handed_over_socket_finds_its_place),
        cmocka_unit_test(test_a_unix_sockets_file_goes_with_its_listener),
        cmocka_unit_test(test_a_unix_sockets_file_stays_while_others_listen),
        cmocka_unit_test(test_anothers_unix_socket_at_the_path_stays),
    };
    return run_group(tests);
}
