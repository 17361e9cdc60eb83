/* Signing in and out: pages, the keeper's answers, the helper that alone gets the password. */
#include "base/memory.h"
#include "wire/session.h"

#include "world.h"

#define KEY "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA"

static const char admission[] = "{'method': 'password', 'keys': [{'id': 1, 'key': '" KEY "'}], 'tokens': [],"
                                " 'revoked': [], 'cookie': 'reeve-test', 'session': {'idle_ms': 0}}";

struct fixture {
    struct world world;
    struct peer client;
    int helper; /* our end, as the helper; -1: none given yet */
};

static int set_up(void **state)
{
    struct fixture *fixture = MEMORY_NEW(struct fixture);
    world_open(&fixture->world, -1);
    world_send_admission(&fixture->world, world_json(admission));
    world_serve(&fixture->world, "[{'place': 'r:1:1', 'path': '/*', 'kind': 'files', 'root': 'files:0',"
                                 "  'allow': ['signed-in']}]");
    fixture->client = peer_of(-1);
    fixture->helper = -1;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    peer_close(&fixture->client);
    if (fixture->helper >= 0)
        close(fixture->helper);
    world_close(&fixture->world);
    free(fixture);
    return 0;
}

static void post(struct fixture *fixture, const char *path, const char *more, const char *form)
{
    char *request =
        memory_format("POST %s HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
                      "Content-Type: application/x-www-form-urlencoded\r\n%sContent-Length: %zu\r\n\r\n%s",
                      path, more, strlen(form), form);
    peer_close(&fixture->client);
    fixture->client = client_open(&fixture->world);
    peer_say_text(&fixture->world, &fixture->client, request);
    free(request);
}

static struct slice heard(struct fixture *fixture)
{
    return peer_hear(&fixture->world, &fixture->client);
}

static uint32_t last_login(const struct world *world)
{
    for (size_t i = world->told_count; i > 0; i--)
        if (world->told[i - 1].type == MESSAGE_GATE_LOGIN)
            return world->told[i - 1].id;
    fail_msg("nobody signs in");
    return 0;
}

static void answer(struct fixture *fixture, json_t *body, int helper)
{
    struct world *world = &fixture->world;
    assert_int_equal(
        channel_send(world->keeper, MESSAGE_GATE_LOGIN_ANSWER, last_login(world), body, &helper, helper >= 0),
        0);
    turn_all(world->loop);
}

/* Gives the gate a helper and returns the record that it gets. */
static const char *give_helper(struct fixture *fixture)
{
    static char record[8192];
    int pair[2];
    make_pair(SOCK_SEQPACKET, pair);
    fixture->helper = pair[0];
    answer(fixture, json_pack("{s:i}", "status", 100), pair[1]);
    close(pair[1]);
    ssize_t got = recv(fixture->helper, record, sizeof record - 1, MSG_DONTWAIT);
    record[got > 0 ? got : 0] = '\0';
    return record;
}

static bool helper_is_left(const struct fixture *fixture)
{
    char byte;
    return recv(fixture->helper, &byte, 1, MSG_DONTWAIT) == 0;
}

#define FORM "user=ann&password=s%22ecret+%2B%5C%0A&next=%2Fx%3Fa%3D1"

static void test_signing_in(void **state)
{
    struct fixture *fixture = *state;
    post(fixture, "/_reeve/login", "", FORM);
    const json_t *asked = told_last(&fixture->world, MESSAGE_GATE_LOGIN);
    assert_string_equal(json_string_value(json_object_get(asked, "user")), "ann");
    assert_string_equal(json_string_value(json_object_get(asked, "address")), "127.0.0.1");
    assert_int_equal(json_object_size(asked), 2);
    assert_string_equal(give_helper(fixture), "{\"user\":\"ann\",\"password\":\"s\\\"ecret +\\\\\\u000a\"}");
    assert_int_equal(heard(fixture).size, 0);
    assert_false(helper_is_left(fixture));
    answer(fixture, json_pack("{s:i, s:s, s:i}", "status", 200, "cookie", "VALUE", "max_age_s", 43200), -1);
    struct slice reply = heard(fixture);
    assert_true(slice_starts_with(reply, SLICE("HTTP/1.1 303 ")));
    assert_true(says(reply, "\r\nLocation: /x?a=1\r\n"));
    assert_true(
        says(reply, "\r\nSet-Cookie: reeve-test=VALUE; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax\r\n"));
    assert_true(helper_is_left(fixture));
}

