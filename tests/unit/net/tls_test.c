/* Who passes under which policy and what is said of the others, and that the stream's calls keep their
 * meaning through TLS. */
#include "tls_peer.h"

#include "base/utf8.h"
#include "net/tls.h"

enum { LARGE = 3 * 1024 * 1024 };

struct world {
    struct loop *loop;
    struct stream *stream;
    struct tls_policy *policy;
    struct tls_peer peer;
    int result; /* of the handshake; 1: not yet */
    int readable;
    int writable;
    size_t got;
    ssize_t end; /* what reading ended with; 1: not yet */
};

static void on_readable(void *owner)
{
    struct world *world = owner;
    static char bytes[65536];
    world->readable++;
    if (world->result == 1) {
        int result = stream_handshake(world->stream);
        if (result != -EAGAIN)
            world->result = result;
        return;
    }
    for (;;) {
        ssize_t count = stream_read(world->stream, bytes, sizeof bytes);
        if (count > 0) {
            world->got += (size_t)count;
            continue;
        }
        if (count != -EAGAIN) {
            world->end = count;
            stream_want_read(world->stream, false);
        }
        return;
    }
}

static void on_writable(void *owner)
{
    ((struct world *)owner)->writable++;
}

static const struct stream_events events = {.on_readable = on_readable, .on_writable = on_writable};

static struct address peer_address(void)
{
    struct address address;
    assert_true(address_parse(SLICE("10.0.0.7:9000"), &address, NULL));
    return address;
}

static void begin(struct world *world, const struct tls_policy_settings *settings,
                  const struct identity *identity)
{
    int pair[2];
    struct error error = {0};
    struct address address = peer_address();
    *world = (struct world){.loop = loop_new(&clock_system), .result = 1, .end = 1};
    make_pair(SOCK_STREAM, pair);
    world->policy = tls_policy_new(settings, &error);
    assert_non_null(world->policy);
    tls_peer_begin(&world->peer, pair[1], identity);
    world->stream = stream_new(world->loop, pair[0], &events, world);
    tls_start_client(world->stream, world->policy, &address);
}

static void shake(struct world *world)
{
    int result = stream_handshake(world->stream);
    assert_true(stream_write(world->stream, "secret", 6) < 0); /* not before the check */
    if (result != -EAGAIN)
        world->result = result;
    stream_want_read(world->stream, true);
    for (int turns = 0; world->result == 1 || (world->result == 0 && !world->peer.open); turns++) {
        tls_peer_turn(&world->peer);
        turn_all(world->loop);
        assert_true(turns < 1000);
    }
    tls_peer_turn(&world->peer);
}

static void end(struct world *world)
{
    stream_close(&world->stream);
    tls_policy_release(&world->policy);
    loop_free(&world->loop);
    tls_peer_end(&world->peer);
}

static void expect_pass(const struct tls_policy_settings *settings, const struct identity *identity)
{
    struct world world;
    begin(&world, settings, identity);
    shake(&world);
    assert_int_equal(world.result, 0);
    assert_string_equal(tls_trouble(world.stream), "");
    assert_int_equal(stream_write(world.stream, "secret", 6), 6);
    tls_peer_turn(&world.peer);
    assert_int_equal(world.peer.got, 6);
    end(&world);
}

/* `wanted`: parts of what is said, ended by NULL. */
static void expect_refusal(const struct tls_policy_settings *settings, const struct identity *identity,
                           const char *const *wanted)
{
    struct world world;
    begin(&world, settings, identity);
    shake(&world);
    assert_true(world.result < 0);
    for (; *wanted; wanted++)
        if (!strstr(tls_trouble(world.stream), *wanted))
            fail_msg("\"%s\" is not in \"%s\"", *wanted, tls_trouble(world.stream));
    assert_true(stream_write(world.stream, "secret", 6) < 0);
    stream_close(&world.stream);
    turn_all(world.loop);
    tls_peer_turn(&world.peer);
    assert_int_equal(world.peer.got, 0);
    end(&world);
}

static struct tls_policy_settings pinned(const struct identity *identity)
{
    struct tls_policy_settings settings = {.verify = TLS_VERIFY_PIN, .pin_count = 1};
    identity_pin(identity, settings.pins[0]);
    return settings;
}

static void pin_as_text(const struct identity *identity, char text[TLS_PIN_TEXT_SIZE])
{
    uint8_t pin[32];
    identity_pin(identity, pin);
    int at = snprintf(text, TLS_PIN_TEXT_SIZE, "sha256:");
    for (int i = 0; i < 32; i++)
        at += snprintf(text + at, TLS_PIN_TEXT_SIZE - (size_t)at, "%02x", pin[i]);
}

