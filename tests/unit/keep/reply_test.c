/* The two forms of an answer, and what becomes of one that has neither. */
#include "../support.h"

#include "base/memory.h"
#include "keep/reply.h"
#include "link/memfd.h"
#include "wire/message.h"

static void test_a_small_body_is_inside(void **state)
{
    (void)state;
    struct reply reply = reply_make(201, json_pack("{s:i}", "n", 5));
    assert_int_equal(reply.descriptor, -1);
    assert_int_equal(json_integer_value(json_object_get(reply.message, "status")), 201);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(reply.message, "body"), "n")), 5);
    json_decref(reply.message);
    reply_close(&reply);
}

static void test_a_large_body_is_beside(void **state)
{
    (void)state;
    char *text = memory_new(MESSAGE_BODY_LARGEST + 1);
    memset(text, 'x', MESSAGE_BODY_LARGEST);
    struct reply reply = reply_make(200, json_pack("{s:s}", "text", text));
    struct slice bytes;
    size_t size;
    free(text);
    assert_null(json_object_get(reply.message, "body"));
    char *record = message_encode(MESSAGE_OK, 1, reply.message, &size);
    assert_non_null(record); /* it fits */
    free(record);
    assert_int_equal(memfd_map(reply.descriptor, SIZE_MAX / 2, &bytes), 0);
    json_t *body = json_loadb(bytes.data, bytes.size, 0, NULL);
    assert_int_equal(json_string_length(json_object_get(body, "text")), MESSAGE_BODY_LARGEST);
    json_decref(body);
    memfd_unmap(&bytes);
    json_decref(reply.message);
    reply_close(&reply);
}

static void test_what_cannot_be_written_is_an_error(void **state)
{
    (void)state;
    struct reply reply = reply_make(200, NULL);
    assert_int_equal(json_integer_value(json_object_get(reply.message, "status")), 500);
    assert_non_null(json_object_get(json_object_get(reply.message, "body"), "text"));
    json_decref(reply.message);
    reply_close(&reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_small_body_is_inside),
        cmocka_unit_test(test_a_large_body_is_beside),
        cmocka_unit_test(test_what_cannot_be_written_is_an_error),
    };
    return run_group(tests);
}
