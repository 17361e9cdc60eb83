#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "admit/admit.h"

static struct admit *admit_of_tests(void)
{
    const char *hosts[] = {"app.example", "box", "box.local", NULL};
    const char *origins[] = {"https://App.example", "http://dev.example:5173", NULL};
    struct admit *admit = admit_new(hosts, origins, NULL);
    assert_non_null(admit);
    return admit;
}

struct row {
    const char *host, *authority, *origin;
    bool secure, steers, unrouted;
    enum admit_verdict verdict;
};

static const struct row rows[] = {
    {"app.example", "app.example", NULL, false, false, false, ADMIT_PASS},
    {"localhost", "localhost:8080", NULL, false, false, false, ADMIT_PASS},
    {"127.0.0.1", "127.0.0.1:8080", NULL, false, false, false, ADMIT_PASS},
    {"::1", "[::1]:8080", NULL, false, false, false, ADMIT_PASS},
    {"box.local", "box.local", NULL, false, false, false, ADMIT_PASS},
    {"evil.example", "evil.example", NULL, false, false, false, ADMIT_FOREIGN_HOST},
    {"localhost.evil.example", "localhost.evil.example", NULL, false, false, false, ADMIT_FOREIGN_HOST},
    {"127.0.0.1.evil.example", "127.0.0.1.evil.example", NULL, false, false, false, ADMIT_FOREIGN_HOST},
    {"", "", NULL, false, false, false, ADMIT_FOREIGN_HOST},
    /* Host comes before the route, the route before the Origin */
    {"evil.example", "evil.example", "http://x", false, true, true, ADMIT_FOREIGN_HOST},
    {"localhost", "localhost", "http://x", false, true, true, ADMIT_NO_ROUTE},
    /* Origin: scheme, host and port, only for what steers */
    {"localhost", "localhost:8080", NULL, false, true, false, ADMIT_PASS},
    {"localhost", "localhost:8080", "http://localhost:8080", false, true, false, ADMIT_PASS},
    {"localhost", "localhost:8080", "HTTP://LocalHost:8080", false, true, false, ADMIT_PASS},
    {"localhost", "localhost:8080", "https://localhost:8080", false, true, false, ADMIT_FOREIGN_ORIGIN},
    {"localhost", "localhost:8080", "http://localhost:8081", false, true, false, ADMIT_FOREIGN_ORIGIN},
    {"localhost", "localhost:8080", "http://localhost", false, true, false, ADMIT_FOREIGN_ORIGIN},
    {"localhost", "localhost", "http://localhost:80", false, true, false, ADMIT_PASS},
    {"app.example", "app.example", "https://app.example", true, true, false, ADMIT_PASS},
    {"::1", "[::1]:8080", "http://[::1]:8080", false, true, false, ADMIT_PASS},
    {"localhost", "localhost:8080", "https://app.example", false, true, false, ADMIT_PASS},
    {"localhost", "localhost:8080", "http://dev.example:5173", false, true, false, ADMIT_PASS},
    {"localhost", "localhost:8080", "http://dev.example", false, true, false, ADMIT_FOREIGN_ORIGIN},
    {"localhost", "localhost:8080", "http://evil.example", false, true, false, ADMIT_FOREIGN_ORIGIN},
    {"localhost", "localhost:8080", "http://evil.example", false, false, false, ADMIT_PASS},
    {"localhost", "localhost:8080", "null", false, true, false, ADMIT_FOREIGN_ORIGIN},
    {"localhost", "localhost:8080", "", false, true, false, ADMIT_FOREIGN_ORIGIN},
    {"localhost", "localhost:8080", "http://localhost:8080/x", false, true, false, ADMIT_FOREIGN_ORIGIN},
    {"localhost", "localhost:8080", "http://me@localhost:8080", false, true, false, ADMIT_FOREIGN_ORIGIN},
    {"localhost", "localhost:8080", "http://localhost:8080,http://x", false, true, false,
     ADMIT_FOREIGN_ORIGIN},
};

static const char *const anyone[] = {"anyone"};

