/* Calls over TLS: a kept connection serves the calls of its own policy alone, and who does not pass hears
 * nothing. */
#include "upstream_world.h"

#include "../../unit/net/tls_peer.h"

struct secured {
    struct bench bench;
    struct identity identity;
    struct tls_policy *policy;
    struct tls_peer peer;
};

static void secured_open(struct secured *secured)
{
    struct tls_policy_settings settings = {.verify = TLS_VERIFY_PIN, .pin_count = 1};
    bench_open(&secured->bench);
    secured->identity = identity_make(&(struct identity_options){.subject = "nas"});
    identity_pin(&secured->identity, settings.pins[0]);
    secured->policy = tls_policy_new(&settings, NULL);
    secured->peer = (struct tls_peer){.fd = -1};
}

static void secured_close(struct secured *secured)
{
    tls_policy_release(&secured->policy);
    bench_close(&secured->bench);
    tls_peer_end(&secured->peer);
    identity_free(&secured->identity);
}

static void ask_securely(struct secured *secured, struct ask *ask, const char *method,
                         struct tls_policy *policy)
{
    static const struct exchange_field fields[] = {{{"Host", 4}, {"x", 1}}};
    const struct upstream_request request = {.method = slice_of_text(method),
                                             .target = SLICE("/p?q"),
                                             .fields = fields,
                                             .field_count = 1,
                                             .tls = policy,
                                             .timeouts = timeouts};
    *ask = (struct ask){.body = BUFFER(RECEIVED_MOST)};
    ask->call = upstream_call(secured->bench.pool, &secured->bench.address, &request, &events, ask);
}

static void turn(struct secured *secured)
{
    for (int i = 0; i < 20; i++) {
        tls_peer_turn(&secured->peer);
        turn_all(secured->bench.loop);
    }
}

/* As turn_until(), with both sides turning: on a busy machine what was sent arrives when it likes. */
static void turn_both_until(struct secured *secured, const bool *done, const bool *or_done)
{
    int64_t end = clock_system.monotonic_us(&clock_system) + PATIENCE_MS * 1000LL;
    while (!*done && !*or_done) {
        turn(secured);
        assert_true(clock_system.monotonic_us(&clock_system) < end);
    }
}

/* A new connection of the pool's; its handshake is over. */
static void meet(struct secured *secured, const struct identity *shown)
{
    int fd = upstream_accept(&secured->bench);
    assert_true(fd >= 0);
    tls_peer_begin(&secured->peer, fd, shown);
    turn_both_until(secured, &secured->peer.open, &secured->peer.failed);
    turn(secured);
}

static void answer_securely(struct secured *secured, struct ask *ask)
{
    int64_t end = clock_system.monotonic_us(&clock_system) + PATIENCE_MS * 1000LL;
    for (turn(secured); secured->peer.got == 0; turn(secured))
        assert_true(clock_system.monotonic_us(&clock_system) < end);
    assert_int_equal(SSL_write(secured->peer.ssl, ANSWER, sizeof ANSWER - 1), sizeof ANSWER - 1);
    turn_both_until(secured, &ask->ended, &ask->failed);
    ask_close(ask);
    turn(secured);
    secured->peer.got = 0;
}

/* Also a POST, which cannot be repeated: a session ticket that lies in the kernel is no sign of an end. */
static void a_connection_is_kept_for_its_policy(void **state)
{
    (void)state;
    static const char *const methods[] = {"POST", "GET", "POST"};
    struct secured secured;
    struct ask ask;
    secured_open(&secured);
    ask_securely(&secured, &ask, "GET", secured.policy);
    meet(&secured, &secured.identity);
    answer_securely(&secured, &ask);
    for (int i = 0; i < 3; i++) {
        ask_securely(&secured, &ask, methods[i], secured.policy);
        assert_int_equal(upstream_accept(&secured.bench), -1);
        answer_securely(&secured, &ask);
    }
    const struct tls_policy_settings anybody = {.verify = TLS_VERIFY_NONE};
    struct tls_policy *other = tls_policy_new(&anybody, NULL);
    struct tls_peer first = secured.peer;
    ask_securely(&secured, &ask, "GET", other);
    meet(&secured, &secured.identity);
    answer_securely(&secured, &ask);
    tls_policy_release(&other); /* the kept connection has a share */
    ask_start(&secured.bench, &ask, "GET", 0, false);
    int clear = upstream_accept(&secured.bench);
    assert_true(clear >= 0); /* in the clear is another one again */
    ask_close(&ask);
    close(clear);
    upstream_pool_forget(secured.bench.pool, &secured.bench.address);
    turn_all(secured.bench.loop);
    tls_peer_turn(&first);
    assert_true(first.ended);
    tls_peer_end(&first);
    secured_close(&secured);
}

static void who_does_not_pass_hears_nothing(void **state)
{
    (void)state;
    struct secured secured;
    struct ask ask;
    secured_open(&secured);
    struct identity other = identity_make(&(struct identity_options){.subject = "other"});
    ask_securely(&secured, &ask, "GET", secured.policy);
    meet(&secured, &other);
    assert_true(ask.failed);
    assert_int_equal(ask.failure, UPSTREAM_DISTRUST);
    assert_int_equal(secured.peer.got, 0);
    ask_close(&ask);
    identity_free(&other);
    secured_close(&secured);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_kept_for_its_policy),
        cmocka_unit_test(who_does_not_pass_hears_nothing),
    };
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    return run_group(tests);
}
