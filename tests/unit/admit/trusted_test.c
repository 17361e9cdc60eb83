#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "admit/trusted.h"

static bool has(const char *network, const char *peer)
{
    const char *networks[] = {network, NULL};
    struct trusted *trusted = trusted_new(networks, NULL);
    struct address address;
    assert_non_null(trusted);
    assert_true(address_parse(slice_of_text(peer), &address, NULL));
    bool found = trusted_has(trusted, &address);
    trusted_free(&trusted);
    return found;
}

static void test_networks(void **state)
{
    (void)state;
    assert_true(has("10.0.0.0/8", "10.9.8.7:1"));
    assert_false(has("10.0.0.0/8", "11.0.0.1:1"));
    assert_true(has("10.0.0.7", "10.0.0.7:1"));
    assert_false(has("10.0.0.7", "10.0.0.6:1"));
    assert_true(has("192.168.4.0/22", "192.168.7.255:1"));
    assert_false(has("192.168.4.0/22", "192.168.8.0:1"));
    assert_true(has("0.0.0.0/0", "1.2.3.4:1"));
    assert_false(has("0.0.0.0/0", "[::1]:1"));
    assert_true(has("fd00::/8", "[fd12::1]:1"));
    assert_false(has("fd00::/8", "[fe80::1]:1"));
    assert_true(has("::1", "[::1]:1"));
    assert_true(has("10.0.0.0/8", "[::ffff:10.0.0.7]:1"));
    assert_false(has("127.0.0.0/8", "unix:/x"));
    assert_true(has("unix", "unix:/x"));
    assert_false(has("unix", "127.0.0.1:1"));
}

static void test_malformed(void **state)
{
    (void)state;
    const char *texts[] = {"",       "10.0.0.0/33", "10.0.0.0/",  "10.0.0.0/-1", "10.0.0", "app.example",
                           "::/129", "/8",          "10.0.0.0/8 "};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *networks[] = {texts[i], NULL};
        struct error error;
        assert_null(trusted_new(networks, &error));
        assert_non_null(strstr(error.text, texts[i]));
    }
}

static bool secure(const char *const *pairs)
{
    struct field storage[8];
    struct fields fields;
    fields_init(&fields, storage, 8);
    for (; *pairs; pairs += 2)
        assert_true(fields_add(&fields, slice_of_text(pairs[0]), slice_of_text(pairs[1])));
    return trusted_says_secure(&fields);
}

#define SECURE(...) secure((const char *const[]){__VA_ARGS__, NULL})

static void test_scheme(void **state)
{
    (void)state;
    assert_true(SECURE("X-Forwarded-Proto", "https"));
    assert_true(SECURE("X-Forwarded-Proto", "HTTPS"));
    assert_true(SECURE("X-Forwarded-Proto", "wss"));
    assert_false(SECURE("X-Forwarded-Proto", "http"));
    assert_false(SECURE("X-Forwarded-Proto", ""));
    assert_true(SECURE("X-Forwarded-Proto", "http, https")); /* the nearest proxy's word is the last */
    assert_false(SECURE("X-Forwarded-Proto", "https, http"));
    assert_false(SECURE("X-Forwarded-Proto", "https", "X-Forwarded-Proto", "http"));
    assert_true(SECURE("Forwarded", "for=1.2.3.4;proto=https;host=x"));
    assert_true(SECURE("Forwarded", "proto=http, for=\"[::1]\"; Proto=\"https\""));
    assert_false(SECURE("Forwarded", "proto=https, proto=http"));
    assert_false(SECURE("Forwarded", "for=proto=https"));
    assert_false(SECURE("X-Forwarded-Proto", "http", "Forwarded", "proto=https"));
    assert_false(SECURE("Host", "x"));
}

/* Of proxies in 10/8 and 127/8; NULL: they do not say. */
static void check_client(const char *name, const char *value, const char *expected)
{
    const char *networks[] = {"10.0.0.0/8", "127.0.0.0/8", NULL};
    struct trusted *trusted = trusted_new(networks, NULL);
    struct field storage[2];
    struct fields fields;
    struct address client;
    char text[ADDRESS_TEXT_SIZE] = "";
    fields_init(&fields, storage, 2);
    fields_add(&fields, slice_of_text(name), slice_of_text(value));
    bool named = trusted_client(trusted, &fields, &client);
    trusted_free(&trusted);
    if (named != (expected != NULL) || (named && strcmp(address_format_host(&client, text), expected) != 0))
        fail_msg("%s: %s -> %s", name, value, text);
}

static void test_client(void **state)
{
    (void)state;
    const char *list = "X-Forwarded-For", *forwarded = "Forwarded";
    check_client(list, "203.0.113.9", "203.0.113.9");
    check_client(list, "203.0.113.9:4711", "203.0.113.9");
    check_client(list, "6.6.6.6, 203.0.113.9, 10.0.0.1",
                 "203.0.113.9"); /* what stands before is the client's own word */
    check_client(list, "10.0.0.2, 10.0.0.1", "10.0.0.2");
    check_client(list, "2001:db8::7", "2001:db8::7");
    check_client(list, "[2001:db8::7]:99, 127.0.0.1", "2001:db8::7");
    check_client(list, "203.0.113.9, unknown", NULL);
    check_client(list, "203.0.113.9, unknown, 10.0.0.1", "10.0.0.1");
    check_client(list, "", NULL);
    check_client(list, "unix:/x", NULL);
    check_client(list, ":, ::, [", NULL);
    check_client(forwarded, "for=203.0.113.9;proto=https", "203.0.113.9");
    check_client(forwarded, "for=6.6.6.6, proto=http; For=\"[2001:db8::7]:1\", for=10.0.0.1", "2001:db8::7");
    check_client(forwarded, "proto=https", NULL);
    check_client("Host", "203.0.113.9", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_scheme),
        cmocka_unit_test(test_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
