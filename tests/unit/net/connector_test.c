/* Connections with and without TLS: what comes up is a stream that may be used, or the reason why there is
 * none. */
#include "dns_peer.h"
#include "tls_peer.h"

#include "net/connector.h"
#include "net/listener.h"

struct connected {
    struct stream *stream;
    int error;
    char trouble[1024];
    int calls;
    bool done;
    bool distrusted;
};

static void on_done(void *owner, const struct connector_result *result)
{
    struct connected *connected = owner;
    connected->stream = result->stream;
    connected->error = result->error;
    snprintf(connected->trouble, sizeof connected->trouble, "%s", result->trouble ? result->trouble : "-");
    connected->distrusted = result->distrusted;
    connected->calls++;
    connected->done = true;
}

struct world {
    struct loop *loop;
    struct address address;
    int listener;
    struct identity identity;
    struct tls_policy *policy;
    struct connected connected;
    struct tls_peer peer;
};

static void begin_at(struct world *world, const struct clock *clock)
{
    *world = (struct world){.loop = loop_new(clock), .peer.fd = -1};
    assert_true(address_parse(SLICE("127.0.0.1:0"), &world->address, NULL));
    world->listener = listener_bind(&world->address);
    assert_true(world->listener >= 0);
    assert_int_equal(address_of_socket(world->listener, &world->address), 0);
    world->identity = identity_make(&(struct identity_options){.subject = "nas"});
    struct tls_policy_settings settings = {.verify = TLS_VERIFY_PIN, .pin_count = 1};
    identity_pin(&world->identity, settings.pins[0]);
    world->policy = tls_policy_new(&settings, NULL);
}

static void begin(struct world *world)
{
    begin_at(world, &clock_system);
}

static struct connector *start(struct world *world, bool tls, int64_t timeout_ms)
{
    const struct connector_settings settings = {
        .address = world->address, .policy = tls ? world->policy : NULL, .timeout_ms = timeout_ms};
    return connector_start(world->loop, &settings, on_done, &world->connected);
}

