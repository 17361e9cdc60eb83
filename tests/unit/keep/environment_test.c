#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/memory.h"
#include "keep/environment.h"
#include "keep/row.h"

static const char *lookup(void *owner, struct slice name)
{
    (void)owner;
    return slice_equal(name, SLICE("PORT")) ? "20001" : NULL;
}

static const char *const own[] = {"PATH=/opt/bin",   "HOME=/root",       "USER=root",  "SHELL=/bin/zsh",
                                  "LANG=de_DE",      "LC_TIME=C",        "TZ=UTC",     "TERM=xterm",
                                  "TMPDIR=/var/tmp", "SECRET=x",         "GIT_DIR=/g", "GIT_WORK=/w",
                                  "AWS_PROFILE=p",   "NOTIFY_SOCKET=/s", "PORT=8080",  "nonsense",
                                  "LISTEN_FDS=3",    "REEVE_RUN=outer",  NULL};

static char name_app[] = "app";
static char home_app[] = "/srv/app";
static char shell_app[] = "/bin/sh";
static const struct account app = {.uid = 1000, .name = name_app, .home = home_app, .shell = shell_app};

static char **build(struct config_service *service, bool switched, struct error *error)
{
    static char prefix[] = "/api";
    service->prefix = prefix;
    const struct environment_settings settings = {
        .service = service,
        .own = own,
        .account = &app,
        .switched = switched,
        .name = "api",
        .nonce = "00ff",
        .port = "20001",
        .lookup = lookup,
    };
    return environment_build(&settings, error);
}

static const char *value(char **list, const char *name)
{
    return environment_value((const char *const *)list, name);
}

static void test_only_what_the_contract_names(void **state)
{
    (void)state;
    struct config_service service = {0};
    char **list = build(&service, false, NULL);
    static const char *const expected[] = {
        "PATH=/opt/bin", "HOME=/root",     "USER=root",      "LOGNAME=app",      "SHELL=/bin/zsh",
        "LANG=de_DE",    "LC_TIME=C",      "TZ=UTC",         "TERM=xterm",       "TMPDIR=/var/tmp",
        "PORT=20001",    "REEVE_NAME=api", "REEVE_RUN=00ff", "REEVE_PREFIX=/api"};
    size_t count = 0;
    while (list[count])
        count++;
    assert_int_equal(count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        for (size_t j = 0; j < count; j++)
            found |= strcmp(list[j], expected[i]) == 0;
        if (!found)
            fail_msg("%s is missing", expected[i]);
    }
    environment_free(list);
}

static void test_another_account_brings_its_own(void **state)
{
    (void)state;
    struct config_service service = {0};
    char **list = build(&service, true, NULL);
    assert_string_equal(value(list, "HOME"), "/srv/app");
    assert_string_equal(value(list, "USER"), "app");
    assert_string_equal(value(list, "LOGNAME"), "app");
    assert_string_equal(value(list, "SHELL"), "/bin/sh");
    assert_null(value(list, "TMPDIR"));
    assert_string_equal(value(list, "PATH"), "/opt/bin");
    environment_free(list);
}

static void test_passed_and_configured(void **state)
{
    (void)state;
    static char git[] = "GIT_*";
    static char aws[] = "AWS_PROFILE";
    static char *patterns[] = {git, aws};
    static char names[5][16] = {"AWS_PROFILE", "URL", "PATH", "REEVE_NAME", "EMPTY"};
    static char values[5][32] = {"mine", "http://h:${PORT}/", "/only", "fake", ""};
    struct config_variable variables[5];
    for (size_t i = 0; i < 5; i++)
        variables[i] = (struct config_variable){.name = names[i], .value = values[i]};
    struct config_service service = {
        .pass_env = {.items = patterns, .count = 2},
        .variables = {.items = variables, .count = 5},
    };
    char **list = build(&service, false, NULL);
    assert_string_equal(value(list, "GIT_DIR"), "/g");
    assert_string_equal(value(list, "GIT_WORK"), "/w");
    assert_string_equal(value(list, "AWS_PROFILE"), "mine");
    assert_string_equal(value(list, "URL"), "http://h:20001/");
    assert_string_equal(value(list, "PATH"), "/only");
    assert_string_equal(value(list, "REEVE_NAME"), "api"); /* ours wins */
    assert_string_equal(value(list, "EMPTY"), "");
    environment_free(list);
}

static void test_a_value_that_cannot_be_expanded(void **state)
{
    (void)state;
    static char name[] = "DB";
    static char text[] = "${services.db.port}";
    struct config_variable variable = {.name = name, .value = text, .place = {"reeve.yaml", 7, 3}};
    struct config_service service = {.variables = {.items = &variable, .count = 1}};
    struct error error = {0};
    assert_null(build(&service, false, &error));
    assert_non_null(strstr(error.text, "DB"));
    assert_non_null(strstr(error.text, "reeve.yaml:7:3"));
}

static void test_addresses_for_others(void **state)
{
    (void)state;
    static char name[] = "db";
    static char path[] = "/run/db.sock";
    struct config_service service = {.name = name, .listen = {.kind = CONFIG_LISTEN_TCP}};
    struct target_row row;
    row_init(&row, &service, 0, 0);
    struct row_fixed fixed = row_fixed(&service);
    assert_null(row_lookup(&row, &fixed, SLICE("services.db.port")));
    row_set_address(&row, "127.0.0.1:20007");
    assert_string_equal(row_lookup(&row, &fixed, SLICE("services.db.port")), "20007");
    assert_null(row_lookup(&row, &fixed, SLICE("services.d.port")));
    assert_null(row_lookup(&row, &fixed, SLICE("services.dbs.port")));
    assert_null(row_lookup(&row, &fixed, SLICE("PORT")));
    row_set_address(&row, "");
    service.listen.port = 3000;
    fixed = row_fixed(&service);
    assert_string_equal(row_lookup(&row, &fixed, SLICE("services.db.port")), "3000");
    service.listen = (struct config_service_listen){.kind = CONFIG_LISTEN_UNIX};
    fixed = row_fixed(&service);
    assert_null(row_lookup(&row, &fixed, SLICE("services.db.socket")));
    row_set_address(&row, "unix:/run/x/db.1/s");
    assert_string_equal(row_lookup(&row, &fixed, SLICE("services.db.socket")), "/run/x/db.1/s");
    service.listen.path = path;
    fixed = row_fixed(&service);
    assert_string_equal(row_lookup(&row, &fixed, SLICE("services.db.socket")), "/run/db.sock");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_the_contract_names),
        cmocka_unit_test(test_another_account_brings_its_own),
        cmocka_unit_test(test_passed_and_configured),
        cmocka_unit_test(test_a_value_that_cannot_be_expanded),
        cmocka_unit_test(test_addresses_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
