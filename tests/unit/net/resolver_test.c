/* One question for many, kept for its time, and what becomes of an answer that cannot be had again. */
#include "dns_peer.h"

#include <poll.h>

#include "net/resolver.h"

enum { WAITS_MOST = 3000, WAIT_MS = 10, MANY = 50 };

struct asker {
    struct resolver_query query;
    int told;
    size_t count;
    struct address first;
    char trouble[512];
};

struct world {
    struct fake_clock clock;
    struct loop *loop;
    struct dns_peer dns;
    struct resolver *resolver;
    char trouble[512];
    int troubles;
};

static void on_answer(struct resolver_query *query, const struct resolver_answer *answer)
{
    struct asker *asker = LIST_ENTRY(query, struct asker, query);
    asker->told++;
    asker->count = answer->count;
    if (answer->count)
        asker->first = answer->addresses[0];
    snprintf(asker->trouble, sizeof asker->trouble, "%s", answer->trouble ? answer->trouble : "");
}

static void on_trouble(void *owner, const char *text)
{
    struct world *world = owner;
    world->troubles++;
    snprintf(world->trouble, sizeof world->trouble, "%s", text ? text : "");
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    world->clock = (struct fake_clock)FAKE_CLOCK(1000000);
    world->loop = loop_new(&world->clock.clock);
    world->dns = dns_peer_make("nas.lan");
    world->dns.v4[0] = INADDR_LOOPBACK;
    world->dns.count = 1;
    world->resolver = resolver_new(&(struct resolver_settings){
        .loop = world->loop, .servers = world->dns.servers, .on_trouble = on_trouble, .owner = world});
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    resolver_free(&world->resolver);
    loop_free(&world->loop);
    close(world->dns.fd);
    free(world);
    return 0;
}

static void ask_for(struct world *world, struct asker *asker, const char *text)
{
    struct address address;
    assert_true(address_parse_upstream(slice_of_text(text), &address, NULL));
    asker->query.on_answer = on_answer;
    resolver_ask(world->resolver, &asker->query, &address);
}

/* One turn of everybody. */
static void turn(struct world *world)
{
    struct pollfd arrival = {.fd = world->dns.fd, .events = POLLIN};
    poll(&arrival, 1, WAIT_MS);
    dns_turn(&world->dns);
    turn_all(world->loop);
    world->clock.now_us += 1000; /* so that its timers, which are of real time, come too */
}

static void wait_for(struct world *world, const struct asker *asker, int told)
{
    for (int waits = 0; asker->told < told; waits++) {
        assert_true(waits < WAITS_MOST);
        turn(world);
    }
}

static void advance(struct world *world, int64_t ms)
{
    world->clock.now_us += ms * 1000;
    turn_all(world->loop);
}

static void one_question_for_all_who_ask(void **state)
{
    struct world *world = *state;
    static struct asker askers[MANY];
    memset(askers, 0, sizeof askers);
    for (int i = 0; i < MANY; i++)
        ask_for(world, &askers[i], i % 2 ? "nas.lan:80" : "NAS.lan:443");
    assert_int_equal(askers[0].told, 0); /* never from inside the call */
    for (int i = 0; i < MANY; i++) {
        wait_for(world, &askers[i], 1);
        assert_int_equal(askers[i].count, 1);
        assert_int_equal(ntohl(askers[i].first.v4.sin_addr.s_addr), INADDR_LOOPBACK);
    }
    assert_int_equal(world->dns.asked, 1);
    ask_for(world, &askers[0], "nas.lan:80");
    assert_int_equal(askers[0].told, 1);
    turn_all(world->loop);
    assert_int_equal(askers[0].told, 2);
    assert_int_equal(world->dns.asked, 1);
    assert_int_equal(world->troubles, 0);
}

static void an_answer_is_kept_for_its_time(void **state)
{
    struct world *world = *state;
    static const struct {
        uint32_t ttl;
        int64_t kept_s;
    } times[] = {{60, 60}, {0, RESOLVER_LEAST_S}, {1000000, RESOLVER_MOST_S}};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct asker asker = {0};
        world->dns.ttl = times[i].ttl;
        world->dns.asked = 0;
        advance(world, (RESOLVER_MOST_S + 1) * 1000);
        ask_for(world, &asker, "nas.lan:80");
        for (int waits = 0; !world->dns.asked; waits++) { /* else the patience for old ones is over */
            assert_true(waits < WAITS_MOST);
            turn(world);
        }
        wait_for(world, &asker, 1);
        for (int waits = 0; waits < 20; waits++)
            turn(world);
        advance(world, times[i].kept_s * 1000 / 2);
        ask_for(world, &asker, "nas.lan:80");
        for (int waits = 0; waits < 20; waits++)
            turn(world);
        assert_int_equal(world->dns.asked, 1);
        advance(world, times[i].kept_s * 1000 / 2 + 1);
        ask_for(world, &asker, "nas.lan:80");
        wait_for(world, &asker, 3);
        for (int waits = 0; world->dns.asked < 2; waits++) {
            assert_true(waits < WAITS_MOST);
            turn(world);
        }
    }
}