static void test_over_tls_the_cookie_is_bound_to_the_host(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    fixture->client = peer_of(world_connect_from(0x7f000007, world->port)); /* a trusted proxy */
    peer_say_text(
        world, &fixture->client,
        "POST /_reeve/login HTTP/1.1\r\nHost: app.example\r\nOrigin: https://app.example\r\n"
        "X-Forwarded-Proto: https\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
        "Content-Length: 23\r\n\r\nuser=ann&password=secret");
    give_helper(fixture);
    answer(fixture, json_pack("{s:i, s:s, s:i}", "status", 200, "cookie", "VALUE", "max_age_s", 60), -1);
    struct slice reply = heard(fixture);
    assert_true(says(reply, "\r\nLocation: /\r\n"));
    assert_true(says(reply,
                     "\r\nSet-Cookie: __Host-reeve-test=VALUE; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; "
                     "Secure\r\n"));
}

static void test_wrong_is_wrong(void **state)
{
    struct fixture *fixture = *state;
    char first[64 * 1024];
    post(fixture, "/_reeve/login", "", "user=ann&password=wrong&next=%2Fx");
    give_helper(fixture);
    answer(fixture, json_pack("{s:i}", "status", 401), -1);
    struct slice reply = heard(fixture);
    assert_true(slice_starts_with(reply, SLICE("HTTP/1.1 401 ")));
    assert_true(says(reply, "WWW-Authenticate: Bearer\r\n"));
    assert_true(says(reply, "role=\"alert\">User name or password is wrong."));
    assert_true(says(reply, "name=\"next\" value=\"/x\""));
    assert_true(says(reply, "value=\"ann\""));
    assert_false(says(reply, "Set-Cookie"));
    /* what can be no user gets the same, without anybody being asked */
    snprintf(first, sizeof first, SLICE_FORMAT, SLICE_ARGUMENTS(reply));
    size_t asked = told_times(&fixture->world, MESSAGE_GATE_LOGIN);
    post(fixture, "/_reeve/login", "", "user=an%00n&password=wrong&next=%2Fx");
    world_advance(&fixture->world, 1);
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 401 ")));
    assert_int_equal(told_times(&fixture->world, MESSAGE_GATE_LOGIN), asked);
}

static void test_not_now(void **state)
{
    struct fixture *fixture = *state;
    post(fixture, "/_reeve/login", "", FORM);
    answer(fixture, json_pack("{s:i, s:i}", "status", 429, "retry_after_s", 30), -1);
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 429 ")));
    assert_true(says(heard(fixture), "\r\nRetry-After: 30\r\n"));
    post(fixture, "/_reeve/login", "", FORM);
    answer(fixture, json_pack("{s:i}", "status", 503), -1);
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 503 ")));
    assert_true(says(heard(fixture), "\r\nRetry-After: 1\r\n"));
    post(fixture, "/_reeve/login", "", FORM); /* nobody answers */
    world_advance(&fixture->world, 15001);
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 503 ")));
    post(fixture, "/_reeve/login", "", FORM); /* the helper dies without a word, and the keeper with it */
    give_helper(fixture);
    channel_close(&fixture->world.keeper);
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 503 ")));
    assert_true(helper_is_left(fixture));
    post(fixture, "/_reeve/login", "", FORM); /* without a keeper nobody signs in */
    world_advance(&fixture->world, 1);
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 503 ")));
}

