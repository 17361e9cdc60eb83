#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/memory.h"
#include "wire/message.h"

static void test_a_message_survives_the_way(void **state)
{
    (void)state;
    json_t *body = json_pack("{s:s, s:i}", "target", "api", "generation", 4);
    size_t size = 0;
    char *record = message_encode(MESSAGE_GATE_WANT, 77, body, &size);
    assert_non_null(record);
    struct message_header header;
    json_t *read = NULL;
    struct error error = {0};
    assert_true(message_decode(slice_of(record, size), &header, &read, &error));
    assert_int_equal(header.type, MESSAGE_GATE_WANT);
    assert_int_equal(header.id, 77);
    assert_true(json_equal(body, read));
    json_decref(read);
    json_decref(body);
    free(record);
}

static void test_no_body_is_an_empty_object(void **state)
{
    (void)state;
    size_t size = 0;
    char *record = message_encode(MESSAGE_OK, 1, NULL, &size);
    assert_int_equal(size, sizeof(struct message_header));
    struct message_header header;
    json_t *body = NULL;
    assert_true(message_decode(slice_of(record, size), &header, &body, NULL));
    assert_true(json_is_object(body));
    assert_int_equal(json_object_size(body), 0);
    json_decref(body);
    free(record);
}

/* A body of exactly `size` bytes. */
static json_t *object_of_size(size_t size)
{
    size_t frame = strlen("{\"a\":\"\"}");
    char *text = memory_new(size - frame + 1);
    memset(text, 'x', size - frame);
    json_t *body = json_pack("{s:s}", "a", text);
    free(text);
    return body;
}

static void test_the_largest_body_fits_and_one_byte_more_does_not(void **state)
{
    (void)state;
    size_t size = 0;
    json_t *fits = object_of_size(MESSAGE_BODY_LARGEST), *tight = object_of_size(MESSAGE_BODY_LARGEST + 1);
    char *record = message_encode(MESSAGE_OK, 1, fits, &size);
    assert_non_null(record);
    assert_int_equal(size, MESSAGE_LARGEST);
    assert_null(message_encode(MESSAGE_OK, 1, tight, &size));
    free(record);
    json_decref(fits);
    json_decref(tight);
}

/* Decodes `text` behind a header that fits it, changed by `change`. */
static bool decodes(const char *text, void (*change)(struct message_header *header))
{
    size_t length = strlen(text);
    struct message_header header = {.version = MESSAGE_VERSION, .type = MESSAGE_OK, .size = (uint32_t)length};
    if (change)
        change(&header);
    char *record = memory_new(sizeof(header) + length);
    memcpy(record, &header, sizeof(header));
    memcpy(record + sizeof(header), text, length);
    json_t *body = NULL;
    struct error error = {0};
    bool fine = message_decode(slice_of(record, sizeof(header) + length), &header, &body, &error);
    assert_true(fine == (body != NULL));
    assert_true(fine == (error.text[0] == 0));
    json_decref(body);
    free(record);
    return fine;
}

static void other_version(struct message_header *header)
{
    header->version = 2;
}

static void other_size(struct message_header *header)
{
    header->size++;
}

static void other_reserved(struct message_header *header)
{
    header->reserved = 1;
}

static void test_a_wrong_header_is_refused(void **state)
{
    (void)state;
    assert_true(decodes("{}", NULL));
    assert_false(decodes("{}", other_version));
    assert_false(decodes("{}", other_size));
    assert_false(decodes("{}", other_reserved));
    struct message_header header;
    json_t *body = NULL;
    assert_false(message_decode(SLICE("short"), &header, &body, NULL));
    assert_false(message_decode((struct slice){0}, &header, &body, NULL));
}

static void test_a_wrong_body_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "[]", "7", "{", "{}x", "{\"a\":1,\"a\":2}", "{\"a\":\"\\u0000\"}", "{\"a\":\"\xff\"}", " ", "null",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        assert_false(decodes(bodies[i], NULL));
}

static void test_depth_is_limited(void **state)
{
    (void)state;
    char text[80] = "{\"a\":";
    memset(text + 5, '[', 31);
    memset(text + 36, ']', 31);
    memcpy(text + 67, "}", 2);
    assert_true(decodes(text, NULL));
    memset(text + 5, '[', 32);
    memset(text + 37, ']', 32);
    memcpy(text + 69, "}", 2);
    assert_false(decodes(text, NULL));
    assert_false(decodes(
        "{\"a\":\"\\\\\",\"b\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", NULL));
    assert_true(decodes("{\"a\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}", NULL));
}

static void test_neighbours_are_not_depth(void **state)
{
    (void)state;
    char text[512] = "{\"a\":[";
    size_t size = strlen(text);
    for (int i = 0; i < 40; i++)
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%s", i % 2 ? "{\"a\":1}," : "[1],");
    snprintf(text + size, sizeof(text) - size, "0]}");
    assert_true(decodes(text, NULL));
}

/* Brackets inside a string open and close nothing. */
static void test_depth_cannot_be_hidden(void **state)
{
    (void)state;
    char text[256] = "{\"a\":[\"]]]]]]]]]]]]]]]]\",";
    size_t size = strlen(text);
    memset(text + size, '[', 32);
    memset(text + size + 32, ']', 33);
    memcpy(text + size + 65, "}", 2);
    assert_false(decodes(text, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_survives_the_way),
        cmocka_unit_test(test_no_body_is_an_empty_object),
        cmocka_unit_test(test_the_largest_body_fits_and_one_byte_more_does_not),
        cmocka_unit_test(test_a_wrong_header_is_refused),
        cmocka_unit_test(test_a_wrong_body_is_refused),
        cmocka_unit_test(test_depth_is_limited),
        cmocka_unit_test(test_neighbours_are_not_depth),
        cmocka_unit_test(test_depth_cannot_be_hidden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
