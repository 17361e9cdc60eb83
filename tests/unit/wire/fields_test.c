#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "wire/fields.h"

static struct field storage[8];
static struct fields fields;

static int set_up(void **state)
{
    (void)state;
    fields_init(&fields, storage, 8);
    return 0;
}

static void add(const char *name, const char *value)
{
    assert_true(fields_add(&fields, slice_of_text(name), slice_of_text(value)));
}

static void test_each_row_hashes_as_its_name_does(void **state)
{
    (void)state;
#define ROW(id, name, middle, before_last, first)                                                            \
    assert_int_equal(middle, name[(sizeof(name) - 1) / 2]);                                                  \
    assert_int_equal(before_last, name[sizeof(name) - 3]);                                                   \
    assert_int_equal(first, name[0]);                                                                        \
    assert_int_equal(fields_id(SLICE(name)), FIELD_##id);                                                    \
    assert_true(slice_equal(fields_name(FIELD_##id), SLICE(name)));
    FIELDS_KNOWN(ROW)
#undef ROW
}

static void test_ids_ignore_case_and_refuse_neighbours(void **state)
{
    (void)state;
    assert_int_equal(fields_id(SLICE("Content-Length")), FIELD_CONTENT_LENGTH);
    assert_int_equal(fields_id(SLICE("HOST")), FIELD_HOST);
    assert_int_equal(fields_id(SLICE("tE")), FIELD_TE);
    assert_int_equal(fields_id(SLICE("Sec-WebSocket-Key")), FIELD_SEC_WEBSOCKET_KEY);
    assert_int_equal(fields_id(SLICE("Content-Lengti")), FIELD_OTHER);
    assert_int_equal(fields_id(SLICE("Xontent-Length")), FIELD_OTHER);
    assert_int_equal(fields_id(SLICE("hosts")), FIELD_OTHER);
    assert_int_equal(fields_id(SLICE("x")), FIELD_OTHER);
    assert_int_equal(fields_id(SLICE("")), FIELD_OTHER);
    assert_int_equal(fields_id(SLICE("a-name-that-is-longer-than-any-of-ours")), FIELD_OTHER);
}

/* Each byte of each name, replaced by every other byte. */
static void test_no_changed_name_keeps_its_id(void **state)
{
    (void)state;
    for (enum field_id id = FIELD_LOOKALIKE + 1; id < FIELD_IDS; id++) {
        struct slice name = fields_name(id);
        char changed[32];
        for (size_t i = 0; i < name.size; i++)
            for (int byte = 1; byte < 256; byte++) {
                memcpy(changed, name.data, name.size);
                changed[i] = (char)byte;
                struct slice other = slice_of(changed, name.size);
                if (fields_token_bytes[byte] && !slice_equal_ignore_case(other, name))
                    assert_int_not_equal(fields_id(other), id);
            }
    }
}

static void test_a_name_with_underscores_is_a_lookalike(void **state)
{
    (void)state;
    assert_int_equal(fields_id(SLICE("Remote_User")), FIELD_LOOKALIKE);
    assert_int_equal(fields_id(SLICE("X-Forwarded_For")), FIELD_LOOKALIKE);
    assert_int_equal(fields_id(SLICE("transfer_encoding")), FIELD_LOOKALIKE);
    assert_int_equal(fields_id(SLICE("my_own")), FIELD_OTHER);
    assert_int_equal(fields_id(SLICE("a_name_that_is_longer_than_any_of_ours")), FIELD_OTHER);
    add("Remote_User", "root");
    assert_true(storage[0].hop_by_hop);
    assert_false(fields_has(&fields, FIELD_REMOTE_USER));
}

static void test_lookups(void **state)
{
    (void)state;
    add("Host", "a");
    add("X-Own", "b");
    add("cookie", "c=1");
    add("Cookie", "d=2");
    assert_true(slice_equal(fields_get(&fields, FIELD_COOKIE), SLICE("c=1")));
    assert_true(slice_equal(fields_find(&fields, SLICE("x-own")), SLICE("b")));
    assert_null(fields_get(&fields, FIELD_RANGE).data);
    assert_null(fields_find(&fields, SLICE("x-other")).data);
    assert_int_equal(fields_count(&fields, FIELD_COOKIE), 2);
    assert_int_equal(fields_count(&fields, FIELD_HOST), 1);
    assert_int_equal(fields_count(&fields, FIELD_RANGE), 0);
    size_t place = 0;
    struct slice value;
    assert_true(fields_each(&fields, FIELD_COOKIE, &place, &value));
    assert_true(slice_equal(value, SLICE("c=1")));
    assert_true(fields_each(&fields, FIELD_COOKIE, &place, &value));
    assert_true(slice_equal(value, SLICE("d=2")));
    assert_false(fields_each(&fields, FIELD_COOKIE, &place, &value));
}

static void test_a_full_list_refuses(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++)
        add("a", "b");
    assert_false(fields_add(&fields, SLICE("a"), SLICE("b")));
}

static void test_connection_marks_what_it_lists(void **state)
{
    (void)state;
    add("Connection", "keep-alive, X-Own ,, Host");
    add("Host", "a");
    add("x-own", "b");
    add("Content-Length", "1");
    add("Keep-Alive", "5");
    add("Accept", "c");
    add("Connection", "content-length, accept");
    fields_mark_hop_by_hop(&fields);
    static const bool expected[] = {true, false, true, false, true, true, true};
    for (size_t i = 0; i < fields.count; i++)
        assert_int_equal(storage[i].hop_by_hop, expected[i]);
}

static void test_lists(void **state)
{
    (void)state;
    struct slice rest = SLICE(" , a ,b;q=\"x,\\\"y\" ,,c"), element;
    assert_true(fields_list_next(&rest, &element));
    assert_true(slice_equal(element, SLICE("a")));
    assert_true(fields_list_next(&rest, &element));
    assert_true(slice_equal(element, SLICE("b;q=\"x,\\\"y\"")));
    assert_true(fields_list_next(&rest, &element));
    assert_true(slice_equal(element, SLICE("c")));
    assert_false(fields_list_next(&rest, &element));
    assert_true(fields_list_has(SLICE("\"\\\"\", a"), SLICE("a")));
    assert_false(fields_list_has(SLICE("\"\\\\\\\", a\""), SLICE("a")));
    assert_false(fields_list_has(SLICE("\"\\"), SLICE("a")));
    assert_true(fields_list_has(SLICE("keep-alive, Upgrade"), SLICE("upgrade")));
    assert_true(fields_list_has(SLICE("gzip;q=1, br"), SLICE("gzip")));
    assert_false(fields_list_has(SLICE("upgraded"), SLICE("upgrade")));
    assert_false(fields_list_has(SLICE("\"a, upgrade\""), SLICE("upgrade")));
    assert_false(fields_list_has((struct slice){0}, SLICE("upgrade")));
}

static void test_accept(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        bool html;
    } rows[] = {
        {"text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8", true},
        {"text/html", true},
        {"TEXT/HTML;Q=0.5", true},
        {"*/*", false},
        {"", false},
        {"text/*", false},
        {"application/json, text/plain, */*", false},
        {"application/json, text/html;q=0.9", false},
        {"application/json;q=0.9, text/html;q=0.9", true},
        {"text/html;q=0", false},
        {"text/html;q=0.001", true},
        {"text/html;level=1;q=0.4, text/plain;q=0.399", true},
        {"text/html;q=nonsense, text/plain", true},
        {"text/html;q=0.x, text/plain", true},
        {"text/html;q=0.9x, text/plain", true},
        {"text/html;q=0.9/, text/plain", true},
        {"text/html;q=2, text/plain", true},
        {"text/html;q=0x9, text/plain", true},
        {"text/html;q=0.9999, text/plain", true},
        {"text/html;q=0.05, text/plain;q=0.06", false},
        {"text/html;q=0.19, text/plain;q=0.2", false},
        {"text/html;q=0., text/plain;q=0.001", false},
        {"text/htmlx", false},
        {"*/*;q=0.8, text/html", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(fields_accept_prefers_html(slice_of_text(rows[i].accept)), rows[i].html);
}

/* Every byte at every place of a value that is longer than one step of the search. */
static void test_values_refuse_each_control_character_everywhere(void **state)
{
    (void)state;
    char value[37];
    for (size_t place = 0; place < sizeof(value); place++)
        for (int byte = 0; byte < 256; byte++) {
            memset(value, 'v', sizeof(value));
            value[place] = (char)byte;
            bool valid = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
            assert_int_equal(fields_value_is_valid(slice_of(value, sizeof(value))), valid);
        }
}

static void test_names_are_tokens(void **state)
{
    (void)state;
    static const char allowed[] =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (int byte = 0; byte < 256; byte++) {
        char name = (char)byte;
        bool expected = byte != 0 && strchr(allowed, byte) != NULL;
        assert_int_equal(fields_name_is_valid(slice_of(&name, 1)), expected);
    }
    assert_false(fields_name_is_valid(SLICE("")));
    assert_false(fields_name_is_valid(SLICE("a b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_row_hashes_as_its_name_does),
        cmocka_unit_test(test_ids_ignore_case_and_refuse_neighbours),
        cmocka_unit_test(test_no_changed_name_keeps_its_id),
        cmocka_unit_test_setup(test_a_name_with_underscores_is_a_lookalike, set_up),
        cmocka_unit_test_setup(test_lookups, set_up),
        cmocka_unit_test_setup(test_a_full_list_refuses, set_up),
        cmocka_unit_test_setup(test_connection_marks_what_it_lists, set_up),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_values_refuse_each_control_character_everywhere),
        cmocka_unit_test(test_names_are_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