static void a_self_signed_one_is_refused_with_its_pin(void **state)
{
    (void)state;
    struct identity nas = identity_make(&(struct identity_options){.subject = "nas"});
    char pin[TLS_PIN_TEXT_SIZE], line[128];
    pin_as_text(&nas, pin);
    snprintf(line, sizeof line, "tls: {pin: \"%s\"}", pin);
    const char *const wanted[] = {"10.0.0.7:9000", "self-signed", line, NULL};
    expect_refusal(&(struct tls_policy_settings){.verify = TLS_VERIFY_SYSTEM}, &nas, wanted);
    expect_pass(&(struct tls_policy_settings){.verify = TLS_VERIFY_NONE}, &nas);
    identity_free(&nas);
}

static void a_pin_asks_for_the_key_alone(void **state)
{
    (void)state;
    struct identity old =
        identity_make(&(struct identity_options){.subject = "other name", .from_s = -7200, .until_s = -3600});
    struct identity fresh = identity_make(&(struct identity_options){.subject = "nas"});
    struct tls_policy_settings both = pinned(&old);
    char expected[TLS_PIN_TEXT_SIZE], found[TLS_PIN_TEXT_SIZE];
    expect_pass(&both, &old); /* expired, and for another name */
    pin_as_text(&old, expected);
    pin_as_text(&fresh, found);
    const char *const wanted[] = {"has changed", expected, found, "CN=nas", NULL};
    expect_refusal(&both, &fresh, wanted);
    both.pin_count = 2; /* rotation: old and new at the same time */
    identity_pin(&fresh, both.pins[1]);
    expect_pass(&both, &old);
    expect_pass(&both, &fresh);
    identity_free(&old);
    identity_free(&fresh);
}

/* What is told goes into JSON, and onto terminals. */
static void long_names_are_cut_into_whole_characters(void **state)
{
    (void)state;
    char subject[2 * 40 + 1], controls[] = "\xc2\x9b"
                                           "2J";
    for (size_t i = 0; i < sizeof subject; i++)
        subject[i] = (char)(i % 2 ? 0xa9 : 0xc3);
    subject[sizeof subject - 1] = '\0';
    struct identity old = identity_make(&(struct identity_options){.subject = "nas"});
    const char *const subjects[] = {subject, controls};
    for (size_t i = 0; i < 2; i++) {
        struct identity house = identity_make(&(struct identity_options){.subject = subjects[i]});
        struct identity nas =
            identity_make(&(struct identity_options){.subject = subjects[i], .issuer = &house});
        const struct tls_policy_settings policies[] = {pinned(&old), {.verify = TLS_VERIFY_SYSTEM}};
        for (size_t j = 0; j < 2; j++) {
            struct world world;
            begin(&world, &policies[j], &nas);
            shake(&world);
            const char *trouble = tls_trouble(world.stream);
            assert_non_null(strstr(trouble, "tls: {pin: "));
            assert_true(utf8_valid(slice_of_text(trouble)));
            assert_null(strstr(trouble, "\xc2\x9b"));
            end(&world);
        }
        identity_free(&nas);
        identity_free(&house);
    }
    identity_free(&old);
}

static void a_certificates_fingerprint_is_told_from_a_pin(void **state)
{
    (void)state;
    struct identity nas = identity_make(&(struct identity_options){.subject = "nas"});
    struct tls_policy_settings settings = {.verify = TLS_VERIFY_PIN, .pin_count = 1};
    char pin[TLS_PIN_TEXT_SIZE];
    unsigned int size;
    assert_int_equal(X509_digest(nas.certificate, EVP_sha256(), settings.pins[0], &size), 1);
    pin_as_text(&nas, pin);
    const char *const wanted[] = {"not of its key", pin, NULL};
    expect_refusal(&settings, &nas, wanted);
    identity_free(&nas);
}