static void test_a_client_that_leaves_ends_it(void **state)
{
    struct fixture *fixture = *state;
    post(fixture, "/_reeve/login", "", FORM);
    give_helper(fixture);
    peer_close(&fixture->client);
    turn_all(fixture->world.loop);
    assert_true(helper_is_left(fixture));
    answer(fixture, json_pack("{s:i, s:s, s:i}", "status", 200, "cookie", "VALUE", "max_age_s", 60), -1);
    post(fixture, "/_reeve/login", "", FORM); /* before the helper came */
    peer_close(&fixture->client);
    turn_all(fixture->world.loop);
    close(fixture->helper);
    assert_string_equal(give_helper(fixture), "");
    assert_true(helper_is_left(fixture));
    assert_false(fixture->world.ended);
}

static void test_forms_that_are_none(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    char *large = memory_new(20000);
    memset(large, 'x', 19999);
    post(fixture, "/_reeve/login", "", large);
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 413 ")));
    free(large);
    post(fixture, "/_reeve/login", "", "user=ann");
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 400 ")));
    post(fixture, "/_reeve/login", "", "user=ann&user=bob&password=x");
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 400 ")));
    post(fixture, "/_reeve/login", "", "user=ann&password=%zz");
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 400 ")));
    expect(world,
           "POST /_reeve/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
           "Content-Length: 2\r\n\r\n{}",
           "HTTP/1.1 415 ", NULL);
    expect(world, "PUT /_reeve/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 405 ", "\r\nAllow: GET, HEAD, POST\r\n");
    assert_int_equal(told_times(world, MESSAGE_GATE_LOGIN), 0);
}

static void test_the_form_may_come_in_pieces(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    fixture->client = client_open(world);
    peer_say_text(world, &fixture->client,
                  "POST /_reeve/login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
                  "Content-Type: application/x-www-form-urlencoded\r\n\r\n9\r\nuser=ann&\r\n");
    assert_int_equal(told_times(world, MESSAGE_GATE_LOGIN), 0);
    peer_say_text(world, &fixture->client, "a\r\npassword=x\r\n0\r\n\r\n");
    assert_string_equal(give_helper(fixture), "{\"user\":\"ann\",\"password\":\"x\"}");
}

static void test_the_page(void **state)
{
    struct fixture *fixture = *state;
    expect(&fixture->world, GET("/_reeve/login?next=%2Fx%22%3Ey"), "HTTP/1.1 200 ",
           "name=\"next\" value=\"/\"");
    expect(&fixture->world, GET("/_reeve/login?next=%2Fa%26b"), "HTTP/1.1 200 ",
           "name=\"next\" value=\"/a&amp;b\"");
    expect(&fixture->world, GET("/_reeve/login?next=//evil.example"), "HTTP/1.1 200 ",
           "name=\"next\" value=\"/\"");
    expect(&fixture->world, GET("/_reeve/login"), "HTTP/1.1 200 ",
           "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
           "form-action 'self'; "
           "base-uri "
           "'none'; frame-ancestors 'none'\r\n");
    expect(&fixture->world, GET("/_reeve/login"), "HTTP/1.1 200 ", "Cache-Control: no-store\r\n");
    expect(&fixture->world, GET("/_reeve/login"), "HTTP/1.1 200 ", "Referrer-Policy: same-origin\r\n");
}

static void test_without_sign_in_there_is_no_page(void **state)
{
    struct fixture *fixture = *state;
    json_t *data = world_json(admission);
    json_object_set_new(data, "method", json_string("none"));
    world_send_admission(&fixture->world, data);
    expect(&fixture->world, GET("/_reeve/login"), "HTTP/1.1 404 ", "auth.method");
}

/* --- out ------------------------------------------------------------------------------------------------ */

