#include "../support.h"

#include "wire/topic.h"

static void test_lists(void **state)
{
    (void)state;
    struct topic topics[TOPIC_MOST];
    size_t count;
    assert_true(
        topic_read_list(SLICE("targets,journal,log:api,events:shell/a1.x_-,history:api"), topics, &count));
    assert_int_equal(count, 5);
    static const struct {
        enum topic_kind kind;
        const char *text, *target;
    } rows[] = {{TOPIC_TARGETS, "targets", ""},
                {TOPIC_JOURNAL, "journal", ""},
                {TOPIC_LOG, "log:api", "api"},
                {TOPIC_EVENTS, "events:shell/a1.x_-", "shell/a1.x_-"},
                {TOPIC_HISTORY, "history:api", "api"}};
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(topics[i].kind, rows[i].kind);
        assert_true(slice_equal(topics[i].text, slice_of_text(rows[i].text)));
        assert_true(slice_equal(topics[i].target, slice_of_text(rows[i].target)));
    }
}

static void test_lists_that_cannot_be(void **state)
{
    (void)state;
    static const char *const lists[] = {
        "",       ",",          "targets,",   "target",     "targets:api",     "journal:",
        "log",    "log:",       "log:/a",     "log:a/",     "log:a/b/c",       "log:a b",
        "log:-a", "log:..",     "log:a/../b", "events:a\n", "journal,journal", "log:api,history:api,log:api",
        "reset",  "log:api/\n", "Targets",
    };
    struct topic topics[TOPIC_MOST];
    size_t count;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        assert_false(topic_read_list(slice_of_text(lists[i]), topics, &count));
    char many[16 * (TOPIC_MOST + 1)] = "";
    for (int i = 0; i <= TOPIC_MOST; i++) {
        size_t used = strlen(many);
        assert_int_equal(topic_read_list(slice_of_text(many), topics, &count), i > 0);
        snprintf(many + used, sizeof many - used, "%slog:n%d", i ? "," : "", i);
    }
    assert_false(topic_read_list(slice_of_text(many), topics, &count));
}

static void test_ids(void **state)
{
    (void)state;
    struct topic_places places = {.list = topic_hash(SLICE("journal,log:api")), .count = 2}, read;
    places.items[0] = (struct event_id){1, 812, 0xabc};
    places.items[1] = (struct event_id){UINT64_MAX, INT64_MAX, UINT32_MAX};
    char text[TOPIC_ID_SIZE];
    size_t size = topic_format_id(&places, text);
    assert_int_equal(size, strlen(text));
    assert_true(topic_parse_id(slice_of(text, size), &read));
    assert_int_equal(read.list, places.list);
    assert_int_equal(read.count, 2);
    assert_memory_equal(&read.items[1], &places.items[1], sizeof read.items[1]);
    for (size_t cut = 0; cut < size; cut++) /* shorter ones are none, or another one */
        if (topic_parse_id(slice_of(text, cut), &read))
            assert_true(read.count == 1 || read.items[1].check != places.items[1].check);
    static const char *const others[] = {"",
                                         ";",
                                         "1",
                                         "1;",
                                         "1;1:2:3;",
                                         "0;1:2:3",
                                         "01;1:2:3",
                                         "g;1:2:3",
                                         "123456789;1:2:3",
                                         "1;1:2",
                                         "1;1:2:3,1:2:3",
                                         "1:2:3",
                                         "A;1:2:3"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(topic_parse_id(slice_of_text(others[i]), &read));
}

static void test_longest_id(void **state)
{
    (void)state;
    struct topic_places places = {.list = UINT32_MAX, .count = TOPIC_MOST}, read;
    for (size_t i = 0; i < TOPIC_MOST; i++)
        places.items[i] = (struct event_id){UINT64_MAX, INT64_MAX, UINT32_MAX};
    char text[TOPIC_ID_SIZE];
    size_t size = topic_format_id(&places, text);
    assert_true(size < sizeof text);
    assert_true(topic_parse_id(slice_of(text, size), &read));
    assert_int_equal(read.count, TOPIC_MOST);
    memcpy(text + size, ";1:2:3", 7);
    assert_false(topic_parse_id(slice_of_text(text), &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_lists_that_cannot_be),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_longest_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