/* One authority, and certificates of it for every case. */
static void an_authority_vouches_for_names_and_dates(void **state)
{
    (void)state;
    struct identity house =
        identity_make(&(struct identity_options){.subject = "the house", .authority = true});
    struct identity named = identity_make(
        &(struct identity_options){.subject = "nas", .names = "DNS:nas.lan,DNS:box.lan", .issuer = &house});
    struct identity addressed =
        identity_make(&(struct identity_options){.subject = "nas", .names = "IP:10.0.0.7", .issuer = &house});
    struct identity expired = identity_make(&(struct identity_options){
        .subject = "nas", .names = "DNS:nas.lan", .issuer = &house, .from_s = -7200, .until_s = -3600});
    struct identity early = identity_make(&(struct identity_options){
        .subject = "nas", .names = "DNS:nas.lan", .issuer = &house, .from_s = 360000, .until_s = 720000});
    struct identity stranger =
        identity_make(&(struct identity_options){.subject = "nas.lan", .names = "DNS:nas.lan"});
    char *pem = identity_pem(&house), *own = identity_pem(&stranger);
    const struct tls_policy_settings by_name = {
        .verify = TLS_VERIFY_CA, .ca = slice_of_text(pem), .name = "nas.lan"};
    const struct tls_policy_settings by_address = {.verify = TLS_VERIFY_CA, .ca = slice_of_text(pem)};
    const struct tls_policy_settings itself = {
        .verify = TLS_VERIFY_CA, .ca = slice_of_text(own), .name = "nas.lan"};
    expect_pass(&by_name, &named);
    expect_pass(&by_address, &addressed);
    expect_pass(&itself, &stranger); /* a self-signed one as its own authority */
    expect_refusal(&by_name, &addressed, (const char *const[]){"is for 10.0.0.7, not for nas.lan", NULL});
    expect_refusal(&by_address, &named,
                   (const char *const[]){"is for nas.lan, box.lan, not for this address", NULL});
    expect_refusal(&by_name, &expired, (const char *const[]){"has expired on 20", NULL});
    expect_refusal(&by_name, &early, (const char *const[]){"is not valid before 20", NULL});
    expect_refusal(
        &by_name, &stranger,
        (const char *const[]){"is self-signed, expected one that \"CN=the house\" vouches for. If", NULL});
    expect_refusal(&itself, &named,
                   (const char *const[]){"by \"CN=the house\", expected \"CN=nas.lan\". If", NULL});
    free(pem);
    free(own);
    identity_free(&house);
    identity_free(&named);
    identity_free(&addressed);
    identity_free(&expired);
    identity_free(&early);
    identity_free(&stranger);
}

/* One connection under a policy that others share. */
static void expect_next(struct tls_policy *policy, const struct identity *identity, const char *const *wanted)
{
    struct world world = {.loop = loop_new(&clock_system), .result = 1, .end = 1};
    struct address address = peer_address();
    int pair[2];
    make_pair(SOCK_STREAM, pair);
    world.policy = tls_policy_share(policy);
    tls_peer_begin(&world.peer, pair[1], identity);
    world.stream = stream_new(world.loop, pair[0], &events, &world);
    tls_start_client(world.stream, world.policy, &address);
    shake(&world);
    assert_int_equal(world.result == 0, wanted == NULL);
    for (; wanted && *wanted; wanted++)
        if (!strstr(tls_trouble(world.stream), *wanted))
            fail_msg("\"%s\" is not in \"%s\"", *wanted, tls_trouble(world.stream));
    end(&world);
}

/* Without a pin there is nothing to expect but what was there before. */
static void a_change_is_told_with_both_fingerprints(void **state)
{
    (void)state;
    struct identity house =
        identity_make(&(struct identity_options){.subject = "the house", .authority = true});
    struct identity forger =
        identity_make(&(struct identity_options){.subject = "the house", .authority = true});
    struct identity nas =
        identity_make(&(struct identity_options){.subject = "nas", .names = "DNS:nas.lan", .issuer = &house});
    struct identity other =
        identity_make(&(struct identity_options){.subject = "nas", .names = "DNS:box.lan", .issuer = &house});
    struct identity forged = identity_make(
        &(struct identity_options){.subject = "nas", .names = "DNS:nas.lan", .issuer = &forger});
    char *pem = identity_pem(&house);
    const struct tls_policy_settings settings = {
        .verify = TLS_VERIFY_CA, .ca = slice_of_text(pem), .name = "nas.lan"};
    struct error error = {0};
    struct tls_policy *policy = tls_policy_new(&settings, &error);
    char before[2 * TLS_PIN_TEXT_SIZE], pin[TLS_PIN_TEXT_SIZE], now[2 * TLS_PIN_TEXT_SIZE];
    pin_as_text(&nas, pin);
    snprintf(before, sizeof before, "It has changed: before it had the key %s", pin);
    pin_as_text(&other, pin);
    snprintf(now, sizeof now, ", now %s. If", pin);
    expect_next(policy, &other, (const char *const[]){"is for box.lan, not for nas.lan. If", NULL});
    expect_next(policy, &nas, NULL);
    expect_next(policy, &other, (const char *const[]){"not for nas.lan. It", before, now, NULL});
    pin_as_text(&forged, pin);
    snprintf(now, sizeof now, ", now %s. If", pin);
    expect_next(
        policy, &forged,
        (const char *const[]){"names \"CN=the house\" as who vouches for it, but that of tls.ca has not "
                              "signed it",
                              before, now, NULL});
    expect_next(policy, &nas, NULL);
    tls_policy_release(&policy);
    free(pem);
    identity_free(&house);
    identity_free(&forger);
    identity_free(&nas);
    identity_free(&other);
    identity_free(&forged);
}