static char *cookie_line(void)
{
    const struct session session = {.id = "s1", .user = "ann<", .issued_ms = 1, .expires_ms = 2000000};
    struct session_key key = {.id = 1};
    size_t size;
    assert_true(seal_decode(SLICE(KEY), key.bytes, &size));
    char *value = session_seal(&session, &key), *line = memory_format("Cookie: reeve-test=%s\r\n", value);
    free(value);
    return line;
}

static char *get_signed_in(const char *path)
{
    char *cookie = cookie_line(),
         *request = memory_format("GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path, cookie);
    free(cookie);
    return request;
}

static void test_signing_out(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    char *cookie = cookie_line(), *page = get_signed_in("/_reeve/logout"), *file = get_signed_in("/x.txt");
    world_write_file(world, "x.txt", "a file");
    expect(world, page, "HTTP/1.1 200 ", "<b>ann&lt;</b>");
    expect(world, file, "HTTP/1.1 200 ", NULL);
    post(fixture, "/_reeve/logout", cookie, "");
    const json_t *asked = told_last(world, MESSAGE_GATE_ASK);
    assert_string_equal(json_string_value(json_object_get(asked, "operation")), "sign-out");
    assert_string_equal(json_string_value(json_object_get(json_object_get(asked, "who"), "credential")),
                        "s1");
    expect(world, file, "HTTP/1.1 401 ", NULL); /* before the keeper has said a word */
    assert_int_equal(heard(fixture).size, 0);
    for (size_t i = 0; i < world->told_count; i++)
        if (world->told[i].type == MESSAGE_GATE_ASK)
            channel_send(world->keeper, MESSAGE_GATE_ANSWER, world->told[i].id,
                         json_pack("{s:i, s:{}}", "status", 200, "body"), NULL, 0);
    struct slice reply = heard(fixture);
    assert_true(slice_starts_with(reply, SLICE("HTTP/1.1 303 ")));
    assert_true(says(reply, "\r\nLocation: /_reeve/login\r\n"));
    assert_true(says(reply, "\r\nSet-Cookie: reeve-test=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax\r\n"));
    free(cookie);
    free(page);
    free(file);
}

static void test_signing_out_needs_the_keeper_to_be_whole(void **state)
{
    struct fixture *fixture = *state;
    char *cookie = cookie_line();
    channel_close(&fixture->world.keeper);
    turn_all(fixture->world.loop);
    post(fixture, "/_reeve/logout", cookie, "");
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 503 ")));
    post(fixture, "/_reeve/logout", cookie, ""); /* here it is over all the same */
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 303 ")));
    free(cookie);
}

static void test_nobody_signs_somebody_out(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = &fixture->world;
    char *cookie = cookie_line();
    char *request =
        memory_format("POST /_reeve/logout HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
                      "%sContent-Length: 0\r\n\r\n",
                      cookie);
    expect(world, request, "HTTP/1.1 403 ", NULL);
    post(fixture, "/_reeve/logout", "", "");
    assert_true(slice_starts_with(heard(fixture), SLICE("HTTP/1.1 303 ")));
    for (size_t i = 0; i < world->told_count; i++)
        if (world->told[i].type == MESSAGE_GATE_ASK)
            assert_string_not_equal(json_string_value(json_object_get(world->told[i].body, "operation")),
                                    "sign-out");
    free(request);
    free(cookie);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_signing_in),
        TEST(test_over_tls_the_cookie_is_bound_to_the_host),
        TEST(test_wrong_is_wrong),
        TEST(test_not_now),
        TEST(test_a_client_that_leaves_ends_it),
        TEST(test_forms_that_are_none),
        TEST(test_the_form_may_come_in_pieces),
        TEST(test_the_page),
        TEST(test_without_sign_in_there_is_no_page),
        TEST(test_signing_out),
        TEST(test_signing_out_needs_the_keeper_to_be_whole),
        TEST(test_nobody_signs_somebody_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
