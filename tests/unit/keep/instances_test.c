/* The small parts of instances: values, folders, rules, slots, accounts. */
#include "support.h"

#include <sys/stat.h>

#include "base/memory.h"
#include "keep/account.h"
#include "keep/entries.h"
#include "keep/environment.h"
#include "keep/instance_allow.h"
#include "keep/instance_folder.h"
#include "keep/instance_item.h"

static void test_a_slot_rests_before_it_is_used_again(void **state)
{
    (void)state;
    struct entries entries = {0};
    for (unsigned i = 0; i < PAGE_TARGETS; i++)
        assert_int_equal(entries_take_slot(&entries), i);
    assert_int_equal(entries_take_slot(&entries), PAGE_TARGETS); /* more have none */
    entries.slots[0] &= ~UINT64_C(0x30);                         /* 4 and 5 are given back */
    assert_int_equal(entries_take_slot(&entries), 4);
    entries.slots[0] &= ~UINT64_C(0x10);
    assert_int_equal(entries_take_slot(&entries), 5);
    assert_int_equal(entries_take_slot(&entries), 4);
}

static void test_values(void **state)
{
    (void)state;
    json_t *parameters = json_pack("{s:s}", "topic", "x");
    const struct instance instance = {.id = "a1", .directory = "/d/a1", .parameters = parameters};
    assert_string_equal(instance_lookup(&instance, SLICE("id")), "a1");
    assert_string_equal(instance_lookup(&instance, SLICE("instance_dir")), "/d/a1");
    assert_string_equal(instance_lookup(&instance, SLICE("topic")), "x");
    assert_null(instance_lookup(&instance, SLICE("topi")));
    json_decref(parameters);
}

/* What reeve says of itself beats the configuration, which beats the parameters. */
static void test_parameters_in_the_environment(void **state)
{
    (void)state;
    char prefix[] = "", name[] = "BOTH", text[] = "configured";
    struct config_variable both = {.name = name, .value = text};
    const struct config_service service = {.prefix = prefix, .variables = {&both, 1}};
    char user[] = "app", home[] = "/", shell[] = "/bin/sh";
    const struct account account = {.name = user, .home = home, .shell = shell};
    json_t *parameters =
        json_pack("{s:s, s:s, s:s}", "prompt", "a\n$(id)=${id}", "BOTH", "given", "REEVE_NAME", "forged");
    const struct instance instance = {.id = "a1", .directory = "/d/a1", .parameters = parameters};
    const struct environment_settings settings = {
        .service = &service, .instance = &instance, .account = &account, .name = "shell/a1", .nonce = "0f"};
    char **list = environment_build(&settings, NULL);
    const char *const *items = (const char *const *)list;
    assert_string_equal(environment_value(items, "prompt"), "a\n$(id)=${id}");
    assert_string_equal(environment_value(items, "BOTH"), "configured");
    assert_string_equal(environment_value(items, "REEVE_NAME"), "shell/a1");
    assert_string_equal(environment_value(items, "REEVE_INSTANCE_DIR"), "/d/a1");
    environment_free(list);
    json_decref(parameters);
}

static void test_a_person_is_chosen_by_id_and_nobody_else(void **state)
{
    (void)state;
    char by_id[] = "${id}", fixed[] = "root";
    struct config_service service = {.user = by_id};
    struct account account;
    struct error error = {0};
    const struct instance root = {.id = "root"}, nobody = {.id = "nobody"},
                          unknown = {.id = "no-such-account"};
    assert_false(account_of(&service, &root, &account, &error));
    assert_non_null(strstr(error.text, "`root` is no account of a person"));
    assert_false(account_of(&service, &unknown, &account, &error));
    assert_non_null(strstr(error.text, "there is no user `no-such-account`"));
    assert_true(account_of(&service, &nobody, &account, &error));
    assert_true(account.uid >= ACCOUNT_FIRST_PERSON);
    account_free(&account);
    service.user = fixed; /* what the configuration says is its writer's business */
    assert_true(account_of(&service, &root, &account, &error));
    account_free(&account);
    service.user = NULL;
    assert_true(account_of(&service, &root, &account, &error));
    assert_int_equal(account.uid, geteuid());
    account_free(&account);
}