static void a_file_without_certificates_is_refused(void **state)
{
    (void)state;
    struct error error = {0};
    struct tls_policy_settings settings = {.verify = TLS_VERIFY_CA, .ca = SLICE("nothing of the kind\n")};
    assert_null(tls_policy_new(&settings, &error));
    assert_non_null(strstr(error.text, "no certificate in it"));
    settings.ca = SLICE("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_null(tls_policy_new(&settings, &error));
    assert_non_null(strstr(error.text, "damaged"));
}

static void what_is_no_tls_is_said(void **state)
{
    (void)state;
    struct identity nas = identity_make(&(struct identity_options){.subject = "nas"});
    struct tls_policy_settings settings = pinned(&nas);
    struct world world;
    begin(&world, &settings, &nas);
    const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    assert_int_equal(write(world.peer.fd, answer, strlen(answer)), (ssize_t)strlen(answer));
    world.peer.failed = true; /* it is a web server */
    shake(&world);
    assert_non_null(strstr(tls_trouble(world.stream), "does not speak TLS"));
    end(&world);
    begin(&world, &settings, &nas);
    SSL_set_min_proto_version(world.peer.ssl, TLS1_VERSION);
    SSL_set_max_proto_version(world.peer.ssl, TLS1_1_VERSION);
    SSL_set_security_level(world.peer.ssl, 0);
    shake(&world);
    assert_non_null(strstr(tls_trouble(world.stream), "offers neither TLS 1.2 nor 1.3"));
    end(&world);
    begin(&world, &settings, &nas);
    shutdown(world.peer.fd, SHUT_RDWR);
    assert_true(stream_handshake(world.stream) < 0);
    end(&world);
    identity_free(&nas);
}

static void turn_both(struct world *world)
{
    tls_peer_turn(&world->peer);
    turn_all(world->loop);
}

/* Every byte arrives, however little the kernel takes at a time, and the end after them. */
static void large_bodies_pass_with_back_pressure(void **state)
{
    (void)state;
    static char bytes[LARGE];
    struct identity nas = identity_make(&(struct identity_options){.subject = "nas"});
    struct tls_policy_settings settings = pinned(&nas);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct world world;
        begin(&world, &settings, &nas);
        SSL_set_max_proto_version(world.peer.ssl, version);
        shake(&world);
        size_t sent = 0;
        int blocked = 0;
        while (sent < LARGE) {
            ssize_t count = stream_write(world.stream, bytes + sent, LARGE - sent);
            assert_true(count > 0 || count == -EAGAIN);
            sent += count > 0 ? (size_t)count : 0;
            int before = world.writable;
            stream_want_write(world.stream, true);
            for (int turns = 0; sent < LARGE && world.writable == before; turns++, blocked++) {
                turn_both(&world);
                assert_true(turns < 10000);
            }
        }
        assert_true(blocked > 0);
        assert_int_equal(stream_end(world.stream), 0);
        for (int turns = 0; !world.peer.ended; turns++) {
            turn_both(&world);
            assert_true(turns < 10000);
        }
        assert_int_equal(world.peer.got, LARGE);
        for (sent = 0; sent < LARGE;) { /* and back: the client's half is closed */
            int count = SSL_write(world.peer.ssl, bytes, LARGE - (int)sent);
            sent += count > 0 ? (size_t)count : 0;
            turn_all(world.loop);
        }
        SSL_shutdown(world.peer.ssl);
        turn_all(world.loop);
        assert_int_equal(world.got, LARGE);
        assert_int_equal(world.end, 0);
        end(&world);
    }
    identity_free(&nas);
}

