#include "support.h"

#include "base/memory.h"
#include "keep/instance_record.h"

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/instance-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return 0;
}

static void remove_file(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {".a1.json", ".a1.json.corrupt", ".a1.json.json", "other.json", ".x"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        remove_file(names[i]);
    return rmdir(folder);
}

static void write_text(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_what_is_written_is_read_again(void **state)
{
    (void)state;
    struct instance_record record = {
        .id = memory_text("a1"),
        .owner = memory_text("ann"),
        .parameters = json_pack("{s:s}", "prompt", "x\n\"$(id)"),
        .created_ms = 123,
        .up = true,
        .ended_ms = 456,
        .outcome = {.name = "shell/a1",
                    .instance = true,
                    .state = TARGET_FAILED,
                    .cause = {.kind = TARGET_CAUSE_EXIT, .code = 7, .text = "exited with 7"},
                    .generation = 4,
                    .ready_after_ms = -1},
    };
    struct instance_record read;
    struct error error = {0};
    assert_int_equal(instance_record_write(folder, &record), 0);
    assert_true(instance_record_read(folder, "a1", &read, &error));
    assert_string_equal(read.id, "a1");
    assert_string_equal(read.owner, "ann");
    assert_true(json_equal(read.parameters, record.parameters));
    assert_true(read.created_ms == 123 && read.up && !read.leaving && read.ended_ms == 456);
    assert_int_equal(read.outcome.state, TARGET_FAILED);
    assert_int_equal(read.outcome.cause.code, 7);
    assert_int_equal(read.outcome.generation, 4);
    instance_record_clear(&read);
    free(record.owner);
    record.owner = NULL;
    record.ended_ms = 0;
    record.leaving = true;
    assert_int_equal(instance_record_write(folder, &record), 0);
    assert_true(instance_record_read(folder, "a1", &read, &error));
    assert_true(!read.owner && read.leaving && read.ended_ms == 0);
    instance_record_clear(&read);
    instance_record_clear(&record);
    assert_int_equal(instance_record_remove(folder, "a1"), 0);
    assert_int_equal(instance_record_remove(folder, "a1"), 0);
    assert_false(instance_record_read(folder, "a1", &read, &error));
}

static void test_what_is_malformed_is_moved_aside(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "[]",
        "{\"id\": \"b2\", \"parameters\": {}, \"up\": true, \"leaving\": false, \"ended_ms\": 0}",
        "{\"id\": \"a1\", \"parameters\": {\"x\": 1}, \"up\": true, \"leaving\": false, \"ended_ms\": 0}",
        "{\"id\": \"a1\", \"parameters\": {}, \"up\": 1, \"leaving\": false, \"ended_ms\": 0}",
        "{\"id\": \"a1\", \"parameters\": {}, \"up\": true, \"leaving\": false, \"ended_ms\": 5}",
    };
    struct instance_record record;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct error error = {0};
        char aside[128];
        write_text(".a1.json", texts[i]);
        assert_false(instance_record_read(folder, "a1", &record, &error));
        assert_true(error.text[0] != '\0');
        snprintf(aside, sizeof aside, "%s/.a1.json.corrupt", folder);
        assert_int_equal(unlink(aside), 0);
    }
}

static void note(void *owner, const char *id)
{
    char *found = owner;
    snprintf(found + strlen(found), 64 - strlen(found), "%s ", id);
}

static void test_only_records_are_listed(void **state)
{
    (void)state;
    char found[64] = "";
    write_text(".a1.json.json", "");
    write_text("other.json", "");
    write_text(".x", "");
    instance_record_each(folder, note, found);
    assert_string_equal(found, "a1.json ");
}

static void test_ids(void **state)
{
    (void)state;
    char long_id[66];
    memset(long_id, 'a', 65);
    long_id[65] = '\0';
    static const char *const fine[] = {"a", "A1", "0", "a.b_c-d", "a1.json"};
    static const char *const wrong[] = {"", ".a", "-a", "_a", "a/b", "a b", "a\n", "\xc3\xa4", "a@b", "a%"};
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        assert_true(instance_record_is_id(slice_of_text(fine[i])));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(instance_record_is_id(slice_of_text(wrong[i])));
    assert_false(instance_record_is_id(slice_of_text(long_id)));
    assert_true(instance_record_is_id(slice_of(long_id, 64)));
    char *one = instance_record_make_id(), *two = instance_record_make_id();
    assert_true(instance_record_is_id(slice_of_text(one)));
    assert_string_not_equal(one, two);
    free(one);
    free(two);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_written_is_read_again),
        TEST(test_what_is_malformed_is_moved_aside),
        TEST(test_only_records_are_listed),
        TEST(test_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
