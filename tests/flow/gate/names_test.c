/* A service whose address is a host name: requests and probes find it, and hear why when they do not. */
#include "../../unit/net/dns_peer.h"
#include "world.h"

#include <poll.h>

#include "base/memory.h"

#define ROUTES "[{'place': 'r.yaml:1:1', 'path': '/*', 'kind': 'proxy', 'target': 'nas', 'connect_ms': 5000}]"

enum { WAITS_MOST = 3000, WAIT_MS = 10 };

struct fixture {
    struct world world;
    struct dns_peer dns;
    int program;
    int port;
};

static int set_up(void **state)
{
    struct fixture *fixture = MEMORY_NEW(struct fixture);
    fixture->program = world_listen(&fixture->port);
    fixture->dns = dns_peer_make("nas.lan");
    fixture->dns.v4[0] = INADDR_LOOPBACK;
    fixture->dns.count = 1;
    world_open_with(&fixture->world, -1, fixture->dns.servers);
    world_serve(&fixture->world, ROUTES);
    struct target_row row = world_row("nas", TARGET_READY, 0);
    row.generation = 0;
    snprintf(row.addresses[row.address_count++], TARGET_ADDRESS_SIZE, "nas.lan:%d", fixture->port);
    world_set_row(&fixture->world, &row);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    world_close(&fixture->world);
    close(fixture->program);
    close(fixture->dns.fd);
    free(fixture);
    return 0;
}

static void turn(struct fixture *fixture)
{
    struct pollfd arrival = {.fd = fixture->dns.fd, .events = POLLIN};
    poll(&arrival, 1, WAIT_MS);
    dns_turn(&fixture->dns);
    turn_all(fixture->world.loop);
}

static int accept_program(struct fixture *fixture)
{
    int fd = -1;
    for (int waits = 0; fd < 0; waits++) {
        assert_true(waits < WAITS_MOST);
        turn(fixture);
        fd = accept4(fixture->program, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    }
    return fd;
}

static void hear(struct fixture *fixture, struct peer *client, const char *text)
{
    for (int waits = 0; !says(peer_hear(&fixture->world, client), text); waits++) {
        assert_true(waits < WAITS_MOST);
        turn(fixture);
    }
}

static void test_a_request_finds_its_way(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET("/x"));
    struct peer program = peer_of(accept_program(fixture));
    for (int i = 0; i < 2; i++) { /* the second one over the kept connection */
        peer_hear_to(world, &program, "GET /x HTTP/1.1");
        buffer_clear(&program.received);
        peer_say_text(world, &program, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        peer_hear_to(world, &client, "\r\n\r\nhi");
        buffer_clear(&client.received);
        if (i == 0)
            peer_say_text(world, &client, GET("/x"));
    }
    assert_int_equal(fixture->dns.asked, 1);
    peer_close(&client);
    peer_close(&program);
}

static void test_a_name_without_an_address_is_503_and_heals(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    fixture->dns.code = DNS_NXDOMAIN;
    struct peer client = client_open(world);
    peer_say_text(world, &client, GET("/x"));
    hear(fixture, &client, "nas.lan has no address (NXDOMAIN from resolver 127.0.0.1)");
    assert_true(says(buffer_slice(&client.received), "HTTP/1.1 503 "));
    buffer_clear(&client.received);
    fixture->dns.code = DNS_OK;
    world_advance(world, 1001);
    peer_say_text(world, &client, GET("/x"));
    struct peer program = peer_of(accept_program(fixture));
    peer_close(&client);
    peer_close(&program);
}

static void probe(struct fixture *fixture)
{
    char address[64];
    snprintf(address, sizeof address, "nas.lan:%d", fixture->port);
    size_t before = told_times(&fixture->world, MESSAGE_GATE_PROBED);
    world_send(&fixture->world, MESSAGE_GATE_PROBE,
               json_pack("{s:s, s:i, s:i, s:s}", "target", "nas", "generation", 0, "timeout_ms", 2000,
                         "address", address));
    for (int waits = 0; told_times(&fixture->world, MESSAGE_GATE_PROBED) == before; waits++) {
        assert_true(waits < WAITS_MOST);
        turn(fixture);
    }
}

static void test_a_probe_says_what_is_wrong(void **state)
{
    struct fixture *fixture = *state;
    probe(fixture);
    assert_true(json_is_true(json_object_get(told_last(&fixture->world, MESSAGE_GATE_PROBED), "ok")));
    fixture->dns.code = DNS_NXDOMAIN;
    world_advance(&fixture->world, 60001);
    for (int probes = 0; json_is_true(json_object_get(told_last(&fixture->world, MESSAGE_GATE_PROBED), "ok"));
         probes++) {
        assert_true(probes < 20);
        probe(fixture);
    }
    assert_string_equal(
        json_string_value(json_object_get(told_last(&fixture->world, MESSAGE_GATE_PROBED), "error")),
        "nas.lan has no address (NXDOMAIN from resolver 127.0.0.1)");
}

/* Said to the keeper, which shows it as degraded. */
static void test_addresses_of_before_are_told(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    probe(fixture);
    fixture->dns.code = DNS_SERVFAIL;
    world_advance(world, 60001);
    probe(fixture);
    assert_true(json_is_true(json_object_get(told_last(world, MESSAGE_GATE_PROBED), "ok")));
    for (int waits = 0; told_times(world, MESSAGE_GATE_TROUBLE) == 0; waits++) {
        assert_true(waits < WAITS_MOST);
        turn(fixture);
    }
    const json_t *told = told_last(world, MESSAGE_GATE_TROUBLE);
    assert_string_equal(json_string_value(json_object_get(told, "what")), "names");
    assert_non_null(
        strstr(json_string_value(json_object_get(told, "text")), "its addresses of before are used"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_request_finds_its_way),
        TEST(test_a_name_without_an_address_is_503_and_heals),
        TEST(test_a_probe_says_what_is_wrong),
        TEST(test_addresses_of_before_are_told),
    };
    return run_group(tests);
}
