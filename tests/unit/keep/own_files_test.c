/* What a route must not serve of the folder that it serves. */
#include "../support.h"

#include <sys/stat.h>

#include "base/memory.h"
#include "keep/own_files.h"

struct place {
    char folder[64];
    char *users, *source, *access, *state;
    struct config config;
};

static char *below(const struct place *place, const char *name)
{
    return memory_format("%s/%s", place->folder, name);
}

static int set_up(void **state)
{
    static struct place place;
    place = (struct place){.folder = "/tmp/reeve-own-XXXXXX"};
    assert_non_null(mkdtemp(place.folder));
    place.users = below(&place, "users"); /* not there yet */
    place.source = below(&place, "site/conf/reeve.yaml");
    place.access = below(&place, "site/access.log");
    place.state = below(&place, "site/state");
    const char *const folders[] = {"site", "site/conf", "site/state", "site/state/reports"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char *path = below(&place, folders[i]);
        assert_int_equal(mkdir(path, 0755), 0);
        free(path);
    }
    char *link = below(&place, "link");
    assert_int_equal(symlink("site", link), 0);
    free(link);
    place.config = (struct config){.sources = {.items = &place.source, .count = 1},
                                   .auth = {.method = CONFIG_AUTH_PASSWORD, .users = place.users},
                                   .log = {.access = CONFIG_ACCESS_FILE, .access_file = place.access}};
    *state = &place;
    return 0;
}

static int tear_down(void **state)
{
    const struct place *place = *state;
    const char *const names[] = {"site/state/reports", "site/state", "site/conf", "site", "link", ""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = below(place, names[i]);
        assert_int_equal(remove(path), 0);
        free(path);
    }
    free(place->users);
    free(place->source);
    free(place->access);
    free(place->state);
    return 0;
}

/* As text, each name once; "-": there are none. `file`: of events; NULL: of files. */
static char *hidden(const struct place *place, const char *root, const char *file)
{
    char *path = below(place, root);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    json_t *names = file ? own_files_beside(fd, file, &place->config, place->state)
                         : own_files_below(fd, &place->config, place->state);
    json_t *name, *seen = json_object();
    size_t i;
    json_array_foreach(names, i, name)
    {
        json_object_set_new(seen, json_string_value(name), json_true());
    }
    char *text = names ? json_dumps(seen, JSON_COMPACT | JSON_SORT_KEYS) : memory_text("-");
    json_decref(seen);
    json_decref(names);
    close(fd);
    free(path);
    return text;
}

static void expect(const struct place *place, const char *root, const char *names)
{
    char *seen = hidden(place, root, NULL);
    assert_string_equal(seen, names);
    free(seen);
}

static void what_lies_below_the_root_is_named(void **state)
{
    expect(*state, "site", "{\"access.log\":true,\"conf/reeve.yaml\":true,\"state\":true}");
    expect(*state, "link", "{\"access.log\":true,\"conf/reeve.yaml\":true,\"state\":true}");
    expect(*state, "",
           "{\"site/access.log\":true,\"site/conf/reeve.yaml\":true,\"site/state\":true,\"users\":true}");
    expect(*state, "site/conf", "{\"reeve.yaml\":true}");
}

static void the_state_itself_is_hidden_and_a_folder_in_it_is_not(void **state)
{
    expect(*state, "site/state", "{\"\":true}");
    expect(*state, "site/state/reports", "-");
}

static void expect_beside(const struct place *place, const char *root, const char *file, const char *names)
{
    char *seen = hidden(place, root, file);
    assert_string_equal(seen, names);
    free(seen);
}

static void what_events_name_themselves_is_meant(void **state)
{
    expect_beside(*state, "site", "{id}", "{\"access.log\":true,\"conf/reeve.yaml\":true,\"state\":true}");
    expect_beside(*state, "site", "access.log", "{\"conf/reeve.yaml\":true,\"state\":true}");
    expect_beside(*state, "site", "x", "{\"access.log\":true,\"conf/reeve.yaml\":true,\"state\":true}");
    expect_beside(*state, "site/state", "{id}", "{\"\":true}");
    expect_beside(*state, "site/state", "x", "{}");
    expect_beside(*state, "site/state/reports", "{id}", "-");
}

static void without_sign_in_users_is_a_name_as_any(void **state)
{
    struct place *place = *state;
    place->config.auth.method = CONFIG_AUTH_NONE;
    expect(place, "", "{\"site/access.log\":true,\"site/conf/reeve.yaml\":true,\"site/state\":true}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_lies_below_the_root_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_state_itself_is_hidden_and_a_folder_in_it_is_not, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_events_name_themselves_is_meant, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_sign_in_users_is_a_name_as_any, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
