/* Where the console comes to be: beside the first TCP listener, on the next free port, or nowhere. */
#include "support.h"

#include "keep/console.h"
#include "net/listener.h"

struct world {
    struct log log;
    struct config config;
    struct config_listener listener;
    char address[ADDRESS_TEXT_SIZE];
    struct listeners listeners;
    struct listeners_settings settings;
    uint16_t port; /* of the first listener */
    int warnings;
};

static void on_log(void *sink, const char *line, size_t size)
{
    struct world *world = sink;
    (void)line, (void)size;
    world->warnings++;
}

static struct address loopback(unsigned port)
{
    char text[ADDRESS_TEXT_SIZE];
    struct address address;
    snprintf(text, sizeof text, "127.0.0.1:%u", port);
    assert_true(address_parse(slice_of_text(text), &address, NULL));
    return address;
}

/* A port that is free, and the ten behind it. */
static uint16_t find_free(void)
{
    for (;;) {
        struct address address = loopback(0);
        int fds[CONSOLE_PLACES + 1] = {listener_bind(&address)}, held = 0;
        assert_true(fds[0] >= 0);
        assert_int_equal(address_of_socket(fds[0], &address), 0);
        uint16_t port = address_port(&address);
        for (; held < CONSOLE_PLACES && port < 65000; held++) {
            address = loopback(port + 1u + (unsigned)held);
            fds[held + 1] = listener_bind(&address);
            if (fds[held + 1] < 0)
                break;
        }
        for (int i = 0; i <= held; i++)
            close(fds[i]);
        if (held == CONSOLE_PLACES)
            return port;
    }
}

static void open_listeners(struct world *world)
{
    struct error error;
    *world = (struct world){.log = {.clock = &clock_system, .write = on_log, .sink = world}};
    world->port = find_free();
    snprintf(world->address, sizeof world->address, "127.0.0.1:%u", world->port);
    world->listener.address = world->address;
    world->config.listeners.items = &world->listener;
    world->config.listeners.count = 1;
    world->config.console.path = (char *)(uintptr_t) "/_reeve/";
    world->settings = (struct listeners_settings){.config = &world->config, .log = &world->log};
    assert_true(listeners_new(&world->listeners, &world->config, &error));
}

static unsigned console_port(struct world *world)
{
    struct error error;
    assert_int_equal(listeners_open(&world->listeners, &world->settings, &error), 0);
    return world->listeners.console == LISTENERS_NONE
               ? 0
               : address_port(&world->listeners.addresses[world->listeners.console]);
}

static void test_it_is_the_next_port(void **state)
{
    struct world world;
    char url[64], wanted[64];
    (void)state;
    open_listeners(&world);
    assert_int_equal(console_port(&world), world.port + 1);
    assert_int_equal(world.listeners.count, 2);
    assert_true(console_url(&world.listeners, &world.config, url, sizeof url));
    snprintf(wanted, sizeof wanted, "http://127.0.0.1:%u/_reeve/", world.port + 1);
    assert_string_equal(url, wanted);
    listeners_free(&world.listeners);
}

static void test_what_is_taken_is_left_alone(void **state)
{
    struct world world;
    int fds[CONSOLE_PLACES];
    (void)state;
    open_listeners(&world);
    for (unsigned i = 0; i < CONSOLE_PLACES; i++) {
        struct address address = loopback(world.port + 1u + i);
        fds[i] = listener_bind(&address);
        assert_true(fds[i] >= 0);
    }
    assert_int_equal(console_port(&world), 0);
    assert_int_equal(world.warnings, 1);
    assert_int_equal(world.listeners.count, 1);
    char url[64];
    assert_false(console_url(&world.listeners, &world.config, url, sizeof url));
    close(fds[3]);
    assert_int_equal(console_port(&world), world.port + 4);
    for (unsigned i = 0; i < CONSOLE_PLACES; i++)
        if (i != 3)
            close(fds[i]);
    listeners_free(&world.listeners);
}

static void test_a_surviving_gate_brings_it_back(void **state)
{
    struct world world;
    (void)state;
    open_listeners(&world);
    struct address third = loopback(world.port + 3u), far = loopback(world.port + 11u);
    int fd = listener_bind(&third), other = listener_bind(&far);
    assert_true(fd >= 0);
    if (other >= 0)
        listeners_take(&world.listeners, other); /* closed: it is nobody's */
    assert_int_equal(world.listeners.console, LISTENERS_NONE);
    listeners_take(&world.listeners, fd);
    assert_int_equal(console_port(&world), world.port + 3);
    assert_int_equal(world.listeners.descriptors[world.listeners.console], fd);
    listeners_free(&world.listeners);
}

static void test_who_needs_a_credential_there(void **state)
{
    struct world world;
    char *rules[] = {(char *)(uintptr_t) "anyone"};
    (void)state;
    open_listeners(&world);
    world.config.console.allow = (struct config_texts){rules, 1};
    json_t *row = console_describe(&world.listeners, &world.config);
    assert_false(json_is_true(json_object_get(row, "open"))); /* it is nowhere */
    json_decref(row);
    console_port(&world);
    row = console_describe(&world.listeners, &world.config);
    assert_true(json_is_true(json_object_get(row, "open")));
    assert_string_equal(json_string_value(json_object_get(row, "path")), "/_reeve/");
    assert_int_equal(json_array_size(json_object_get(row, "allow")), 1);
    json_decref(row);
    world.config.auth.method = CONFIG_AUTH_PASSWORD;
    row = console_describe(&world.listeners, &world.config);
    assert_false(json_is_true(json_object_get(row, "open")));
    json_decref(row);
    world.config.auth.method = CONFIG_AUTH_NONE;
    assert_true(
        address_parse(SLICE("0.0.0.0:80"), &world.listeners.addresses[world.listeners.console], NULL));
    row = console_describe(&world.listeners, &world.config);
    assert_false(json_is_true(json_object_get(row, "open")));
    json_decref(row);
    listeners_free(&world.listeners);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_the_next_port),
        cmocka_unit_test(test_what_is_taken_is_left_alone),
        cmocka_unit_test(test_a_surviving_gate_brings_it_back),
        cmocka_unit_test(test_who_needs_a_credential_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