static int take(struct world *world)
{
    int fd = -1;
    while (fd < 0) {
        loop_step(world->loop, 10);
        fd = accept4(world->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    }
    return fd;
}

static void shake(struct world *world, const struct identity *shown)
{
    tls_peer_begin(&world->peer, take(world), shown);
    for (int turns = 0; !world->connected.done; turns++) {
        tls_peer_turn(&world->peer);
        loop_step(world->loop, 10);
        assert_true(turns < 2000);
    }
    tls_peer_turn(&world->peer);
}

static void end(struct world *world)
{
    stream_close(&world->connected.stream);
    tls_policy_release(&world->policy);
    loop_free(&world->loop);
    tls_peer_end(&world->peer);
    identity_free(&world->identity);
    close(world->listener);
}

static void in_the_clear_a_stream_comes_up(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    assert_non_null(start(&world, false, 5000));
    assert_int_equal(world.connected.calls, 0);
    turn_until(world.loop, &world.connected.done);
    assert_true(stream_is_direct(world.connected.stream));
    end(&world);
}

static void a_refusal_has_no_words_of_tls(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    close(world.listener);
    world.listener = -1;
    start(&world, true, 5000);
    turn_until(world.loop, &world.connected.done);
    assert_null(world.connected.stream);
    assert_int_equal(world.connected.error, -ECONNREFUSED);
    assert_string_equal(world.connected.trouble, "-");
    end(&world);
}

static void tls_comes_up_when_the_check_has_passed(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    start(&world, true, 20000);
    shake(&world, &world.identity);
    assert_non_null(world.connected.stream);
    assert_false(stream_is_direct(world.connected.stream));
    assert_int_equal(stream_write(world.connected.stream, "hello", 5), 5);
    tls_peer_turn(&world.peer);
    assert_int_equal(world.peer.got, 5);
    end(&world);
}

static void another_peer_is_told_in_words(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    struct identity other = identity_make(&(struct identity_options){.subject = "other"});
    start(&world, true, 20000);
    shake(&world, &other);
    assert_null(world.connected.stream);
    assert_non_null(strstr(world.connected.trouble, "has changed: expected sha256:"));
    assert_int_equal(world.peer.got, 0);
    identity_free(&other);
    end(&world);
}

/* The limit is for connecting and shaking hands together. */
static void a_silent_peer_is_waited_for_in_limits(void **state)
{
    (void)state;
    struct world world;
    struct fake_clock clock = FAKE_CLOCK(1000); /* a slow machine must not be late for the handshake */
    begin_at(&world, &clock.clock);
    start(&world, true, 100);
    int peer = take(&world);
    turn_all(world.loop);
    assert_false(world.connected.done);
    clock.now_us += 100 * 1000;
    turn_until(world.loop, &world.connected.done);
    assert_int_equal(world.connected.error, -ETIMEDOUT);
    assert_non_null(strstr(world.connected.trouble, "did not finish the TLS handshake within 100 ms"));
    close(peer);
    end(&world);
}

static void cancelling_leaves_nothing(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    struct connector *early = start(&world, true, 20000), *late = start(&world, true, 20000);
    connector_cancel(&early);
    assert_null(early);
    int first = take(&world), second = take(&world);
    turn_all(world.loop);
    connector_cancel(&late);
    connector_cancel(&late);
    turn_all(world.loop);
    assert_int_equal(world.connected.calls, 0);
    close(first), close(second);
    end(&world);
}

/* --- names -----------------------------------------------------------------------------------------------
 */

struct named {
    struct world world;
    struct dns_peer dns;
    struct resolver *resolver;
};

/* nas.lan has an address where nobody listens, and then the listener's. */
static void begin_named(struct named *named)
{
    begin(&named->world);
    named->dns = dns_peer_make("nas.lan");
    named->dns.v4[0] = INADDR_LOOPBACK + 1;
    named->dns.v4[1] = INADDR_LOOPBACK;
    named->dns.count = 2;
    named->resolver =
        resolver_new(&(struct resolver_settings){.loop = named->world.loop, .servers = named->dns.servers});
}

static void connect_by_name(struct named *named, struct tls_policy *policy, int64_t timeout_ms)
{
    struct world *world = &named->world;
    struct connector_settings settings = {
        .resolver = named->resolver, .policy = policy, .timeout_ms = timeout_ms};
    char text[64];
    snprintf(text, sizeof text, "nas.lan:%u", address_port(&world->address));
    assert_true(address_parse_upstream(slice_of_text(text), &settings.address, NULL));
    connector_start(world->loop, &settings, on_done, &world->connected);
}

static void wait_named(struct named *named)
{
    struct world *world = &named->world;
    for (int turns = 0; !world->connected.done; turns++) {
        dns_turn(&named->dns);
        if (world->peer.fd >= 0)
            tls_peer_turn(&world->peer);
        loop_step(world->loop, 10);
        assert_true(turns < 4000);
    }
}

static void end_named(struct named *named)
{
    stream_close(&named->world.connected.stream);
    resolver_free(&named->resolver);
    close(named->dns.fd);
    end(&named->world);
}

static void the_addresses_of_a_name_are_tried_in_turn(void **state)
{
    (void)state;
    struct named named;
    begin_named(&named);
    connect_by_name(&named, NULL, 20000);
    wait_named(&named);
    assert_non_null(named.world.connected.stream);
    end_named(&named);
}

static void a_name_without_addresses_is_told_in_words(void **state)
{
    (void)state;
    struct named named;
    begin_named(&named);
    named.dns.code = DNS_NXDOMAIN;
    connect_by_name(&named, named.world.policy, 20000);
    wait_named(&named);
    assert_int_equal(named.world.connected.error, -EHOSTUNREACH);
    assert_string_equal(named.world.connected.trouble,
                        "nas.lan has no address (NXDOMAIN from resolver 127.0.0.1)");
    assert_false(named.world.connected.distrusted);
    end_named(&named);
}

static void looking_up_is_under_the_limit(void **state)
{
    (void)state;
    struct named named;
    begin_named(&named);
    named.dns.mute = true;
    connect_by_name(&named, NULL, 100);
    wait_named(&named);
    assert_string_equal(named.world.connected.trouble,
                        "nas.lan was not looked up within 100 ms (resolver 127.0.0.1)");
    assert_false(named.world.connected.distrusted);
    end_named(&named);
}

/* The name that is connected to is the one that a certificate has to be for. */
static void a_certificate_is_checked_for_the_name(void **state)
{
    (void)state;
    static const char *const names[] = {"DNS:nas.lan", "DNS:else.lan"};
    for (size_t i = 0; i < 2; i++) {
        struct named named;
        begin_named(&named);
        struct identity shown =
            identity_make(&(struct identity_options){.subject = "nas", .names = names[i]});
        char *pem = identity_pem(&shown);
        struct tls_policy_settings settings = {.verify = TLS_VERIFY_CA, .ca = slice_of_text(pem)};
        struct tls_policy *policy = tls_policy_new(&settings, NULL);
        connect_by_name(&named, policy, 20000);
        int fd = -1;
        for (int turns = 0; fd < 0; turns++) {
            dns_turn(&named.dns);
            loop_step(named.world.loop, 10);
            fd = accept4(named.world.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
            assert_true(turns < 4000);
        }
        tls_peer_begin(&named.world.peer, fd, &shown);
        wait_named(&named);
        assert_int_equal(named.world.connected.stream != NULL, i == 0);
        assert_int_equal(named.world.connected.distrusted, i == 1);
        if (i == 1)
            assert_non_null(strstr(named.world.connected.trouble, "the certificate of nas.lan:"));
        tls_policy_release(&policy);
        free(pem);
        identity_free(&shown);
        end_named(&named);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_the_clear_a_stream_comes_up),
        cmocka_unit_test(a_refusal_has_no_words_of_tls),
        cmocka_unit_test(tls_comes_up_when_the_check_has_passed),
        cmocka_unit_test(another_peer_is_told_in_words),
        cmocka_unit_test(a_silent_peer_is_waited_for_in_limits),
        cmocka_unit_test(cancelling_leaves_nothing),
        cmocka_unit_test(the_addresses_of_a_name_are_tried_in_turn),
        cmocka_unit_test(a_name_without_addresses_is_told_in_words),
        cmocka_unit_test(looking_up_is_under_the_limit),
        cmocka_unit_test(a_certificate_is_checked_for_the_name),
    };
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    return run_group(tests);
}