static void test_table(void **state)
{
    (void)state;
    struct admit *admit = admit_of_tests();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct admit_request request = {
            .host = slice_of_text(row->host),
            .host_is_address = strchr(row->host, ':') || strcmp(row->host, "127.0.0.1") == 0,
            .authority = slice_of_text(row->authority),
            .origin = slice_of_text(row->origin),
            .secure = row->secure,
            .steers = row->steers,
            .routed = !row->unrouted,
            .principal = &principal_nobody,
            .allow = anyone,
            .allow_count = 1,
        };
        enum admit_verdict verdict = admit_check(admit, &request);
        if (verdict != row->verdict)
            fail_msg("%s, Origin %s: %d", row->authority, row->origin ? row->origin : "none", verdict);
    }
    admit_free(&admit);
}

/* --- who asks, through which door, from where --------------------------------------------------------- */

enum who { NOBODY, ANN, ROBOT };

static const char *const ops[] = {"ops"};
static const struct principal people[] = {
    [NOBODY] = {.kind = PRINCIPAL_NOBODY},
    [ANN] = {.kind = PRINCIPAL_SESSION, .user = "ann", .groups = ops, .group_count = 1, .credential = "s1"},
    [ROBOT] = {.kind = PRINCIPAL_TOKEN, .user = "robot", .credential = "t1"},
};

#define OWN     "http://localhost:8080"
#define LISTED  "https://app.example"
#define FOREIGN "http://evil.example"

struct cell {
    enum admit_door door;
    const char *allow;
    enum who who;
    const char *origin, *site;
    bool steers;
    enum admit_verdict verdict;
};

static const struct cell cells[] = {
    /* a route */
    {ADMIT_ROUTE, "anyone", NOBODY, NULL, NULL, false, ADMIT_PASS},
    {ADMIT_ROUTE, "signed-in", NOBODY, NULL, NULL, false, ADMIT_NO_CREDENTIAL},
    {ADMIT_ROUTE, "signed-in", ANN, NULL, NULL, false, ADMIT_PASS},
    {ADMIT_ROUTE, "signed-in", ROBOT, NULL, NULL, false, ADMIT_PASS},
    {ADMIT_ROUTE, "group:ops", ANN, NULL, NULL, false, ADMIT_PASS},
    {ADMIT_ROUTE, "group:ops", ROBOT, NULL, NULL, false, ADMIT_NOT_ALLOWED},
    {ADMIT_ROUTE, "user:robot", ROBOT, NULL, NULL, true, ADMIT_PASS},
    {ADMIT_ROUTE, "user:bob", ANN, NULL, NULL, false, ADMIT_NOT_ALLOWED},
    {ADMIT_ROUTE, "user:bob", NOBODY, NULL, NULL, false, ADMIT_NO_CREDENTIAL},
    /* no rule lets nobody in */
    {ADMIT_ROUTE, NULL, NOBODY, NULL, NULL, false, ADMIT_NO_CREDENTIAL},
    {ADMIT_ROUTE, NULL, ANN, NULL, NULL, false, ADMIT_NOT_ALLOWED},
    /* the credential comes before the Origin, the Origin before the rules */
    {ADMIT_ROUTE, "signed-in", NOBODY, FOREIGN, NULL, true, ADMIT_NO_CREDENTIAL},
    {ADMIT_ROUTE, "signed-in", ANN, FOREIGN, NULL, true, ADMIT_FOREIGN_ORIGIN},
    {ADMIT_ROUTE, "user:bob", ANN, FOREIGN, NULL, true, ADMIT_FOREIGN_ORIGIN},
    {ADMIT_ROUTE, "anyone", NOBODY, FOREIGN, NULL, true, ADMIT_FOREIGN_ORIGIN},
    {ADMIT_ROUTE, "signed-in", ROBOT, FOREIGN, NULL, true, ADMIT_FOREIGN_ORIGIN},
    {ADMIT_ROUTE, "signed-in", ANN, FOREIGN, "cross-site", false, ADMIT_PASS},
    {ADMIT_ROUTE, "signed-in", ANN, LISTED, "cross-site", true, ADMIT_PASS},
    {ADMIT_ROUTE, "signed-in", ANN, OWN, "same-origin", true, ADMIT_PASS},
    /* our own pages are for everybody, but a form must come from them */
    {ADMIT_OWN, NULL, NOBODY, NULL, NULL, false, ADMIT_PASS},
    {ADMIT_OWN, NULL, ANN, OWN, NULL, true, ADMIT_PASS},
    {ADMIT_OWN, NULL, NOBODY, FOREIGN, NULL, true, ADMIT_FOREIGN_ORIGIN},
    /* the API where pages of programs are served: tokens only, whatever the rules say */
    {ADMIT_API, "signed-in", NOBODY, NULL, NULL, false, ADMIT_NO_CREDENTIAL},
    {ADMIT_API, "anyone", NOBODY, NULL, NULL, false, ADMIT_NO_CREDENTIAL},
    {ADMIT_API, "signed-in", ANN, OWN, "same-origin", true, ADMIT_NO_CREDENTIAL},
    {ADMIT_API, "anyone", ANN, NULL, NULL, false, ADMIT_NO_CREDENTIAL},
    {ADMIT_API, "signed-in", ROBOT, NULL, NULL, true, ADMIT_PASS},
    {ADMIT_API, "group:ops", ROBOT, NULL, NULL, false, ADMIT_NOT_ALLOWED},
    {ADMIT_API, "signed-in", ROBOT, FOREIGN, NULL, true, ADMIT_FOREIGN_ORIGIN},
    /* the console: a session counts for pages of that very origin alone, even to read */
    {ADMIT_CONSOLE, "anyone", NOBODY, NULL, NULL, true, ADMIT_PASS},
    {ADMIT_CONSOLE, "anyone", NOBODY, FOREIGN, NULL, false, ADMIT_FOREIGN_ORIGIN},
    {ADMIT_CONSOLE, "signed-in", NOBODY, NULL, NULL, false, ADMIT_NO_CREDENTIAL},
    {ADMIT_CONSOLE, "group:ops", ANN, OWN, "same-origin", true, ADMIT_PASS},
    {ADMIT_CONSOLE, "group:ops", ANN, NULL, "none", false, ADMIT_PASS},
    {ADMIT_CONSOLE, "group:ops", ANN, NULL, NULL, true, ADMIT_PASS},
    {ADMIT_CONSOLE, "group:ops", ANN, LISTED, NULL, false, ADMIT_FOREIGN_ORIGIN},
    {ADMIT_CONSOLE, "group:ops", ANN, "http://localhost:8081", "same-site", true, ADMIT_FOREIGN_ORIGIN},
    {ADMIT_CONSOLE, "group:ops", ANN, NULL, "same-site", false, ADMIT_FOREIGN_ORIGIN},
    {ADMIT_CONSOLE, "group:ops", ANN, NULL, "cross-site", false, ADMIT_FOREIGN_ORIGIN},
    {ADMIT_CONSOLE, "user:bob", ANN, NULL, NULL, false, ADMIT_NOT_ALLOWED},
    {ADMIT_CONSOLE, "signed-in", ROBOT, LISTED, "cross-site", true, ADMIT_PASS},
    {ADMIT_CONSOLE, "signed-in", ROBOT, FOREIGN, NULL, true, ADMIT_FOREIGN_ORIGIN},
};