/* A cut by somebody in between looks like the peer's end, but for close_notify. */
static void a_cut_is_no_end(void **state)
{
    (void)state;
    struct identity nas = identity_make(&(struct identity_options){.subject = "nas"});
    struct tls_policy_settings settings = pinned(&nas);
    struct world world;
    begin(&world, &settings, &nas);
    shake(&world);
    assert_int_equal(SSL_write(world.peer.ssl, "half", 4), 4);
    shutdown(world.peer.fd, SHUT_WR);
    turn_all(world.loop);
    assert_int_equal(world.got, 4);
    assert_int_equal(world.end, -ECONNRESET);
    end(&world);
    identity_free(&nas);
}

/* Several records arrive at once, the reader takes one byte at a time: no event is left to wait for. */
static void what_is_inside_is_read_without_events(void **state)
{
    (void)state;
    struct identity nas = identity_make(&(struct identity_options){.subject = "nas"});
    struct tls_policy_settings settings = pinned(&nas);
    struct world world;
    char byte;
    begin(&world, &settings, &nas);
    shake(&world);
    stream_want_read(world.stream, false);
    turn_all(world.loop);
    stream_is_quiet(world.stream); /* tickets are read by now */
    assert_true(stream_is_quiet(world.stream));
    assert_int_equal(SSL_write(world.peer.ssl, "abc", 3), 3);
    assert_int_equal(SSL_write(world.peer.ssl, "def", 3), 3);
    assert_false(stream_is_quiet(world.stream));
    turn_all(world.loop);
    assert_int_equal(stream_read(world.stream, &byte, 1), 1);
    stream_want_read(world.stream, true);
    turn_all(world.loop);
    assert_int_equal(world.got, 5);
    assert_true(stream_is_quiet(world.stream));
    end(&world);
    identity_free(&nas);
}

/* Each asks for an answer; a peer that reads none does not make us keep them all. */
static void endless_key_updates_end_the_connection(void **state)
{
    (void)state;
    struct identity nas = identity_make(&(struct identity_options){.subject = "nas"});
    struct tls_policy_settings settings = pinned(&nas);
    struct world world;
    begin(&world, &settings, &nas);
    shake(&world);
    for (int i = 0; i < 100000 && world.end == 1; i++) {
        SSL_key_update(world.peer.ssl, SSL_KEY_UPDATE_REQUESTED);
        ERR_clear_error();
        SSL_do_handshake(world.peer.ssl);
        turn_all(world.loop);
    }
    assert_true(world.end < 0);
    ERR_clear_error();
    end(&world);
    identity_free(&nas);
}

static void a_certificate_is_described(void **state)
{
    (void)state;
    struct identity house = identity_make(&(struct identity_options){.subject = "the\x1b[31m house"});
    struct identity nas = identity_make(&(struct identity_options){
        .subject = "n\xc3\xa4s", .names = "DNS:nas.lan,IP:10.0.0.7,IP:fe80::1", .issuer = &house});
    struct tls_policy_settings settings = pinned(&nas);
    struct tls_certificate found;
    char pin[TLS_PIN_TEXT_SIZE];
    struct world world;
    begin(&world, &settings, &nas);
    assert_false(tls_certificate(world.stream, &found));
    shake(&world);
    assert_true(tls_certificate(world.stream, &found));
    pin_as_text(&nas, pin);
    assert_string_equal(found.pin, pin);
    assert_string_not_equal(found.fingerprint, pin);
    assert_string_equal(found.subject, "CN=n\xc3\xa4s");
    assert_null(strchr(found.issuer, '\x1b'));
    assert_string_equal(found.names, "nas.lan, 10.0.0.7, fe80::1");
    assert_int_equal(strlen(found.until), 10);
    end(&world);
    identity_free(&nas);
    identity_free(&house);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_self_signed_one_is_refused_with_its_pin),
        cmocka_unit_test(a_pin_asks_for_the_key_alone),
        cmocka_unit_test(long_names_are_cut_into_whole_characters),
        cmocka_unit_test(a_certificates_fingerprint_is_told_from_a_pin),
        cmocka_unit_test(an_authority_vouches_for_names_and_dates),
        cmocka_unit_test(a_change_is_told_with_both_fingerprints),
        cmocka_unit_test(a_file_without_certificates_is_refused),
        cmocka_unit_test(what_is_no_tls_is_said),
        cmocka_unit_test(large_bodies_pass_with_back_pressure),
        cmocka_unit_test(a_cut_is_no_end),
        cmocka_unit_test(what_is_inside_is_read_without_events),
        cmocka_unit_test(endless_key_updates_end_the_connection),
        cmocka_unit_test(a_certificate_is_described),
    };
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    return run_group(tests);
}
