#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "admit/password.h"
#include "base/memory.h"

static struct users *users_of(const char *line)
{
    struct error error = {0};
    struct users *users = users_parse(slice_of_text(line), "users", &error);
    if (!users)
        fail_msg("%s", error.text);
    return users;
}

static void test_a_hash_fits_its_password_alone(void **state)
{
    (void)state;
    struct error error = {0};
    char *hash = password_hash("correct horse", &error), *again = password_hash("correct horse", &error);
    assert_non_null(hash);
    assert_int_equal(strncmp(hash, "$y$", 3), 0);
    assert_string_not_equal(hash, again);
    char *text = memory_format("ann:%s:\nbob:!%s:\n", hash, hash);
    struct users *users = users_of(text);
    assert_true(password_fits("correct horse", users, "ann"));
    assert_false(password_fits("correct horsf", users, "ann"));
    assert_false(password_fits("", users, "ann"));
    assert_false(password_fits("correct horse", users, "bob"));
    assert_false(password_fits("correct horse", users, "nobody"));
    users_free(&users);
    free(text);
    free(hash);
    free(again);
}

/* crypt(3) refuses what the parser lets through: no password fits, and nothing falls over. */
static void test_hashes_that_are_none(void **state)
{
    (void)state;
    struct users *users = users_of("a:$y$j9T$.$.\nb:$y$$$\nc:$y$/////////$x$x\n");
    assert_false(password_fits("correct horse", users, "a"));
    assert_false(password_fits("*0", users, "b"));
    assert_false(password_fits("", users, "c"));
    users_free(&users);
}

static int64_t cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t cost_of(const struct users *users, const char *name)
{
    int64_t least = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        int64_t start = cpu_us();
        assert_false(password_fits("wrong password", users, name));
        int64_t cost = cpu_us() - start;
        least = cost < least ? cost : least;
    }
    return least;
}

/* Without the stand-in it would be some thousand times less. */
static void test_nobody_takes_as_long_as_somebody(void **state)
{
    (void)state;
    struct error error = {0};
    char *hash = password_hash("correct horse", &error);
    char *text = memory_format("ann:%s:\nbob:!:\n", hash);
    struct users *users = users_of(text), *empty = users_of("");
    int64_t somebody = cost_of(users, "ann");
    assert_true(cost_of(users, "nobody") * 2 > somebody);
    assert_true(cost_of(users, "bob") * 2 > somebody);
    assert_true(cost_of(empty, "nobody") * 2 > somebody);
    users_free(&users);
    users_free(&empty);
    free(text);
    free(hash);
}

static void test_what_a_password_must_be(void **state)
{
    (void)state;
    struct error error;
    char long_one[PASSWORD_MOST + 1];
    memset(long_one, 'x', sizeof long_one);
    assert_true(password_check(SLICE("12345678"), &error));
    assert_true(password_check(slice_of(long_one, PASSWORD_MOST), &error));
    assert_false(password_check(SLICE("1234567"), &error));
    assert_string_equal(error.text, "a password has at least 8 characters; this one has 7");
    assert_false(password_check(slice_of(long_one, PASSWORD_MOST + 1), &error));
    assert_false(password_check(SLICE("1234\0005678"), &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hash_fits_its_password_alone),
        cmocka_unit_test(test_hashes_that_are_none),
        cmocka_unit_test(test_nobody_takes_as_long_as_somebody),
        cmocka_unit_test(test_what_a_password_must_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