static void no_address_is_an_answer(void **state)
{
    struct world *world = *state;
    struct asker asker = {0};
    ask_for(world, &asker, "nas.lan:80");
    wait_for(world, &asker, 1);
    assert_int_equal(asker.count, 1);
    world->dns.code = DNS_NXDOMAIN;
    advance(world, 60001);
    ask_for(world, &asker, "nas.lan:80");
    wait_for(world, &asker, 2);
    for (int asked = 0; asker.count; asked++) { /* the patience was shorter than the way of the answer */
        assert_true(asked < 100);
        ask_for(world, &asker, "nas.lan:80");
        wait_for(world, &asker, asker.told + 1);
    }
    assert_string_equal(asker.trouble, "nas.lan has no address (NXDOMAIN from resolver 127.0.0.1)");
    assert_int_equal(world->troubles, 0);
    world->dns.code = DNS_OK;
    advance(world, RESOLVER_NONE_MS + 1);
    ask_for(world, &asker, "nas.lan:80");
    wait_for(world, &asker, asker.told + 1);
    assert_int_equal(asker.count, 1);
    world->dns.count = 0;
    advance(world, 60001);
    asker.count = 1;
    for (int asked = 0; asker.count; asked++) {
        assert_true(asked < 100);
        ask_for(world, &asker, "nas.lan:80");
        wait_for(world, &asker, asker.told + 1);
    }
    assert_string_equal(asker.trouble, "nas.lan has no address (neither A nor AAAA from resolver 127.0.0.1)");
}

static void the_last_good_answer_is_used_and_said_so(void **state)
{
    struct world *world = *state;
    struct asker asker = {0};
    ask_for(world, &asker, "nas.lan:80");
    wait_for(world, &asker, 1);
    world->dns.code = DNS_SERVFAIL;
    advance(world, 60001);
    ask_for(world, &asker, "nas.lan:80");
    wait_for(world, &asker, 2);
    assert_int_equal(asker.count, 1);
    for (int waits = 0; world->troubles == 0; waits++) {
        assert_true(waits < WAITS_MOST);
        turn(world);
    }
    assert_string_equal(world->trouble,
                        "nas.lan could not be looked up (no usable answer from resolver 127.0.0.1): its "
                        "addresses of before are used");
    world->dns.code = DNS_OK;
    world->dns.v4[0] = INADDR_LOOPBACK + 1;
    advance(world, RESOLVER_RETRY_MS); /* nobody has to ask */
    for (int waits = 0; world->troubles == 1; waits++) {
        assert_true(waits < WAITS_MOST);
        turn(world);
    }
    assert_string_equal(world->trouble, "");
    ask_for(world, &asker, "nas.lan:80");
    wait_for(world, &asker, 3);
    assert_int_equal(ntohl(asker.first.v4.sin_addr.s_addr), INADDR_LOOPBACK + 1);
}

static void who_has_an_address_does_not_wait_for_a_silent_server(void **state)
{
    struct world *world = *state;
    struct asker asker = {0};
    ask_for(world, &asker, "nas.lan:80");
    wait_for(world, &asker, 1);
    world->dns.mute = true;
    advance(world, 60001);
    ask_for(world, &asker, "nas.lan:80");
    advance(world, RESOLVER_PATIENCE_MS - 1);
    assert_int_equal(asker.told, 1);
    advance(world, 1);
    assert_int_equal(asker.told, 2);
    assert_int_equal(asker.count, 1);
}

static void who_leaves_is_not_told(void **state)
{
    struct world *world = *state;
    struct asker stays = {0}, leaves = {0};
    ask_for(world, &stays, "nas.lan:80");
    ask_for(world, &leaves, "nas.lan:80");
    resolver_leave(&leaves.query);
    resolver_leave(&leaves.query);
    wait_for(world, &stays, 1);
    assert_int_equal(leaves.told, 0);
}

static void there_is_room_for_so_many_names(void **state)
{
    struct world *world = *state;
    static struct asker askers[RESOLVER_NAMES_MOST + 1];
    memset(askers, 0, sizeof askers);
    world->dns.mute = true;
    for (int i = 0; i <= RESOLVER_NAMES_MOST; i++) {
        char text[64];
        snprintf(text, sizeof text, "nas%d.lan:80", i);
        ask_for(world, &askers[i], text);
    }
    turn_all(world->loop);
    assert_string_equal(askers[RESOLVER_NAMES_MOST].trouble, "too many names are being looked up");
    assert_int_equal(askers[0].told, 0);
    for (int i = 0; i < RESOLVER_NAMES_MOST; i++)
        resolver_leave(&askers[i].query);
}

/* RFC 6761 section 6.3. */
static void localhost_stays_here(void **state)
{
    struct world *world = *state;
    struct asker asker = {0};
    world->dns.host = "box.localhost";
    ask_for(world, &asker, "box.localhost:80");
    wait_for(world, &asker, 1);
    assert_true(asker.count > 0);
    assert_true(address_is_local(&asker.first));
    assert_int_equal(world->dns.asked, 0);
    ask_for(world, &asker, "notlocalhost:80");
    wait_for(world, &asker, 2);
    assert_int_equal(asker.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_question_for_all_who_ask),
        TEST(an_answer_is_kept_for_its_time),
        TEST(no_address_is_an_answer),
        TEST(the_last_good_answer_is_used_and_said_so),
        TEST(who_has_an_address_does_not_wait_for_a_silent_server),
        TEST(who_leaves_is_not_told),
        TEST(there_is_room_for_so_many_names),
        TEST(localhost_stays_here),
    };
    return run_group(tests);
}