static void test_who_may(void **state)
{
    (void)state;
    char own[] = "user:${id}", group[] = "group:ops", *rules[] = {own, group};
    const char *ops = "ops";
    struct config config = {0};
    struct config_template template = {.allow = {rules, 2}};
    const struct principal ann = {.kind = PRINCIPAL_SESSION, .user = "ann"},
                           bob = {.kind = PRINCIPAL_TOKEN, .user = "bob"},
                           eve = {.kind = PRINCIPAL_SESSION, .user = "eve", .groups = &ops, .group_count = 1},
                           command = {.kind = PRINCIPAL_OPERATOR};
    assert_true(instance_allow(&config, &template, "ann", &ann));
    assert_false(instance_allow(&config, &template, "ann", &bob));
    assert_true(instance_allow(&config, &template, "ann", &eve));
    assert_true(instance_allow(&config, &template, "ann", &command));
    assert_false(instance_allow(&config, &template, "ann", &principal_nobody));
    template.allow.count = 0;
    assert_true(instance_allow(&config, &template, "ann", &principal_nobody));
    config.auth.method = CONFIG_AUTH_PASSWORD;
    assert_false(instance_allow(&config, &template, "ann", &principal_nobody));
    assert_true(instance_allow(&config, &template, "ann", &bob));
}

static void test_its_folder(void **state)
{
    (void)state;
    char root[] = "/tmp/instances-XXXXXX";
    assert_non_null(mkdtemp(root));
    int parent = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct account account = {.uid = geteuid(), .gid = getegid()};
    json_t *parameters = json_pack("{s:s}", "prompt", "\"x\"\n");
    struct stat about;
    assert_int_equal(instance_folder_make(parent, "a1", &account, getegid(), parameters), 0);
    assert_int_equal(fstatat(parent, "a1", &about, 0), 0);
    assert_int_equal(about.st_mode & 07777, 0750);
    assert_int_equal(fstatat(parent, "a1/parameters.json", &about, 0), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    char path[64];
    snprintf(path, sizeof path, "%s/a1/parameters.json", root);
    json_t *kept = json_load_file(path, 0, NULL);
    assert_true(json_equal(kept, parameters));
    assert_int_equal(instance_folder_make(parent, "a1", &account, getegid(), parameters), -EEXIST);
    unlinkat(parent, "a1/parameters.json", 0);
    unlinkat(parent, "a1", AT_REMOVEDIR);
    json_decref(kept);
    json_decref(parameters);
    close(parent);
    assert_int_equal(rmdir(root), 0);
}

static void test_an_item_has_the_templates_service_as_its_own(void **state)
{
    (void)state;
    char name[] = "shell", prefix[] = "/s/{id}", url[] = "//{id}.lan/s/{id}/", other[] = "/t/{id}";
    struct config_template template = {.service = {.name = name, .prefix = prefix, .url = url}};
    const struct instance_record record = {.id = memory_text("a1"), .parameters = json_object()};
    struct instance_item *item = instance_item_new(&template, "/state/instances/shell", &record);
    const struct config_service *service = &item->service;
    assert_string_equal(item->name, "shell/a1");
    assert_string_equal(service->name, "shell/a1");
    assert_string_equal(service->prefix, "/s/a1");
    assert_string_equal(service->url, "//a1.lan/s/a1/");
    assert_string_equal(item->instance.directory, "/state/instances/shell/a1");
    template.service.prefix = other;
    template.service.url = NULL;
    instance_item_set_template(item, &template);
    assert_ptr_equal(service, &item->service);
    assert_string_equal(service->prefix, "/t/a1");
    assert_null(service->url);
    instance_item_free(item);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_slot_rests_before_it_is_used_again),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_parameters_in_the_environment),
        cmocka_unit_test(test_a_person_is_chosen_by_id_and_nobody_else),
        cmocka_unit_test(test_who_may),
        cmocka_unit_test(test_its_folder),
        cmocka_unit_test(test_an_item_has_the_templates_service_as_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
