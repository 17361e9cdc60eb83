#include "world.h"

static void test_bad(void **state)
{
    (void)state;
    static const struct world_bad rows[] = {
        {"workers: 0\n"
         "ports: 100-200\n",
         "1:10: workers: expected auto, or a whole number from 1 to 256, found \"0\"\n"
         "2:8: ports: ports below 1024 are not given to services"},
        {"workers: 1000\n"
         "ports: 3000-2000\n",
         "1:10: workers: expected auto, or a whole number from 1 to 256, found \"1000\"\n"
         "2:8: ports: the first port, 3000, is above the last, 2000"},
        {"workers: many\n"
         "ports: 20000\n"
         "log: {access: stdot}\n",
         "1:10: workers: expected auto, or a whole number from 1 to 256, found \"many\"\n"
         "2:8: ports: expected two ports with a hyphen, such as 20000-29999, found \"20000\"\n"
         "3:15: log.access: expected stdout, none, or a file, found \"stdot\"; did you mean \"stdout\"? A "
         "file is written ./stdot"},
    };
    WORLD_CHECK_BAD(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