static void test_doors(void **state)
{
    (void)state;
    struct admit *admit = admit_of_tests();
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        const struct cell *cell = &cells[i];
        const struct admit_request request = {
            .host = SLICE("localhost"),
            .authority = SLICE("localhost:8080"),
            .origin = slice_of_text(cell->origin),
            .site = slice_of_text(cell->site),
            .steers = cell->steers,
            .routed = true,
            .door = cell->door,
            .principal = &people[cell->who],
            .allow = &cell->allow,
            .allow_count = cell->allow ? 1 : 0,
        };
        enum admit_verdict verdict = admit_check(admit, &request);
        if (verdict != cell->verdict)
            fail_msg("row %zu: %d", i, verdict);
    }
    admit_free(&admit);
}

static void test_a_malformed_origin_is_refused_by_name(void **state)
{
    (void)state;
    const char *none[] = {NULL}, *wrong[] = {"https://fine.example", "app.example", NULL};
    struct error error;
    assert_null(admit_new(none, wrong, &error));
    assert_non_null(strstr(error.text, "\"app.example\""));
}

static void test_statuses(void **state)
{
    (void)state;
    assert_int_equal(admit_status(ADMIT_PASS), 0);
    assert_int_equal(admit_status(ADMIT_FOREIGN_HOST), 421);
    assert_int_equal(admit_status(ADMIT_NO_ROUTE), 404);
    assert_int_equal(admit_status(ADMIT_NO_CREDENTIAL), 401);
    assert_int_equal(admit_status(ADMIT_FOREIGN_ORIGIN), 403);
    assert_int_equal(admit_status(ADMIT_NOT_ALLOWED), 403);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_doors),
        cmocka_unit_test(test_a_malformed_origin_is_refused_by_name),
        cmocka_unit_test(test_statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
