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
        };
        enum admit_verdict verdict = admit_check(admit, &request);
        if (verdict != row->verdict)
            fail_msg("%s, Origin %s: %d", row->authority, row->origin ? row->origin : "none", verdict);
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
    assert_int_equal(admit_status(ADMIT_FOREIGN_ORIGIN), 403);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_a_malformed_origin_is_refused_by_name),
        cmocka_unit_test(test_statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
